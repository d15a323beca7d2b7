"""Calibration files of stereo data sets: text in, focal length, baseline and principal-point offset out.

Three kinds. Middlebury (2014, 2021, MiddEval3) and ETH3D: lines `cam0=[f 0 cx; 0 f cy; 0 0 1]`, `doffs=`, `baseline=`
in millimetres. KITTI: lines `P2: ` or `P_rect_02: ` with the twelve numbers of a rectified camera's 3×4 projection
matrix. FoundationStereo's K.txt: a line with nine numbers, one with the baseline in metres.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from stereo_exp.base import RESTORE_OR_SKIP, DataError
from stereo_exp.geometry.pair import Calibration

_MILLIMETRE = 1e-3
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?", re.ASCII)
_P_SIZE, _K_SIZE = 12, 9


def parse_middlebury_calib(data: bytes, source: object = "calib.txt") -> Calibration:
    """Read a calib.txt of Middlebury or ETH3D.

    Args:
        data: the whole file.
        source: what to call it in errors, usually its path.

    Returns:
        Focal length in px of the images beside it, baseline in metres, doffs in px (0 where it is not given), principal
        point in px (None where cam0 is no whole matrix), and the images' size where it is given.

    Raises:
        DataError: no text, or `cam0` or `baseline` missing or not a positive number.
    """
    fields = _fields(data, "=", source)
    cam0 = _numbers(_field(fields, "cam0", source), "cam0", source)
    centre = (cam0[2], cam0[5]) if len(cam0) == 9 else None
    focal = _positive(cam0[0], "cam0", source)
    baseline = _positive(_one(_field(fields, "baseline", source), "baseline", source), "baseline", source)
    doffs = _one(fields.get("doffs", "0"), "doffs", source)
    return Calibration(focal, baseline * _MILLIMETRE, doffs, centre, _size(fields.get("width"), fields.get("height")))


def parse_kitti_calib(data: bytes, source: object = "calib.txt", *, left: int = 2, right: int = 3) -> Calibration:
    """Read a calibration file of KITTI 2012 (`calib/`, `P2:`) or 2015 (`calib_cam_to_cam/`, `P_rect_02:`).

    A rectified camera's matrix is [f 0 cx tx; 0 f cy 0; 0 0 1 0] with tx = -f · (its x in metres), so that two
    cameras are (tx_left - tx_right) / f apart.

    Args:
        data: the whole file.
        source: what to call it in errors.
        left, right: numbers of the two cameras; 0 and 1 are grey, 2 and 3 colour.

    Raises:
        DataError: no text, a matrix missing or malformed, or a focal length or baseline that is not positive.
    """
    fields = _fields(data, ":", source)
    matrices = []
    for camera in (left, right):
        name = next((n for n in (f"P{camera}", f"P_rect_0{camera}") if n in fields), f"P{camera}")
        matrix = _numbers(_field(fields, name, source), name, source)
        if len(matrix) != _P_SIZE:
            raise DataError(source, f"{len(matrix)} numbers", f"{name} must have {_P_SIZE}", RESTORE_OR_SKIP)
        matrices.append(matrix)
    (focal, _, cx_left, tx_left), (_, _, cx_right, tx_right) = matrices[0][:4], matrices[1][:4]
    cy_left = matrices[0][6]
    _positive(focal, f"P{left}", source)
    baseline = _positive((tx_left - tx_right) / focal, "baseline", source)
    size = _size(*fields.get(f"S_rect_0{left}", "").split()[:2])
    return Calibration(focal, baseline, cx_right - cx_left, (cx_left, cy_left), size)


def parse_k_txt(data: bytes, source: object = "K.txt") -> Calibration:
    """Read a K.txt of FoundationStereo: the left camera's 3×3 matrix in one line, the baseline in metres in the next.

    Raises:
        DataError: no text, other than ten numbers, or a focal length or baseline that is not positive.
    """
    numbers = _numbers(_text(data, source), "K", source)
    if len(numbers) != _K_SIZE + 1:
        raise DataError(source, f"{len(numbers)} numbers", f"must have {_K_SIZE} and the baseline", RESTORE_OR_SKIP)
    focal = _positive(numbers[0], "fx", source)
    return Calibration(focal, _positive(numbers[9], "baseline", source), 0.0, (numbers[2], numbers[5]))


def read_middlebury_calib(path: Path) -> Calibration:
    """`parse_middlebury_calib` on a file."""
    return parse_middlebury_calib(_bytes(path), path)


def read_kitti_calib(path: Path, *, left: int = 2, right: int = 3) -> Calibration:
    """`parse_kitti_calib` on a file."""
    return parse_kitti_calib(_bytes(path), path, left=left, right=right)


def _fields(data: bytes, separator: str, source: object) -> dict[str, str]:
    pairs = (line.partition(separator) for line in _text(data, source).splitlines())
    return {name.strip(): value.strip() for name, found, value in pairs if found}


def _text(data: bytes, source: object) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(source, f"byte {error.start}", "a calibration file is text", RESTORE_OR_SKIP) from None


def _size(width: str | None = None, height: str | None = None) -> tuple[int, int] | None:
    """Width and height; None where one is missing or no whole number of pixels."""
    found = [float(text) for text in (width, height) if text is not None and _NUMBER.fullmatch(text)]
    if len(found) == 2 and all(side >= 1 and side == int(side) for side in found if math.isfinite(side)):
        return int(found[0]), int(found[1])
    return None


def _field(fields: dict[str, str], name: str, source: object) -> str:
    if name not in fields:
        raise DataError(source, None, f"has no line for {name}", RESTORE_OR_SKIP)
    return fields[name]


def _numbers(text: str, name: str, source: object) -> list[float]:
    """The numbers of a line or of a matrix in Matlab's brackets; at least one."""
    words = re.sub(r"[\[\];,]", " ", text).split()
    values = [float(word) for word in words if _NUMBER.fullmatch(word)]
    if not values or len(values) != len(words) or not all(map(math.isfinite, values)):
        raise DataError(source, f"{name} {text}", "must be finite numbers", RESTORE_OR_SKIP)
    return values


def _one(text: str, name: str, source: object) -> float:
    values = _numbers(text, name, source)
    if len(values) != 1:
        raise DataError(source, f"{name} {text}", "must be one number", RESTORE_OR_SKIP)
    return values[0]


def _positive(value: float, name: str, source: object) -> float:
    if not (value > 0 and math.isfinite(value)):
        raise DataError(source, f"{name} {value:g}", "must be greater than 0", RESTORE_OR_SKIP)
    return value


def _bytes(path: Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror})", RESTORE_OR_SKIP) from None
