"""The shell of a room: walls with real openings, floor and ceiling, skirting, windows and what light comes through."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from stereo_exp.shapes.meshes.backdrop import Backdrop
from stereo_exp.shapes.meshes.kinds.dress import Dresser, calm_tile
from stereo_exp.shapes.meshes.lights import Light, Sun, Window
from stereo_exp.shapes.meshes.material import Material
from stereo_exp.shapes.meshes.mesh import Mesh, merge_meshes
from stereo_exp.shapes.meshes.paints import GAMMA, Paint
from stereo_exp.shapes.meshes.scene import Placed, place
from stereo_exp.shapes.meshes.solids import build_boxes, make_mesh
from stereo_exp.shapes.paint import noise_field
from stereo_exp.shapes.textures import sample_tile

WALLS = {"faint": 4, "none": 3, "rough": 2, "stripes": 0.5, "bricks": 0.7, "fabric": 0.5, "blotches": 0.4, "tiles": 0.5,
         "photo": 0.3, "noise": 0.3}  # fmt: skip
FLOORS = {"planks": 4, "wood": 2, "tiles": 2, "fabric": 2, "checker": 1, "rough": 1, "marble": 0.7, "faint": 0.7}
_DEEP = 0.22  # metres from a wall's face to the window


@dataclass(frozen=True)
class Hole:
    """An opening in a wall: the middle along it and the lower edge, width and height, metres."""

    middle: float
    low: float
    wide: float
    high: float


@dataclass(frozen=True)
class Wall:
    """A wall of a room.

    Args:
        x, y: its middle on the floor.
        turn: radians by which it is turned from a wall that faces −y.
        length: metres.
        holes: openings.
    """

    x: float
    y: float
    turn: float
    length: float
    holes: tuple[Hole, ...] = ()

    def at(self, along: float, out: float, z: float = 0.0) -> tuple[float, float, float]:
        """The world's place `along` the wall (to the right of who faces it) and `out` into the room."""
        c, s = math.cos(self.turn), math.sin(self.turn)
        return self.x + c * along + s * out, self.y + s * along - c * out, z


@dataclass(frozen=True, eq=False)
class Room:
    """A room's shell; the floor's middle is the origin."""

    wide: float
    deep: float
    high: float
    walls: tuple[Wall, ...]
    placed: list[Placed] = field(default_factory=list)
    lights: list[Light] = field(default_factory=list)
    backdrop: Backdrop = field(default_factory=Backdrop)


def make_triple(vector: np.ndarray) -> tuple[float, float, float]:
    """Three numbers as a tuple."""
    return float(vector[0]), float(vector[1]), float(vector[2])


def build_quad(corners: np.ndarray) -> Mesh:
    """Two triangles over four corners in a ring, 4×3; paint runs in metres along the first and the last side."""
    wide, high = (float(np.linalg.norm(corners[k] - corners[0])) for k in (1, 3))
    uv = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    return make_mesh(corners, faces, uv[faces])


def build_wall(length: float, high: float, holes: tuple[Hole, ...]) -> Mesh:
    """A wall at y = 0 that faces −y, centred, with the sides of its openings."""
    xs = sorted({-length / 2, length / 2, *(h.middle + s * h.wide / 2 for h in holes for s in (-1, 1))})
    zs = sorted({0.0, high, *(h.low for h in holes), *(h.low + h.high for h in holes)})
    quads = []
    for x0, x1 in pairwise(xs):
        for z0, z1 in pairwise(zs):
            x, z = (x0 + x1) / 2, (z0 + z1) / 2
            if any(abs(x - h.middle) < h.wide / 2 and h.low < z < h.low + h.high for h in holes):
                continue
            corners = np.array([[x0, 0, z0], [x1, 0, z0], [x1, 0, z1], [x0, 0, z1]], float)
            quad = build_quad(corners)
            # One paint over the whole wall.
            quads.append(Mesh(quad.vertices, quad.faces, quad.uv + np.array([x0, z0], np.float32), quad.slots))
    for h in holes:
        x0, x1, z0, z1 = h.middle - h.wide / 2, h.middle + h.wide / 2, h.low, h.low + h.high
        for ring in (
            [[x0, 0, z0], [x1, 0, z0], [x1, _DEEP, z0], [x0, _DEEP, z0]],
            [[x0, _DEEP, z1], [x1, _DEEP, z1], [x1, 0, z1], [x0, 0, z1]],
            [[x0, 0, z0], [x0, _DEEP, z0], [x0, _DEEP, z1], [x0, 0, z1]],
            [[x1, _DEEP, z0], [x1, 0, z0], [x1, 0, z1], [x1, _DEEP, z1]],
        ):
            quads.append(build_quad(np.array(ring, float)))
    return merge_meshes(quads)


