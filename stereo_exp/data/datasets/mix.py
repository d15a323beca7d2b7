"""`dataset=mix`: several data sets in one run."""

from __future__ import annotations

from stereo_exp.config.dataset import Mix
from stereo_exp.data.datasets import open_dataset
from stereo_exp.data.sample import StereoSource
from stereo_exp.data.sources.mix import MixSource


def open_split(config: Mix, split: str) -> StereoSource:
    """The parts' `train` or `test`, under their names."""
    return MixSource({name: open_dataset(part, split) for name, part in config.parts.items()}, config.weights)
