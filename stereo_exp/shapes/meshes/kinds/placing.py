"""Where things can go: what room others take, and what they can stand on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stereo_exp.shapes.meshes.caster import Caster
from stereo_exp.shapes.meshes.kinds.dress import Dresser
from stereo_exp.shapes.meshes.material import Material
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.scene import Placed, place
from stereo_exp.shapes.meshes.thing import Thing
from stereo_exp.shapes.meshes.things.catalogue import choose_maker


@dataclass(frozen=True, eq=False)
class Piece:
    """A thing with its materials, ready to be placed again and again; whether it stands with its back to a wall, and
    how high it hangs there, least and most, metres."""

    thing: Thing
    materials: list[Material]
    backed: bool = False
    elevation: tuple[float, float] = (0.0, 0.0)

    @property
    def mesh(self) -> Mesh:
        """Its triangles."""
        return self.thing.mesh

    @cached_property
    def bounds(self) -> np.ndarray:
        """Float32 2×3."""
        return self.thing.mesh.bounds

    @cached_property
    def caster(self) -> Caster:
        """To find what stands on it."""
        return Caster(self.mesh.vertices, self.mesh.faces)

    def stand(self, x: float, y: float, z: float, turn: float = 0.0, scale: float = 1.0) -> Placed:
        """Upright at a place."""
        return Placed(self.mesh, self.materials, place(x, y, z, turn=turn, scale=scale))


def draw_piece(
    rng: np.random.Generator, dresser: Dresser, where: str, *, largest: float = np.inf, faces: int = 8000,
    odd: float | None = None,
) -> Piece:  # fmt: skip
    """A thing for a place, by the makers' shares, of at most so many metres and triangles."""
    model = dresser.choose_model(where)
    if model is not None and len(model.thing.mesh.faces) <= 5 * faces and float(model.thing.size.max()) <= largest:
        return Piece(model.thing, model.materials, model.is_backed, (model.elevation, model.elevation))
    for _ in range(12):
        maker = choose_maker(rng, where)
        thing = maker(rng)
        if len(thing.mesh.faces) <= faces and float(thing.size.max()) <= largest:
            break
    return Piece(thing, dresser.dress(thing, odd), maker.backed, maker.elevation)


def turn_bounds(bounds: np.ndarray, turn: float, scale: float = 1.0) -> np.ndarray:
    """The box around a turned box: float64 2×3."""
    c, s = np.cos(turn), np.sin(turn)
    xs, ys = np.meshgrid(bounds[:, 0], bounds[:, 1])
    x, y = c * xs - s * ys, s * xs + c * ys
    box = np.array([[x.min(), y.min(), bounds[0, 2]], [x.max(), y.max(), bounds[1, 2]]], np.float64)
    scaled: np.ndarray = scale * box
    return scaled


class Taken:
    """Boxes along the axes that are taken.

    Args:
        slack: metres by which two may overlap.
    """

    def __init__(self, slack: float = 0.0) -> None:
        self._slack = slack
        self._lows: list[np.ndarray] = []
        self._highs: list[np.ndarray] = []

    def add(self, box: np.ndarray) -> None:
        """Take a box, 2×3."""
        self._lows.append(box[0])
        self._highs.append(box[1])

    def fits(self, box: np.ndarray) -> bool:
        """Whether a box meets none of those taken."""
        if not self._lows:
            return True
        apart = (np.array(self._lows) > box[1] - self._slack) | (np.array(self._highs) < box[0] + self._slack)
        return bool(apart.any(axis=1).all())

    def claim(self, box: np.ndarray) -> bool:
        """Take a box if it fits; whether it did."""
        free = self.fits(box)
        if free:
            self.add(box)
        return free

    def copy(self) -> Taken:
        """Another with the same boxes."""
        twin = Taken(self._slack)
        twin._lows, twin._highs = list(self._lows), list(self._highs)
        return twin


