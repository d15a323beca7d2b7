"""A data set's pairs one after the other, for what takes them singly: engines, which need no batches and no torch."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from stereo_exp.data.sample import StereoSample, StereoSource, checked
from stereo_exp.errors import DataError

log = logging.getLogger(__name__)


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
            yield checked(source.read(index))
        except DataError as error:
            if on_error == "raise":
                raise
            log.warning("skipped: %s", error)
            yield None
