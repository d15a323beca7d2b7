"""Colour images, PNG for the most part: bytes in, RGB out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from stereo_exp.errors import DataError

_FIX = "restore the file from its source, or set on_error=skip to leave it out"


def decode_rgb(data: bytes, source: object = "image") -> np.ndarray:
    """Decode an image file to uint8 H×W×3 in RGB order; grey images repeat their channel.

    Raises:
        DataError: not an image, or truncated or damaged.
    """
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:
        bgr = None
    if bgr is None:
        raise DataError(source, f"{len(data)} bytes", "is not a whole image (truncated or damaged)", _FIX)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def read_rgb(path: Path) -> np.ndarray:
    """`decode_rgb` on a file."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror})", _FIX) from None
    return decode_rgb(data, path)


def encode_png(image: np.ndarray, compression: int = 3) -> bytes:
    """PNG bytes of uint8 H×W×3 RGB, or of uint8 / uint16 H×W grey."""
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    ok, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, compression])
    if not ok:
        raise ValueError(f"cannot encode {image.dtype} {image.shape} as PNG")
    return data.tobytes()
