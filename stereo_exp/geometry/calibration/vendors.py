"""Calibrations as vendors write them: ZED's conf, RealSense's intrinsics, OAK-D's board, MATLAB's struct."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stereo_exp.base import DataError
from stereo_exp.geometry.calibration.content import find_value, squeeze_name, to_array, to_number
from stereo_exp.geometry.calibration.rigs import (
    UNITS,
    check_baseline,
    choose_scale,
    find_model,
    read_distortion,
    read_matrix,
    read_rotation,
    read_size,
)
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.rectify import Rig, Size

ZED_SIZES: dict[str, Size] = {
    "2k": (2208, 1242),
    "fhd": (1920, 1080),
    "hd": (1280, 720),
    "vga": (672, 376),
    "fhd1200": (1920, 1200),
    "svga": (960, 600),
    "qhdplus": (3800, 1800),
    "4k": (3840, 2160),
}
"""Of one view, by the ending of the sections."""


def is_zed(sections: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether an INI file is one of Stereolabs'."""
    return "stereo" in sections and any(name.startswith("left_cam_") for name in sections)


def build_zed(sections: Mapping[str, Mapping[str, str]], path: Path) -> Rig:
    """The cameras of a ZED at the first size that the file has, with the others beside it; lengths are in mm there.

    R = Rodrigues(RX, CV, RZ), T = (-Baseline, TY, TZ), as the vendor's own OpenCV sample has it.

    Raises:
        DataError: a number is missing or no number.
    """
    rigs = []
    for ending, size in ZED_SIZES.items():
        if not {f"left_cam_{ending}", f"right_cam_{ending}"} <= sections.keys():
            continue
        matrices, bends = [], []
        for view in ("left", "right"):
            name = f"{view}_cam_{ending}"
            fx, fy, cx, cy = (_ini_number(sections, name, key, path) for key in ("fx", "fy", "cx", "cy"))
            matrices.append(read_matrix([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], name, path))
            bends.append(np.array([_ini_number(sections, name, k, path, 0) for k in ("k1", "k2", "p1", "p2", "k3")]))
        spin, shift = ([_of_size(sections, key, ending, path) for key in keys] for keys in (_ZED_SPIN, _ZED_SHIFT))
        baseline = _ini_number(sections, "stereo", "baseline", path)
        translation = np.array([[-baseline], *([each] for each in shift)]) * UNITS["mm"]
        if not baseline > 0:
            raise DataError(path, f"Baseline {baseline:g}", "must be above 0", "fetch the file again")
        rotation = np.asarray(cv2.Rodrigues(np.array(spin).reshape(3, 1))[0])
        rigs.append(Rig((matrices[0], matrices[1]), (bends[0], bends[1]), rotation, translation, size))
    if not rigs:
        known = ", ".join(ending.upper() for ending in ZED_SIZES)
        raise DataError(path, None, f"has no left and right camera of a size that is known ({known})", "fetch it again")
    return replace(rigs[0], others=tuple(rigs[1:]))


_ZED_SPIN, _ZED_SHIFT = ("rx", "cv", "rz"), ("ty", "tz")


def _of_size(sections: Mapping[str, Mapping[str, str]], key: str, ending: str, path: Path) -> float:
    """A number of the stereo section, of one size or of all; 0 where there is none."""
    name = f"{key}_{ending}" if f"{key}_{ending}" in sections["stereo"] else key
    return _ini_number(sections, "stereo", name, path, 0)


def _ini_number(
    sections: Mapping[str, Mapping[str, str]], section: str, key: str, path: Path, absent: float | None = None
) -> float:
    found = to_number(sections[section].get(key), f"[{section}] {key}", path)
    if found is None:
        found = absent
    if found is None:
        raise DataError(path, f"[{section}]", f"has no {key}", "fetch the file again")
    return found


# RealSense: what rs2_intrinsics and rs2_extrinsics hold, under the names that people give the two imagers.

_LEFT = (
    "left",
    "leftir",
    "infrared1",
    "infra1",
    "ir1",
    "irleft",
    "leftintrinsics",
    "infraredleft",
    "fisheye1",
    "depth",
)
_RIGHT = ("right", "rightir", "infrared2", "infra2", "ir2", "irright", "rightintrinsics", "infraredright", "fisheye2")
_EXTRINSICS = (
    *("extrinsics", "lefttoright", "extrinsicslefttoright", "infra1toinfra2", "infrared1toinfrared2", "ir1toir2"),
    *("extrinsicsir1toir2", "extrinsicsinfra1toinfra2", "extrinsicsinfrared1toinfrared2", "stereoextrinsics"),
)


