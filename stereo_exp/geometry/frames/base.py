"""What every kind of input hands out, and how views of two sources find each other in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Generic, Protocol, TypeVar

import numpy as np

from stereo_exp.geometry.calibration import Cameras
from stereo_exp.geometry.images import check_one_size
from stereo_exp.geometry.pair import StereoSample

T = TypeVar("T")
_SHARE_OF_PERIOD = 0.25
"""Views farther apart in time than this share of the shorter period are no pair."""
_SHOWN = 3


@dataclass
class LeftOut:
    """What of a source did not become a pair.

    Attributes:
        unpaired: views without a partner.
        dropped: pairs that newer ones overtook, of live sources.
        examples: a few of the unpaired.
    """

    unpaired: int = 0
    dropped: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, *names: object) -> None:
        """More views without a partner."""
        self.unpaired += len(names)
        self.examples += map(str, names[: max(0, _SHOWN - len(self.examples))])

    def __str__(self) -> str:
        told = f"{self.unpaired} view{'s' if self.unpaired != 1 else ''} without a partner left out"
        return f"{told}: {', '.join(self.examples)}{', …' if self.unpaired > len(self.examples) else ''}"


class Frames(Protocol):
    """Pairs in order."""

    is_sequence: bool
    """Whether there may be more than one pair."""
    is_live: bool
    """Whether pairs come when they come, and the newest counts."""
    rate: float | None
    """Frames a second of the source; None: nobody knows."""
    left_out: LeftOut
    """Complete when the pairs have come to an end."""
    cameras: Cameras | None
    """What the source itself says of them; None: nothing."""

    def __len__(self) -> int:
        """How many pairs there are; 0 where nobody knows (cameras, some videos)."""
        ...

    def __iter__(self) -> Iterator[StereoSample]:
        """The pairs, without truth.

        Raises:
            UserError: a file is damaged, the views differ in size, or a device stops.
        """
        ...


def pair_of(
    key: str, left: np.ndarray, right: np.ndarray, right_name: object, time: float | None = None
) -> StereoSample:
    """A pair of one size.

    Raises:
        UserError: the views differ in size.
    """
    check_one_size(left, right, right_name)
    return StereoSample(key, left, right, time=time)


def find_tolerance(*times: Sequence[float]) -> float:
    """How far apart in time two views may be: a quarter of the shorter median period; 10 ms where there is none."""
    periods = [float(np.median([b - a for a, b in pairwise(sorted(each))])) for each in times if len(each) > 1]
    positive = [period for period in periods if period > 0]
    return _SHARE_OF_PERIOD * min(positive) if positive else 0.01


@dataclass(frozen=True)
class Stamped(Generic[T]):
    """Something and when it was, s."""

    time: float
    item: T


def match_times(
    left: Iterator[Stamped[T]], right: Iterator[Stamped[T]], tolerance: float, left_out: LeftOut
) -> Iterator[tuple[Stamped[T], Stamped[T]]]:
    """Pairs of two sources that run in time, each of one view from either, at most `tolerance` apart.

    Views without a partner are counted in `left_out`.
    """
    first, second = next(left, None), next(right, None)
    while first is not None and second is not None:
        if abs(first.time - second.time) <= tolerance:
            yield first, second
            first, second = next(left, None), next(right, None)
        elif first.time < second.time:
            left_out.add(f"left at {first.time:.3f} s")
            first = next(left, None)
        else:
            left_out.add(f"right at {second.time:.3f} s")
            second = next(right, None)
    for name, rest, others in (("left", first, left), ("right", second, right)):
        while rest is not None:
            left_out.add(f"{name} at {rest.time:.3f} s")
            rest = next(others, None)
