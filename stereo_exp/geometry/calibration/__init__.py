"""Calibration files of every kind, read without running anything of them, and the cameras that they describe."""

from stereo_exp.geometry.calibration.datasets import (
    parse_kitti_calib,
    parse_middlebury_calib,
    read_kitti_calib,
    read_middlebury_calib,
)
from stereo_exp.geometry.calibration.read import Cameras, describe_cameras, fit_cameras, is_likely, read_calibration
from stereo_exp.geometry.calibration.rigs import UNITS
from stereo_exp.geometry.calibration.robots import build_camera_infos
from stereo_exp.geometry.calibration.write import encode_camera, encode_rig

__all__ = [
    "UNITS",
    "Cameras",
    "build_camera_infos",
    "describe_cameras",
    "encode_camera",
    "encode_rig",
    "fit_cameras",
    "is_likely",
    "parse_kitti_calib",
    "parse_middlebury_calib",
    "read_calibration",
    "read_kitti_calib",
    "read_middlebury_calib",
]
