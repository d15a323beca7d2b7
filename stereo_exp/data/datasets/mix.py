"""`dataset=mix`: several data sets in one run."""

from __future__ import annotations

from stereo_exp.config.dataset import Mix
from stereo_exp.data.datasets import open_dataset
from stereo_exp.data.sample import StereoSource
from stereo_exp.data.sources.mix import MixSource
from stereo_exp.errors import keys_below


def open_split(config: Mix, split: str) -> StereoSource:
    """The parts' `train` or `test`, under their names."""
    sources = {}
    for name, part in config.parts.items():
        with keys_below("dataset", f"dataset.parts.{name}"):
            sources[name] = open_dataset(part, split)
    return MixSource(sources, config.weights)