def find_spots(rng: np.random.Generator, support: Piece, count: int, *, lowest: float = 0.25) -> np.ndarray:
    """Level places on top of a thing, in its own coordinates: float64 n×3, n up to `count`.

    Args:
        rng: draws them.
        support: what to stand on.
        count: how many to try.
        lowest: metres above its own foot.
    """
    low, high = support.bounds
    middle, half = (low + high)[:2] / 2, (high - low)[:2] / 2
    points = middle + rng.uniform(-0.95, 0.95, (count, 2)) * half
    # A level place has level places around it.
    around = np.array([[0, 0], [0.04, 0], [-0.04, 0], [0, 0.04], [0, -0.04]])
    starts = np.full((count, 5, 3), float(high[2]) + 0.1)
    starts[..., :2] = points[:, None] + around
    down = np.broadcast_to(np.array([0, 0, -1], np.float32), (count * 5, 3))
    hits = support.caster.cast(starts.reshape(-1, 3).astype(np.float32), down)
    height = np.where(hits.faces >= 0, high[2] + 0.1 - hits.distance, -1e6).reshape(count, 5)
    level = (height.min(axis=1) > low[2] + lowest) & (np.ptp(height, axis=1) < 0.012)
    spots: np.ndarray = np.column_stack([points, height[:, 0]])[level]
    return spots


def pile_on(
    rng: np.random.Generator, support: Piece, matrix: np.ndarray, things: list[Piece], *, tries: int = 12,
    taken: Taken | None = None, lowest: float = 0.25,
) -> list[Placed]:  # fmt: skip
    """Things stood on top of another, none in another's way; what finds no place is left out.

    Args:
        rng: draws the places.
        support: what they stand on.
        matrix: 3×4, where that stands.
        things: to be stood on it.
        tries: places that each tries.
        taken: boxes in the world that are taken; grows.
        lowest: metres above the support's foot that a place must have.
    """
    placed: list[Placed] = []
    taken = Taken(0.01) if taken is None else taken
    spots = find_spots(rng, support, 8 + tries * len(things), lowest=lowest)
    at = 0
    for thing in things:
        for _ in range(tries):
            if at >= len(spots):
                return placed
            x, y, z = matrix[:, :3] @ spots[at] + matrix[:, 3]
            at += 1
            own = float(rng.uniform(-np.pi, np.pi))
            box = turn_bounds(thing.bounds, own) + np.array([x, y, z])
            # Feet within the support's outline, or it would hang over the edge.
            if _overhangs(support, matrix, box) or not taken.claim(box):
                continue
            placed.append(thing.stand(x, y, z + 5e-4, own))
            break
    return placed


def _overhangs(support: Piece, matrix: np.ndarray, box: np.ndarray) -> bool:
    """Whether a box's foot reaches beyond the support's own box by more than a tenth of the foot."""
    foot = box[:, :2]
    corners = np.array([[foot[i, 0], foot[j, 1], 0.0] for i in (0, 1) for j in (0, 1)])
    own = (corners - matrix[:, 3]) @ np.linalg.inv(matrix[:, :3]).T
    low, high = support.bounds
    slack = 0.1 * float(np.ptp(foot, axis=0).max())
    return bool((own[:, :2] < low[:2] - slack).any() or (own[:, :2] > high[:2] + slack).any())


def float_about(
    rng: np.random.Generator, pieces: list[Piece], low: np.ndarray, high: np.ndarray, taken: Taken,
    sizes: tuple[float, float],
) -> list[Placed]:  # fmt: skip
    """Things in the air, turned any way, scaled to a size; what finds no room is left out.

    Args:
        rng: draws them.
        pieces: the things.
        low, high: 3, the box that they float in, metres.
        taken: boxes that are taken; grows.
        sizes: least and largest size of a thing, metres, evenly in the logarithm.
    """
    placed = []
    for piece in pieces:
        size = float(np.exp(rng.uniform(*np.log(sizes))))
        extent = piece.bounds[1] - piece.bounds[0]
        scale = float(size / max(float(extent.max()), 1e-3))
        spin = draw_rotation(rng) * scale
        middle = (piece.bounds[0] + piece.bounds[1]) / 2
        reach = 0.5 * scale * float(np.linalg.norm(extent))
        for _ in range(6):
            at = rng.uniform(low, high)
            # Half of the ball around it: things may come close, as long as they hardly ever cut each other.
            if taken.claim(np.stack([at - 0.75 * reach, at + 0.75 * reach])):
                placed.append(Placed(piece.mesh, piece.materials, np.column_stack([spin, at - spin @ middle]), True))
                break
    return placed


def draw_rotation(rng: np.random.Generator) -> np.ndarray:
    """Any rotation as likely as any other: float64 3×3 (a quaternion of normal numbers)."""
    w, x, y, z = (q := rng.normal(size=4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
