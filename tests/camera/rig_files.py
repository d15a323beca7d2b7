"""One rig in every format that calibrations come in, written as the tools that users have write it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from scipy.io import savemat

from stereo_exp.geometry.rectify import Rig

Write = Callable[[Path, Rig], tuple[Path | list[Path], str | None]]
"""Writes into a folder; returns what to read, and the unit to say, None where the file says it."""


def _opencv(folder: Path, name: str, fields: dict[str, Any]) -> Path:
    path = folder / name
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for key, value in fields.items():
        storage.write(key, value if isinstance(value, int | str) else np.asarray(value, np.float64))
    storage.release()
    return path


def opencv_fields(rig: Rig, scale: float = 1.0) -> dict[str, Any]:
    width, height = rig.size or (0, 0)
    fields = {
        **{f"K{i + 1}": matrix for i, matrix in enumerate(rig.matrices)},
        **{f"D{i + 1}": bend for i, bend in enumerate(rig.distortions)},
        "R": rig.rotation,
        "T": rig.translation * scale,
        "image_width": width,
        "image_height": height,
    }
    return fields | ({"camera_model": "fisheye"} if rig.fisheye else {})


def opencv_yaml(folder: Path, rig: Rig) -> tuple[Path, str | None]:
    return _opencv(folder, "rig.yml", opencv_fields(rig, 1e3)), "mm"


def opencv_xml(folder: Path, rig: Rig) -> tuple[Path, str | None]:
    return _opencv(folder, "rig.xml", opencv_fields(rig, 1e2)), "cm"


def opencv_json(folder: Path, rig: Rig) -> tuple[Path, str | None]:
    return _opencv(folder, "rig.json", opencv_fields(rig)), "m"


def opencv_two_files(folder: Path, rig: Rig) -> tuple[list[Path], str | None]:
    fields = opencv_fields(rig)
    inner = {key: value for key, value in fields.items() if key[0] in "KDic"}
    return [_opencv(folder, "cams.yml", inner), _opencv(folder, "pose.yml", {k: fields[k] for k in "RT"})], "m"


def plain_lists(folder: Path, rig: Rig) -> tuple[Path, str | None]:
    width, height = rig.size or (0, 0)
    lines = ["%YAML:1.0", "---", f"imageSize: [ {width}, {height} ]", f"fisheye_model: {int(rig.fisheye)}"]
    for i, (matrix, bend) in enumerate(zip(rig.matrices, rig.distortions, strict=True), 1):
        lines += [f"K{i}: {matrix.ravel().tolist()}", f"D{i}: {bend.tolist()}"]
    lines += [f"R: {rig.rotation.tolist()}", f"T: {rig.translation.ravel().tolist()}"]
    (folder / "plain.yml").write_text("\n".join(lines) + "\n")
    return folder / "plain.yml", "m"


def marked_json(folder: Path, rig: Rig) -> tuple[Path, str | None]:
    fields = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in opencv_fields(rig).items()}
    (folder / "marked.json").write_text(json.dumps({**fields, "unit": "m"}), encoding="utf-8-sig")
    return folder / "marked.json", None


def marked_utf16(folder: Path, rig: Rig) -> tuple[Path, str | None]:
    path, unit = plain_lists(folder, rig)
    path.write_text(path.read_text(), encoding="utf-16")
    return path, unit


def kalibr(folder: Path, rig: Rig) -> tuple[Path, str | None]:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3:] = rig.rotation, rig.translation
    cameras = {}
    for i, (matrix, bend) in enumerate(zip(rig.matrices, rig.distortions, strict=True)):
        cameras[f"cam{i}"] = {
            "camera_model": "pinhole",
            "intrinsics": [float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2))],
            "distortion_model": "equidistant" if rig.fisheye else "radtan",
            "distortion_coeffs": bend[:4].tolist(),
            "resolution": list(rig.size or ()),
            "rostopic": f"/cam{i}/image_raw",
        }
    cameras["cam1"]["T_cn_cnm1"] = pose.tolist()
    (folder / "camchain.yaml").write_text(yaml.safe_dump(cameras))
    return folder / "camchain.yaml", None


def zed(folder: Path, rig: Rig) -> tuple[Path, str | None]:
    spin = cv2.Rodrigues(rig.rotation)[0].ravel().tolist()
    shift = (rig.translation.ravel() * 1e3).tolist()
    lines = []
    for view, matrix, bend in zip(("LEFT", "RIGHT"), rig.matrices, rig.distortions, strict=True):
        values = {"fx": matrix[0, 0], "fy": matrix[1, 1], "cx": matrix[0, 2], "cy": matrix[1, 2]}
        values |= dict(zip(("k1", "k2", "p1", "p2", "k3"), bend.tolist(), strict=True))
        for ending, factor in (("2K", 2.0), ("HD", 1.0)):
            lines.append(f"[{view}_CAM_{ending}]")
            lines += [f"{k}={v * (factor if k[0] in 'fc' else 1):.17g}" for k, v in values.items()]
    lines += ["[STEREO]", f"Baseline={-shift[0]:.17g}", f"TY={shift[1]:.17g}", f"TZ={shift[2]:.17g}"]
    for ending in ("2K", "HD"):
        lines += [f"{k}_{ending}={v:.17g}" for k, v in zip(("RX", "CV", "RZ"), spin, strict=True)]
    (folder / "SN1.conf").write_text("\r\n".join(lines))
    return folder / "SN1.conf", None


def realsense(folder: Path, rig: Rig) -> tuple[Path, str | None]:
    width, height = rig.size or (0, 0)
    content: dict[str, Any] = {}
    for name, matrix, bend in zip(("infrared1", "infrared2"), rig.matrices, rig.distortions, strict=True):
        content[name] = {
            "width": width,
            "height": height,
            "fx": matrix[0, 0],
            "fy": matrix[1, 1],
            "ppx": matrix[0, 2],
            "ppy": matrix[1, 2],
            "coeffs": [*bend.tolist(), *[0.0] * (5 - len(bend))],
            "model": "distortion.kannala_brandt4" if rig.fisheye else "distortion.brown_conrady",
        }
    content["extrinsics"] = {
        "rotation": rig.rotation.T.ravel().tolist(),
        "translation": rig.translation.ravel().tolist(),
    }
    (folder / "realsense.json").write_text(json.dumps(content))
    return folder / "realsense.json", None


def oak(folder: Path, rig: Rig) -> tuple[Path, str | None]:
    """From the left camera over the colour one to the right one, as boards are calibrated."""
    width, height = rig.size or (0, 0)
    middle = np.eye(4)
    middle[:3, :3], middle[:3, 3] = cv2.Rodrigues(np.array([0.01, 0.02, -0.01]))[0], [-3.75, 0.1, 0.2]
    whole = np.eye(4)
    whole[:3, :3], whole[:3, 3:] = rig.rotation, rig.translation * 100
    steps = {1: (middle, 0), 0: (whole @ np.linalg.inv(middle), 2), 2: (np.eye(4), -1)}
    cameras = []
    for socket, (step, to) in steps.items():
        matrix, bend = rig.matrices[socket == 2], rig.distortions[socket == 2]
        shift = dict(zip("xyz", step[:3, 3].tolist(), strict=True))
        cameras.append(
            [
                socket,
                {
                    "cameraType": int(rig.fisheye),
                    "distortionCoeff": [*bend.tolist(), *[0.0] * (14 - len(bend))],
                    "extrinsics": {
                        "rotationMatrix": step[:3, :3].tolist() if to >= 0 else [],
                        "specTranslation": shift,
                        "toCameraSocket": to,
                        "translation": shift,
                    },
                    "height": height,
                    "width": width,
                    "intrinsicMatrix": matrix.tolist(),
                    "lensPosition": 0,
                },
            ]
        )
    sockets = {"leftCameraSocket": 1, "rightCameraSocket": 2}
    content = {"boardName": "OAK-D", "cameraData": cameras, "stereoRectificationData": sockets}
    (folder / "oak.json").write_text(json.dumps(content))
    return folder / "oak.json", None


def matlab_struct(rig: Rig) -> dict[str, Any]:
    """As `toStruct(stereoParams)`: rows are multiplied, pixels counted from 1, millimetres."""
    content: dict[str, Any] = {}
    for i, (matrix, bend) in enumerate(zip(rig.matrices, rig.distortions, strict=True), 1):
        ones = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]])
        content[f"CameraParameters{i}"] = {
            "RadialDistortion": [bend[0], bend[1], bend[4]],
            "TangentialDistortion": [bend[2], bend[3]],
            "ImageSize": list((rig.size or ())[::-1]),
            "WorldUnits": "millimeters",
            "IntrinsicMatrix": (matrix + ones).T.tolist(),
        }
    content["RotationOfCamera2"] = rig.rotation.T.tolist()
    content["TranslationOfCamera2"] = (rig.translation.ravel() * 1e3).tolist()
    return content


def matlab_json(folder: Path, rig: Rig) -> tuple[Path, str | None]:
    (folder / "stereo.json").write_text(json.dumps(matlab_struct(rig)))
    return folder / "stereo.json", None


def matlab_mat(folder: Path, rig: Rig) -> tuple[Path, str | None]:
    savemat(folder / "stereo.mat", {"s": matlab_struct(rig)}, do_compression=True)
    return folder / "stereo.mat", None


RIGS: dict[str, Write] = {
    each.__name__: each
    for each in (
        *(opencv_yaml, opencv_xml, opencv_json, opencv_two_files, plain_lists, marked_json, marked_utf16),
        *(kalibr, zed, realsense, oak, matlab_json, matlab_mat),
    )
}
PINHOLE_ONLY = {"zed", "matlab_json", "matlab_mat"}


def camera_infos(folder: Path, rig: Rig, given: tuple[np.ndarray, ...], as_message: bool) -> list[Path]:
    """Two files of ROS, as `camera_calibration` writes them or as `ros2 topic echo` prints them."""
    paths = []
    for i, view in enumerate(("left", "right")):
        model = "equidistant" if rig.fisheye else "plumb_bob"
        parts = {"camera_matrix": rig.matrices[i], "distortion_coefficients": rig.distortions[i][None]}
        parts |= {"rectification_matrix": given[i], "projection_matrix": given[2 + i]}
        width, height = rig.size or (0, 0)
        if as_message:
            content: dict[str, Any] = {"header": {"frame_id": view}, "height": height, "width": width}
            content |= {"distortion_model": model}
            content |= {k: v.ravel().tolist() for k, v in zip("kdrp", parts.values(), strict=True)}
        else:
            content = {"image_width": width, "image_height": height, "camera_name": view, "distortion_model": model}
            content |= {
                name: {"rows": len(part), "cols": part.shape[1], "data": part.ravel().tolist()}
                for name, part in parts.items()
            }
        paths.append(folder / f"{view}.yaml")
        paths[-1].write_text(yaml.safe_dump(content))
    return paths
