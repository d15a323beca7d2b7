"""`dataset=motorcycle`: one real pair, to evaluate on."""

from __future__ import annotations

from stereo_exp.config.dataset import Motorcycle
from stereo_exp.data.sample import StereoSource
from stereo_exp.data.sources.motorcycle import MotorcycleSource
from stereo_exp.errors import UserError


def open_split(config: Motorcycle, split: str) -> StereoSource:
    """The source of `test`; there is nothing to train on."""
    if split != "test":
        raise UserError(
            "dataset",
            config.name,
            "is one pair, for evaluation only",
            "train on dataset=shapes, then add task=eval",
        )
    return MotorcycleSource()
