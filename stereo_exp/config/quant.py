"""Schema of `quant/stage` (which scheme a numeric stage uses) and `quant/target` (what the hardware can do)."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING


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


@dataclass
class QatScheme(Scheme):
    name: str = "qat"


@dataclass
class IntScheme(Scheme):
    name: str = "int_infer"


@dataclass
class Target:
    name: str = MISSING
    """What the integer arithmetic may use; set by the option `quant/target=`."""


@dataclass
class Pow2(Target):
    name: str = "pow2"


@dataclass
class Affine(Target):
    name: str = "affine"


@dataclass
class Quant:
    stage: Scheme = MISSING
    target: Target = MISSING
