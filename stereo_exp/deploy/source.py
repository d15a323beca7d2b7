"""The network that is deployed: a checkpoint's trunk as a graph, with the names of its quantised tensors."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.fx import GraphModule

from stereo_exp.model import Checkpoint, Regression
from stereo_exp.quant import Target

VIEWS = ("left", "right")
LOGITS = ("disparity_logits", "superpixel_logits")
"""What goes into a graph, and what comes out of its trunk."""


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
    model: nn.Module
    """The whole network, as evaluation runs it: left, right normalised -> `StereoOutput`."""
    trunk: GraphModule
    """The part up to the two maps of logits, BatchNorm folded; quantised ones with integer weights and with quantise
    and dequantise operators."""
    tensors: tuple[QuantisedTensor, ...] = ()
    """The quantised activations in the order of the graph; none in a float network."""
    quantisation: Target | None = None
    """The target; None for a float network."""
    float_weights: dict[str, Tensor] = field(default_factory=dict)
    """Weights of `calib` and `qat` before they are rounded, by name."""

    @property
    def regression(self) -> Regression:
        """What the network has behind its trunk."""
        return self.model.regression  # type: ignore[return-value]

    @property
    def multiple(self) -> int:
        """Of what the network's heights and widths are multiples, px."""
        return int(self.model.multiple)  # type: ignore[arg-type]

    @property
    def network(self) -> str:
        """Its name, as `model=` has it."""
        return str(self.checkpoint.meta["config"]["model"]["name"])

    @property
    def stage(self) -> str:
        """The checkpoint's."""
        return str(self.checkpoint.meta["stage"])

    @property
    def maxdisp(self) -> int:
        """The network's range in px."""
        return int(self.model.maxdisp)  # type: ignore[arg-type]

    @property
    def target(self) -> str | None:
        """The quantisation target's name; None for a float network."""
        return None if self.quantisation is None else self.quantisation.name

    @property
    def exact(self) -> bool:
        """Whether every engine computes the same integers: of float networks, there are none to differ."""
        return self.quantisation is not None and self.quantisation.exact
