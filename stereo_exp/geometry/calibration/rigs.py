"""Cameras out of named numbers: OpenCV's fields in all their spellings, focal length and baseline, lengths in units."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stereo_exp.base import ArgumentError, DataError
from stereo_exp.geometry.calibration.content import find_value, squeeze_name, to_array, to_number
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.rectify import Projections, Rig, Size

log = logging.getLogger(__name__)
UNITS = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}
"""Lengths in calibration files."""
LIKELY = (0.001, 5.0)
"""Baselines of cameras that people build, m."""
_UNIT_NAMES = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), "m"),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), "cm"),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), "mm"),
}
# Spellings of a field, lower case without separators, after OpenCV's own sample programs and common tools.
RIG_FIELDS: dict[str, tuple[str, ...]] = {
    "matrix_left": ("m1", "k1", "cameramatrix1", "cameramatrixleft", "leftcameramatrix", "mtx1", "kleft", "kl"),
    "matrix_right": ("m2", "k2", "cameramatrix2", "cameramatrixright", "rightcameramatrix", "mtx2", "kright", "kr"),
    "distortion_left": ("d1", "dist1", "distcoeffs1", "distcoeffsleft", "leftdistcoeffs", "dleft", "dl"),
    "distortion_right": ("d2", "dist2", "distcoeffs2", "distcoeffsright", "rightdistcoeffs", "dright", "dr"),
    "rotation": ("r", "rotation", "rotationmatrix"),
    "translation": ("t", "translation", "translationvector"),
}
_PROJECTION_FIELDS = {"turn_left": ("r1",), "turn_right": ("r2",), "left": ("p1",), "right": ("p2",)}
_MATRIX_FIELDS = ("k", "intrinsicmatrix", "cameramatrix", "intrinsics", "camk")
_PLAIN_FIELDS = {
    "fx": ("fx", "focal", "f", "focallength"),
    "baseline_m": ("baselinemeters", "baselinem", "baselinemetres"),
    "baseline_mm": ("baselinemm", "baselinemillimeters"),
    "baseline": ("baseline",),
    "cx_left": ("cx0", "cx", "cxleft"),
    "cx_right": ("cx1", "cxright"),
    "cy": ("cy", "cy0"),
    "doffs": ("doffs",),
}
_MODEL_FIELDS = ("cameramodel", "distortionmodel", "model")
_FISHEYE_COEFFICIENTS = 4
_MODELS = {"pinhole": False, "": False, "perspective": False, "radtan": False, "plumbbob": False, "none": False}
_MODELS |= {"rationalpolynomial": False, "brownconrady": False, "fisheye": True, "equidistant": True, "equi": True}
_MODELS |= {"kannalabrandt": True, "kannalabrandt4": True}


def build_opencv(fields: Mapping[str, Any], path: Path, unit: str | None) -> Calibration | Rig:
    """Cameras from OpenCV's fields: M1 D1 M2 D2 R T, or R1 R2 P1 P2 with or without them, or Q.

    Args:
        fields: squeezed names (`squeeze_name`).
        unit: of the translation, as somebody said; None: the file's own word, else metres where that is likely.

    Raises:
        DataError: something is missing, no matrix of its kind, or not likely.
    """
    scale = choose_scale(fields, path, unit)
    size = read_size(fields, path)
    has_cameras = all(find_value(fields, *RIG_FIELDS[name]) is not None for name in ("matrix_left", "matrix_right"))
    has_given = all(name in fields for name in ("p1", "p2"))
    if not has_cameras and has_given:
        return _of_projections(fields, path, scale, size)
    if not has_cameras and "q" in fields:
        return _of_q(to_array(fields["q"], "Q", path), path, scale, size)
    is_measured = all(find_value(fields, *RIG_FIELDS[name]) is not None for name in ("rotation", "translation"))
    given = _projections(fields, path, scale) if has_given and "r1" in fields and "r2" in fields else None
    matrices = [
        read_matrix(_required(fields, f"matrix_{view}", path), f"matrix of the {view}", path) for view in _VIEWS
    ]
    is_fisheye = find_model(fields, path)
    is_said = is_fisheye or any(fields.get(name) for name in _MODEL_FIELDS)
    bends = [_required(fields, f"distortion_{view}", path) for view in _VIEWS]
    distortions = [
        read_distortion(bend, f"distortion_{view}", path, is_fisheye) for bend, view in zip(bends, _VIEWS, strict=True)
    ]
    if not is_said and distortions[0].size == _FISHEYE_COEFFICIENTS and any(bend.any() for bend in distortions):
        told = "%s: four distortion coefficients and no camera_model: taken as a pinhole's k1 k2 p1 p2, not a fisheye's"
        log.info(told, path)
    if not is_measured and given is not None:
        return rig_of_projections((matrices[0], matrices[1]), (distortions[0], distortions[1]), given, size, is_fisheye)
    rotation = read_rotation(_required(fields, "rotation", path), path)
    translation = to_array(_required(fields, "translation", path), "T", path)
    if translation.size != 3:
        raise DataError(path, f"T {translation.shape}", "must have 3 numbers", "mend it")
    translation = check_baseline(translation.reshape(3, 1), scale, path)
    return Rig((matrices[0], matrices[1]), (distortions[0], distortions[1]), rotation, translation, size, is_fisheye)


_VIEWS = ("left", "right")


def build_plain(fields: Mapping[str, Any], path: Path, unit: str | None) -> Calibration:
    """A rectified pair from `fx`, `baseline` and what goes with them; see `_PLAIN_FIELDS` for spellings."""
    numbers = {name: to_number(find_value(fields, *names), name, path) for name, names in _PLAIN_FIELDS.items()}
    matrix = find_value(fields, *_MATRIX_FIELDS)
    if numbers["fx"] is None and matrix is not None:
        known = read_matrix(matrix, "K", path)
        numbers |= {"fx": known[0, 0], "cx_left": known[0, 2], "cy": known[1, 2]}
    scale = choose_scale(fields, path, unit)
    name = next((name for name in _BASELINES if numbers[name] is not None), "baseline_m")
    focal, length = numbers["fx"], numbers[name]
    for called, value in (("fx", focal), (name, length)):
        if value is None:
            raise DataError(path, None, f"says no {called}", f"add {called} to the file")
    assert focal is not None and length is not None
    if not focal > 0:
        raise DataError(path, f"fx {focal:g}", "must be above 0", "mend the file")
    if not length > 0:
        fix = f"write {abs(length):g}, or exchange the views where the right one comes first"
        raise DataError(path, f"{name} {length:g}", "must be above 0", fix)
    if (in_metres := _BASELINES[name]) is not None:
        scale = in_metres, True
    baseline = float(check_baseline(np.array([length, 0, 0]), scale, path)[0])
    cx_left, cx_right, cy, doffs = (numbers[name] for name in ("cx_left", "cx_right", "cy", "doffs"))
    if doffs is None:
        doffs = cx_right - cx_left if cx_left is not None and cx_right is not None else 0.0
    centre = None if cx_left is None or cy is None else (cx_left, cy)
    return Calibration(focal, baseline, doffs, centre, read_size(fields, path))


_BASELINES: dict[str, float | None] = {"baseline_m": 1.0, "baseline_mm": UNITS["mm"], "baseline": None}


class UnitError(ArgumentError, DataError):
    """A file whose lengths are unlikely in metres, and that does not say what they are in."""


UnitScale = tuple[float, bool]
"""Metres in a unit, and whether anybody said so."""


def choose_scale(fields: Mapping[str, Any], path: Path, unit: str | None) -> UnitScale:
    """The unit that was asked for, else the one that the file names (`unit`), else metres."""
    if unit is not None:
        return UNITS[unit], True
    named = find_value(fields, "unit", "units", "worldunits", "lengthunit")
    if named is None:
        return 1.0, False
    found = _UNIT_NAMES.get(squeeze_name(named))
    if found is None:
        raise DataError(path, f"unit {str(named)[:40]}", f"must be one of {', '.join(UNITS)}", "mend the file")
    return UNITS[found], True


def check_baseline(translation: np.ndarray, scale: UnitScale, path: Path) -> np.ndarray:
    """The translation in metres.

    Raises:
        DataError: nobody said its unit, and in metres nobody builds such cameras.
    """
    metres, is_said = scale
    length = float(np.linalg.norm(translation))
    if not is_said and not LIKELY[0] <= length <= LIKELY[1]:
        sizes = {name: length * each for name, each in UNITS.items() if LIKELY[0] <= length * each <= LIKELY[1]}
        said = " or ".join(f"{{unit}}={name} ({metres:g} m)" for name, metres in sizes.items())
        rule = f"is {length:g} m if it is in metres, which nobody builds"
        raise UnitError(str(path), f"baseline {length:g}", rule, f"say {said or '{unit}=m'}")
    return translation * metres


def read_size(fields: Mapping[str, Any], path: Path) -> Size | None:
    """Width and height, from two numbers or a list of both; None where the file does not say."""
    width = to_number(find_value(fields, "imagewidth", "width", "imgwidth"), "width", path)
    height = to_number(find_value(fields, "imageheight", "height", "imgheight"), "height", path)
    pair = find_value(fields, "imagesize", "imgsize", "size", "resolution")
    if (width is None or height is None) and pair is not None:
        if isinstance(pair, Mapping):
            inner = {squeeze_name(key): value for key, value in pair.items()}
            return read_size(inner, path) if "size" not in inner and "resolution" not in inner else None
        found = to_array(pair, "size", path)
        if found.size != 2:
            raise DataError(path, f"size of {found.size} numbers", "must be width and height", "mend the file")
        width, height = found.ravel().tolist()
    if width is None or height is None:
        return None
    if not (width >= 1 and height >= 1 and width == int(width) and height == int(height)):
        raise DataError(path, f"size {width:g}x{height:g}", "must be whole numbers of pixels", "mend the file")
    return int(width), int(height)


def find_model(fields: Mapping[str, Any], path: Path, *names: str) -> bool:
    """Whether the lenses are fisheyes, by `camera_model`, `distortion_model` or a flag; pinholes where nothing is said.

    Raises:
        DataError: a model that OpenCV does not have.
    """
    if "fisheye" in fields or "fisheyemodel" in fields or "isfisheye" in fields:
        flag = find_value(fields, "fisheye", "fisheyemodel", "isfisheye")
        return flag is True or str(flag).lower() in ("1", "1.0", "true", "yes")
    is_fisheye = False
    for name in names or _MODEL_FIELDS:
        said = squeeze_name(fields.get(name) or "")
        if said not in _MODELS:
            rule = f"must be one of pinhole, fisheye, and so on ({', '.join(sorted(filter(None, _MODELS)))})"
            raise DataError(path, f"camera model {fields[name]}", rule, "calibrate the cameras with one of these")
        is_fisheye |= _MODELS[said]
    return is_fisheye


def read_matrix(value: object, name: str, path: Path) -> np.ndarray:
    """A 3×3 intrinsic matrix, also as nine numbers in a row."""
    found = to_array(value, name, path)
    if found.size != 9 or (found.ndim == 2 and found.shape not in ((3, 3), (1, 9), (9, 1))):
        raise DataError(path, f"{name} {found.shape}", "must be a matrix of 3×3", "mend it")
    matrix = found.reshape(3, 3)
    if not (matrix[0, 0] > 0 and matrix[1, 1] > 0 and np.allclose(matrix[2], (0, 0, 1))):
        raise DataError(path, name, "is no camera matrix [fx 0 cx; 0 fy cy; 0 0 1]", "mend it")
    return matrix


def read_distortion(value: object, name: str, path: Path, is_fisheye: bool) -> np.ndarray:
    """Coefficients in OpenCV's order, as many as its model has."""
    found = to_array(value, name, path).ravel()
    allowed = (4,) if is_fisheye else (4, 5, 8, 12, 14)
    if found.size not in allowed:
        model = "a fisheye" if is_fisheye else "a pinhole camera"
        rule = f"{model} has {' or '.join(map(str, allowed))} coefficients"
        raise DataError(path, f"{name} of {found.size} numbers", rule, "mend it")
    return found


