"""Calibration files of any kind that users have: told apart by what is in them, not by their names."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stereo_exp.base import ArgumentError, DataError
from stereo_exp.geometry.calibration.content import (
    ANOTHER,
    decode_text,
    parse_ini,
    parse_json,
    parse_xml,
    parse_yaml,
    read_bytes,
    squeeze_name,
)
from stereo_exp.geometry.calibration.datasets import parse_k_txt, parse_kitti_calib, parse_middlebury_calib
from stereo_exp.geometry.calibration.rigs import LIKELY, RIG_FIELDS, build_opencv, build_plain
from stereo_exp.geometry.calibration.robots import (
    build_camera_chain,
    build_camera_infos,
    is_camera_chain,
    is_camera_info,
)
from stereo_exp.geometry.calibration.vendors import (
    build_matlab,
    build_oak,
    build_realsense,
    build_zed,
    is_matlab,
    is_oak,
    is_realsense,
    is_zed,
    read_mat,
)
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.rectify import Rig, Size

log = logging.getLogger(__name__)
Cameras = Calibration | Rig
_KINDS = (
    "Middlebury or ETH3D (cam0=), KITTI (P2: or two rows of 12 numbers), OpenCV YAML or XML, ROS camera_info (two "
    "files), Kalibr, ZED, RealSense, OAK-D, MATLAB, K.txt, JSON"
)
_NEEDED_OF_ROS = "is one camera of ROS; the other one's file is needed, too"
_ASPECT = 0.01
_FOCALS = 0.05, 100.0
"""Focal lengths that lenses have, as shares of an image's width."""
_MIDDLE = 0.25
"""A camera's principal point is no nearer to the edge of its image than this share of it."""


