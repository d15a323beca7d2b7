"""Pairs of image files as people's cameras leave them: turned, with 10 or 12 bits in 16, with floats for samples.

Data sets are read as they are stored (`stereo_exp.geometry.formats.image`); what a user names is read here, both views
alike.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo_exp.base import ArgumentError, DataError
from stereo_exp.geometry.formats.exif import read_orientation, turn_upright
from stereo_exp.geometry.formats.image import decode_samples

log = logging.getLogger(__name__)
_DEPTHS = (8, 10, 12, 14, 16)
_UPRIGHT = 1


@dataclass
class PairReader:
    """Reads pairs of one source; what it finds of bits and scale in one pair holds for those that follow.

    Attributes:
        bits: the highest sample so far fits into so many.
        top: the highest float so far is at most 1 or 255; None: there was none.
    """

    bits: int = 8
    top: float | None = None
    _told: bool = False

    def __call__(self, left: Path, right: Path) -> tuple[np.ndarray, np.ndarray]:
        """Both views, uint8 H×W×3 RGB.

        Views that both say how the camera was held are turned upright. Of samples of 16 bits the upper 8 that are used
        count: those of 10, 12, 14 or 16. Floats go from 0 to 1, or from 0 to 255.

        Raises:
            UserError: a file is missing or damaged, the two are turned otherwise, or floats of an unknown scale.
        """
        files = [_read(path, name) for path, name in ((left, "left"), (right, "right"))]
        held = [read_orientation(data) for data in files]
        if held[0] != held[1]:
            rule = f"its EXIF tag turns it otherwise than the left view's ({held[1]}, not {held[0]})"
            raise ArgumentError("right", right, rule, "save both views upright, without the tag")
        views = [
            _samples(data, path, name) for data, path, name in zip(files, (left, right), ("left", "right"), strict=True)
        ]
        if held[0] != _UPRIGHT:
            views = [turn_upright(view, held[0]) for view in views]
        first, second = (_in_colour(view) for view in self._in_bytes(views, left))
        if held[0] != _UPRIGHT and not self._told:
            log.info(
                "%s: turned upright, as its EXIF tag says (orientation %d), and the right view alike", left, held[0]
            )
        self._told = True
        return first, second

    def _in_bytes(self, views: list[np.ndarray], path: Path) -> list[np.ndarray]:
        kinds = {view.dtype.kind for view in views}
        if len({view.dtype for view in views}) > 1:
            names = " and ".join(str(view.dtype) for view in views)
            raise ArgumentError("right", names, "both views must have samples of one kind", "convert them alike")
        if kinds == {"f"}:
            return self._of_floats(views, path)
        if views[0].dtype == np.uint8:
            return views
        highest = max(int(view.max()) for view in views)
        needed = next(bits for bits in _DEPTHS if highest < 1 << bits)
        if needed > self.bits or not self._told:
            self.bits = max(self.bits, needed)
            log.info("%s: samples of %d bits in 16, up to %d; the upper 8 are used", path, self.bits, highest)
        return [(view >> (self.bits - 8)).astype(np.uint8) for view in views]

    def _of_floats(self, views: list[np.ndarray], path: Path) -> list[np.ndarray]:
        highest, lowest = max(float(view.max()) for view in views), min(float(view.min()) for view in views)
        # NaN compares false.
        if not (lowest >= 0 and highest <= 255 and math.isfinite(highest)):
            rule = f"floats from {lowest:g} to {highest:g}: their scale is not known"
            raise ArgumentError("left", path, rule, "save them from 0 to 1 or from 0 to 255, or as 8 or 16 bits")
        top = 1.0 if highest <= 1 and self.top != 255 else 255.0
        if top != self.top:
            self.top = top
            log.info("%s: samples are floats, taken from 0 to %g", path, top)
        return [np.rint(view * (255 / top)).astype(np.uint8) for view in views]


def _read(path: Path, argument: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        rule = f"cannot be read ({error.strerror})"
        raise ArgumentError(argument, path, rule, "give a PNG, PPM or JPEG file") from None


def _samples(data: bytes, path: Path, argument: str) -> np.ndarray:
    try:
        found = decode_samples(data, path)
    except DataError as error:
        raise ArgumentError(argument, path, error.rule, "give a PNG, PPM or JPEG file") from None
    if found.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        rule = f"has samples of {found.dtype}"
        raise ArgumentError(argument, path, rule, "give an image of 8 or 16 bits, or of floats")
    return found


def _in_colour(view: np.ndarray) -> np.ndarray:
    return np.repeat(view[..., None], 3, axis=2) if view.ndim == 2 else view