def build_frame(rng: np.random.Generator, hole: Hole) -> Mesh:
    """A window's frame with bars, in the wall's own coordinates."""
    bar, y = float(rng.uniform(0.04, 0.08)), 0.7 * _DEEP
    x0, x1, z0, z1 = hole.middle - hole.wide / 2, hole.middle + hole.wide / 2, hole.low, hole.low + hole.high
    middle_x, middle_z = (x0 + x1) / 2, (z0 + z1) / 2
    centers = [[x0 + bar / 2, y, middle_z], [x1 - bar / 2, y, middle_z], [middle_x, y, z0 + bar / 2],
               [middle_x, y, z1 - bar / 2]]  # fmt: skip
    sizes = [[bar, 0.05, hole.high], [bar, 0.05, hole.high], [hole.wide, 0.051, bar], [hole.wide, 0.051, bar]]
    for k in range(1, int(rng.integers(1, 4))):
        share = k / 3 if rng.random() < 0.3 else 0.5
        centers.append([x0 + share * hole.wide, y, middle_z])
        sizes.append([bar * 0.7, 0.045, hole.high])
    if rng.random() < 0.4:
        centers.append([middle_x, y, z0 + float(rng.choice([0.5, 0.66])) * hole.high])
        sizes.append([hole.wide, 0.044, bar * 0.7])
    return build_boxes(centers, sizes, bevel=0.006)


def sample_sky(rng: np.random.Generator, photo: float = 0.5, leaves: float = 0.3) -> Backdrop:
    """A sky or, by the chance `photo`, a photograph, of which a share is made-up leaves; the light fits the picture."""
    disparity = float(rng.uniform(0.25, 0.6))
    middle = float(rng.uniform(-math.pi, math.pi)), float(rng.uniform(-0.5, 0.1))
    if rng.random() < photo:
        kind = "foliage" if rng.random() < leaves else "photo"
        paint = Paint(calm_tile(sample_tile(rng, kind, 512), float(rng.uniform(0.5, 0.9)), float(rng.uniform(0.6, 1))))
        level = float(rng.uniform(0.8, 1.6))
        color = calm_light(paint.mean) * level
        light = make_triple(color)
        return Backdrop(
            light, light, light, paint, (level, level, level), float(rng.uniform(0.5, 1.2)), middle, disparity
        )
    # From a clear blue to an even grey.
    grey, level = float(rng.beta(0.8, 0.8)), float(rng.uniform(0.7, 1.3))
    blue, pale = np.array([0.25, 0.45, 0.95]), np.array([0.75, 0.8, 0.85])
    zenith = level * (blue + grey * (pale - blue))
    horizon = level * (pale * 1.1 + rng.uniform(0, 0.3) * np.array([0.3, 0.1, -0.1]))
    ground = 0.25 * horizon
    clouds = Paint(sample_clouds(rng, zenith / level)) if rng.random() < 0.6 else None
    gain = 1.15 * level
    return Backdrop(
        make_triple(zenith), make_triple(horizon), make_triple(ground), clouds, (gain, gain, gain), 2.0,
        (middle[0], -0.4), disparity,
    )  # fmt: skip


def calm_light(light: np.ndarray) -> np.ndarray:
    """A light of nearly no colour, and not too dim."""
    calm: np.ndarray = np.maximum(0.25 * light + 0.75 * float(light.mean()), 0.15)
    return calm


def sample_clouds(rng: np.random.Generator, sky: np.ndarray) -> np.ndarray:
    """A tile of clouds on a sky of a colour (RGB light): uint8 256×256×3."""
    cover = float(rng.uniform(0.35, 0.7))
    field_ = noise_field(rng, 256, persistence=float(rng.uniform(0.55, 0.75)))
    share = np.clip((field_ - cover) * float(rng.uniform(1.5, 5.0)) + 0.5, 0, 1)[..., None]
    white = np.array([0.92, 0.93, 0.95]) * (0.75 + 0.25 * noise_field(rng, 256)[..., None])
    light = np.clip(sky + share * (white - sky), 0, 1)
    tile: np.ndarray = (255 * light ** (1 / GAMMA)).astype(np.uint8)
    return tile


