"""Changes of training pairs that keep them true: geometry of both views and the truth, and what cameras do."""

from stereo_exp.data.augment.base import Augment, Augmentation, WholeAugmentation
from stereo_exp.data.augment.camera import (
    Bayer,
    Defocus,
    Exposure,
    MotionBlur,
    Patches,
    VerticalField,
    Vignette,
)
from stereo_exp.data.augment.geometry import HflipSwap, Scale, VerticalFlip, VerticalJitter
from stereo_exp.data.augment.photometric import Erase, Jpeg, Noise, Photometric, Statistics

__all__ = [
    "Augment",
    "Augmentation",
    "Bayer",
    "Defocus",
    "Erase",
    "Exposure",
    "HflipSwap",
    "Jpeg",
    "MotionBlur",
    "Noise",
    "Patches",
    "Photometric",
    "Scale",
    "Statistics",
    "VerticalField",
    "VerticalFlip",
    "VerticalJitter",
    "Vignette",
    "WholeAugmentation",
]
