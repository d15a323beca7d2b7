"""Noise out of light without blurring edges: an edge-avoiding wavelet (Dammertz et al., HPG 2010) of 3×3 taps a level.

A neighbour counts as far as it lies in the pixel's own plane and faces the same way. Paint is not there yet, so that
its detail cannot suffer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stereo_exp.shapes.meshes.jit import jit
from stereo_exp.shapes.meshes.surfaces import Surface

_FLATNESS = 1.5  # px by which a neighbour one step away may leave the plane


class Sheet(NamedTuple):
    """A picture's pixels: px height and width; focal, px; what they see; int32 groups, pixels that may mix, negative
    ones left alone."""

    height: int
    width: int
    focal: float
    surface: Surface
    groups: np.ndarray


def smooth_light(light: np.ndarray, sheet: Sheet, levels: int) -> np.ndarray:
    """Light of a picture's pixels, float32 n×3, smoothed over about 2^levels of them to each side."""
    for level in range(levels):
        light, _ = _spread(light, light, False, sheet, 1 << level)
    return light


def smooth_two(first: np.ndarray, second: np.ndarray, sheet: Sheet, levels: tuple[int, int]) -> np.ndarray:
    """The sum of two lights, float32 n×3 each, the second smoothed over more levels than the first."""
    for level in range(levels[0]):
        first, second = _spread(first, second, True, sheet, 1 << level)
    for level in range(levels[0], levels[1]):
        second, _ = _spread(second, second, False, sheet, 1 << level)
    total: np.ndarray = first + second
    return total


@jit
def _spread(
    first: np.ndarray, second: np.ndarray, both: bool, sheet: Sheet, step: int
) -> tuple[np.ndarray, np.ndarray]:
    height, width, surface, groups = sheet.height, sheet.width, sheet.surface, sheet.groups
    out, other = np.empty_like(first), np.empty_like(first if both else first[:1])
    one, two, four = np.float32(1.0), np.float32(2.0), np.float32(4.0)
    for y in range(height):
        for x in range(width):
            i = y * width + x
            group = groups[i]
            if group < 0:
                out[i] = first[i]
                if both:
                    other[i] = second[i]
                continue
            weight = four
            a0, a1, a2 = four * first[i, 0], four * first[i, 1], four * first[i, 2]
            b0, b1, b2 = four * second[i, 0], four * second[i, 1], four * second[i, 2]
            px, py, pz = surface.positions[i, 0], surface.positions[i, 1], surface.positions[i, 2]
            nx, ny, nz = surface.normals[i, 0], surface.normals[i, 1], surface.normals[i, 2]
            sharp = np.float32(sheet.focal / (_FLATNESS * step * surface.depth[i]))
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
                    near = one - abs(away) * sharp
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
                        part *= two
                    weight += part
                    a0 += part * first[j, 0]
                    a1 += part * first[j, 1]
                    a2 += part * first[j, 2]
                    if both:
                        b0 += part * second[j, 0]
                        b1 += part * second[j, 1]
                        b2 += part * second[j, 2]
            whole = one / weight
            out[i, 0], out[i, 1], out[i, 2] = a0 * whole, a1 * whole, a2 * whole
            if both:
                other[i, 0], other[i, 1], other[i, 2] = b0 * whole, b1 * whole, b2 * whole
    return out, other
