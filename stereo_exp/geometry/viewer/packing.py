"""What of a pair goes into a page: the left view as JPEG, its maps as packed bytes, all in base64."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

STEP = 1 / 64
"""Of disparities and their errors in a page, px. What is finer is lost; so is what lies beyond 1023 px."""
_MOST = 65535
_QUALITY = 88
_LEVEL = 6


@dataclass(frozen=True)
class Maps:
    """A pair's maps, all of the left view's size.

    Attributes:
        left: uint8 H×W×3 RGB.
        disparity: float H×W px; not finite where it is unknown.
        confidence: float H×W in 0…1.
        error: float H×W px, how far off the disparity is expected to be; None: nobody says.
    """

    left: np.ndarray
    disparity: np.ndarray
    confidence: np.ndarray
    error: np.ndarray | None = None

    def __post_init__(self) -> None:
        size = self.left.shape[:2]
        for name in ("disparity", "confidence", "error"):
            values = getattr(self, name)
            if values is not None and values.shape != size:
                raise ValueError(f"{name} is {values.shape}, the left view {size}")

    def reduce(self, factor: float) -> Maps:
        """`factor` times fewer columns and rows. Disparities are picked: between two of them there is no thing."""
        height, width = self.left.shape[:2]
        size = max(1, round(width / factor)), max(1, round(height / factor))

        def pick(values: np.ndarray) -> np.ndarray:
            return cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)

        left = cv2.resize(self.left, size, interpolation=cv2.INTER_AREA)
        error = None if self.error is None else pick(self.error)
        return Maps(left, pick(self.disparity), pick(self.confidence), error)


def pack_frame(maps: Maps, key: str, size: tuple[int, int]) -> dict[str, Any]:
    """One frame of a page.

    Args:
        key: its name.
        size: height and width of the pair as it was given, px.

    Returns:
        `left`, a JPEG, and `maps`, both in base64, with their sizes in px. `maps`, unpacked by zlib, is a plane of
        differences for each map: the low bytes of the disparity, its high bytes, the confidence; then the low and the
        high bytes of the error where there is one.
    """
    encoded, jpeg = cv2.imencode(".jpg", maps.left[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert encoded
    confidence = np.rint(np.clip(np.nan_to_num(maps.confidence), 0, 1) * 255).astype(np.uint8)
    planes = [*_pack_lengths(maps.disparity), _differences(confidence)]
    if maps.error is not None:
        planes += _pack_lengths(maps.error)
    height, width = maps.left.shape[:2]
    return {
        "key": key,
        "width": width,
        "height": height,
        "full": [size[1], size[0]],
        "left": _base64(jpeg.tobytes()),
        "maps": _base64(zlib.compress(b"".join(plane.tobytes() for plane in planes), _LEVEL)),
    }


def count_bytes(frame: dict[str, Any]) -> int:
    """What a frame takes in a page."""
    return len(frame["left"]) + len(frame["maps"])


def _pack_lengths(values: np.ndarray) -> list[np.ndarray]:
    """px as 16 bits, 0 where they are not known, in two planes of bytes: small differences leave the high one empty."""
    known = np.isfinite(values) & (values >= 0)
    levels = np.where(known, np.rint(np.where(known, values, 0) / STEP) + 1, 0).clip(0, _MOST).astype(np.uint16)
    steps = _differences(levels).view(np.int16)
    folded = ((steps << 1) ^ (steps >> 15)).view(np.uint16)
    return [(folded & 255).astype(np.uint8), (folded >> 8).astype(np.uint8)]


def _differences(levels: np.ndarray) -> np.ndarray:
    """Of each number from its left neighbour, in a row's first column from the one above; modulo its type's range."""
    found = np.diff(levels, axis=1, prepend=levels.dtype.type(0))
    found[:, 0] = np.diff(levels[:, 0], prepend=levels.dtype.type(0))
    return found


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
