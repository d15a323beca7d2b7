"""Calibration files of any kind that users have: told apart by what is in them, not by their names."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from stereo_exp.base import RESTORE_OR_SKIP, DataError
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.rectify import Rig

# Lengths in calibration files.


UNITS = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}


# Calibration files of stereo data sets: text in, focal length, baseline and principal-point offset out.
#
# Two kinds. Middlebury (2014, 2021, MiddEval3) and ETH3D: lines `cam0=[f 0 cx; 0 f cy; 0 0 1]`, `doffs=`, `baseline=`
# in millimetres. KITTI: lines `P2: ` or `P_rect_02: ` with the twelve numbers of a rectified camera's 3×4 projection
# matrix.


_MILLIMETRE = 1e-3
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?", re.ASCII)
_P_SIZE = 12


def parse_middlebury_calib(data: bytes, source: object = "calib.txt") -> Calibration:
    """Read a calib.txt of Middlebury or ETH3D.

    Args:
        data: the whole file.
        source: what to call it in errors, usually its path.

    Returns:
        Focal length in px of the images beside it, baseline in metres, doffs in px (0 where it is not given), principal
        point in px (None where cam0 is no whole matrix).

    Raises:
        DataError: no text, or `cam0` or `baseline` missing or not a positive number.
    """
    fields = _fields(data, "=", source)
    cam0 = _numbers(_field(fields, "cam0", source), "cam0", source)
    centre = (cam0[2], cam0[5]) if len(cam0) == 9 else None
    focal = _positive(cam0[0], "cam0", source)
    baseline = _positive(_one(_field(fields, "baseline", source), "baseline", source), "baseline", source)
    doffs = _one(fields.get("doffs", "0"), "doffs", source)
    return Calibration(focal, baseline * _MILLIMETRE, doffs, centre)


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
    return Calibration(focal, baseline, cx_right - cx_left, (cx_left, cy_left))


def read_middlebury_calib(path: Path) -> Calibration:
    """`parse_middlebury_calib` on a file."""
    return parse_middlebury_calib(_bytes(path), path)


def read_kitti_calib(path: Path, *, left: int = 2, right: int = 3) -> Calibration:
    """`parse_kitti_calib` on a file."""
    return parse_kitti_calib(_bytes(path), path, left=left, right=right)


def _fields(data: bytes, separator: str, source: object) -> dict[str, str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(source, f"byte {error.start}", "a calibration file is text", RESTORE_OR_SKIP) from None
    pairs = (line.partition(separator) for line in text.splitlines())
    return {name.strip(): value.strip() for name, found, value in pairs if found}


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


_KINDS = "Middlebury or ETH3D (cam0=), KITTI (P2: or two rows of 12 numbers), OpenCV YAML or XML, JSON"
# Spellings of a field, lower case without separators, after OpenCV's own sample programs and common tools.
_RIG_FIELDS: dict[str, tuple[str, ...]] = {
    "matrix_left": ("m1", "k1", "cameramatrix1", "cameramatrixleft", "leftcameramatrix", "mtx1", "kleft", "kl"),
    "matrix_right": ("m2", "k2", "cameramatrix2", "cameramatrixright", "rightcameramatrix", "mtx2", "kright", "kr"),
    "distortion_left": ("d1", "dist1", "distcoeffs1", "distcoeffsleft", "leftdistcoeffs", "dleft", "dl"),
    "distortion_right": ("d2", "dist2", "distcoeffs2", "distcoeffsright", "rightdistcoeffs", "dright", "dr"),
    "rotation": ("r", "rotation", "rotationmatrix"),
    "translation": ("t", "translation", "translationvector"),
}
_SIZE_FIELDS = (("imagewidth", "width"), ("imageheight", "height"))
_PLAIN_FIELDS = {
    "focal": ("fx", "focal", "f", "focallength"),
    "baseline_m": ("baselinemeters", "baselinem", "baselinemetres"),
    "baseline_mm": ("baselinemm", "baselinemillimeters"),
    "baseline": ("baseline",),
    "cx_left": ("cx0", "cx", "cxleft"),
    "cx_right": ("cx1", "cxright"),
    "cy": ("cy", "cy0"),
    "doffs": ("doffs",),
}


def read_calibration(path: Path, unit: str = "m") -> Calibration | Rig:
    """What a calibration file says.

    Args:
        path: the file. OpenCV's stereo sample writes intrinsics.yml and extrinsics.yml: name one, the other is found
            beside it.
        unit: of translations and baselines in files that do not say, a key of `UNITS`.

    Returns:
        A `Calibration` of images that are rectified already, or a `Rig` of images that are not.

    Raises:
        DataError: the file is missing, of none of the known kinds, or lacks a number.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror})", "give another calibration file") from None
    text = data.decode("utf-8", "replace")
    if text.lstrip().startswith(("%YAML", "<?xml")):
        return _rig(_opencv_fields(path, text), path, unit)
    if text.lstrip().startswith("{"):
        return _json(path, text, unit)
    if re.search(r"^\s*cam0\s*=", text, re.M):
        return parse_middlebury_calib(data, path)
    if re.search(r"^\s*P(_rect_0)?\d\s*:", text, re.M):
        colour = re.search(r"^\s*P(_rect_0)?3\s*:", text, re.M)
        return parse_kitti_calib(data, path, left=2 if colour else 0, right=3 if colour else 1)
    rows = [line for line in text.splitlines() if line.strip()]
    if len(rows) == 2 and all(len(row.split()) == 12 for row in rows):
        named = "\n".join(f"P{i}: {row}" for i, row in enumerate(rows))
        return parse_kitti_calib(named.encode(), path, left=0, right=1)
    rule = f"is no calibration file of a known kind: {_KINDS}"
    raise DataError(path, f"{len(data)} bytes", rule, "convert it, or give focal length and baseline")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _opencv_fields(path: Path, text: str) -> dict[str, object]:
    fields = _opencv_storage(path, text)
    partner = {"intrinsics": "extrinsics", "extrinsics": "intrinsics"}.get(path.stem)
    if partner is not None and (beside := path.with_stem(partner)).is_file():
        fields = _opencv_storage(beside, beside.read_text("utf-8", "replace")) | fields
    return fields


