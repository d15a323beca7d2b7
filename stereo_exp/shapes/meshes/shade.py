"""Colours of a picture: paint at four places in each pixel, under the pixel's light.

Where a pixel and its eight neighbours see one flat patch of one material, the four places lie on it and no ray is cast;
elsewhere, at outlines, in foliage, on wires, four rays are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stereo_exp.shapes.meshes.backdrop import Behind, look_behind
from stereo_exp.shapes.meshes.caster import Hits
from stereo_exp.shapes.meshes.jit import jit
from stereo_exp.shapes.meshes.material import Looks
from stereo_exp.shapes.meshes.paints import Texels, look_up
from stereo_exp.shapes.meshes.surfaces import Surface, Triangles

PLACES = np.array([[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]])
"""Where in a pixel colours are taken, (x, y) px from its middle: on a turned square, so that no two share a row."""
_FLAT = 0.5  # px that a neighbour's place may lie off the pixel's own plane
_SPAN = 0.8  # px whose paint one of the four places averages: with half a pixel, fine paint would differ by view
_STEEPEST = 0.12  # cosine below which paint is not blurred further


class Frame(NamedTuple):
    """A view's geometry for compiled functions: px height and width; focal, px; float64 3 eye; 3×3 axes (right, down,
    forward); the backdrop's depth, metres, and the left camera's eye, from which it is painted."""

    height: int
    width: int
    focal: float
    eye: np.ndarray
    axes: np.ndarray
    far: float
    painter: np.ndarray


@jit
def find_busy(triangles: Triangles, surface: Surface, frame: Frame) -> np.ndarray:
    """Pixels that need rays of their own: bool n. They see more than one flat patch of one material."""
    height, width = frame.height, frame.width
    busy = np.zeros(height * width, np.bool_)
    for y in range(height):
        for x in range(width):
            i = y * width + x
            face = surface.faces[i]
            material = triangles.materials[face] if face >= 0 else -1
            for row in range(max(y - 1, 0), min(y + 2, height)):
                for column in range(max(x - 1, 0), min(x + 2, width)):
                    j = row * width + column
                    other = surface.faces[j]
                    if other == face:
                        continue
                    if other < 0 or face < 0 or triangles.materials[other] != material:
                        busy[i] = True
                        break
                    away = (
                        surface.flat[i, 0] * (surface.positions[j, 0] - surface.positions[i, 0])
                        + surface.flat[i, 1] * (surface.positions[j, 1] - surface.positions[i, 1])
                        + surface.flat[i, 2] * (surface.positions[j, 2] - surface.positions[i, 2])
                    )
                    if abs(away) * frame.focal > _FLAT * surface.depth[i]:
                        busy[i] = True
                        break
                if busy[i]:
                    break
    return busy


@jit
def _share_of(triangles: Triangles, face: int, px: float, py: float, pz: float) -> tuple[float, float]:
    """Shares (u, v) of a triangle's corners at a place in its plane, also outside of it."""
    a, b, c = triangles.corners[face, 0], triangles.corners[face, 1], triangles.corners[face, 2]
    e0, e1, e2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    g0, g1, g2 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    q0, q1, q2 = px - a[0], py - a[1], pz - a[2]
    ee = e0 * e0 + e1 * e1 + e2 * e2
    eg = e0 * g0 + e1 * g1 + e2 * g2
    gg = g0 * g0 + g1 * g1 + g2 * g2
    qe = q0 * e0 + q1 * e1 + q2 * e2
    qg = q0 * g0 + q1 * g1 + q2 * g2
    whole = ee * gg - eg * eg
    if whole <= 0:
        return 0.0, 0.0
    return (gg * qe - eg * qg) / whole, (ee * qg - eg * qe) / whole


