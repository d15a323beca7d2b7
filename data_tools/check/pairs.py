"""The deep check: decode a pair, see whether its files fit each other, measure its truth, test its geometry."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from data_tools.check.problems import Finding, Findings
from data_tools.check.tree import DiskPair, Tree
from stereo_exp.base import DataError
from stereo_exp.geometry import check_disparity, check_views, pair_geometry, read_pfm, read_rgb, require_views, to_grey

# Does the true disparity belong to these views? Warp by it and see under which reading they agree.


_TEXTURE_WINDOW = 9  # px, a side
_MIN_TEXTURE = 3.0  # grey levels: standard deviation in the window below which a pixel is called flat
_MIN_TEXTURED = 1000  # pixels
_MIN_FIT, _MIN_LEAD = 0.3, 0.15
_MAX_UNRELATED = 0.1


@dataclass(frozen=True)
class TruthFit:
    """How well the views agree through their true disparity: a correlation of texture, -1 to 1, for each reading.

    Attributes:
        as_named: the left image with the right one at x − d, as it should be.
        negated: with the right one at x + d: the disparity has the wrong sign, or the views are mirrored.
        exchanged: the image called right with the one called left at x − d: the views are swapped.
        num_textured: pixels with known disparity and texture that were compared as named.
        verdict: `fits`, `negated`, `swapped`, `unrelated` (the views disagree under every reading), or None:
            cannot tell.
    """

    as_named: float
    negated: float
    exchanged: float
    num_textured: int
    verdict: str | None


def truth_fit(left: np.ndarray, right: np.ndarray, disparity: np.ndarray) -> TruthFit:
    """Warp one view to the other by the truth, and by what the truth would be if something were exchanged.

    A reading wins with a correlation of at least 0.3 that leads its rivals by 0.15; "unrelated" is below 0.1 under
    every reading, which a vertical shift of a few px causes as well (see `pair_geometry`). Texture is the grey value
    less its mean in a 9×9 window over the standard deviation there, so that exposure does not matter.

    Args:
        left, right: uint8 H×W or H×W×3 RGB, of the same size.
        disparity: float H×W, px of the left image; 0 or less, infinity and NaN = unknown. Where nothing is
            positive, the verdict is None.

    Raises:
        ValueError: the arrays do not fit each other.
    """
    require_views(left, right)
    if disparity.shape != left.shape[:2]:
        raise ValueError(f"disparity must be {left.shape[:2]}, not {disparity.shape}")
    here, there = (_texture(to_grey(view)) for view in (left, right))
    known = np.isfinite(disparity) & (disparity > 0)
    shift = np.where(known, disparity, 0).astype(np.float32)
    (as_named, count), (negated, _), (exchanged, _) = (
        _agreement(fixed, moved, sign * shift, known)
        for fixed, moved, sign in ((here, there, -1), (here, there, 1), (there, here, -1))
    )
    verdict = None
    if count >= _MIN_TEXTURED:
        # On a smooth surface the two wrong readings nearly agree; only the true one of them is exact.
        wrong, name = max((negated, "negated"), (exchanged, "swapped"))
        if max(as_named, wrong) < _MAX_UNRELATED:
            verdict = "unrelated"
        elif as_named >= _MIN_FIT and as_named - wrong >= _MIN_LEAD:
            verdict = "fits"
        elif wrong >= _MIN_FIT and wrong - as_named >= _MIN_LEAD:
            verdict = name
    return TruthFit(as_named, negated, exchanged, count, verdict)


def _texture(grey: np.ndarray) -> np.ndarray:
    """Float32 H×W, mostly within -3..3; NaN where the image is flat."""
    values = grey.astype(np.float32)
    size = (_TEXTURE_WINDOW, _TEXTURE_WINDOW)
    mean = cv2.blur(values, size)
    deviation = np.sqrt(np.maximum(cv2.blur(values * values, size) - mean * mean, 0))
    return np.where(deviation >= _MIN_TEXTURE, (values - mean) / np.maximum(deviation, _MIN_TEXTURE), np.nan)


def _agreement(fixed: np.ndarray, moved: np.ndarray, shift: np.ndarray, known: np.ndarray) -> tuple[float, int]:
    """Correlation of `fixed` with `moved` at x + shift, over the pixels that have texture in both; and their number."""
    height, width = fixed.shape
    column = np.arange(width, dtype=np.float32) + shift
    row = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    warped = cv2.remap(moved, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=np.nan)
    valid = known & np.isfinite(fixed) & np.isfinite(warped)
    count = int(valid.sum())
    if count < 2:
        return 0.0, count
    a, b = fixed[valid].astype(np.float64), warped[valid].astype(np.float64)
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return (float((a * b).sum()) / norm if norm > 0 else 0.0), count


_TRUTH = {
    "swapped": "left and right are swapped: the truth fits when they are exchanged",
    "negated": "the truth fits with the opposite sign: its sign is wrong, or the views are mirrored",
    "unrelated": "the truth agrees with the views under no reading: another frame's file, most likely",
}


@dataclass
class PairReport:
    """What was found about one pair; the numbers are 0 where it could not be read.

    `order` and `rows` are True (right), False (wrong) or None (cannot tell).
    """

    problems: list[Finding] = field(default_factory=list)
    size: str = ""
    pixels: int = 0
    known: int = 0
    beyond: int = 0
    lowest: float = np.inf
    highest: float = -np.inf
    order: bool | None = None
    rows: bool | None = None


@dataclass
class Measured:
    """The sum over all pairs checked: disparity in px, shares of all pixels."""

    pairs: int = 0
    sizes: Counter[str] = field(default_factory=Counter)
    pixels: int = 0
    known: int = 0
    beyond: int = 0
    lowest: float = np.inf
    highest: float = -np.inf
    order_unknown: int = 0
    rows_unknown: int = 0

    def add(self, report: PairReport) -> None:
        """Count one pair."""
        self.pairs += 1
        if not report.size:
            return
        self.sizes[report.size] += 1
        self.pixels += report.pixels
        self.known += report.known
        self.beyond += report.beyond
        self.lowest = min(self.lowest, report.lowest)
        self.highest = max(self.highest, report.highest)
        self.order_unknown += report.order is None
        self.rows_unknown += report.rows is None


def choose(tree: Tree, sample: int | None) -> list[DiskPair]:
    """The pairs to look into: all where `sample` is None, else `sample` of them, the same on every machine.

    Drawn by a hash of their keys. Pairs whose PFM is not as large as most of its split are looked into in any case:
    that is how a download that broke off shows without a file being opened.
    """
    readable = [pair for pair in tree.pairs if min(pair.sizes) > 0]
    if sample is None or sample >= len(readable):
        return readable
    usual = {
        split: Counter(pair.sizes[2] for pair in readable if pair.group.split == split).most_common(1)[0][0]
        for split in {pair.group.split for pair in readable}
    }
    drawn = set(sorted(readable, key=lambda pair: hashlib.sha256(pair.key.encode()).digest())[:sample])
    odd = [pair for pair in readable if pair.sizes[2] != usual[pair.group.split]]
    if len(odd) <= max(sample, len(readable) // 10):  # more: a set of many sizes, not damage
        drawn.update(odd)
    return [pair for pair in readable if pair in drawn]


def check_pairs(
    tree: Tree, pairs: list[DiskPair], maxdisp: float, workers: int, findings: Findings, advance: Callable[[], None]
) -> Measured:
    """Look into `pairs`, `workers` at a time; `advance` is called after each. Problems are in the pairs' order.

    Threads: decoding, matching and warping are OpenCV's, which leaves the interpreter's lock.
    """
    measured = Measured()
    with ThreadPoolExecutor(workers, thread_name_prefix="check") as pool:
        futures = [pool.submit(check_pair, tree.root, pair, maxdisp) for pair in pairs]
        try:
            for future in futures:
                report = future.result()
                measured.add(report)
                findings.extend(report.problems)
                advance()
        finally:
            for future in futures:
                future.cancel()
    return measured


def check_pair(root: Path, pair: DiskPair, maxdisp: float) -> PairReport:
    """Everything about one pair whose files are there. Each damaged file of it is named, not only the first."""
    report = PairReport()
    left = _attempt(report, root, pair.left, read_rgb)
    right = _attempt(report, root, pair.right, read_rgb)
    disparity = _attempt(report, root, pair.disparity, read_pfm)
    if left is None:
        return report
    size = (left.shape[0], left.shape[1])
    if right is not None and not _fits(report, pair.right, check_views, left, right):
        right = None
    if disparity is not None and not _fits(report, pair.disparity, check_disparity, disparity, size):
        disparity = None
    if right is None or disparity is None:
        return report
    report.size = f"{size[0]}x{size[1]}"
    known = np.isfinite(disparity) & (disparity > 0)
    report.pixels, report.known = disparity.size, int(known.sum())
    report.beyond = int((known & (disparity >= maxdisp)).sum())
    if report.known:
        report.lowest, report.highest = float(disparity[known].min()), float(disparity[known].max())
    _test_geometry(report, pair, left, right, disparity)
    return report


def _test_geometry(
    report: PairReport, pair: DiskPair, left: np.ndarray, right: np.ndarray, disparity: np.ndarray
) -> None:
    geometry, fit = pair_geometry(left, right), truth_fit(left, right, disparity)
    report.rows = None if geometry.unrectified is None else not geometry.unrectified
    if geometry.unrectified:
        text = f"its rows are off by {geometry.offset:.1f} px ({geometry.num_inliers} matches): not rectified"
        report.problems.append(Finding("unrectified", pair.left, text))
    if not report.known and (disparity < 0).any():
        report.problems.append(Finding("negated", pair.disparity, "no disparity is positive: its sign is wrong"))
    elif fit.verdict in _TRUTH and not (geometry.unrectified and fit.verdict == "unrelated"):
        # Views that are off by some rows do not agree with any truth; that has been said.
        text = f"{_TRUTH[fit.verdict]} (agreement as named {fit.as_named:.2f}, exchanged {fit.exchanged:.2f})"
        report.problems.append(Finding(fit.verdict, pair.left, text))
        report.order = False
    elif geometry.swapped and fit.verdict is None:
        text = f"left and right are swapped: {geometry.negative_share:.0%} of the matches have negative disparity"
        report.problems.append(Finding("swapped", pair.left, text))
        report.order = False
    elif fit.verdict == "fits" or geometry.swapped is False:
        report.order = True


def _attempt(report: PairReport, root: Path, path: str, read: Callable[[Path], np.ndarray]) -> np.ndarray | None:
    try:
        return read(root / path)
    except DataError as error:
        value = "" if error.value is None else f"{error.value}: "
        report.problems.append(Finding("damaged", path, f"{value}{error.rule}"))
        return None


def _fits(report: PairReport, path: str, check: Callable[..., None], *values: object) -> bool:
    try:
        check(*values, path)
    except DataError as error:
        report.problems.append(Finding("misfit", path, f"{error.value}: {error.rule}"))
        return False
    return True
