"""Changes of training pairs that keep them true: geometry of both views and the truth, and what cameras do."""

from stereo_exp.data.augment.base import Augment, Augmentation, WholeAugmentation
from stereo_exp.data.augment.geometry import HflipSwap, Scale, VerticalFlip, VerticalJitter
from stereo_exp.data.augment.photometric import Erase, Jpeg, Noise, Photometric, Statistics

__all__ = [
    "Augment",
    "Augmentation",
    "Erase",
    "HflipSwap",
    "Jpeg",
    "Noise",
    "Photometric",
    "Scale",
    "Statistics",
    "VerticalFlip",
    "VerticalJitter",
    "WholeAugmentation",
]