@jit
def color_pixels(
    triangles: Triangles, looks: Looks, texels: Texels, behind: Behind, frame: Frame, surface: Surface,
    light: np.ndarray, shine: np.ndarray, numbers: np.ndarray, hits: Hits, places: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Light of each pixel: float32 n×3.

    Args:
        triangles, looks, texels, behind: the scene.
        frame: the view.
        surface: what the pixels' middles see.
        light, shine: float32 n×3, the light on them and what they reflect.
        numbers: int32 n, of the pixel's four rays in `hits`, −1 where it has none.
        hits: of the rays, four a pixel.
        places: float64 4×2.
    """
    height, width = frame.height, frame.width
    out = np.zeros((height * width, 3), np.float32)
    axes = frame.axes
    for y in range(height):
        for x in range(width):
            i = y * width + x
            for s in range(4):
                across = (x + places[s, 0] - (width - 1) * 0.5) / frame.focal
                below = (y + places[s, 1] - (height - 1) * 0.5) / frame.focal
                dx = across * axes[0, 0] + below * axes[1, 0] + axes[2, 0]
                dy = across * axes[0, 1] + below * axes[1, 1] + axes[2, 1]
                dz = across * axes[0, 2] + below * axes[1, 2] + axes[2, 2]
                k = i
                if numbers[i] >= 0:
                    ray = 4 * numbers[i] + s
                    face, u, v, depth = hits.faces[ray], hits.u[ray], hits.v[ray], float(hits.distance[ray])
                else:
                    face = surface.faces[i]
                    u = v = np.float32(0.0)
                    depth = 0.0
                if face < 0:
                    red, green, blue = look_behind(
                        behind,
                        texels,
                        frame.eye[0] + frame.far * dx - frame.painter[0],
                        frame.eye[1] + frame.far * dy - frame.painter[1],
                        frame.eye[2] + frame.far * dz - frame.painter[2],
                        _SPAN / frame.focal,
                    )
                    out[i, 0] += 0.25 * red
                    out[i, 1] += 0.25 * green
                    out[i, 2] += 0.25 * blue
                    continue
                if numbers[i] >= 0:
                    px, py, pz = frame.eye[0] + depth * dx, frame.eye[1] + depth * dy, frame.eye[2] + depth * dz
                    k = _kin(triangles, surface, face, x, y, height, width, px, py, pz, u, v, frame.focal / depth)
                    a, b, c = triangles.normals[face, 0], triangles.normals[face, 1], triangles.normals[face, 2]
                    nx, ny, nz = a[0] + b[0] + c[0], a[1] + b[1] + c[1], a[2] + b[2] + c[2]
                else:
                    nx, ny, nz = surface.flat[i, 0], surface.flat[i, 1], surface.flat[i, 2]
                    slope = nx * dx + ny * dy + nz * dz
                    above = (
                        nx * (surface.positions[i, 0] - frame.eye[0])
                        + ny * (surface.positions[i, 1] - frame.eye[1])
                        + nz * (surface.positions[i, 2] - frame.eye[2])
                    )
                    depth = above / slope if slope < -1e-9 else surface.depth[i]
                    px, py, pz = frame.eye[0] + depth * dx, frame.eye[1] + depth * dy, frame.eye[2] + depth * dz
                    u, v = _share_of(triangles, face, px, py, pz)
                material = triangles.materials[face]
                tint = looks.tints[material]
                red, green, blue = tint[0], tint[1], tint[2]
                paint = looks.paints[material]
                if paint >= 0:
                    length = np.sqrt((nx * nx + ny * ny + nz * nz) * (dx * dx + dy * dy + dz * dz))
                    cos = abs(nx * dx + ny * dy + nz * dz) / max(length, 1e-20)
                    span = _SPAN * triangles.density[face] * depth / (frame.focal * np.sqrt(max(cos, _STEEPEST)))
                    uv = triangles.uv[face]
                    w = 1.0 - u - v
                    r, g, b2 = look_up(
                        texels,
                        paint,
                        w * uv[0, 0] + u * uv[1, 0] + v * uv[2, 0],
                        w * uv[0, 1] + u * uv[1, 1] + v * uv[2, 1],
                        span,
                    )
                    red, green, blue = red * r, green * g, blue * b2
                glow = looks.glows[material]
                if looks.metal[material]:
                    red = red * shine[k, 0] + glow[0]
                    green = green * shine[k, 1] + glow[1]
                    blue = blue * shine[k, 2] + glow[2]
                else:
                    red = red * light[k, 0] + shine[k, 0] + glow[0]
                    green = green * light[k, 1] + shine[k, 1] + glow[1]
                    blue = blue * light[k, 2] + shine[k, 2] + glow[2]
                out[i, 0] += 0.25 * red
                out[i, 1] += 0.25 * green
                out[i, 2] += 0.25 * blue
    return out


@jit
def _kin(
    triangles: Triangles, surface: Surface, face: int, x: int, y: int, height: int, width: int, px: float, py: float,
    pz: float, u: float, v: float, scale: float,
) -> int:  # fmt: skip
    """The pixel around (x, y) whose middle sees the surface that a ray found: its light is the ray's."""
    own = y * width + x
    if surface.faces[own] == face:
        return own
    material = triangles.materials[face]
    corner = triangles.normals[face]
    w = 1.0 - u - v
    nx = w * corner[0, 0] + u * corner[1, 0] + v * corner[2, 0]
    ny = w * corner[0, 1] + u * corner[1, 1] + v * corner[2, 1]
    nz = w * corner[0, 2] + u * corner[1, 2] + v * corner[2, 2]
    best, found = 1e30, own
    for row in range(max(y - 1, 0), min(y + 2, height)):
        for column in range(max(x - 1, 0), min(x + 2, width)):
            j = row * width + column
            other = surface.faces[j]
            if other < 0:
                continue
            ax, ay, az = surface.positions[j, 0] - px, surface.positions[j, 1] - py, surface.positions[j, 2] - pz
            far = np.sqrt(ax * ax + ay * ay + az * az) * scale
            alike = abs(nx * surface.normals[j, 0] + ny * surface.normals[j, 1] + nz * surface.normals[j, 2])
            cost = min(far, 50.0) + 8.0 * (1.0 - alike) + (20.0 if triangles.materials[other] != material else 0.0)
            if other == face:
                cost -= 100.0
            if cost < best:
                best, found = cost, j
    return found