def read_rotation(value: object, path: Path, name: str = "R") -> np.ndarray:
    """A 3×3 rotation, also as the three numbers of a rotation vector."""
    found = to_array(value, name, path)
    if found.size == 3:
        return np.asarray(cv2.Rodrigues(found.reshape(3, 1))[0])
    if found.size != 9:
        raise DataError(path, f"{name} {found.shape}", "must be a rotation of 3×3", "mend it")
    rotation = found.reshape(3, 3)
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-2) or np.linalg.det(rotation) < 0:
        raise DataError(path, name, "is no rotation (its rows are not at right angles)", "mend it")
    return rotation


def rig_of_projections(
    matrices: tuple[np.ndarray, np.ndarray],
    distortions: tuple[np.ndarray, np.ndarray],
    given: Projections,
    size: Size | None,
    is_fisheye: bool,
) -> Rig:
    """A rig whose rectification is known: rotation and translation follow from it.

    x_rectified = turn_left · x, the same point in the right camera's rectified axes is (baseline, 0, 0) to the left.
    """
    rotation = given.turn_right.T @ given.turn_left
    shift = np.array([[-given.calibration().baseline], [0.0], [0.0]])
    return Rig(matrices, distortions, rotation, given.turn_right.T @ shift, size, is_fisheye, given)


