"""Schema of `quant`: the stage's scheme, the observer, and which tensors are lifted above 8 bits.

What the hardware can do, `quant/target`, has its schema beside its rules: `stereo_exp.quant.targets`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from stereo_exp.base.errors import UserError
from stereo_exp.config.rules import at_least, fraction, one_of
from stereo_exp.quant.targets import Target

ACTIVATION_SCALES = ("fixed", "observed", "learned")
MAX_LIFT_BITS = 16


@dataclass
class Scheme:
    name: str = MISSING
    """The numeric stage this scheme belongs to; picked by `stage=`."""


@dataclass
class FloatScheme(Scheme):
    name: str = "float"


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


@dataclass
class IntScheme(Scheme):
    name: str = "int_infer"
    verify_pairs: int = 1
    """Test pairs on which the converted network is compared, bit by bit, with the independent integer evaluator;
    0 compares none. Only targets whose arithmetic is exact are compared."""

    def __post_init__(self) -> None:
        at_least("quant.stage.verify_pairs", self.verify_pairs, 0)


@dataclass
class Observer:
    name: str = MISSING
    """How an activation's range is taken from what it was seen to hold; set by the option `quant/observer=`."""


@dataclass
class MinMax(Observer):
    name: str = "minmax"


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


@dataclass
class Percentile(Observer):
    name: str = "percentile"
    percentile: float = 99.985
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
                "try quant.observer.percentile=99.985",
            )


@dataclass
class Mse(Observer):
    name: str = "mse"
    bins: int = 8192
    """Bins of the histogram."""

    def __post_init__(self) -> None:
        _bins(self.bins)


@dataclass
class Quant:
    stage: Scheme = MISSING
    target: Target = MISSING
    observer: Observer = MISSING
    lift: list[str] = field(default_factory=list)
    """Quantised tensors that get `lift_bits`, by name (see a calibration's report) or pattern: `head.final.*`."""
    lift_bits: int = 16
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