def is_realsense(fields: Mapping[str, Any]) -> bool:
    """Whether there are two imagers with their principal points as librealsense names them."""
    return all(_imager(fields, names) is not None for names in (_LEFT, _RIGHT))


def build_realsense(fields: Mapping[str, Any], path: Path, unit: str | None) -> Calibration | Rig:
    """Two imagers with `fx, fy, ppx, ppy, model, coeffs` each, and from one to the other `rotation`, `translation` (m).

    Without distortion and rotation, as D400 cameras rectify their infrared images themselves, it is a `Calibration`.

    Raises:
        DataError: a number is missing, or a distortion that OpenCV does not have.
    """
    matrices, bends, sizes, models = [], [], [], []
    for names in (_LEFT, _RIGHT):
        imager = _imager(fields, names) or {}
        fx, fy, cx, cy = (to_number(imager.get(key), key, path) for key in ("fx", "fy", "ppx", "ppy"))
        if fx is None or cx is None or cy is None:
            raise DataError(path, names[0], "has no fx, ppx or ppy", "write all of rs2_intrinsics")
        matrices.append(read_matrix([[fx, 0, cx], [0, fx if fy is None else fy, cy], [0, 0, 1]], names[0], path))
        coefficients = imager.get("coeffs")
        bend = np.zeros(5) if coefficients is None else to_array(coefficients, "coeffs", path).ravel()
        model = squeeze_name(imager.get("model", "")).removeprefix("distortion")
        if not bend.any() and model != "kannalabrandt4":
            models.append(False)
        elif model in ("brownconrady", "kannalabrandt4"):
            models.append(find_model({"model": model}, path))
        else:
            rule = "bends images in a way that OpenCV does not have"
            raise DataError(path, f"model {model or 'unknown'}", rule, "record rectified images, or calibrate them")
        bends.append(read_distortion(bend[:4] if models[-1] else bend, "coeffs", path, models[-1]))
        sizes.append(read_size(imager, path) or read_size(fields, path))
    extrinsics = find_value(fields, *_EXTRINSICS)
    inner = {squeeze_name(k): v for k, v in extrinsics.items()} if isinstance(extrinsics, Mapping) else fields
    scale = choose_scale(fields, path, unit)
    rotation, shift = find_value(inner, "rotation", "r"), find_value(inner, "translation", "t")
    baseline = find_value(fields, "baseline", "baselinem", "stereobaseline", "baselinemm", "stereobaselinemm")
    if shift is None and baseline is not None:
        length = to_number(baseline, "baseline", path)
        shift = [-abs(length or 0.0), 0, 0]
        scale = (UNITS["mm"], True) if "baselinemm" in fields or "stereobaselinemm" in fields else scale
    if shift is None:
        raise DataError(path, None, "says nothing about where the imagers stand (translation)", "write rs2_extrinsics")
    translation = to_array(shift, "translation", path).reshape(-1, 1)
    if translation.shape != (3, 1):
        raise DataError(path, f"translation {translation.shape}", "must have 3 numbers", "mend it")
    translation = check_baseline(translation, scale, path)
    # librealsense keeps rotations column by column where they are nine numbers in a row.
    turn = np.eye(3) if rotation is None else read_rotation(rotation, path, "rotation")
    if rotation is not None and to_array(rotation, "rotation", path).ndim == 1:
        turn = turn.T
    rig = Rig((matrices[0], matrices[1]), (bends[0], bends[1]), turn, translation, sizes[0], models[0])
    return _without_work(rig, path)


def _imager(fields: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, Any] | None:
    for name in names:
        found = fields.get(name)
        if isinstance(found, Mapping):
            inner = {squeeze_name(key): value for key, value in found.items()}
            nested = inner.get("intrinsics")
            inner = {squeeze_name(k): v for k, v in nested.items()} if isinstance(nested, Mapping) else inner
            if "ppx" in inner:
                return inner
    return None


def _without_work(rig: Rig, path: Path) -> Calibration | Rig:
    """A `Calibration` where the images need nothing done."""
    (left, right), x = rig.matrices, rig.translation.ravel()
    is_straight = not any(bend.any() for bend in rig.distortions) and not rig.fisheye
    is_level = np.allclose(rig.rotation, np.eye(3), atol=1e-5) and abs(x[0]) > 1e3 * max(abs(x[1]), abs(x[2]))
    if not (
        is_straight and is_level and np.allclose(left[:2, :2], right[:2, :2]) and np.isclose(left[1, 2], right[1, 2])
    ):
        return rig
    if x[0] >= 0:
        rule = "is that of a right imager to the left of the left one"
        raise DataError(path, f"translation {x[0]:g}", rule, "give the extrinsics from left to right")
    centre = float(left[0, 2]), float(left[1, 2])
    return Calibration(float(left[0, 0]), -float(x[0]), float(right[0, 2]) - centre[0], centre, rig.size)


