"""How much light falls on what the cameras see: a shadow ray to the sun and one to another light, and one ray into the
half-space, a pixel.

The other light that a shadow ray goes to is chosen by what each would give unblocked, so that what is left to chance is
whether it is blocked. The ray into the half-space brings the sky, or the light that the surface it hits scatters, which
asks one shadow ray more; what comes after that is one constant of the picture. `smooth` takes out the noise, before any
paint is laid on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stereo_exp.shapes.meshes.backdrop import Behind, ambient
from stereo_exp.shapes.meshes.caster import Hits
from stereo_exp.shapes.meshes.jit import jit
from stereo_exp.shapes.meshes.lights import SUN, Lamps, receive
from stereo_exp.shapes.meshes.material import Looks
from stereo_exp.shapes.meshes.scene import MeshScene
from stereo_exp.shapes.meshes.surfaces import Surface, Triangles

NUMBERS = 8
"""Random numbers that a pixel needs."""
_SPARK = 8.0  # times the mean that one bounced ray may bring
_SHORT = 0.999  # of the way to a light: the lamp itself does not block


class Light(NamedTuple):
    """Light that falls on n places, that of a white surface: float32 n×3 each.

    direct: from lights. bounced: from the sky and from surfaces that lights reach. returned: share of what comes from
    surfaces that would be added for light that comes to them from everywhere.
    """

    direct: np.ndarray
    bounced: np.ndarray
    returned: np.ndarray

    def take(self, rows: np.ndarray) -> Light:
        """Some of the places."""
        return Light(self.direct[rows], self.bounced[rows], self.returned[rows])


def gather_light(scene: MeshScene, surface: Surface, numbers: np.ndarray) -> Light:
    """Light on n places; `numbers` is float32 n×NUMBERS in 0..1."""
    origins, towards, direct, around = _aim(scene.lamps, surface, numbers)
    direct[scene.caster.find_blocked(origins, towards, _SHORT)] = 0
    # A sun that is blocked nearly everywhere, as indoors, would take most rays from the lights that are not.
    if (scene.lamps.kinds == SUN).any():
        sunward, sunlight = _aim_sunward(scene.lamps, surface, numbers, origins)
        sunlight[scene.caster.find_blocked(origins, sunward, _SHORT)] = 0
        direct += sunlight
    hits = scene.caster.cast(origins, around)
    hits.faces[surface.faces < 0] = -1
    bounced, returned, starts, seconds, gained = _bounce(
        scene.triangles, scene.looks, scene.lamps, scene.behind, scene.indoors, hits, origins, around, numbers,
        surface.faces,
    )  # fmt: skip
    gained[scene.caster.find_blocked(starts, seconds, _SHORT)] = 0
    bounced += _level_sparks(gained)
    return Light(direct, bounced, returned)


def _level_sparks(light: np.ndarray) -> np.ndarray:
    """The same with the few brightest places cut, and what that takes given to all: they would stay as blobs."""
    total = light.sum(axis=1)
    lit = total > 0
    if not lit.any():
        return light
    most = np.float32(_SPARK * total.mean())
    kept = np.where(total > most, most / np.maximum(total, 1e-12), 1).astype(np.float32)
    cut = light * kept[:, None]
    cut += (light.mean(axis=0) - cut.mean(axis=0)) * (total.mean() > 0)
    levelled: np.ndarray = cut.astype(np.float32)
    return levelled


def constant_light(light: Light, seen: np.ndarray) -> np.ndarray:
    """What all later bounces add to the light of every place, float32 3, from what the first one brought.

    `seen` is bool n, which places there are. Each further bounce is taken to keep the share of light that surfaces here
    return on average.
    """
    if not seen.any():
        return np.zeros(3, np.float32)
    share = np.minimum(light.returned[seen].mean(axis=0), 0.8)
    first = light.bounced[seen].mean(axis=0)
    constant: np.ndarray = (share * first / (1 - share)).astype(np.float32)
    return constant


@jit
def choose(
    lamps: Lamps, suns: bool, px: float, py: float, pz: float, nx: float, ny: float, nz: float, chance: float, a: float,
    b: float,
) -> tuple[float, float, float, float, float, float]:  # fmt: skip
    """One light, of the suns or of the others, by what it would give: the light as if all went by whether this one is
    blocked, and the way to it."""
    # One pass: each light takes the place of the one before by its share of all so far, and what is left of the random
    # number serves the next.
    total, own = 0.0, 1.0
    last = 0.0, 0.0, 0.0, 0.0, 0.0, 1.0
    for k in range(len(lamps.kinds)):
        if (lamps.kinds[k] == SUN) != suns:
            continue
        red, green, blue, dx, dy, dz = receive(lamps, k, px, py, pz, nx, ny, nz, a, b)
        gain = red + green + blue
        if gain <= 0.0:
            continue
        total += gain
        share = gain / total
        if chance < share:
            chance /= share
            own = gain
            last = red, green, blue, dx, dy, dz
        else:
            chance = (chance - share) / (1.0 - share)
    factor = total / own
    return last[0] * factor, last[1] * factor, last[2] * factor, last[3], last[4], last[5]


@jit
def scatter(nx: float, ny: float, nz: float, first: float, second: float) -> tuple[float, float, float]:
    """A direction about a normal, by the cosine."""
    reach, angle = np.sqrt(first), 2 * np.pi * second
    x, y, z = reach * np.cos(angle), reach * np.sin(angle), np.sqrt(max(1.0 - first, 0.0))
    # Two axes across the normal, without a case (Duff et al., "Building an Orthonormal Basis, Revisited", JCGT 2017).
    sign = 1.0 if nz >= 0 else -1.0
    p = -1.0 / (sign + nz)
    q = nx * ny * p
    return (
        x * (1.0 + sign * nx * nx * p) + y * q + z * nx,
        x * sign * q + y * (sign + ny * ny * p) + z * ny,
        -x * sign * nx - y * ny + z * nz,
    )


@jit
def _aim(lamps: Lamps, surface: Surface, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    count = len(surface.faces)
    origins, towards = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    light, around = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    for i in range(count):
        around[i, 2] = 1.0
        towards[i, 2] = 1.0
        if surface.faces[i] < 0:
            origins[i, 2] = 1e6
            continue
        nx, ny, nz = surface.normals[i, 0], surface.normals[i, 1], surface.normals[i, 2]
        fx, fy, fz = surface.flat[i, 0], surface.flat[i, 1], surface.flat[i, 2]
        lift = 2e-4 + 2e-5 * float(surface.depth[i])
        px = surface.positions[i, 0] + lift * fx
        py = surface.positions[i, 1] + lift * fy
        pz = surface.positions[i, 2] + lift * fz
        origins[i, 0], origins[i, 1], origins[i, 2] = px, py, pz
        red, green, blue, dx, dy, dz = choose(
            lamps, False, px, py, pz, nx, ny, nz, numbers[i, 0], numbers[i, 1], numbers[i, 2]
        )
        if fx * dx + fy * dy + fz * dz > 0:
            light[i, 0], light[i, 1], light[i, 2] = red, green, blue
            towards[i, 0], towards[i, 1], towards[i, 2] = dx, dy, dz
        dx, dy, dz = scatter(nx, ny, nz, numbers[i, 3], numbers[i, 4])
        # What leaves through the surface itself is turned back above it.
        below = min(fx * dx + fy * dy + fz * dz, 0.0)
        around[i, 0], around[i, 1], around[i, 2] = dx - 2 * below * fx, dy - 2 * below * fy, dz - 2 * below * fz
    return origins, towards, light, around


@jit
def _aim_sunward(
    lamps: Lamps, surface: Surface, numbers: np.ndarray, origins: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    towards, light = np.zeros_like(origins), np.zeros_like(origins)
    for i in range(len(surface.faces)):
        towards[i, 2] = 1.0
        if surface.faces[i] < 0:
            continue
        red, green, blue, dx, dy, dz = choose(
            lamps, True, origins[i, 0], origins[i, 1], origins[i, 2], surface.normals[i, 0], surface.normals[i, 1],
            surface.normals[i, 2], numbers[i, 0], numbers[i, 1], numbers[i, 2],
        )  # fmt: skip
        if surface.flat[i, 0] * dx + surface.flat[i, 1] * dy + surface.flat[i, 2] * dz > 0:
            light[i, 0], light[i, 1], light[i, 2] = red, green, blue
            towards[i, 0], towards[i, 1], towards[i, 2] = dx, dy, dz
    return towards, light


@jit
def _bounce(
    triangles: Triangles, looks: Looks, lamps: Lamps, behind: Behind, indoors: bool, hits: Hits, origins: np.ndarray,
    directions: np.ndarray, numbers: np.ndarray, asked: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    count = len(hits.faces)
    light, returned = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    starts, towards, gained = (
        np.zeros((count, 3), np.float32),
        np.zeros((count, 3), np.float32),
        np.zeros((count, 3), np.float32),
    )
    suns = False
    for k in range(len(lamps.kinds)):
        suns = suns or lamps.kinds[k] == SUN
    for i in range(count):
        towards[i, 2] = 1.0
        starts[i, 2] = 1e6
        if asked[i] < 0:
            continue
        face = hits.faces[i]
        dx, dy, dz = directions[i, 0], directions[i, 1], directions[i, 2]
        if face < 0:
            # Indoors the windows stand for the sky, or it would count twice.
            if not indoors:
                light[i, 0], light[i, 1], light[i, 2] = ambient(behind, dx, dy, dz)
            continue
        a, b, c = triangles.corners[face, 0], triangles.corners[face, 1], triangles.corners[face, 2]
        e0, e1, e2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        g0, g1, g2 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        nx, ny, nz = e1 * g2 - e2 * g1, e2 * g0 - e0 * g2, e0 * g1 - e1 * g0
        length = max(np.sqrt(nx * nx + ny * ny + nz * nz), 1e-20)
        if nx * dx + ny * dy + nz * dz > 0:
            length = -length
        nx, ny, nz = nx / length, ny / length, nz / length
        t = hits.distance[i]
        px = origins[i, 0] + t * dx + 1e-3 * nx
        py = origins[i, 1] + t * dy + 1e-3 * ny
        pz = origins[i, 2] + t * dz + 1e-3 * nz
        # Half of the rays go to the sun, where there is one.
        chance, sunny = numbers[i, 5], False
        if suns:
            sunny = chance < 0.5
            chance = 2.0 * chance - (0.0 if sunny else 1.0)
        red, green, blue, tx, ty, tz = choose(
            lamps, sunny, px, py, pz, nx, ny, nz, chance, numbers[i, 6], numbers[i, 7]
        )
        if suns:
            red, green, blue = 2.0 * red, 2.0 * green, 2.0 * blue
        mean = looks.means[triangles.materials[face]]
        returned[i, 0], returned[i, 1], returned[i, 2] = mean[0], mean[1], mean[2]
        starts[i, 0], starts[i, 1], starts[i, 2] = px, py, pz
        towards[i, 0], towards[i, 1], towards[i, 2] = tx, ty, tz
        gained[i, 0], gained[i, 1], gained[i, 2] = red * mean[0], green * mean[1], blue * mean[2]
    return light, returned, starts, towards, gained
