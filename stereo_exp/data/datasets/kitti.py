"""`dataset=kitti2012` and `dataset=kitti2015`."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.config.dataset import Kitti2012, Kitti2015
from stereo_exp.data.datasets.listed import listed
from stereo_exp.data.sample import StereoSource
from stereo_exp.data.sources.kitti import KITTI2012, KITTI2015, KittiSource


def open_2012(config: Kitti2012, split: str) -> StereoSource:
    """The source of `train` or `test`: every pair with truth, or those of the split's list."""
    assert config.root is not None
    return listed(KittiSource(Path(config.root), KITTI2012, grey=config.grey), config, split)


def open_2015(config: Kitti2015, split: str) -> StereoSource:
    """The source of `train` or `test`: every pair with truth, or those of the split's list."""
    assert config.root is not None
    return listed(KittiSource(Path(config.root), KITTI2015), config, split)