# OAK-D: the calibration of a board, as DepthAI dumps it. Lengths are in cm.


def is_oak(fields: Mapping[str, Any]) -> bool:
    """Whether it is a board's calibration of DepthAI."""
    return isinstance(fields.get("cameradata"), list)


def build_oak(fields: Mapping[str, Any], path: Path) -> Rig:
    """The two mono cameras of an OAK-D board.

    Raises:
        DataError: they are not there, are of unequal kinds, or nothing tells where one stands from the other.
    """
    cameras = _sockets(fields["cameradata"], path)
    stereo = fields.get("stereorectificationdata")
    sockets = {squeeze_name(k): v for k, v in stereo.items()} if isinstance(stereo, Mapping) else {}
    left, right = (sockets.get(f"{view}camerasocket", default) for view, default in (("left", 1), ("right", 2)))
    if left not in cameras or right not in cameras:
        raise DataError(
            path, None, f"has no cameras at sockets {left} and {right}", "dump the board's calibration again"
        )
    matrices, bends, models = [], [], []
    for socket in (left, right):
        camera = cameras[socket]
        kind = camera.get("cameratype", 0)
        models.append(find_model({"cameramodel": {0: "pinhole", 1: "fisheye"}.get(kind, kind)}, path))
        matrices.append(read_matrix(_need(camera, "intrinsicmatrix", path), "intrinsicMatrix", path))
        bend = to_array(_need(camera, "distortioncoeff", path), "distortionCoeff", path).ravel()
        bends.append(read_distortion(bend[:4] if models[-1] else bend, "distortionCoeff", path, models[-1]))
    sizes = [read_size(cameras[socket], path) for socket in (left, right)]
    if models[0] != models[1] or sizes[0] != sizes[1]:
        raise DataError(path, None, "the two cameras differ in kind or size", "dump the board's calibration again")
    rotation, translation = _oak_pose(cameras, left, right, path)
    return Rig(
        (matrices[0], matrices[1]), (bends[0], bends[1]), rotation, translation * UNITS["cm"], sizes[0], models[0]
    )


def _sockets(data: list[Any], path: Path) -> dict[Any, dict[str, Any]]:
    found = {}
    for entry in data:
        if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], Mapping)):
            raise DataError(path, "cameraData", "must hold pairs of socket and camera", "dump the calibration again")
        socket = entry[0] if isinstance(entry[0], int) else str(entry[0])
        found[socket] = {squeeze_name(key): value for key, value in entry[1].items()}
    return found


