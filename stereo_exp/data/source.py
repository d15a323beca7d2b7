"""What a data set is to everything that reads one: pairs by number."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Protocol

from stereo_exp.base import DataError
from stereo_exp.data.order import Order, Shuffle
from stereo_exp.geometry import StereoSample, check_sample

log = logging.getLogger(__name__)


class StereoSource(Protocol):
    """A data set with random access; picklable, so that loader workers can have a copy each.

    Sources derive from it: what stands here is right for a single data set of files.

    Attributes:
        names: of the data sets that a mixture consists of; empty for a single one.
    """

    names: tuple[str, ...] = ()

    @property
    def has_truth(self) -> bool:
        """Whether any pair comes with a disparity, as far as can be told without reading them."""
        return True

    def __len__(self) -> int: ...

    def key(self, index: int) -> str:
        """The key of one pair, without reading its images."""
        ...

    def place(self, index: int) -> str:
        """The file or folder that a pair lies in, where the key does not say it; else the key."""
        return self.key(index)

    def read(self, index: int) -> StereoSample:
        """Read one pair; `DataError` if a file of it is missing or damaged."""
        ...

    def read_at(self, epoch: int, index: int) -> StereoSample:
        """Read the pair that `index` names in an epoch of training; in a set that stays as it is, in all of them."""
        return self.read(index)

    def __getitem__(self, index: int) -> StereoSample:
        """`read`, checked; from the end where the number is negative. IndexError behind the last."""
        return check_sample(self.read(range(len(self))[index]))

    def __iter__(self) -> Iterator[StereoSample]:
        """Every pair in order, checked."""
        return (self[index] for index in range(len(self)))

    def set_of(self, index: int) -> str:
        """Which of `names` a pair belongs to; of a single data set, the empty string."""
        return ""

    def close(self) -> None:
        """Let go of files and processes; reading opens again what it needs, where there is something to open."""
        return

    @property
    def order(self) -> Order:
        """How training draws its epochs."""
        return Shuffle(len(self))


def num_pairs(source: StereoSource, limit: int | None) -> int:
    """How many pairs `read_pairs` gives."""
    return len(source) if limit is None else min(limit, len(source))


def read_pairs(source: StereoSource, limit: int | None, on_error: str) -> Iterator[StereoSample | None]:
    """The first `limit` pairs in order (None: all), checked; None for one that `on_error=skip` leaves out.

    Raises:
        DataError: with `on_error=raise`, a pair that cannot be read.
    """
    for index in range(num_pairs(source, limit)):
        try:
            yield check_sample(source.read(index))
        except DataError as error:
            if on_error == "raise":
                raise
            log.warning("skipped: %s", error)
            yield None
