"""Noise out of light without blurring edges: an edge-avoiding wavelet (Dammertz et al., HPG 2010) of 3×3 taps a level.

A neighbour counts as far as it lies in the pixel's own plane and faces the same way. Paint is not there yet, so that
its detail cannot suffer.
"""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.jit import jit
from stereo_exp.shapes.meshes.surfaces import Surface

_FLATNESS = 1.5  # px by which a neighbour one step away may leave the plane


def smooth_light(
    light: np.ndarray, surface: Surface, groups: np.ndarray, height: int, width: int, focal: float, levels: int
) -> np.ndarray:
    """Light of a picture's pixels, smoothed over about 2^levels of them to each side.

    Args:
        light: float32 (height·width)×channels.
        surface: what the pixels see.
        groups: int32, pixels that may mix; negative ones are left alone.
        height, width: px.
        focal: px.
        levels: how often taps move apart; 0 leaves it as it is.
    """
    for level in range(levels):
        light = _spread(light, surface, groups, height, width, focal, 1 << level)
    return light


@jit
def _spread(
    light: np.ndarray, surface: Surface, groups: np.ndarray, height: int, width: int, focal: float, step: int
) -> np.ndarray:
    channels = light.shape[1]
    out = np.empty_like(light)
    total = np.empty(channels, np.float32)
    for y in range(height):
        for x in range(width):
            i = y * width + x
            group = groups[i]
            if group < 0:
                out[i] = light[i]
                continue
            weight = np.float32(4.0)
            for k in range(channels):
                total[k] = weight * light[i, k]
            px, py, pz = surface.positions[i, 0], surface.positions[i, 1], surface.positions[i, 2]
            nx, ny, nz = surface.normals[i, 0], surface.normals[i, 1], surface.normals[i, 2]
            sharp = np.float32(focal / (_FLATNESS * step * surface.depth[i]))
            for row in range(-1, 2):
                below = y + row * step
                if below < 0 or below >= height:
                    continue
                for column in range(-1, 2):
                    beside = x + column * step
                    if beside < 0 or beside >= width or (row == 0 and column == 0):
                        continue
                    j = below * width + beside
                    if groups[j] != group:
                        continue
                    away = (
                        nx * (surface.positions[j, 0] - px)
                        + ny * (surface.positions[j, 1] - py)
                        + nz * (surface.positions[j, 2] - pz)
                    )
                    near = np.float32(1.0) - abs(away) * sharp
                    if near <= 0:
                        continue
                    alike = nx * surface.normals[j, 0] + ny * surface.normals[j, 1] + nz * surface.normals[j, 2]
                    if alike <= 0:
                        continue
                    alike *= alike
                    alike *= alike
                    alike *= alike
                    part = near * alike * alike
                    if row == 0 or column == 0:
                        part *= np.float32(2.0)
                    weight += part
                    for k in range(channels):
                        total[k] += part * light[j, k]
            for k in range(channels):
                out[i, k] = total[k] / weight
    return out
