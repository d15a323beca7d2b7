"""What lights a scene: a sun, lamps, windows.

Light is counted so that a white surface square to a sun of colour (1, 1, 1) is seen as 1: irradiance is divided by π
throughout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stereo_exp.shapes.meshes.jit import jit

Vector = tuple[float, float, float]
SUN, _LAMP, _WINDOW = 0, 1, 2
_FAR = 1000.0  # metres that a ray to the sun runs
_ROUND = 2 * math.pi


@dataclass(frozen=True)
class Sun:
    """Light from far away.

    Args:
        direction: towards it, of any length.
        color: RGB light of a white surface square to it.
        radius: radians of its disc; 0.005 is a clear day's, 0.2 a hazy one's.
    """

    direction: Vector
    color: Vector
    radius: float = 0.01


@dataclass(frozen=True)
class Lamp:
    """A ball of light.

    Args:
        position: metres.
        color: RGB light of a white surface 1 m from it.
        radius: metres.
    """

    position: Vector
    color: Vector
    radius: float = 0.05


@dataclass(frozen=True)
class Window:
    """A rectangle that gives light to one side: a window in the room's wall, a panel, a screen.

    Args:
        position: its middle, metres.
        across, along: from the middle to the middle of two edges, metres; the light goes towards across × along.
        color: RGB light of the pane itself.
    """

    position: Vector
    across: Vector
    along: Vector
    color: Vector


Light = Sun | Lamp | Window


class Lamps(NamedTuple):
    """Lights in columns: int32 kinds; float32 n×3 places, across, along, normals and colors; float32 sizes: a sun's and
    a lamp's radius, a window's area."""

    kinds: np.ndarray
    places: np.ndarray
    across: np.ndarray
    along: np.ndarray
    normals: np.ndarray
    colors: np.ndarray
    sizes: np.ndarray


def pack_lights(lights: Sequence[Light]) -> Lamps:
    """Lay lights in columns; none at all will do."""
    rows: list[tuple[int, Vector, Vector, Vector, Vector, Vector, float]] = []
    nowhere = (0.0, 0.0, 0.0)
    for each in lights:
        if isinstance(each, Sun):
            towards = _unit(np.array(each.direction))
            first = _unit(np.cross(towards, (0.0, 0.0, 1.0) if abs(towards[2]) < 0.9 else (1.0, 0.0, 0.0)))
            rows.append((SUN, nowhere, _triple(first), _triple(np.cross(towards, first)), _triple(towards),
                         each.color, each.radius))  # fmt: skip
        elif isinstance(each, Lamp):
            rows.append((_LAMP, each.position, nowhere, nowhere, nowhere, each.color, each.radius))
        else:
            facing = np.cross(each.across, each.along)
            area = 4 * float(np.linalg.norm(facing))
            rows.append((_WINDOW, each.position, each.across, each.along, _triple(_unit(facing)), each.color, area))
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    places, across, along, normals, colors = (np.array(column, np.float32).reshape(-1, 3) for column in columns[1:6])
    kinds, sizes = np.array(columns[0], np.int32), np.array(columns[6], np.float32)
    return Lamps(kinds, places, across, along, normals, colors, sizes)


def _unit(vector: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vector / np.linalg.norm(vector)
    return unit


def _triple(vector: np.ndarray) -> Vector:
    return float(vector[0]), float(vector[1]), float(vector[2])


@jit
def receive(
    lamps: Lamps, k: int, px: float, py: float, pz: float, nx: float, ny: float, nz: float, first: float, second: float
) -> tuple[float, float, float, float, float, float]:
    """What a surface gets from a light that nothing blocks, and where on it that comes from.

    Args:
        lamps: all lights.
        k: which.
        px, py, pz: the place, metres.
        nx, ny, nz: its normal.
        first, second: in 0..1, choose a point of the light.

    Returns:
        The RGB light of a white surface there; the way to the point, metres.
    """
    kind = lamps.kinds[k]
    place, across, along, facing = lamps.places[k], lamps.across[k], lamps.along[k], lamps.normals[k]
    color, size = lamps.colors[k], lamps.sizes[k]
    if kind == SUN:
        reach, angle = size * np.sqrt(first), _ROUND * second
        c, s = reach * np.cos(angle), reach * np.sin(angle)
        dx = facing[0] + c * across[0] + s * along[0]
        dy = facing[1] + c * across[1] + s * along[1]
        dz = facing[2] + c * across[2] + s * along[2]
        share = max(nx * dx + ny * dy + nz * dz, 0.0)
        return share * color[0], share * color[1], share * color[2], _FAR * dx, _FAR * dy, _FAR * dz
    if kind == _LAMP:
        level, angle = 2.0 * first - 1.0, _ROUND * second
        round_ = size * np.sqrt(max(1.0 - level * level, 0.0))
        dx = place[0] + round_ * np.cos(angle) - px
        dy = place[1] + round_ * np.sin(angle) - py
        dz = place[2] + size * level - pz
        squared = max(dx * dx + dy * dy + dz * dz, size * size + 1e-4)
        share = max(nx * dx + ny * dy + nz * dz, 0.0) / (squared * np.sqrt(squared))
        return share * color[0], share * color[1], share * color[2], dx, dy, dz
    a, b = 2.0 * first - 1.0, 2.0 * second - 1.0
    dx = place[0] + a * across[0] + b * along[0] - px
    dy = place[1] + a * across[1] + b * along[1] - py
    dz = place[2] + a * across[2] + b * along[2] - pz
    squared = dx * dx + dy * dy + dz * dz
    away = max(-(facing[0] * dx + facing[1] * dy + facing[2] * dz), 0.0)
    towards = max(nx * dx + ny * dy + nz * dz, 0.0)
    # Nearer than its own size it would flare at single points.
    share = size * towards * away / (np.pi * max(squared, 1e-9) * max(squared, 0.25 * size))
    return share * color[0], share * color[1], share * color[2], dx, dy, dz