def _required(fields: Mapping[str, Any], name: str, path: Path) -> object:
    value = find_value(fields, *RIG_FIELDS[name])
    if value is None:
        known = ", ".join(RIG_FIELDS[name][:3])
        raise DataError(path, None, f"has no {name.replace('_', ' of the ')} ({known})", "calibrate both cameras")
    return value


def _projections(fields: Mapping[str, Any], path: Path, scale: UnitScale) -> Projections:
    shapes: dict[str, Callable[[np.ndarray], bool]] = {
        **dict.fromkeys(("turn_left", "turn_right"), lambda a: a.size == 9),
        **dict.fromkeys(("left", "right"), lambda a: a.size == 12),
    }
    found = {}
    for name, spellings in _PROJECTION_FIELDS.items():
        value = find_value(fields, *spellings)
        array = np.eye(3) if value is None else to_array(value, spellings[0].upper(), path)
        if not shapes[name](array):
            raise DataError(path, f"{spellings[0].upper()} {array.shape}", "has the wrong shape", "mend it")
        found[name] = array.reshape(3, -1)
    return check_projections(Projections(**found), path, scale)


def check_projections(given: Projections, path: object, scale: UnitScale) -> Projections:
    """Projections with their last column in px · m, the baseline above 0."""
    if not (given.left[0, 0] > 0 and given.right[0, 0] > 0):
        raise DataError(path, f"focal length {given.left[0, 0]:g}", "must be above 0", "mend the file")
    baseline = given.calibration().baseline
    if not baseline > 0:
        rule = "is that of a right camera to the left of the left one, or of one camera alone"
        raise DataError(path, f"baseline {baseline:g}", rule, "exchange the two cameras, or give both files")
    metres = float(check_baseline(np.array([baseline]), scale, Path(str(path)))[0]) / baseline
    left, right = given.left.copy(), given.right.copy()
    left[:, 3] *= metres
    right[:, 3] *= metres
    return given._replace(left=left, right=right)


def _of_projections(fields: Mapping[str, Any], path: Path, scale: UnitScale, size: Size | None) -> Calibration:
    """Of images that are rectified already: without the cameras' matrices nothing can be rectified."""
    return _projections(fields, path, scale).calibration(size)


def _of_q(q: np.ndarray, path: Path, scale: UnitScale, size: Size | None) -> Calibration:
    """From the matrix that turns (x, y, disparity, 1) into a point."""
    if q.shape != (4, 4) or not q[2, 3] > 0 or not q[3, 2] != 0:
        raise DataError(path, f"Q {q.shape}", "is no matrix of cv2.stereoRectify", "mend it, or give P1 and P2")
    length = 1 / float(q[3, 2])
    baseline = float(check_baseline(np.array([abs(length)]), scale, path)[0])
    return Calibration(float(q[2, 3]), baseline, float(q[3, 3]) * length, (-float(q[0, 3]), -float(q[1, 3])), size)
