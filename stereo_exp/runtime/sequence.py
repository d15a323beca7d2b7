"""Pairs of any source through a model, as fast as they come: the newest of live ones, in order all others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Queue
from threading import Event, Thread
from typing import Any, TypeVar

import numpy as np

from stereo_exp.geometry import RectifiedFrames, Result, Rule, StereoSample, TemporalFilter, Watch
from stereo_exp.runtime.model import StereoModel

T = TypeVar("T")
_AHEAD = 2
"""Pairs that are read while one is computed, of sources that wait."""
_RECENT = 100
"""Pairs that the figures in between are about."""


@dataclass
class Pace:
    """How fast pairs go through, and how old their depth is.

    Attributes:
        count: pairs so far.
        ages: of live pairs, s from when both views were there to when their depth is.
        work: s that each pair took, from being taken up to depth.
    """

    count: int = 0
    ages: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    _begin: float = field(default_factory=time.monotonic)
    _end: float | None = None

    def add(self, taken: float | None, begun: float) -> None:
        """One more pair is done: when it was captured (None: no live one), and when its work began."""
        self._end = time.monotonic()
        if self.count == 0:
            # What opens before the first pair does not count.
            self._begin = begun
        self.count += 1
        self.work.append(self._end - begun)
        if taken is not None:
            self.ages.append(self._end - taken)

    @property
    def rate(self) -> float:
        """Pairs a second, from when the work on the first began."""
        return self.count / max((self._end or time.monotonic()) - self._begin, 1e-9)

    def facts(self) -> dict[str, float | int]:
        """Pairs, their rate, and age and work in ms (median and 95th percentile)."""
        found: dict[str, float | int] = {"pairs": self.count, "frames_per_second": round(self.rate, 2)}
        for name, values in (("age", self.ages), ("work", self.work)):
            if values:
                middle, high = np.percentile(values, (50, 95)) * 1e3
                found |= {f"{name}_ms": round(float(middle), 1), f"{name}_p95_ms": round(float(high), 1)}
        return found

    def describe(self) -> str:
        """One line on the last pairs."""
        told = f"{self.count} pairs, {self.rate:.1f} frames/s"
        if self.ages:
            middle, high = np.percentile(self.ages[-_RECENT:], (50, 95)) * 1e3
            told += f", age {middle:.0f} ms (p95 {high:.0f} ms)"
        return told


def predict_sequence(
    model: StereoModel,
    pairs: RectifiedFrames,
    rule: Rule,
    steady: TemporalFilter | None = None,
    tile: tuple[int, int] | None = None,
    pace: Pace | None = None,
) -> Iterator[Result]:
    """Results in order, one pair at a time.

    Sources that wait are read ahead while a pair is computed. Of live ones the newest is taken when the last one is
    done: its depth is then at most one period and one pair's work old.

    Args:
        pairs: the source.
        rule: how each pair is predicted.
        steady: a filter over time.
        tile: see `StereoModel`.
        pace: takes the times.
    """
    pace = Pace() if pace is None else pace
    is_live, watch = pairs.frames.is_live, Watch()
    known: Iterator[tuple[StereoSample, Any]] = ((sample, pairs.calibration) for sample in pairs)
    for sample, calibration in known if is_live else read_ahead(known, _AHEAD):
        begun = time.monotonic()
        prediction = model.predict(sample.left, sample.right, rule, tile)
        result = Result.of(sample, prediction, calibration, pairs.was_rectified, steady)
        pace.add(sample.time if is_live else None, begun)
        watch(result)
        yield result


def read_ahead(source: Iterator[T], count: int) -> Iterator[T]:
    """The items of an iterator, up to `count` of them fetched in a thread before they are asked for."""
    queue: Queue[tuple[str, Any]] = Queue(count)
    stop = Event()

    def fetch() -> None:
        try:
            for item in source:
                queue.put(("item", item))
                if stop.is_set():
                    return
            queue.put(("end", None))
        except BaseException as error:
            queue.put(("error", error))

    thread = Thread(target=fetch, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = queue.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        stop.set()
        while not queue.empty():
            queue.get_nowait()


class Background:
    """Calls one after the other in a thread of its own, at most a few behind; an error is raised at the next call.

    Args:
        most: calls that may wait.
    """

    def __init__(self, most: int = 2) -> None:
        self._queue: Queue[Callable[[], None] | None] = Queue(most)
        self._failed: list[BaseException] = []
        self._thread = Thread(target=self._work, name="write", daemon=True)
        self._thread.start()

    def __call__(self, call: Callable[[], None]) -> None:
        """Do it soon."""
        self._raise()
        self._queue.put(call)

    def close(self) -> None:
        """Wait for what was begun."""
        self._queue.put(None)
        self._thread.join()
        self._raise()

    def _raise(self) -> None:
        if self._failed:
            raise self._failed[0]

    def _work(self) -> None:
        while (call := self._queue.get()) is not None:
            if self._failed:
                continue  # whoever waits must not wait for ever
            try:
                call()
            except BaseException as error:
                self._failed.append(error)
