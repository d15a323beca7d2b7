"""`dataset=middlebury`."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.config.dataset import Middlebury
from stereo_exp.data.datasets.listed import listed
from stereo_exp.data.sample import StereoSource
from stereo_exp.data.sources.middlebury import MiddleburySource


def open_split(config: Middlebury, split: str) -> StereoSource:
    """The source of `train` or `test`: every pair with truth, or those of the split's list."""
    assert config.root is not None
    return listed(MiddleburySource(Path(config.root), scale=config.scale), config, split)
