"""Cameras as our own `camera.json`, which `read_calibration` reads back."""

from __future__ import annotations

import json
from typing import Any

from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.rectify import Rig


def encode_camera(calibration: Calibration) -> bytes:
    """Of a rectified pair: `fx`, `cx`, `cy`, `doffs` in px, `baseline` in `unit`, and the images' `width` and `height`.

    Depth in m is fx · baseline / (disparity + doffs). What is not known is left out.
    """
    facts: dict[str, Any] = {"fx": float(calibration.focal)}
    if calibration.centre is not None:
        facts |= {"cx": float(calibration.centre[0]), "cy": float(calibration.centre[1])}
    facts |= {"baseline": float(calibration.baseline), "doffs": float(calibration.doffs)}
    if calibration.size is not None:
        facts |= {"width": calibration.size[0], "height": calibration.size[1]}
    return _encode({**facts, "unit": "m"})


def encode_rig(rig: Rig, **more: object) -> bytes:
    """Of two cameras as they were built, under OpenCV's names: K1 D1 K2 D2 R T, size, model; T in `unit`.

    Args:
        more: further facts, which readers pass over.
    """
    facts: dict[str, Any] = {"camera_model": "fisheye" if rig.fisheye else "pinhole"}
    if rig.size is not None:
        facts |= {"image_width": rig.size[0], "image_height": rig.size[1]}
    for i, (matrix, bend) in enumerate(zip(rig.matrices, rig.distortions, strict=True), 1):
        facts |= {f"K{i}": matrix.tolist(), f"D{i}": bend.ravel().tolist()}
    facts |= {"R": rig.rotation.tolist(), "T": rig.translation.ravel().tolist(), "unit": "m"}
    return _encode({**facts, **more})


def _encode(facts: dict[str, Any]) -> bytes:
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in facts.items())
    return f"{{\n{lines}\n}}\n".encode()
