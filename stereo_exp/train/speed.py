"""How fast training goes, and how much of the time it waits for data."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Speed:
    """Pairs a second and the share of time spent waiting for batches, over all steps so far."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._waited, self._pairs = 0.0, 0

    def timed(self, batches: Iterable[T]) -> Iterator[T]:
        """The batches, with the waiting for each measured."""
        iterator = iter(batches)
        while True:
            begin = time.monotonic()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            self._waited += time.monotonic() - begin
            yield batch

    def add(self, pairs: int) -> None:
        """So many more pairs are done."""
        self._pairs += pairs

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The time inside does not count."""
        begin = time.monotonic()
        yield
        self._began += time.monotonic() - begin

    @property
    def pairs_per_s(self) -> float:
        """Pairs a second."""
        return self._pairs / self._elapsed

    @property
    def wait_share(self) -> float:
        """0 (data is always there in time) to 1."""
        return self._waited / self._elapsed

    @property
    def _elapsed(self) -> float:
        return max(1e-9, time.monotonic() - self._began)
