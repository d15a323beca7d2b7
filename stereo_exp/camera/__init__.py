"""Cameras: calibration files, rectification, and what a disparity is worth in metres. numpy and OpenCV only."""
