"""The network that is deployed: a checkpoint's trunk as a graph, with the names of its quantised tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn
from torch.fx import GraphModule

from stereo_exp.checkpoint import Checkpoint, load_checkpoint, load_weights
from stereo_exp.config import bind
from stereo_exp.config.schema import Root
from stereo_exp.model import MODELS
from stereo_exp.quant.fold import fold_batchnorm
from stereo_exp.quant.graph import export_trunk


@dataclass(frozen=True)
class QuantisedTensor:
    """A quantised activation of the training framework: real value = (integer − zero_point) · scale."""

    name: str
    scale: float
    zero_point: int
    bits: int


@dataclass(frozen=True)
class Source:
    """What a checkpoint gives to deployment."""

    checkpoint: Checkpoint
    config: Root
    """The checkpoint's own."""
    model: nn.Module
    """The whole network, as evaluation runs it: left, right normalised -> `StereoOutput`."""
    trunk: GraphModule
    """The part up to the two maps of logits, BatchNorm folded; quantised ones with integer weights and with quantise
    and dequantise operators."""
    tensors: tuple[QuantisedTensor, ...]
    """The quantised activations in the order of the graph; none in a float network."""
    float_weights: dict[str, Tensor] = field(default_factory=dict)
    """Weights of `calib` and `qat` before they are rounded, by name."""

    @property
    def num_candidates(self) -> int:
        """Disparities that the network chooses from."""
        return int(self.model.regression.candidates.shape[1])  # type: ignore[union-attr, index]

    @property
    def stage(self) -> str:
        """The checkpoint's."""
        return str(self.checkpoint.meta["stage"])

    @property
    def target(self) -> str | None:
        """Quantisation target; None for a float network."""
        return None if self.stage == "float" else self.config.quant.target.name


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
    from stereo_exp.quant.convert import convert
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
