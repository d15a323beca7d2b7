"""How a pair is predicted: at what size the network sees it, and what is done with its answer. The one rule.

`task=eval`, `task=infer`, `task=bench` and `StereoModel` all predict through `Rule`; they differ in the network alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from stereo_exp.base import MAX_SCALE, USUAL_SIZE
from stereo_exp.geometry.filling import fill_hidden
from stereo_exp.geometry.images import resize
from stereo_exp.geometry.occlusion import find_consistent
from stereo_exp.geometry.prediction import Errors, Prediction
from stereo_exp.geometry.reach import Reach, find_beyond
from stereo_exp.geometry.refine import refine_disparity
from stereo_exp.geometry.reliability import Reliability, look_up, to_levels

Maps = tuple[np.ndarray, np.ndarray]
"""Disparity in px of the views that it belongs to, and the network's sureness, both float32 H×W."""
Network = Callable[[np.ndarray, np.ndarray], Maps]
"""From two views, uint8 H×W×3, to maps of their size; it pads them to what it takes."""
SLACK = 0.05
"""How far the scale of either side may be from the one aimed at, as a share of it."""
ASPECT = 0.02
"""How far the scales of the two sides may be from each other, as a share of the smaller."""


@dataclass(frozen=True)
class Sizing:
    """The size that a network likes to see pairs at: small pairs are enlarged to it.

    It was found with the network's weights and travels with them, in checkpoints and compiled folders. The defaults are
    what was found for the released StereoNetPlus.

    Raises:
        ValueError: a figure is out of range.
    """

    pixels: int = USUAL_SIZE[0] * USUAL_SIZE[1]
    """Small pairs are enlarged to about as many, at least 1."""
    least: float = 1.1
    """Enlarging by less is not worth the blur of resampling, 1 or more."""
    most: float = 2.0
    """Enlarging by more brings nothing but time, 1 to 8."""

    def __post_init__(self) -> None:
        for name in ("pixels", "least", "most"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"{name} is {value!r:.40}, must be a number")
        if not self.pixels >= 1:
            raise ValueError(f"pixels is {self.pixels}, must be at least 1")
        if not self.least >= 1:
            raise ValueError(f"least is {self.least}, must be at least 1")
        if not 1 <= self.most <= MAX_SCALE:
            raise ValueError(f"most is {self.most}, must be 1 to {MAX_SCALE:g}")

    def scale(self, size: tuple[int, int]) -> float:
        """By how much a pair of (height, width) px is to be enlarged, before its size is fitted to the network's grid.

        Exactly 1 for pairs that have about as many pixels as `pixels`, or more.
        """
        scale = min((self.pixels / (size[0] * size[1])) ** 0.5, self.most)
        return scale if scale >= self.least else 1.0

    def choose_size(
        self, size: tuple[int, int], multiple: int, within: tuple[int, int] | None = None
    ) -> tuple[int, int]:
        """The (height, width) at which a pair of `size` is seen; smaller sides than the network's grid are padded.

        An enlarged pair need not be padded much: of all sizes whose two scales lie within 5 % of `scale` and within 2 %
        of each other, it is the one that pads the least, and of those the nearest to `scale`. Neither side is enlarged
        by more than `most`, or made smaller.

        Args:
            multiple: what the network's height and width are multiples of.
            within: the one (height, width) that a compiled model takes. The pair is enlarged no further than fits into
                it, and keeps its aspect: it is padded to that size, whatever its own.
        """
        scale = self.scale(size)
        if within is not None:
            scale = max(1.0, min(scale, within[0] / size[0], within[1] / size[1]))
            return scale_size(size, scale)
        return size if scale == 1 else _fitted(size, scale, self.most, multiple)


