"""`dataset=eth3d`."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.config.dataset import Eth3d
from stereo_exp.data.datasets.listed import listed
from stereo_exp.data.sample import StereoSource
from stereo_exp.data.sources.eth3d import Eth3dSource


def open_split(config: Eth3d, split: str) -> StereoSource:
    """The source of `train` or `test`: every pair with truth, or those of the split's list."""
    assert config.root is not None
    return listed(Eth3dSource(Path(config.root)), config, split)
