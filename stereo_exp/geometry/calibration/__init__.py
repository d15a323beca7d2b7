"""Calibration files of every kind, read without running anything of them, and the cameras that they describe."""

from stereo_exp.geometry.calibration.datasets import (
    parse_kitti_calib,
    parse_middlebury_calib,
    read_kitti_calib,
    read_middlebury_calib,
)
from stereo_exp.geometry.calibration.read import Cameras, describe_cameras, fit_cameras, is_likely, read_calibration
from stereo_exp.geometry.calibration.rigs import UNITS

__all__ = [
    "UNITS",
    "Cameras",
    "describe_cameras",
    "fit_cameras",
    "is_likely",
    "parse_kitti_calib",
    "parse_middlebury_calib",
    "read_calibration",
    "read_kitti_calib",
    "read_middlebury_calib",
]
