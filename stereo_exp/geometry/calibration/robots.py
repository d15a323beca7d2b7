"""Calibrations as robots have them: ROS `camera_info`, one file a camera, and Kalibr's camera chain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stereo_exp.base import DataError
from stereo_exp.geometry.calibration.content import find_value, squeeze_name, to_array
from stereo_exp.geometry.calibration.rigs import (
    check_baseline,
    check_projections,
    choose_scale,
    find_model,
    read_distortion,
    read_matrix,
    read_rotation,
    read_size,
    rig_of_projections,
)
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.rectify import Projections, Rig

_MODELS_OF_OTHERS = "omni, eucm, ds, fov and the like are not OpenCV's"


def is_camera_info(fields: Mapping[str, Any]) -> bool:
    """Whether they are one camera of ROS: as `camera_calibration` writes it, or a message `sensor_msgs/CameraInfo`."""
    return ("cameramatrix" in fields and "projectionmatrix" in fields) or {"k", "d", "r", "p"} <= fields.keys()


def build_camera_infos(
    views: tuple[Mapping[str, Any], Mapping[str, Any]], paths: tuple[Path, Path], unit: str | None
) -> Calibration | Rig:
    """Two cameras of ROS, left and right, rectified as their `projection_matrix` says.

    Cameras whose images need nothing done (no distortion, no rotation, the projection of the camera itself) make a
    `Calibration`.

    Raises:
        DataError: a matrix is missing, the sizes differ, or the projections are of one camera or exchanged.
    """
    sizes = [read_size(fields, path) for fields, path in zip(views, paths, strict=True)]
    if sizes[0] != sizes[1]:
        rule = f"is for images of another size than the left one, {_shown(sizes[0])}"
        raise DataError(paths[1], _shown(sizes[1]), rule, "give both cameras' files at one size")
    matrices, bends, turns, projects, models = [], [], [], [], []
    for fields, path in zip(views, paths, strict=True):
        models.append(find_model(fields, path, "distortionmodel"))
        matrices.append(read_matrix(_part(fields, path, "cameramatrix", "k"), "camera_matrix", path))
        bend = find_value(fields, "distortioncoefficients", "d")
        is_straight = bend is None or _is_empty(bend)
        coefficients = np.zeros(4) if is_straight else to_array(bend, "distortion_coefficients", path)
        bends.append(read_distortion(coefficients, "distortion_coefficients", path, models[-1]))
        turn = find_value(fields, "rectificationmatrix", "r")
        turns.append(np.eye(3) if turn is None else read_rotation(turn, path, "rectification_matrix"))
        projection = to_array(_part(fields, path, "projectionmatrix", "p"), "projection_matrix", path)
        if projection.size != 12:
            raise DataError(path, f"projection_matrix {projection.shape}", "must be a matrix of 3×4", "mend it")
        projects.append(projection.reshape(3, 4))
    if models[0] != models[1]:
        raise DataError(paths[1], None, "has another distortion model than the left camera", "calibrate both alike")
    scale = choose_scale(views[0], paths[0], unit)
    given = check_projections(Projections(turns[0], turns[1], projects[0], projects[1]), paths[1], scale)
    cameras = zip(matrices, bends, turns, projects, strict=True)
    if not models[0] and all(_needs_nothing(*camera) for camera in cameras):
        return given.calibration(sizes[0])
    return rig_of_projections((matrices[0], matrices[1]), (bends[0], bends[1]), given, sizes[0], models[0])


def _needs_nothing(matrix: np.ndarray, bend: np.ndarray, turn: np.ndarray, project: np.ndarray) -> bool:
    return not bend.any() and np.allclose(turn, np.eye(3)) and np.allclose(project[:, :3], matrix)


def is_camera_chain(content: Mapping[str, Any]) -> bool:
    """Whether they are cameras of a Kalibr camchain."""
    cameras = [content.get(name) for name in ("cam0", "cam1")]
    return all(isinstance(camera, Mapping) and "intrinsics" in camera for camera in cameras)


def build_camera_chain(content: Mapping[str, Any], path: Path, unit: str | None) -> Rig:
    """The cameras cam0, the left one, and cam1 of a Kalibr camchain; translations are in metres there.

    Raises:
        DataError: another camera model than `pinhole`, another distortion than radtan, equidistant or none, or no
            `T_cn_cnm1`.
    """
    cameras = [{squeeze_name(key): value for key, value in content[name].items()} for name in ("cam0", "cam1")]
    matrices, bends, models, sizes = [], [], [], []
    for name, fields in zip(("cam0", "cam1"), cameras, strict=True):
        if squeeze_name(fields.get("cameramodel", "pinhole")) != "pinhole":
            fix = "calibrate with pinhole-radtan or pinhole-equi"
            raise DataError(path, f"{name} {fields['cameramodel']}", _MODELS_OF_OTHERS, fix)
        models.append(find_model(fields, path, "distortionmodel"))
        values = to_array(fields["intrinsics"], f"{name} intrinsics", path).ravel()
        if values.size != 4 or not (values[:2] > 0).all():
            raise DataError(
                path, f"{name} intrinsics", "must be fu, fv, pu, pv, the first two above 0", "mend the file"
            )
        matrices.append(np.array([[values[0], 0, values[2]], [0, values[1], values[3]], [0, 0, 1]]))
        bend = fields.get("distortioncoeffs")
        coefficients = np.zeros(4) if bend is None or _is_empty(bend) else to_array(bend, f"{name} distortion", path)
        bends.append(read_distortion(coefficients, f"{name} distortion_coeffs", path, models[-1]))
        sizes.append(read_size(fields, path))
    if models[0] != models[1] or sizes[0] != sizes[1]:
        raise DataError(path, None, "cam0 and cam1 differ in model or resolution", "calibrate both alike")
    pose = to_array(_part(cameras[1], path, "tcncnm1"), "T_cn_cnm1", path)
    if pose.shape != (4, 4):
        raise DataError(path, f"T_cn_cnm1 {pose.shape}", "must be a matrix of 4×4", "mend it")
    translation = check_baseline(pose[:3, 3:], choose_scale({}, path, unit), path)
    rotation = read_rotation(pose[:3, :3], path, "T_cn_cnm1")
    return Rig((matrices[0], matrices[1]), (bends[0], bends[1]), rotation, translation, sizes[0], models[0])


def _part(fields: Mapping[str, Any], path: Path, *names: str) -> object:
    value = find_value(fields, *names)
    if value is None:
        raise DataError(path, None, f"has no {names[0]}", "calibrate both cameras")
    return value


def _is_empty(value: object) -> bool:
    data = value.get("data") if isinstance(value, Mapping) else value
    return isinstance(data, list) and not data


def _shown(size: tuple[int, int] | None) -> str:
    return "no size" if size is None else f"{size[0]}x{size[1]}"
