"""A set without some of its pairs: those that a list names by their keys."""

from __future__ import annotations

import logging
from pathlib import Path

from stereo_exp.base import ArgumentError
from stereo_exp.data.order import Shuffle
from stereo_exp.data.source import StereoSource
from stereo_exp.data.sources.lists import read_list
from stereo_exp.geometry import StereoSample

log = logging.getLogger(__name__)


class KeptSource(StereoSource):
    """The pairs of another source that a list does not name, in their order.

    Args:
        source: a single set, all of whose pairs are shuffled.
        leave_out: a list, see `read_keys`. What it names beyond this split's pairs does not count, so that one list may
            serve both.

    Raises:
        DataError: the list cannot be read.
        ArgumentError: nothing is left, or the set draws its pairs in an order of its own: an endless one, shards by a
            window, a mixture.
    """

    def __init__(self, source: StereoSource, leave_out: Path) -> None:
        if type(source.order) is not Shuffle:
            rule = (
                "leaves pairs out of single sets that are shuffled as a whole, not of mixtures, windows, endless ones"
            )
            raise ArgumentError("leave_out", leave_out, rule, "set it of a part, or leave the other key out")
        gone = read_keys(leave_out)
        self.source = source
        self._kept = [index for index in range(len(source)) if source.key(index) not in gone]
        if not self._kept:
            raise ArgumentError("leave_out", leave_out, "names every pair of the set", "give a shorter list")
        log.info("left out %d of %d pairs, named in %s", len(source) - len(self), len(source), leave_out)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def has_truth(self) -> bool:
        """Whether any pair of the whole set has."""
        return self.source.has_truth

    def key(self, index: int) -> str:
        """As the source has it."""
        return self.source.key(self._kept[index])

    def place(self, index: int) -> str:
        """As the source has it."""
        return self.source.place(self._kept[index])

    def read(self, index: int) -> StereoSample:
        """One pair. `DataError`: see its source."""
        return self.source.read(self._kept[index])

    def close(self) -> None:
        """Close the source."""
        self.source.close()


def read_keys(list_file: Path) -> frozenset[str]:
    """The keys that a list names.

    Args:
        list_file: a key a line, up to the first tab; blank lines and lines that begin with `#` do not count.

    Raises:
        DataError: it cannot be read.
    """
    lines = read_list(list_file)[1].splitlines()
    names = (line.partition("\t")[0].strip() for line in lines if not line.startswith("#"))
    return frozenset(name for name in names if name)
