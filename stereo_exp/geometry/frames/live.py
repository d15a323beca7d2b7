"""Live pairs: cameras, streams, and films played at their own speed. The newest pair counts, older ones are dropped."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Event, Thread
from typing import Any

import cv2
import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.geometry.calibration import Cameras
from stereo_exp.geometry.frames.base import LeftOut, Stamped, pair_of
from stereo_exp.geometry.frames.films import FilmFrames, Splitter, read_frame
from stereo_exp.geometry.pair import StereoSample

_USUAL_RATE = 30.0
_KEPT = 4
"""Views that wait for their partner, of two streams."""
_JOIN_SECONDS = 2.0

Produce = Callable[[Event, LeftOut], Iterator[StereoSample]]
"""Runs in a thread of its own: hands out pairs as they come until told to stop, and counts what has no partner."""


class LiveFrames:
    """Pairs without end, of which whoever asks gets the newest; what came in between is dropped and counted.

    Args:
        produce: where they come from; every pair has its `time` on `time.monotonic`'s clock.
        rate: what the source says of itself, frames a second.
    """

    is_sequence = True
    is_live = True
    cameras: Cameras | None = None

    def __init__(self, produce: Produce, rate: float | None = None) -> None:
        self._produce, self.rate = produce, rate
        self.left_out = LeftOut()

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[StereoSample]:
        self.left_out = LeftOut()
        news, stop, ended = Condition(), Event(), Event()
        newest: list[StereoSample] = []
        failed: list[BaseException] = []

        def fetch() -> None:
            try:
                for sample in self._produce(stop, self.left_out):
                    with news:
                        self.left_out.dropped += len(newest)
                        newest[:] = [sample]
                        news.notify()
            except BaseException as error:
                # Told where the pairs are asked for.
                failed.append(error)
            finally:
                with news:
                    ended.set()
                    news.notify()

        thread = Thread(target=fetch, name="live", daemon=True)
        thread.start()
        try:
            while True:
                with news:
                    news.wait_for(lambda: bool(newest) or ended.is_set())
                    if not newest:
                        break
                    sample = newest.pop()
                yield sample
            if failed:
                raise failed[0]
        finally:
            stop.set()
            thread.join(_JOIN_SECONDS)


def play_film(film: FilmFrames) -> LiveFrames:
    """A film as if it were a camera: its frames come at its own speed, whoever is slower misses some."""
    rate = film.rate or _USUAL_RATE

    def produce(stop: Event, left_out: LeftOut) -> Iterator[StereoSample]:
        begin = time.monotonic()
        for index, sample in enumerate(film):
            due = begin + (index / rate if sample.time is None else sample.time)
            if stop.wait(max(0.0, due - time.monotonic())):
                return
            yield pair_of(sample.key, sample.left, sample.right, "film", due)
        left_out.add(*film.left_out.examples)
        left_out.unpaired = film.left_out.unpaired

    return LiveFrames(produce, rate)


def open_devices(left: str, right: str | None, layout: str = "auto") -> LiveFrames:
    """Cameras by number or device path, or streams by URL.

    Two local cameras are both triggered before either picture is fetched. Two streams are read each on its own, and
    paired by the time at which their pictures come, at most half a period apart.

    Args:
        left: the left view, or what shows both.
        right: the right view; None: every picture of `left` holds both.
        layout: see `FilmFrames`.

    Raises:
        UserError: one cannot be opened.
    """
    named = [(left, "left")] if right is None else [(left, "left"), (right, "right")]
    captures = [open_device(view, name) for view, name in named]
    rates = [float(capture.get(cv2.CAP_PROP_FPS)) for capture in captures]
    rate = rates[0] if np.isfinite(rates[0]) and 0 < rates[0] < 1000 else None
    if right is None:
        return LiveFrames(_from_one(captures[0], layout, left), rate)
    if any("://" in view for view in (left, right)):
        return LiveFrames(_from_streams(captures, 0.5 / (rate or _USUAL_RATE)), rate)
    return LiveFrames(_from_cameras(captures), rate)


def open_device(view: str, argument: str) -> cv2.VideoCapture:
    """A camera or a stream; `argument` names it in errors.

    Raises:
        ArgumentError: it cannot be opened.
    """
    capture = cv2.VideoCapture(int(view) if view.isdecimal() else view)
    if not capture.isOpened():
        what, fix = "camera", "list them with: ls /dev/video*"
        if "://" in view:
            what, fix = "stream", "play it with another program, to see that it is there"
        raise ArgumentError(argument, view, f"is no {what} that can be opened", fix)
    # One picture waits at most where the backend lets us say so: older ones are of no use.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


def _from_one(capture: Any, layout: str, source: str) -> Produce:
    def produce(stop: Event, left_out: LeftOut) -> Iterator[StereoSample]:
        split, index = Splitter(layout, source), 0
        try:
            while not stop.is_set() and capture.grab():
                taken = time.monotonic()
                found, frame = capture.retrieve()
                if not found:
                    return
                left, right = split(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
                yield pair_of(f"{index:06d}", left, right, source, taken)
                index += 1
        finally:
            capture.release()

    return produce


def _from_cameras(captures: list[Any]) -> Produce:
    def produce(stop: Event, left_out: LeftOut) -> Iterator[StereoSample]:
        index = 0
        try:
            # A list, so that both are triggered before either fails.
            while not stop.is_set() and all([capture.grab() for capture in captures]):  # noqa: C419
                taken = time.monotonic()
                frames = [capture.retrieve() for capture in captures]
                if not all(found for found, _ in frames):
                    return
                left, right = (cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for _, frame in frames)
                yield pair_of(f"{index:06d}", left, right, "camera", taken)
                index += 1
        finally:
            for capture in captures:
                capture.release()

    return produce


def _from_streams(captures: list[Any], tolerance: float) -> Produce:
    def produce(stop: Event, left_out: LeftOut) -> Iterator[StereoSample]:
        news = Condition()
        waiting: list[deque[Stamped[np.ndarray]]] = [deque(), deque()]
        ended = [False, False]

        def fetch(at: int) -> None:
            try:
                while not stop.is_set() and (frame := read_frame(captures[at])) is not None:
                    with news:
                        waiting[at].append(Stamped(time.monotonic(), frame))
                        while len(waiting[at]) > _KEPT:
                            waiting[at].popleft()
                            left_out.add(f"{('left', 'right')[at]} of a stream")
                        news.notify()
            finally:
                captures[at].release()
                with news:
                    ended[at] = True
                    news.notify()

        for at in (0, 1):
            Thread(target=fetch, args=(at,), name=f"stream {at}", daemon=True).start()
        index = 0
        while not stop.is_set():
            with news:
                news.wait_for(lambda: all(waiting) or any(ended) or stop.is_set(), timeout=0.5)
                pair = _take_pair(waiting, tolerance, left_out)
                is_over = any(done and not queue for done, queue in zip(ended, waiting, strict=True))
            if pair is not None:
                first, second = pair
                yield pair_of(f"{index:06d}", first.item, second.item, "stream", min(first.time, second.time))
                index += 1
            elif is_over:
                return

    return produce


def _take_pair(
    waiting: list[deque[Stamped[np.ndarray]]], tolerance: float, left_out: LeftOut
) -> tuple[Stamped[np.ndarray], Stamped[np.ndarray]] | None:
    """The first two views close enough in time; those that no partner can come for any more are counted."""
    left, right = waiting
    while left and right:
        first, second = left[0], right[0]
        if abs(first.time - second.time) <= tolerance:
            return left.popleft(), right.popleft()
        late = left if first.time < second.time else right
        late.popleft()
        left_out.add("left of a stream" if late is left else "right of a stream")
    return None