def scale_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """(height, width) times `scale`, in whole pixels, at least one."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


@lru_cache(maxsize=256)
def _fitted(size: tuple[int, int], scale: float, most: float, multiple: int) -> tuple[int, int]:
    rows, columns = (_lengths(length, scale, most) for length in size)
    down, across = (rows / size[0])[:, None], (columns / size[1])[None]
    padded = np.multiply.outer(*(-(-lengths // multiple) * multiple for lengths in (rows, columns)))
    padding = 1 - np.multiply.outer(rows, columns) / padded
    distance = np.abs(np.log(down / scale)) + np.abs(np.log(across / scale))
    aspect = np.maximum(down / across, across / down) - 1
    # Of small pairs whole pixels are too coarse for the aspect: the best there is will do.
    allowed = aspect <= max(ASPECT, aspect.min())
    order = np.lexsort((distance.ravel(), np.where(allowed, padding, np.inf).ravel()))
    row, column = np.unravel_index(order[0], padding.shape)
    return int(rows[row]), int(columns[column])


def _lengths(length: int, scale: float, most: float) -> np.ndarray:
    """Whole lengths near `length`·`scale`, neither shorter than `length` nor longer than `length`·`most`."""
    top = int(length * most)
    low, high = int(np.ceil(length * scale * (1 - SLACK))), int(length * scale * (1 + SLACK))
    low, high = max(low, length), min(high, top)
    return np.arange(low, high + 1) if low <= high else np.array([min(max(low, length), top)])


@dataclass(frozen=True)
class Rule:
    """How pairs are predicted, whatever computes the network.

    Attributes:
        scale: resize the pair by this before the network sees it, and the result back; above 0, at most 8. Above 1
            disparities are finer, of a range shorter by as much, and cost its square in time. None: `sizing` decides.
        refine: correct the disparity by semi-global matching, of the enlarged views where the pair is enlarged, else of
            those given; see `stereo_exp.geometry.refine`.
        fill: what the right camera cannot see takes the disparity of what lies behind; see
            `stereo_exp.geometry.filling`. Ahead of `refine`.
        left_right: predict the right view as well and distrust what disagrees.
        min_confidence: distrust what is below.
        sizing: of the network's weights.
        reliability: of the network's weights: makes a probability of its sureness. None: the sureness is handed on.
    """

    scale: float | None = None
    refine: bool = False
    fill: bool = False
    left_right: bool = False
    min_confidence: float = 0.0
    sizing: Sizing = field(default_factory=Sizing)
    reliability: Reliability | None = None

    def choose_size(
        self, size: tuple[int, int], multiple: int, within: tuple[int, int] | None = None
    ) -> tuple[int, int]:
        """The (height, width) at which the network sees a pair of `size`; arguments as of `Sizing.choose_size`."""
        if self.scale is None:
            return self.sizing.choose_size(size, multiple, within)
        return scale_size(size, self.scale)

    def is_plain(self, size: tuple[int, int], multiple: int) -> bool:
        """Whether all that comes of a pair of `size` is the network's own answer to the pair as it is."""
        is_more = self.refine or self.fill or self.left_right or bool(self.min_confidence)
        return not is_more and self.choose_size(size, multiple) == size

    def __call__(
        self,
        network: Network,
        left: np.ndarray,
        right: np.ndarray,
        multiple: int,
        within: tuple[int, int] | None = None,
        maxdisp: int | None = None,
    ) -> Prediction:
        """Predict one pair.

        Args:
            left, right: uint8 H×W×3 of a rectified pair.
            multiple, within: see `Sizing.choose_size`.
            maxdisp: the network's range, px as it sees them; None: what lies beyond it is not looked for.
        """
        size = left.shape[:2]
        seen = self.choose_size(size, multiple, within)
        ratio = seen[1] / size[1]
        answer = _filled(network) if self.fill else network
        disparity, sureness = predict_at(answer, left, right, seen, self.refine)
        found = self.judge(disparity, sureness, ratio, None if maxdisp is None else (left, right, maxdisp))
        trusted = found.confidence >= self.min_confidence
        if self.left_right:
            # Seen in a mirror, the right view is the left one.
            first, second = (np.ascontiguousarray(view[:, ::-1]) for view in (right, left))
            of_right, _ = predict_at(answer, first, second, seen, self.refine)
            trusted &= find_consistent(disparity, of_right[:, ::-1])
        return replace(found, trusted=trusted)

    def judge(
        self,
        disparity: np.ndarray,
        sureness: np.ndarray,
        ratio: float = 1.0,
        seen: tuple[np.ndarray, np.ndarray, int] | None = None,
    ) -> Prediction:
        """A prediction with the confidence that the network's own sureness is worth; all of it is trusted.

        Args:
            disparity: float32 H×W px.
            sureness: float32 H×W in 0…1, as the network says it.
            ratio: see `Curve.look_up`.
            seen: both views, uint8 H×W×3, and the network's range, px as it sees them: what may lie beyond it has no
                confidence. None: nobody looks for that.
        """
        confidence, errors = sureness, None
        if self.reliability is not None:
            right, error = self.reliability.tables(ratio, self.refine)
            levels = to_levels(sureness)
            confidence, errors = look_up(right, levels), Errors(levels, error)
        reach, beyond = Reach(np.inf), None
        if seen is not None:
            reach = Reach(seen[2] / ratio)
            beyond = find_beyond(seen[0], seen[1], reach.disparity)
        if beyond is not None:
            confidence = np.where(beyond, np.float32(0), confidence)
        trusted = np.ones(disparity.shape, bool)
        return Prediction(disparity, confidence, trusted, reach=reach, beyond=beyond, errors=errors)


AS_GIVEN = Rule(scale=1.0)
"""The network's own answer to every pair as it is."""


def _filled(network: Network) -> Network:
    """The network, with what the right camera cannot see filled."""

    def fill(left: np.ndarray, right: np.ndarray) -> Maps:
        disparity, sureness = network(left, right)
        return fill_hidden(disparity, sureness), sureness

    return fill


def predict_at(network: Network, left: np.ndarray, right: np.ndarray, seen: tuple[int, int], refine: bool) -> Maps:
    """What `network` says of a pair that it sees at the size `seen`, at the pair's own size.

    Args:
        left, right: uint8 H×W×3 of a rectified pair.
        refine: correct the disparity, of the views at `seen` where those are larger than what was given, else of those.
    """
    if not refine:
        return _at_size(network, left, right, seen)

    def fine(left: np.ndarray, right: np.ndarray) -> Maps:
        disparity, confidence = _at_size(network, left, right, seen)
        return refine_disparity(left, right, disparity), confidence

    given = left.shape[:2]
    larger = seen[0] * seen[1] > given[0] * given[1]
    return _at_size(fine, left, right, seen if larger else given)


def _at_size(network: Network, left: np.ndarray, right: np.ndarray, size: tuple[int, int]) -> Maps:
    height, width = left.shape[:2]
    if size == (height, width):
        return network(left, right)
    disparity, confidence = (
        resize(values, (height, width)) for values in network(*(resize(v, size) for v in (left, right)))
    )
    return disparity * np.float32(width / size[1]), confidence
