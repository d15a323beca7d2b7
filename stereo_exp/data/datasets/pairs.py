"""`dataset=pairs`: one's own data, by patterns under a folder or by a CSV file."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.config.dataset import Pairs
from stereo_exp.data.datasets.listed import listed
from stereo_exp.data.sample import Calibration, StereoSource
from stereo_exp.data.sources.pair_pattern import find_pairs
from stereo_exp.data.sources.pair_table import read_pair_table
from stereo_exp.data.sources.pairs import PairsSource


def open_split(config: Pairs, split: str) -> StereoSource:
    """The source of `train` or `test`: every pair, with or without truth, or those of the split's list."""
    root = None if config.root is None else Path(config.root)
    if config.csv is not None:
        pairs = read_pair_table(Path(config.csv), root)
    else:
        assert root is not None and config.left is not None and config.right is not None
        pairs = find_pairs(root, config.left, config.right, config.disparity)
    calibration = None
    if config.focal is not None and config.baseline is not None:
        calibration = Calibration(config.focal, config.baseline, config.doffs)
    return listed(PairsSource(pairs, scale=config.scale, calibration=calibration), config, split)
