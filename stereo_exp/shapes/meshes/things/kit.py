"""A kit: what a generator puts its thing together from, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.grids import Numbers, number_copies
from stereo_exp.shapes.meshes.mesh import Mesh, merge_meshes
from stereo_exp.shapes.meshes.thing import STUFFS, Thing


class Kit:
    """Parts and what they are made of.

    Args:
        rng: where each part's piece of paint is cut from, and what the generator draws besides.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._meshes: list[Mesh] = []
        self._slots: list[int] = []
        self._stuffs: list[str] = []
        self._frame = np.eye(3), np.zeros(3)

    def pick(self, *stuffs: str) -> int:
        """A new material, of one of these stuffs by chance; what to name in `add`."""
        stuff = stuffs[0] if len(stuffs) == 1 else str(self.rng.choice(stuffs))
        if stuff not in STUFFS:
            raise ArgumentError("stuffs", stuff, f"they are {', '.join(STUFFS)}", "name one of them")
        self._stuffs.append(stuff)
        return len(self._stuffs) - 1

    @contextmanager
    def move(self, at: Numbers, turn: np.ndarray | None = None) -> Iterator[None]:
        """Within it every part is turned and moved besides: for what is put together in its own frame.

        Args:
            at: where the frame's origin goes, metres.
            turn: 3×3.
        """
        outer, place = self._frame
        inner = np.eye(3) if turn is None else np.asarray(turn, float)
        self._frame = outer @ inner, outer @ np.asarray(at, float) + place
        try:
            yield
        finally:
            self._frame = outer, place

    def add(
        self,
        slot: int,
        mesh: Mesh,
        at: Numbers = (0.0, 0.0, 0.0),
        turn: np.ndarray | None = None,
        scale: Numbers = 1.0,
    ) -> None:
        """One part, scaled, then turned, then moved.

        Args:
            slot: its material.
            mesh: the part.
            at: where its origin goes, metres.
            turn: 3×3.
            scale: one number, or one for each axis; the paint keeps its size where it is one number.
        """
        outer, place = self._frame
        linear = outer if turn is None else outer @ np.asarray(turn, float)
        linear = linear * np.broadcast_to(np.asarray(scale, float), 3)
        moved = mesh.transform(np.column_stack([linear, outer @ np.asarray(at, float) + place]))
        size = np.float32(abs(np.linalg.det(linear)) ** (1 / 3))
        shift = self.rng.uniform(-2, 2, 2).astype(np.float32)
        self._meshes.append(Mesh(moved.vertices, moved.faces, moved.uv * size + shift, moved.slots))
        self._slots.append(slot)

    def put(
        self, thing: Thing, at: Numbers = (0.0, 0.0, 0.0), turn: np.ndarray | None = None, scale: float = 1.0
    ) -> None:
        """A whole thing with all its materials."""
        start = len(self._stuffs)
        self._stuffs += thing.stuffs
        self.add(start, thing.mesh, at, turn, scale)

    def finish(self, name: str, places: Sequence[str]) -> Thing:
        """The thing, settled: on z = 0 and above the origin, its back on y = 0 at a wall, hung from z = 0.

        Materials that no part has are left out.
        """
        mesh = merge_meshes(self._meshes, self._slots)
        low, high = mesh.bounds
        move = -(low + high) / 2
        move[2] = -high[2] if "ceiling" in places else -low[2]
        if "wall" in places:
            move[1] = -high[1]
        used, slots = np.unique(mesh.slots, return_inverse=True)
        settled = Mesh(mesh.vertices + move, mesh.faces, mesh.uv, slots.astype(np.int32))
        return Thing(name, settled, tuple(self._stuffs[slot] for slot in used), tuple(places))


def turn_about(axis: int | Numbers, angle: Numbers) -> np.ndarray:
    """Rotation matrices, 3×3 or one for each angle: n×3×3.

    Args:
        axis: 0, 1, 2 for x, y, z, or a vector.
        angle: radians, counter-clockwise seen from the vector's tip.
    """
    vector = np.eye(3)[axis] if isinstance(axis, int) else np.asarray(axis, float)
    x, y, z = vector / np.linalg.norm(vector)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    a = np.asarray(angle, float)[..., None, None]
    return np.asarray(np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * (cross @ cross))


def stand_upright() -> np.ndarray:
    """Turns what lies on z = 0, seen from above, so that it is seen from the front (from −y)."""
    return turn_about(0, np.pi / 2)


def repeat_mesh(mesh: Mesh, frames: np.ndarray) -> Mesh:
    """Copies of one mesh, each by its own n×3×4 matrix; none may mirror. The paint is scaled by the first's size."""
    vertices = np.einsum("nij,vj->nvi", frames[:, :, :3], mesh.vertices) + frames[:, None, :, 3]
    size = np.abs(np.linalg.det(frames[:, :, :3])) ** (1 / 3)
    uv = mesh.uv[None] * size[:, None, None, None]
    count = len(frames)
    return Mesh(
        vertices.reshape(-1, 3).astype(np.float32),
        number_copies(mesh.faces, count, len(mesh.vertices)).astype(np.int32),
        uv.reshape(-1, 3, 2).astype(np.float32),
        np.tile(mesh.slots, count),
    )


def aim_frames(
    origins: np.ndarray, ways: np.ndarray, lengths: Numbers, up: Numbers = (0.0, 0.0, 1.0), wide: Numbers = 1.0
) -> np.ndarray:
    """Frames n×3×4 for leaves and copies: x along a direction, y to the left, z as near to `up` as can be.

    Args:
        origins: n×3, metres.
        ways: n×3, of any length.
        lengths: n or one number, the length of all three vectors, metres.
        up: n×3 or 3.
        wide: n or one number, the y vector's length over the others'.
    """
    x = ways / np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-9)
    y = np.cross(np.broadcast_to(np.asarray(up, float), x.shape), x)
    short = np.linalg.norm(y, axis=1, keepdims=True)
    y = np.where(short < 1e-3, np.cross([0.0, 1.0, 0.0], x), y)
    y /= np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-9)
    z = np.cross(x, y)
    length = np.broadcast_to(np.asarray(lengths, float), len(x))[:, None]
    return np.stack(
        [x * length, y * length * np.reshape(np.asarray(wide, float), (-1, 1)), z * length, origins], axis=2
    )
