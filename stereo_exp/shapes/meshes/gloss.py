"""What glossy surfaces and metal reflect: one ray a pixel about the mirror direction, and the lights' own
highlights."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.backdrop import Behind, ambient
from stereo_exp.shapes.meshes.caster import Hits
from stereo_exp.shapes.meshes.irradiance import scatter
from stereo_exp.shapes.meshes.jit import jit
from stereo_exp.shapes.meshes.lights import SUN, Lamps, receive
from stereo_exp.shapes.meshes.material import Looks
from stereo_exp.shapes.meshes.paints import Texels, look_up
from stereo_exp.shapes.meshes.scene import MeshScene
from stereo_exp.shapes.meshes.surfaces import Surface, Triangles

NUMBERS = 2
"""Random numbers that a pixel needs."""
_BRIGHTEST = 4.0  # of one highlight, in units of the surface's own light: sparks would be clipped anyway


def find_glossy(scene: MeshScene, surface: Surface) -> np.ndarray:
    """The material of each of n places where it reflects, −1 elsewhere: int32 n."""
    material = scene.triangles.materials[np.maximum(surface.faces, 0)]
    shines = (scene.looks.gloss[material] > 0) | scene.looks.metal[material]
    return np.where(shines & (surface.faces >= 0), material, -1).astype(np.int32)


def reflect_light(
    scene: MeshScene, surface: Surface, eye: np.ndarray, level: np.ndarray, shade: np.ndarray, numbers: np.ndarray
) -> np.ndarray:
    """Light that n glossy places send to the eye, before a metal's own colour: float32 n×3.

    Args:
        scene: what is around.
        surface: the places.
        eye: float64 3.
        level: float32 3, the picture's mean light, for what a reflection shows.
        shade: float32 n, the share of lights that is not blocked, for highlights.
        numbers: float32 n×NUMBERS in 0..1.
    """
    origins, directions, factors, cones, light = _aim(
        scene.triangles, scene.looks, scene.lamps, surface, eye, shade, numbers
    )
    hits = scene.caster.cast(origins, directions)
    _see(
        scene.triangles, scene.looks, scene.texels, scene.lamps, scene.behind, hits, origins, directions, cones,
        factors, level, light,
    )  # fmt: skip
    return light


@jit
def _aim(
    triangles: Triangles, looks: Looks, lamps: Lamps, surface: Surface, eye: np.ndarray, shade: np.ndarray,
    numbers: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    count = len(surface.faces)
    origins, directions, light = (
        np.zeros((count, 3), np.float32),
        np.zeros((count, 3), np.float32),
        np.zeros((count, 3), np.float32),
    )
    factors, cones = np.zeros(count, np.float32), np.zeros(count, np.float32)
    for i in range(count):
        material = triangles.materials[surface.faces[i]]
        base = 1.0 if looks.metal[material] else looks.gloss[material]
        rough = looks.roughness[material]
        alpha = rough * rough
        nx, ny, nz = surface.normals[i, 0], surface.normals[i, 1], surface.normals[i, 2]
        fx, fy, fz = surface.flat[i, 0], surface.flat[i, 1], surface.flat[i, 2]
        px, py, pz = surface.positions[i, 0], surface.positions[i, 1], surface.positions[i, 2]
        vx, vy, vz = eye[0] - px, eye[1] - py, eye[2] - pz
        length = np.sqrt(vx * vx + vy * vy + vz * vz)
        vx, vy, vz = vx / length, vy / length, vz / length
        lift = 2e-4 + 2e-5 * length
        px, py, pz = px + lift * fx, py + lift * fy, pz + lift * fz
        # A half vector by the distribution of facets (GGX; Walter et al., EGSR 2007).
        chance = numbers[i, 0] * 0.95  # the tail's few rays would stay as sparks
        cos = np.sqrt((1.0 - chance) / (1.0 + (alpha * alpha - 1.0) * chance))
        hx, hy, hz = scatter(nx, ny, nz, 1.0 - cos * cos, numbers[i, 1])
        along = vx * hx + vy * hy + vz * hz
        dx, dy, dz = 2 * along * hx - vx, 2 * along * hy - vy, 2 * along * hz - vz
        below = min(fx * dx + fy * dy + fz * dz, 0.0)
        dx, dy, dz = dx - 2 * below * fx, dy - 2 * below * fy, dz - 2 * below * fz
        facing = max(nx * vx + ny * vy + nz * vz, 0.0)
        grazing = (1.0 - facing) ** 5
        factor = base + (max(1.0 - rough, base) - base) * grazing
        origins[i, 0], origins[i, 1], origins[i, 2] = px, py, pz
        directions[i, 0], directions[i, 1], directions[i, 2] = dx, dy, dz
        factors[i], cones[i] = factor, alpha
        for k in range(len(lamps.kinds)):
            red, green, blue, lx, ly, lz = receive(lamps, k, px, py, pz, nx, ny, nz, 0.5, 0.5)
            if red + green + blue <= 0:
                continue
            length = np.sqrt(lx * lx + ly * ly + lz * lz)
            lx, ly, lz = lx / length, ly / length, lz / length
            # A light of some size makes a wider, dimmer highlight.
            size = lamps.sizes[k] if lamps.kinds[k] == SUN else np.sqrt(lamps.sizes[k]) / length
            wide = min(alpha + 0.3 * size, 1.0)
            mx, my, mz = lx + vx, ly + vy, lz + vz
            length = max(np.sqrt(mx * mx + my * my + mz * mz), 1e-6)
            square = (nx * mx + ny * my + nz * mz) / length
            spread = square * square * (wide * wide - 1.0) + 1.0
            peak = min(factor * wide * wide / (4.0 * spread * spread), _BRIGHTEST) * shade[i]
            light[i, 0] += red * peak
            light[i, 1] += green * peak
            light[i, 2] += blue * peak
    return origins, directions, factors, cones, light


@jit
def _see(
    triangles: Triangles, looks: Looks, texels: Texels, lamps: Lamps, behind: Behind, hits: Hits, origins: np.ndarray,
    directions: np.ndarray, cones: np.ndarray, factors: np.ndarray, level: np.ndarray, light: np.ndarray,
) -> None:  # fmt: skip
    for i in range(len(hits.faces)):
        dx, dy, dz = directions[i, 0], directions[i, 1], directions[i, 2]
        face = hits.faces[i]
        if face < 0:
            red, green, blue = ambient(behind, dx, dy, dz)
        else:
            material = triangles.materials[face]
            u, v = hits.u[i], hits.v[i]
            w = 1.0 - u - v
            mean = looks.means[material]
            red, green, blue = mean[0], mean[1], mean[2]
            if looks.paints[material] >= 0:
                uv, tint = triangles.uv[face], looks.tints[material]
                length = np.sqrt(dx * dx + dy * dy + dz * dz)
                span = triangles.density[face] * hits.distance[i] * length * (cones[i] + 0.004)
                red, green, blue = look_up(
                    texels,
                    looks.paints[material],
                    w * uv[0, 0] + u * uv[1, 0] + v * uv[2, 0],
                    w * uv[0, 1] + u * uv[1, 1] + v * uv[2, 1],
                    span,
                )
                red, green, blue = red * tint[0], green * tint[1], blue * tint[2]
            corner = triangles.normals[face, 0]
            nx, ny, nz = corner[0], corner[1], corner[2]
            if nx * dx + ny * dy + nz * dz > 0:
                nx, ny, nz = -nx, -ny, -nz
            t = hits.distance[i]
            px, py, pz = origins[i, 0] + t * dx, origins[i, 1] + t * dy, origins[i, 2] + t * dz
            # Half of what lights would give, and half of the picture's mean: nobody counts shadows in a reflection.
            a, b, c = level[0], level[1], level[2]
            for k in range(len(lamps.kinds)):
                r, g, s, _, _, _ = receive(lamps, k, px, py, pz, nx, ny, nz, 0.5, 0.5)
                a, b, c = a + r, b + g, c + s
            glow = looks.glows[material]
            red = 0.5 * red * a + glow[0]
            green = 0.5 * green * b + glow[1]
            blue = 0.5 * blue * c + glow[2]
        light[i, 0] += factors[i] * red
        light[i, 1] += factors[i] * green
        light[i, 2] += factors[i] * blue
