"""Splits of sets that publish one list of pairs with truth: all of it, or what the user's list names."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.config.dataset import Listed
from stereo_exp.data.sample import StereoSource
from stereo_exp.data.sources.files import FilesSource
from stereo_exp.data.sources.selection import select


def listed(source: FilesSource, config: Listed, split: str) -> StereoSource:
    """The source with the pairs of one split left in it; without a list for that split, all of them."""
    name = {"train": config.train_list, "test": config.test_list}[split]
    source.pairs = tuple(select(source.pairs, Path(name) if name else None))
    return source