def read_calibration(path: str | Path | Sequence[str | Path], unit: str | None = None) -> Cameras:
    """What a calibration file says.

    Args:
        path: the file, or two: of ROS the left camera's and the right one's, of others what belongs together. OpenCV's
            stereo sample writes intrinsics.yml and extrinsics.yml: name one, the other is found beside it.
        unit: of translations and baselines in files that do not say, a key of `UNITS`. None: metres where that makes a
            baseline of 1 mm to 5 m; else the file is refused.

    Returns:
        A `Calibration` of images that are rectified already, or a `Rig` of images that are not.

    Raises:
        DataError: the file is missing, of none of the known kinds, or lacks a number.
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(each) for each in path]
    if len(paths) not in (1, 2):
        raise ArgumentError("path", f"{len(paths)} files", "a calibration is one file or two", "give {path} one or two")
    if len(paths) == 1:
        return _read_one(paths[0], unit)
    contents = [_squeezed(_mapping_of(each)) for each in paths]
    if all(is_camera_info(each) for each in contents):
        return build_camera_infos((contents[0], contents[1]), (paths[0], paths[1]), unit)
    for each, content in zip(paths, contents, strict=True):
        if is_camera_info(content):
            raise DataError(each, None, _NEEDED_OF_ROS, "give both cameras' files, the left one first")
    return _of_fields(contents[1] | contents[0], paths[0], unit)


def _read_one(path: Path, unit: str | None) -> Cameras:
    data = read_bytes(path)
    if data.startswith((b"MATLAB 5.0", b"\x89HDF")):
        return build_matlab(read_mat(data, path), path, unit)
    text = decode_text(data)
    if re.search(r"^\s*\[\w+\]\s*$", text, re.M) and is_zed(sections := parse_ini(text, path)):
        return build_zed(sections, path)
    if re.search(r"^\s*cam0\s*=", text, re.M):
        return parse_middlebury_calib(text.encode(), path)
    if re.search(r"^\s*P(_rect_0)?\d\s*:", text, re.M) and not text.lstrip().startswith("%YAML"):
        colour = re.search(r"^\s*P(_rect_0)?3\s*:", text, re.M)
        return parse_kitti_calib(text.encode(), path, left=2 if colour else 0, right=3 if colour else 1)
    rows = [line.split() for line in text.splitlines() if line.strip()]
    if [len(row) for row in rows] == [12, 12]:
        named = "\n".join(f"P{i}: {' '.join(row)}" for i, row in enumerate(rows))
        return parse_kitti_calib(named.encode(), path, left=0, right=1)
    if [len(row) for row in rows] == [9, 1]:
        return parse_k_txt(text.encode(), path)
    content = _parse(text, path)
    if content is None:
        rule = f"is no calibration file of a known kind: {_KINDS}"
        raise DataError(path, f"{len(data)} bytes", rule, "convert it, or give focal length and baseline")
    if is_camera_chain(content):
        return build_camera_chain(content, path, unit)
    fields = _squeezed(content)
    partner = {"intrinsics": "extrinsics", "extrinsics": "intrinsics"}.get(path.stem)
    if partner is not None and (beside := path.with_stem(partner)).is_file():
        fields = _squeezed(_mapping_of(beside)) | fields
    return _of_fields(fields, path, unit)


def _of_fields(fields: Mapping[str, Any], path: Path, unit: str | None) -> Cameras:
    if is_oak(fields):
        return build_oak(fields, path)
    if is_matlab(fields):
        return build_matlab(fields, path, unit)
    if is_realsense(fields):
        return build_realsense(fields, path, unit)
    if is_camera_info(fields) and "baseline" not in fields:
        raise DataError(path, None, _NEEDED_OF_ROS, "give both cameras' files, the left one first")
    rig_names = {name for names in RIG_FIELDS.values() for name in names if name not in ("k", "f")}
    if rig_names & fields.keys() or {"p1", "p2"} <= fields.keys() or "q" in fields:
        return build_opencv(fields, path, unit)
    return build_plain(fields, path, unit)


def _parse(text: str, path: Path) -> dict[str, Any] | None:
    """The named values of a JSON, XML or YAML text; None where it is none of these."""
    start = text.lstrip()
    if start.startswith("{"):
        return parse_json(text, path)
    if start.startswith(("<?xml", "<opencv_storage")):
        return parse_xml(text, path)
    if start.startswith("%YAML") or re.search(r"^[A-Za-z_]\w*\s*:(\s|$)", text, re.M):
        return parse_yaml(text, path)
    return None


def _mapping_of(path: Path) -> dict[str, Any]:
    found = _parse(decode_text(read_bytes(path)), path)
    if found is None:
        raise DataError(path, None, "holds no named values (YAML, XML, JSON)", ANOTHER)
    return found


def _squeezed(content: Mapping[str, Any]) -> dict[str, Any]:
    return {squeeze_name(name): value for name, value in content.items()}


def fit_cameras(cameras: Cameras, size: Size) -> Cameras:
    """The cameras of images of `size`, width and height in px.

    A calibration for another size is scaled where its images can have been resized to this one: both sides by the same
    factor, within 1 % (some rows may have been cropped). A line of the log says so. Where nothing is said of a size,
    the principal point must lie in the image.

    Raises:
        ArgumentError: the sides differ in scale, or the principal point lies where none can be.
    """
    if isinstance(cameras, Rig) and cameras.size != size:
        cameras = next((other for other in cameras.others if other.size == size), cameras)
    said = cameras.size
    if said is not None:
        across, down = (new / old for new, old in zip(size, said, strict=True))
        if abs(across / down - 1) > _ASPECT:
            rule = f"the images are {size[0]}x{size[1]}: a calibration is scaled where both sides shrink or grow alike"
            raise ArgumentError("rig", f"{said[0]}x{said[1]}", rule, "calibrate at the images' size")
    _check_focal(cameras, said or size)
    _check_centre(cameras, said or size, is_said=said is not None)
    if said is not None and said != size:
        told = "the calibration is for images of %dx%d; scaled by %.4g to %dx%d"
        log.info(told, *said, size[0] / said[0], *size)
    return cameras.resize(size)


def _check_focal(cameras: Cameras, size: Size) -> None:
    focal = cameras.focal if isinstance(cameras, Calibration) else float(cameras.matrices[0][0, 0])
    if not _FOCALS[0] * size[0] <= focal <= _FOCALS[1] * size[0]:
        rule = f"is no focal length, in px, of images {size[0]} px wide"
        raise ArgumentError("rig", f"focal length {focal:.4g}", rule, "give it in px of the images, not in mm")


def _check_centre(cameras: Cameras, size: Size, is_said: bool) -> None:
    """Of a camera that was not rectified, the principal point lies near the middle; of one that was, in the image."""
    if isinstance(cameras, Rig):
        centres = [(float(matrix[0, 2]), float(matrix[1, 2])) for matrix in cameras.matrices]
    else:
        centres = [cameras.centre] if cameras.centre is not None else []
    margin = _MIDDLE if is_said and isinstance(cameras, Rig) else 0.0
    for centre in centres:
        if not all(margin * side <= at <= (1 - margin) * side for at, side in zip(centre, size, strict=True)):
            where = "far from the middle of" if margin else "outside of"
            raise ArgumentError(
                "rig",
                f"principal point {centre[0]:.1f}, {centre[1]:.1f}",
                f"lies {where} images of {size[0]}x{size[1]}: it belongs to another size",
                "give the size that it was calibrated at (image_width, image_height)",
            )


def describe_cameras(calibration: Calibration) -> str:
    """One line on what a rectified pair's depth rests on: focal length, baseline, offset and size."""
    told = f"focal length {calibration.focal:.1f} px, baseline {calibration.baseline:.4g} m"
    if calibration.doffs:
        told += f", doffs {calibration.doffs:.2f} px"
    return told if calibration.size is None else f"{told}, {calibration.size[0]}x{calibration.size[1]} px"


def is_likely(calibration: Calibration) -> bool:
    """Whether people build cameras of such a baseline."""
    return LIKELY[0] <= calibration.baseline <= LIKELY[1]
