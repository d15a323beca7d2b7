"""From light to bytes: how long both cameras expose, how they squeeze highlights, and which pictures nobody would
keep."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.paints import GAMMA

KEYS = (0.12, 0.34)
"""Where a picture's middle light comes to lie, 0..1 as light: the range from which scenes choose."""
_SHOULDER = 0.6  # of the range that is passed on unsqueezed
_STEPS, _MOST = 4096, 8.0
_DARK, _BRIGHT = 10, 250


def choose_exposure(light: np.ndarray, key: float) -> float:
    """The factor that brings a picture's light to a key, with highlights in mind.

    Args:
        light: float32 n×3.
        key: where the middle of it is wanted, 0..1.
    """
    grey = light @ np.array([0.25, 0.6, 0.15], np.float32)
    middle, high = np.percentile(grey, (50, 97))
    wanted = key / max(float(middle), 1e-6)
    # A window in the picture makes the camera shut, one stop at most.
    return min(wanted, max(1.6 / max(float(high), 1e-6), wanted / 2))


def develop(light: np.ndarray, exposure: float) -> np.ndarray:
    """uint8 of the same shape: exposed, with a soft shoulder in place of hard clipping, as bytes of gamma 2.2."""
    # The table is read evenly in the root, or dark colours would share its first entries.
    table = np.linspace(0, 1, _STEPS) ** 2 * _MOST
    beyond = np.maximum(table - _SHOULDER, 0) / (1 - _SHOULDER)
    squeezed = np.minimum(table, _SHOULDER) + (1 - _SHOULDER) * (1 - np.exp(-beyond))
    levels = np.rint(255 * squeezed ** (1 / GAMMA)).astype(np.uint8)
    places = np.sqrt(np.clip(light * np.float32(exposure / _MOST), 0, 1)) * np.float32(_STEPS - 1)
    picture: np.ndarray = levels[(places + np.float32(0.5)).astype(np.int32)]
    return picture


def find_fault(picture: np.ndarray) -> str | None:
    """Why a picture, uint8 H×W×3, teaches nothing: nearly black, burnt out or empty; None where it will do."""
    grey = picture.max(axis=2)
    if (grey < _DARK).mean() > 0.3:
        return "nearly black"
    if (picture.min(axis=2) > _BRIGHT).mean() > 0.3:
        return "burnt out"
    if float(picture.mean(axis=2).std()) < 8:
        return "empty"
    return None