def build_room(rng: np.random.Generator, dresser: Dresser) -> Room:
    """An empty room in daylight, or without a window."""
    wide, deep, high = float(rng.uniform(2.8, 5.5)), float(rng.uniform(3.2, 6.5)), float(rng.uniform(2.3, 3.2))
    ways = [(0.0, deep / 2, 0.0, wide), (-wide / 2, 0.0, math.pi / 2, deep), (wide / 2, 0.0, -math.pi / 2, deep),
            (0.0, -deep / 2, math.pi, wide)]  # fmt: skip
    walls = [Wall(*way, _draw_holes(rng, way[3], high)) for way in ways]
    if not any(wall.holes for wall in walls) and rng.random() < 0.6:
        k = int(rng.integers(4))
        wide_hole = min(1.6, 0.5 * walls[k].length)
        walls[k] = Wall(*ways[k], (Hole(0.0, 0.9, wide_hole, min(1.3, high - 1.2)),))
    backdrop = sample_sky(rng, 0.6)
    room = Room(wide, deep, high, tuple(walls), backdrop=backdrop)
    common = dresser.cover(WALLS, (0.6, 2.5), pale=0.3)
    accent = dresser.cover(WALLS, (0.6, 2.5), pale=0.5) if rng.random() < 0.4 else common
    frames = dresser.choose("paint", 0.0) if rng.random() < 0.7 else dresser.choose("wood", 0.0)
    sky = np.array(backdrop.horizon)
    # What comes in is the whole sky's and the ground's light, paler than the piece that one sees.
    light = float(rng.uniform(3.0, 7.0)) * (0.3 * sky + 0.7 * max(float(sky.mean()), 0.3))
    accented = int(rng.integers(4))
    for k, wall in enumerate(walls):
        here = place(wall.x, wall.y, turn=wall.turn)
        room.placed.append(
            Placed(build_wall(wall.length, high, wall.holes), [accent if k == accented else common], here)
        )
        for hole in wall.holes:
            room.placed.append(Placed(build_frame(rng, hole), [frames], here))
            x, y, z = wall.at(hole.middle, -_DEEP, hole.low + hole.high / 2)
            c, s = math.cos(wall.turn), math.sin(wall.turn)
            across = (c * hole.wide / 2, s * hole.wide / 2, 0.0)
            room.lights.append(Window((x, y, z), across, (0.0, 0.0, hole.high / 2), make_triple(light)))
        tall = float(rng.uniform(0.05, 0.14))
        room.placed.append(
            Placed(build_boxes([0, -0.006, tall / 2], [wall.length, 0.012, tall], bevel=0.003), [frames], here)
        )
    _cover_floor(rng, dresser, room)
    sunny = [wall for wall in walls if wall.holes]
    if sunny and rng.random() < 0.5:
        wall = sunny[int(rng.integers(len(sunny)))]
        out, rise = wall.turn + float(rng.uniform(-0.9, 0.9)), float(rng.uniform(0.3, 0.9))
        towards = (-math.sin(out), math.cos(out), rise)
        warm = float(rng.uniform(4, 11)) * np.array([1.0, 0.92, 0.78])
        room.lights.append(Sun(towards, make_triple(warm), 0.012))
    return room


def _cover_floor(rng: np.random.Generator, dresser: Dresser, room: Room) -> None:
    x, y, z = room.wide / 2, room.deep / 2, room.high
    floor = dresser.cover(FLOORS, (0.5, 1.6), gloss=0.04 * (rng.random() < 0.5), rough=(0.12, 0.4))
    ceiling = dresser.cover({"none": 3, "faint": 2, "rough": 1}, (1.0, 2.0))
    ring = np.array([[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]], float)
    room.placed.append(Placed(build_quad(ring), [floor]))
    room.placed.append(Placed(build_quad(ring[::-1] + np.array([0, 0, z])), [_paler(ceiling)]))


def _paler(material: Material) -> Material:
    """Ceilings are mostly white."""
    tint = tuple(0.5 * value + 0.45 for value in material.tint)
    return Material(material.paint, (tint[0], tint[1], tint[2]), shift=material.shift)


def _draw_holes(rng: np.random.Generator, length: float, high: float) -> tuple[Hole, ...]:
    if rng.random() < 0.55:
        return ()
    count = int(rng.integers(1, 4))
    holes = []
    step = length / count
    wide = float(rng.uniform(0.35, 0.75)) * min(step, 2.6)
    low = float(rng.choice([0.05, 0.5, 0.9, 1.0]))
    tall = min(float(rng.uniform(0.9, 1.6)), high - low - 0.15)
    for k in range(count):
        holes.append(Hole((k + 0.5) * step - length / 2, low, wide, tall))
    return tuple(holes)
