"""From a checkpoint to its network: the one place where that is done, for every stage and every task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule

from stereo_exp.base import CheckpointError, UserError
from stereo_exp.config import (
    NETWORK,
    MissingPlugin,
    Model,
    Network,
    Quant,
    bind_network,
    facts,
    find_differences,
    first_difference,
)
from stereo_exp.deploy import QuantisedTensor, Source
from stereo_exp.geometry import round_up_size
from stereo_exp.model import GRAPH, Checkpoint, load_checkpoint, load_weights, read_meta
from stereo_exp.quant import fold_batchnorm, trunk_of
from stereo_exp.suite.build import build_network, build_target, quantize_network
from stereo_exp.weights import FOLDER, PUBLISHED, RELEASES


def network_of(meta: Mapping[str, Any]) -> Network:
    """The nodes that describe a checkpoint's network, from its JSON.

    They go through `bind_network`, so that a stranger's checkpoint can only choose among the options that are there.
    """
    return bind_network(meta["config"])


def restore(checkpoint: Checkpoint, quant: Quant | None = None) -> Any:
    """The network that a checkpoint holds, on the CPU.

    Args:
        quant: how to prepare a quantised one, where not as the checkpoint was.

    Returns:
        Of `float` the float network; of the other stages the fake-quantised one, rounding.

    Raises:
        CheckpointError: names or shapes do not fit, or its graph is damaged or of another network.
        UserError: its config breaks our rules, or torchao is not installed.
    """
    config = network_of(checkpoint.meta)
    network = build_network(config.model)
    if checkpoint.meta["stage"] == "float":
        load_weights(network, checkpoint)
        return network
    from stereo_exp.quant import load_quantized

    stored = checkpoint.meta.get(GRAPH)
    try:
        prepared = quantize_network(network, quant or config.quant, stored)
    except ValueError as error:
        if stored is None or isinstance(error, UserError):
            raise
        rule, fix = f"holds a graph that is not of its network ({error})", "copy it again or use another checkpoint"
        raise CheckpointError(checkpoint.path, None, rule, fix) from None
    load_quantized(prepared, checkpoint)
    prepared.quantize(True)
    return prepared


def restore_model(path: Path, device: torch.device) -> tuple[nn.Module, Checkpoint]:
    """The network of a checkpoint as its stage computes, on a device, in evaluation mode.

    Raises:
        CheckpointError: see `load_checkpoint` and `restore`.
    """
    checkpoint = load_checkpoint(path)
    network = restore(checkpoint)
    if checkpoint.meta["stage"] == "int_infer":
        from stereo_exp.quant import convert

        network = convert(network)
    return network.to(device, memory_format=torch.channels_last).eval(), checkpoint


def load_source(path: Path) -> Source:
    """What deployment takes of a checkpoint of any stage, on the CPU.

    Raises:
        CheckpointError: it is missing, damaged, or does not fit its own config.
    """
    checkpoint = load_checkpoint(path)
    network = restore(checkpoint)
    if checkpoint.meta["stage"] == "float":
        return Source(checkpoint, network.eval(), trunk_of(fold_batchnorm(network)))  # type: ignore[arg-type]
    from stereo_exp.quant import convert

    # Of `calib` and `qat` too: converted, they compute the same numbers to the last bit.
    converted = convert(network).eval()
    is_fake = checkpoint.meta["stage"] != "int_infer"
    weights = {name: p.detach() for name, p in network.trunk.named_parameters()} if is_fake else {}
    target = build_target(network_of(checkpoint.meta).quant.target)
    tensors = tuple(_tensors(network.trunk))
    return Source(checkpoint, converted, converted.trunk, tensors, target, weights)


def _tensors(prepared: GraphModule) -> Iterator[QuantisedTensor]:
    from stereo_exp.quant import ActivationQuantiser

    for node in prepared.graph.nodes:
        module = prepared.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, ActivationQuantiser):
            yield QuantisedTensor(module.label, float(module.scale), int(module.zero_point), module.numbers.bits)


def count_costs(checkpoint: Checkpoint, size: tuple[int, int]) -> dict[str, Any]:
    """What a checkpoint's network costs, whatever it was made into: `parameters`, and `gmac`, 10⁹ multiply-accumulates
    to predict one pair of `gmac_size`, see `stereo_exp.model.cost`; that is `size`, or the next that the network takes.

    What a compiled graph computes is a little more (correlation as whole matrix products, colours, confidence): its own
    sum stands in the static report.
    """
    from stereo_exp.model import profile

    network = build_network(network_of(checkpoint.meta).model)
    size = round_up_size(size, network.multiple)
    total = profile(network, *size)["total"]
    return {"parameters": total.parameters, "gmac": round(total.macs / 1e9, 3), "gmac_size": list(size)}


def network_facts(model: Model, quant: Quant, stage: str) -> dict[str, Any]:
    """What makes the network that a checkpoint of `stage` holds: of a float one, the `model` node alone."""
    found = facts(Network(model, quant), NETWORK)
    return found if stage != "float" else {"model": found["model"]}


def network_difference(
    checkpoint: Mapping[str, Any], model: Model, quant: Quant, stage: str | None = None
) -> tuple[str, Any, Any] | None:
    """The first key by which a checkpoint's network, or its quantisation target, is not the configured one.

    Args:
        checkpoint: its JSON.
        model, quant: the configured nodes.
        stage: what the weights are taken for; None: that of the checkpoint.

    Returns:
        Key, value here, value there; None where they are the same network. A checkpoint whose network this package
        cannot build differs by what is wrong with it.
    """
    stage = stage or checkpoint["stage"]
    try:
        theirs = network_of(checkpoint)
    except UserError as error:
        return error.key, None, error.value
    return first_difference(network_facts(model, quant, stage), network_facts(theirs.model, theirs.quant, stage))


def nearest_release(model: Model, quant: Quant) -> str:
    """The released network, of `RELEASES`, that differs from a configured one by the fewest keys; of equally near ones
    the first. One whose float file is missing has no say.
    """
    wanted, distances = network_facts(model, quant, "float"), {}
    for name, files in RELEASES.items():
        if (path := FOLDER / files["float"]).is_file():
            theirs = network_of(read_meta(path))
            there = network_facts(theirs.model, theirs.quant, "float")
            distances[name] = sum(1 for _ in find_differences(wanted, there))
    return min(distances, key=distances.__getitem__, default=PUBLISHED)


def check_same_network(
    checkpoint: Mapping[str, Any], model: Model, quant: Quant, path: Path | None, stage: str | None = None
) -> None:
    """Refuse a checkpoint whose network, or quantisation target, is not the configured one, naming the first key.

    Args: see `network_difference`.

    Raises:
        CheckpointError: it is another network.
        MissingPlugin: it is of a package that nobody loaded.
    """
    difference = network_difference(checkpoint, model, quant, stage)
    if difference is None:
        return
    try:
        network_of(checkpoint)
    except MissingPlugin:
        raise
    except UserError:
        pass  # told below by its key
    key, here, found = difference
    if key.startswith("quant.target."):
        key, here, found = "quant/target", quant.target.name, checkpoint["config"]["quant"]["target"]["name"]
    # As it can be typed: without spaces, and what a group's option brings along by the option.
    asked = f"{key.removesuffix('.name').replace('.', '/') if key.endswith('.name') else key}={found}"
    fix = f"add {asked.replace(' ', '')} or choose another checkpoint"
    raise CheckpointError(key, here, f"the checkpoint {path} has {found}", fix)
