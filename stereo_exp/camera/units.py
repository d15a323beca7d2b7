"""Lengths in calibration files."""

UNITS = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}
