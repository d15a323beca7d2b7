"""Schema of `quant`: the stage's scheme, the target, the observer, and which tensors are lifted above 8 bits."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from stereo_exp.base import UserError, option
from stereo_exp.config.marks import NETWORK, TASK, makes
from stereo_exp.config.rules import at_least, fraction, one_of

ACTIVATION_SCALES = ("fixed", "observed", "learned")
MAX_LIFT_BITS = 16


@dataclass
class Scheme:
    name: str = MISSING
    """The numeric stage this scheme belongs to; picked by `stage=`."""


@option("quant/stage", "float")
@dataclass
class FloatScheme(Scheme):
    name: str = "float"


@option("quant/stage", "calib")
@dataclass
class CalibScheme(Scheme):
    name: str = "calib"
    num_batches: int = 10
    """Training batches, whole images without augmentation, from which the ranges of activations are taken."""
    batch_size: int = 8
    """Pairs in each of these batches."""

    def __post_init__(self) -> None:
        at_least("quant.stage.num_batches", self.num_batches, 1)
        at_least("quant.stage.batch_size", self.batch_size, 1)


@option("quant/stage", "qat")
@dataclass
class QatScheme(Scheme):
    name: str = "qat"
    scales: str = "fixed"
    """Scales of activations while training: `fixed` keeps calibration's, `observed` follows a moving average of the
    ranges, `learned` gives them a gradient."""
    freeze_at: float = 0.5
    """Share of training after which no scale moves any more, those of weights included."""

    def __post_init__(self) -> None:
        one_of("quant.stage.scales", self.scales, ACTIVATION_SCALES)
        fraction("quant.stage.freeze_at", self.freeze_at)


@option("quant/stage", "int_infer")
@dataclass
class IntScheme(Scheme):
    name: str = "int_infer"
    verify_pairs: int = 1
    """Test pairs on which the converted network is compared, bit by bit, with the independent integer evaluator;
    0 compares none. Only targets whose arithmetic is exact are compared."""

    def __post_init__(self) -> None:
        at_least("quant.stage.verify_pairs", self.verify_pairs, 0)


@dataclass
class Target:
    name: str = MISSING
    """What the hardware can do; set by the option `quant/target=`."""
    weight_bits: int = 8
    """Bits of weights, 2 to 8; symmetric, a scale for each output channel."""
    activation_bits: int = 8
    """Bits of activations, 2 to 8; a scale for each tensor."""

    def __post_init__(self) -> None:
        for key in ("weight_bits", "activation_bits"):
            if not 2 <= getattr(self, key) <= 8:
                name = f"quant.target.{key}"
                raise UserError(name, getattr(self, key), "must be 2 to 8", f"try {name}=8")


@option("quant/target", "pow2", "stereo_exp.quant.targets:Pow2")
@dataclass
class Pow2(Target):
    name: str = "pow2"


@option("quant/target", "affine", "stereo_exp.quant.targets:Affine")
@dataclass
class Affine(Target):
    name: str = "affine"


@dataclass
class Observer:
    name: str = MISSING
    """How an activation's range is taken from what it was seen to hold; set by the option `quant/observer=`."""


@option("quant/observer", "minmax", "stereo_exp.quant.observers:MinMaxObserver")
@dataclass
class MinMax(Observer):
    name: str = "minmax"


@option("quant/observer", "moving_average", "stereo_exp.quant.observers:MovingAverageObserver")
@dataclass
class MovingAverage(Observer):
    name: str = "moving_average"
    momentum: float = 0.1
    """Weight of the newest batch's minimum and maximum."""

    def __post_init__(self) -> None:
        if not 0 < self.momentum <= 1:
            raise UserError(
                "quant.observer.momentum",
                self.momentum,
                "must be above 0 and at most 1",
                "try quant.observer.momentum=0.1",
            )


@option("quant/observer", "percentile", "stereo_exp.quant.observers:PercentileObserver")
@dataclass
class Percentile(Observer):
    name: str = "percentile"
    percentile: float = 99.5
    """Share of the values, in percent, that the range holds."""
    bins: int = 8192
    """Bins of the histogram."""

    def __post_init__(self) -> None:
        _bins(self.bins)
        if not 50 < self.percentile <= 100:
            raise UserError(
                "quant.observer.percentile",
                self.percentile,
                "must be above 50 and at most 100",
                "try quant.observer.percentile=99.5",
            )


@option("quant/observer", "mse", "stereo_exp.quant.observers:MseObserver")
@dataclass
class Mse(Observer):
    name: str = "mse"
    bins: int = 8192
    """Bins of the histogram."""

    def __post_init__(self) -> None:
        _bins(self.bins)


@dataclass
class Quant:
    stage: Scheme = makes(TASK, default=MISSING)
    target: Target = makes(NETWORK, default=MISSING)
    observer: Observer = MISSING
    lift: list[str] = makes(NETWORK, default_factory=list)
    """Quantised tensors that get `lift_bits`, by name (see a calibration's report) or pattern: `aggregation.*`."""
    lift_bits: int = makes(NETWORK, default=16)
    """Bits of the lifted tensors, 9 to 16."""
    sensitivity: bool = False
    """Calibration also ranks the layers by the EPE that is lost when only that layer is quantised."""
    sensitivity_pairs: int = 4
    """Test pairs for that ranking."""

    def __post_init__(self) -> None:
        at_least("quant.sensitivity_pairs", self.sensitivity_pairs, 1)
        if not 8 < self.lift_bits <= MAX_LIFT_BITS:
            raise UserError("quant.lift_bits", self.lift_bits, "must be 9 to 16", "try quant.lift_bits=16")


def _bins(bins: int) -> None:
    # Merging pairs of bins puts half of them into the middle half.
    if bins < 256 or bins % 4:
        rule = "must be a multiple of 4 and at least 256"
        raise UserError("quant.observer.bins", bins, rule, "try quant.observer.bins=8192")
