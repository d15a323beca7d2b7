"""A network as a checkpoint holds it, ready to predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule

from stereo_exp.base.errors import CheckpointError
from stereo_exp.config import bind
from stereo_exp.config.model import with_defaults
from stereo_exp.deploy.source import QuantisedTensor, Source
from stereo_exp.model import MODELS
from stereo_exp.model.checkpoint import (
    Checkpoint,
    first_difference,
    load_checkpoint,
    load_weights,
)
from stereo_exp.quant.trunk import export_trunk, fold_batchnorm


def restore_model(path: Path, device: torch.device) -> tuple[nn.Module, Checkpoint]:
    """Build the network that the checkpoint's config and stage describe, with its weights, in evaluation mode.

    The config goes through `bind`, so that a stranger's checkpoint can only choose among our options.

    Raises:
        CheckpointError: see `load_checkpoint`; UserError: its config breaks our rules, or torchao is not installed.
    """
    checkpoint = load_checkpoint(path)
    config = bind(checkpoint.meta["config"])
    network: nn.Module
    if checkpoint.meta["stage"] == "float":
        network = MODELS[config.model.name](config.model)
        load_weights(network, checkpoint)
    else:
        from stereo_exp.quant.network import convert
        from stereo_exp.quant.state import restore_quantised

        network = restore_quantised(checkpoint, config)
        if checkpoint.meta["stage"] == "int_infer":
            network = convert(network)
    return network.to(device, memory_format=torch.channels_last).eval(), checkpoint  # type: ignore[call-overload]


def load_source(path: Path) -> Source:
    """The network of a checkpoint of any stage, on the CPU.

    Raises:
        CheckpointError: it is missing, damaged, or does not fit its own config.
    """
    checkpoint = load_checkpoint(path)
    config = bind(checkpoint.meta["config"])
    if checkpoint.meta["stage"] == "float":
        model = MODELS[config.model.name](config.model)
        load_weights(model, checkpoint)
        return Source(checkpoint, config, model.eval(), export_trunk(fold_batchnorm(model)), ())  # type: ignore[arg-type]
    from stereo_exp.quant.network import convert
    from stereo_exp.quant.state import restore_quantised

    prepared = restore_quantised(checkpoint, config)
    # Of `calib` and `qat` too: converted, they compute the same numbers to the last bit.
    network = convert(prepared).eval()
    is_fake = checkpoint.meta["stage"] != "int_infer"
    weights = {name: p.detach() for name, p in prepared.trunk.named_parameters()} if is_fake else {}
    return Source(checkpoint, config, network, network.trunk, tuple(_tensors(prepared.trunk)), weights)


def _tensors(prepared: GraphModule) -> Iterator[QuantisedTensor]:
    from stereo_exp.quant.fake import ActivationQuantiser

    for node in prepared.graph.nodes:
        module = prepared.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, ActivationQuantiser):
            yield QuantisedTensor(module.label, float(module.scale), int(module.zero_point), module.numbers.bits)


def network_facts(config: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """What of a config makes the network that a checkpoint of `stage` holds.

    Keys of the network that came after the checkpoint have their defaults: what it was built with.
    """
    facts: dict[str, Any] = {"model": with_defaults(config["model"])}
    if stage != "float":
        quant = config["quant"]
        facts["quant"] = {"target": quant["target"], "lift": list(quant["lift"]), "lift_bits": quant["lift_bits"]}
    return facts


def check_same_network(
    checkpoint: Mapping[str, Any], config: Mapping[str, Any], path: Path | None, stage: str | None = None
) -> None:
    """Refuse a checkpoint whose network, or quantisation target, is not the configured one, naming the first key.

    Args:
        checkpoint: its JSON.
        config: the run's whole config.
        stage: what the weights are taken for; None: that of the checkpoint.
    """
    stage = stage or checkpoint["stage"]
    there = network_facts(checkpoint["config"], stage)
    difference = first_difference(network_facts(config, stage), there, "")
    if difference is not None:
        key, here, found = difference
        key = key.removeprefix(".")
        # As it can be typed: without spaces, and what a group's option brings along by the option.
        asked = f"{key.removesuffix('.name').replace('.', '/') if key.endswith('.name') else key}={found}"
        fix = f"add {asked.replace(' ', '')} or choose another checkpoint"
        if key.startswith("quant.target."):
            key, here, found = "quant/target", config["quant"]["target"]["name"], there["quant"]["target"]["name"]
            fix = f"add quant/target={found} or choose another checkpoint"
        raise CheckpointError(key, here, f"the checkpoint {path} has {found}", fix)
