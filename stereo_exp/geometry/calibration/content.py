"""The bytes of a foreign calibration file as plain values: numbers, texts, lists, dictionaries; nothing of it is run.

OpenCV's FileStorage writes past its buffers where a matrix contradicts its own size, so that no foreign file goes
through it: YAML is read by PyYAML's safe loader, XML by Python's own parser, and OpenCV's two forms of a matrix by
`to_array`.
"""

from __future__ import annotations

import codecs
import configparser
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from stereo_exp.base import DataError

MOST_BYTES = 4 << 20
"""A calibration file is smaller than this; longer ones are refused unread."""
_DEEPEST = 12
_MOST_NUMBERS = 1 << 16
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?", re.ASCII)
_OPENCV_HEADER = re.compile(r"\A\s*%YAML[: ]\s*1\.\d[^\n]*\n")
_TAGS = ("opencv-matrix", "opencv-nd-matrix", "opencv-sequence")
ANOTHER = "give another calibration file"


def read_bytes(path: Path) -> bytes:
    """All of a file.

    Raises:
        DataError: it cannot be read, or is too long for a calibration.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(path, None, f"cannot be read ({reason})", ANOTHER) from None
    if len(data) > MOST_BYTES:
        raise DataError(path, None, f"has more than {MOST_BYTES >> 20} MB, too many for a calibration", ANOTHER)
    return data


def decode_text(data: bytes) -> str:
    """UTF-8, or what the byte order mark says (Notepad and PowerShell write one), without it."""
    name = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    return data.decode(name, "replace")


def parse_json(text: str, path: Path) -> dict[str, Any]:
    """The object that a JSON text holds."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(path, None, f"is not JSON ({_reason(error)})", "mend the file") from None
    return _mapping(found, path)


def parse_yaml(text: str, path: Path) -> dict[str, Any]:
    """The mapping that a YAML text holds, OpenCV's `%YAML:1.0` among them."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Knows OpenCV's tags for what they are: mappings."""

    def construct(loader: Any, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        return loader.construct_sequence(node, deep=True)

    for tag in _TAGS:
        Loader.add_constructor(f"tag:yaml.org,2002:{tag}", construct)
    try:
        found = yaml.load(_OPENCV_HEADER.sub("", text), Loader)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise DataError(path, None, f"is not YAML ({_reason(error)})", "mend the file") from None
    return _mapping(found, path)


def parse_xml(text: str, path: Path) -> dict[str, Any]:
    """The nodes of OpenCV's XML."""
    if "<!" in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL):
        raise DataError(path, None, "declares entities, which no calibration needs", "write it with cv2.FileStorage")
    try:
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
        return _mapping(_element(root, 0), path)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise DataError(path, None, f"is not XML ({_reason(error)})", "mend the file") from None


def parse_ini(text: str, path: Path) -> dict[str, dict[str, str]]:
    """Sections of an INI file, names in lower case."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise DataError(path, None, f"is no INI file ({_reason(error)})", "mend the file") from None
    return {name.lower(): dict(parser[name]) for name in parser.sections()}


def squeeze_name(name: object) -> str:
    """A field's name in lower case, letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def find_value(fields: Mapping[str, Any], *spellings: str) -> Any | None:
    """The first of these fields that is there; spellings are squeezed names."""
    return next((fields[name] for name in spellings if fields.get(name) is not None), None)


def to_number(value: object, name: str, path: Path) -> float | None:
    """A finite float, also of a text; None stays None.

    Raises:
        DataError: anything else.
    """
    if value is None:
        return None
    found = _as_float(value)
    if found is None or not math.isfinite(found):
        raise DataError(path, f"{name} {str(value)[:40]}", "must be a finite number", "mend the file")
    return found


def to_array(value: object, name: str, path: Path) -> np.ndarray:
    """Floats of OpenCV's matrices, of lists, nested or plain, or of texts; matrices and nested lists keep their shape.

    Raises:
        DataError: what is no number or not finite, a matrix that contradicts its size, or too many of them.
    """
    shape, values = _unpack(value, name, path)
    if not values or len(values) > _MOST_NUMBERS or not all(map(math.isfinite, values)):
        raise DataError(path, f"{name} of {len(values)} numbers", "must hold finite numbers", "mend the file")
    array = np.array(values, np.float64)
    if shape is not None:
        # Sizes are compared as they stand: a product of 64 bits could come out right by accident.
        if any(not 0 < side <= len(values) for side in shape) or math.prod(shape) != len(values):
            rule = f"says {'×'.join(str(side)[:12] for side in shape)}, and holds {len(values)} numbers"
            raise DataError(path, name, rule, "mend the file")
        array = array.reshape(shape)
    return array


def _unpack(value: object, name: str, path: Path) -> tuple[tuple[int, ...] | None, list[float]]:
    """The shape that it says, if any, and its numbers."""
    if isinstance(value, np.ndarray):
        return value.shape, [float(each) for each in value.ravel().tolist()]
    if isinstance(value, Mapping):
        fields = {squeeze_name(key): each for key, each in value.items()}
        sizes = [fields.get("rows"), fields.get("cols")] if "rows" in fields else fields.get("sizes")
        if "data" not in fields or sizes is None:
            raise DataError(path, name, "must be a matrix with its size and data", "mend the file")
        counted = [_as_float(each) for each in _flatten(sizes, name, path)]
        if any(count is None or not math.isfinite(count) or count != int(count) for count in counted):
            raise DataError(path, name, "says no whole numbers for its size", "mend the file")
        return tuple(int(count) for count in counted if count is not None), _floats(fields["data"], name, path)
    nested = isinstance(value, list) and value and all(isinstance(row, list) and row for row in value)
    if nested:
        rows = [_floats(row, name, path) for row in value]  # type: ignore[attr-defined]
        if len({len(row) for row in rows}) == 1:
            return (len(rows), len(rows[0])), [each for row in rows for each in row]
    return None, _floats(value, name, path)


def _floats(value: object, name: str, path: Path) -> list[float]:
    found = [_as_float(each) for each in _flatten(value, name, path)]
    if any(each is None for each in found):
        raise DataError(path, name, "must hold numbers", "mend the file")
    return [each for each in found if each is not None]


def _flatten(value: object, name: str, path: Path, depth: int = 0) -> list[object]:
    if depth > _DEEPEST:
        raise DataError(path, name, "is nested too deep", "mend the file")
    if isinstance(value, str):
        return list(re.split(r"[\s,;]+", value.strip("[]() \t\r\n")))
    if not isinstance(value, list | tuple):
        return [value]
    found: list[object] = []
    for each in value:
        found += _flatten(each, name, path, depth + 1)
        if len(found) > _MOST_NUMBERS:
            raise DataError(path, name, f"holds more than {_MOST_NUMBERS} numbers", "mend the file")
    return found


def _as_float(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        # YAML 1.1 takes 1e-5 for a text: it has no dot.
        return float(value) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return None


def _element(element: ElementTree.Element, depth: int) -> Any:
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    if len(element) == 0:
        return (element.text or "").strip()
    return {child.tag: _element(child, depth + 1) for child in element}


def _mapping(found: object, path: Path) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise DataError(path, None, "holds no named values", "mend the file")
    return {str(name): value for name, value in found.items()}


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