def _opencv_storage(path: Path, text: str) -> dict[str, object]:
    try:
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        root = storage.root()
        fields: dict[str, object] = {}
        for name in root.keys():  # noqa: SIM118 (a FileNode, no mapping)
            node = root.getNode(name)
            if node.isMap():
                fields[_plain(name)] = node.mat()
            elif node.isInt() or node.isReal():
                fields[_plain(name)] = node.real()
    except (cv2.error, SystemError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise DataError(path, None, f"OpenCV cannot read it ({reason})", "write it with cv2.FileStorage") from None
    return fields


def _json(path: Path, text: str, unit: str) -> Calibration | Rig:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DataError(path, None, f"is not JSON ({error})", "mend the file") from None
    fields = {_plain(name): value for name, value in content.items()}
    if _find(fields, _RIG_FIELDS["matrix_left"]) is not None:
        return _rig(fields, path, unit)
    numbers = {name: _number(_find(fields, names), name, path) for name, names in _PLAIN_FIELDS.items()}
    focal = numbers["focal"]
    baseline = _first(
        numbers["baseline_m"],
        numbers["baseline_mm"] and numbers["baseline_mm"] * UNITS["mm"],
        numbers["baseline"] and numbers["baseline"] * UNITS[unit],
    )
    for name, value in (("fx", focal), ("baseline_m", baseline)):
        if value is None or not value > 0:
            raise DataError(path, value, f"{name} must be there and above 0", f"add {name} to the file")
    assert focal is not None and baseline is not None
    cx_left, cx_right, cy = numbers["cx_left"], numbers["cx_right"], numbers["cy"]
    doffs = numbers["doffs"]
    if doffs is None:
        doffs = cx_right - cx_left if cx_left is not None and cx_right is not None else 0.0
    return Calibration(focal, baseline, doffs, None if cx_left is None or cy is None else (cx_left, cy))


def _rig(fields: Mapping[str, object], path: Path, unit: str) -> Rig:
    found = {name: _find(fields, spellings) for name, spellings in _RIG_FIELDS.items()}
    for name, value in found.items():
        if value is None:
            known = ", ".join(_RIG_FIELDS[name][:3])
            raise DataError(path, None, f"has no {name.replace('_', ' of the ')} ({known})", "calibrate both cameras")
    shape: dict[str, Callable[[np.ndarray], bool]] = {
        "matrix_left": lambda a: a.shape == (3, 3),
        "matrix_right": lambda a: a.shape == (3, 3),
        "distortion_left": lambda a: a.size in (4, 5, 8, 12, 14),
        "distortion_right": lambda a: a.size in (4, 5, 8, 12, 14),
        "rotation": lambda a: a.shape == (3, 3),
        "translation": lambda a: a.size == 3,
    }
    arrays = {}
    for name, value in found.items():
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(path, name, "must hold numbers", "mend the file") from None
        if not shape[name](array) or not np.isfinite(array).all():
            raise DataError(path, f"{name} {array.shape}", "has the wrong shape, or a number is not finite", "mend it")
        arrays[name] = array
    width, height = (_number(_find(fields, names), names[0], path) for names in _SIZE_FIELDS)
    return Rig(
        (arrays["matrix_left"], arrays["matrix_right"]),
        (arrays["distortion_left"].ravel(), arrays["distortion_right"].ravel()),
        arrays["rotation"],
        arrays["translation"].reshape(3, 1) * UNITS[unit],
        (int(width), int(height)) if width and height else None,
    )


def _find(fields: Mapping[str, object], spellings: tuple[str, ...]) -> object | None:
    return next((fields[name] for name in spellings if name in fields), None)


def _number(value: object, name: str, path: Path) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise DataError(path, value, f"{name} must be a finite number", "mend the file")
    return float(value)


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