def _oak_pose(cameras: dict[Any, dict[str, Any]], left: Any, right: Any, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """From the left camera's axes to the right one's, over the cameras in between; cm."""
    pose, at, seen = np.eye(4), left, set()
    reverse, other = np.eye(4), right
    while at != right and at in cameras and at not in seen:
        seen.add(at)
        step, at = _oak_step(cameras[at], path)
        pose = step @ pose
    if at == right:
        return pose[:3, :3], pose[:3, 3:]
    # The chain may run from the right camera to the left one.
    seen = set()
    while other != left and other in cameras and other not in seen:
        seen.add(other)
        step, other = _oak_step(cameras[other], path)
        reverse = step @ reverse
    if other != left:
        raise DataError(path, None, "says nothing about where the cameras stand", "calibrate the board")
    back: np.ndarray = np.linalg.inv(reverse)
    return back[:3, :3], back[:3, 3:]


def _oak_step(camera: Mapping[str, Any], path: Path) -> tuple[np.ndarray, Any]:
    extrinsics = camera.get("extrinsics")
    if not isinstance(extrinsics, Mapping):
        return np.eye(4), None
    inner = {squeeze_name(key): value for key, value in extrinsics.items()}
    shift, turn = inner.get("translation"), inner.get("rotationmatrix")
    if not isinstance(shift, Mapping) or turn is None or turn == []:
        return np.eye(4), None
    step = np.eye(4)
    step[:3, :3] = read_rotation(turn, path, "rotationMatrix")
    step[:3, 3] = [to_number(shift.get(axis), axis, path) or 0.0 for axis in "xyz"]
    return step, inner.get("tocamerasocket")


def _need(fields: Mapping[str, Any], name: str, path: Path) -> object:
    if fields.get(name) is None:
        raise DataError(path, None, f"has no {name}", "mend the file")
    return fields[name]


# MATLAB: toStruct(stereoParams), as JSON or in a .mat file. Pixels are counted from 1 there, matrices multiply rows.


def is_matlab(fields: Mapping[str, Any]) -> bool:
    """Whether it is a struct of stereoParameters."""
    return all(isinstance(fields.get(f"cameraparameters{i}"), Mapping) for i in (1, 2))


def build_matlab(fields: Mapping[str, Any], path: Path, unit: str | None) -> Rig:
    """What `toStruct(stereoParams)` holds, in its own world units (`WorldUnits`), mm where it names none.

    Raises:
        DataError: a field is missing, or the cameras have skew.
    """
    cameras = [{squeeze_name(k): v for k, v in fields[f"cameraparameters{i}"].items()} for i in (1, 2)]
    matrices, bends, size = [], [], None
    for camera in cameras:
        if camera.get("k") is not None:
            matrix: np.ndarray = to_array(camera["k"], "K", path)
        else:
            matrix = to_array(_need(camera, "intrinsicmatrix", path), "IntrinsicMatrix", path).T
        radial = to_array(_need(camera, "radialdistortion", path), "RadialDistortion", path).ravel()
        tangential = to_array(camera.get("tangentialdistortion", [0, 0]), "TangentialDistortion", path).ravel()
        if radial.size not in (2, 3) or tangential.size != 2:
            raise DataError(path, "RadialDistortion", "must have 2 or 3 numbers, TangentialDistortion 2", "mend it")
        bends.append(np.concatenate([radial[:2], tangential, radial[2:]]))
        from_one = read_matrix(matrix, "IntrinsicMatrix", path)
        matrices.append(from_one - np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]]))
        height_width = camera.get("imagesize")
        if height_width is not None and size is None:
            size = read_size({"imagesize": to_array(height_width, "ImageSize", path).ravel()[::-1].tolist()}, path)
    pose = fields.get("posecamera2")
    inner = {squeeze_name(k): v for k, v in pose.items()} if isinstance(pose, Mapping) else {}
    if fields.get("rotationofcamera2") is not None:
        rotation = read_rotation(fields["rotationofcamera2"], path, "RotationOfCamera2").T
        shift = _need(fields, "translationofcamera2", path)
    else:
        rotation, shift = read_rotation(_need(inner, "r", path), path), _need(inner, "translation", path)
    named = cameras[0].get("worldunits") or fields.get("worldunits") or "mm"
    translation = to_array(shift, "TranslationOfCamera2", path).reshape(-1, 1)
    if translation.shape != (3, 1):
        raise DataError(path, f"TranslationOfCamera2 {translation.shape}", "must have 3 numbers", "mend it")
    translation = check_baseline(translation, choose_scale({"worldunits": named}, path, unit), path)
    return Rig((matrices[0], matrices[1]), (bends[0], bends[1]), rotation, translation, size)


def read_mat(data: bytes, path: Path) -> dict[str, Any]:
    """The variables of a .mat file, structs as dictionaries; the one struct's own fields where there is one alone.

    Raises:
        DataError: scipy is not installed or cannot read it; an object of MATLAB instead of a struct.
    """
    fix = "in MATLAB: s = toStruct(stereoParams); writelines(jsonencode(s), 'stereo.json')"
    try:
        from scipy.io import loadmat
    except ImportError:
        raise DataError(
            path, None, "is read by scipy, which is not installed", f"pip install scipy, or {fix}"
        ) from None
    try:
        found = loadmat(io.BytesIO(data), simplify_cells=True)
    except Exception as error:
        # A damaged file may raise nearly anything there.
        raise DataError(path, None, f"is no .mat file up to version 7 ({str(error)[:80]})", fix) from None
    variables = {squeeze_name(name): _plain(value) for name, value in found.items() if not name.startswith("__")}
    structs = [value for value in variables.values() if isinstance(value, dict)]
    if len(structs) == 1 and not is_matlab(variables):
        variables = {squeeze_name(name): value for name, value in structs[0].items()}
    if not is_matlab(variables):
        raise DataError(path, ", ".join(variables) or None, "holds no struct of stereoParameters", fix)
    return variables


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    return value.tolist() if isinstance(value, np.ndarray) and value.dtype != object else value
