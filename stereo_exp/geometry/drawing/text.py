"""Text in pictures, with OpenCV alone: measured, wrapped, shortened, smooth.

OpenCV 5 draws its Hershey fonts with outlines and knows Latin, Greek and Cyrillic letters; OpenCV 4 draws them with pen
strokes and knows ASCII only, so that other characters are spelt in ASCII there.
"""

from __future__ import annotations

import math
import unicodedata

import cv2
import numpy as np

BLACK, GREY = (32, 32, 32), (96, 96, 96)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_OUTLINES = hasattr(cv2, "FontFace")
# Strokes are thin at the sizes of captions: they are drawn twice as large and two pixels wide, then halved.
_ENLARGED, _THICKNESS = 2, 1 if _OUTLINES else 2
_CAPITAL = 21.0  # height of a capital letter at font scale 1, px, in both
_SPELT = {
    "·": "|",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "…": "...",
    "’": "'",
    "“": '"',
    "”": '"',
    "≥": ">=",
    "≤": "<=",
}


def spell_ascii(text: str) -> str:
    """The text in printable ASCII: letters without their accents, signs in the spelling of typewriters, else `?`."""
    spelt = "".join(_SPELT.get(character, character) for character in text)
    bare = "".join(c for c in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" else "?" for c in bare)


def measure_text(text: str, size: float) -> int:
    """Width in px of one line whose capital letters are `size` px high."""
    (width, _), _ = cv2.getTextSize(_drawable(text), _FONT, _scale(size), _THICKNESS)
    return math.ceil(width / _ENLARGED)


def shorten_text(text: str, size: float, width: float) -> str:
    """The text, its end replaced by `...` where it would be wider than `width` px."""
    if measure_text(text, size) <= width:
        return text
    while text and measure_text(f"{text}...", size) > width:
        text = text[:-1]
    return f"{text.rstrip()}..."


def wrap_text(text: str, size: float, width: float) -> list[str]:
    """Lines of at most `width` px, broken at spaces and where the text has line ends; a longer word is shortened."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if line and measure_text(longer, size) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return [shorten_text(line, size, width) for line in lines]


def draw_text(
    picture: np.ndarray,
    text: str,
    place: tuple[float, float],
    size: float,
    align: str = "left",
    color: tuple[int, int, int] = BLACK,
) -> None:
    """Draw one line into a picture, in place; what would lie outside is cut off.

    Args:
        picture: uint8 H×W×3 RGB.
        text: any characters; see the module on those that the font lacks.
        place: x of the text's left end, middle or right end, and y of the middle of its capital letters, px.
        size: height of capital letters, px.
        align: `left`, `centre` or `right`, what x is of.
        color: RGB.
    """
    width, reach = measure_text(text, size), math.ceil(1.5 * size)
    margin = math.ceil(size / 2)  # letters may lean out of their measured width a little
    strip = np.zeros((_ENLARGED * 2 * reach, _ENLARGED * (width + 2 * margin)), np.uint8)
    baseline = _ENLARGED * reach + round(_ENLARGED * size / 2)
    origin = (_ENLARGED * margin, baseline)
    cv2.putText(strip, _drawable(text), origin, _FONT, _scale(size), 255, _THICKNESS, cv2.LINE_AA)
    ink = cv2.resize(strip, None, fx=1 / _ENLARGED, fy=1 / _ENLARGED, interpolation=cv2.INTER_AREA)
    left = round(place[0] - {"left": 0.0, "centre": 0.5, "right": 1.0}[align] * width) - margin
    top = round(place[1]) - reach
    _blend(picture, ink, left, top, color)


def _blend(picture: np.ndarray, ink: np.ndarray, left: int, top: int, color: tuple[int, int, int]) -> None:
    rows = slice(max(top, 0), min(top + ink.shape[0], picture.shape[0]))
    columns = slice(max(left, 0), min(left + ink.shape[1], picture.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    part = ink[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    share = part[:, :, None].astype(np.float32) / 255
    below = picture[rows, columns].astype(np.float32)
    picture[rows, columns] = np.rint(below + (np.array(color, np.float32) - below) * share).astype(np.uint8)


def _drawable(text: str) -> str:
    line = " ".join(text.split())
    return line if _OUTLINES else spell_ascii(line)


def _scale(size: float) -> float:
    return _ENLARGED * size / _CAPITAL
