"""A triangle mesh with paint coordinates: the one form in which every thing of a rendered scene comes.

World axes, metres: x to the right, y away from the viewer, z up. A thing stands on z = 0 above the origin and looks
towards −y. Triangles turn counter-clockwise when seen from without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stereo_exp.base import ArgumentError


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles.

    Args:
        vertices: float32 V×3, metres.
        faces: int32 F×3, indices into `vertices`.
        uv: float32 F×3×2, paint coordinates of each corner. In metres along the surface, so that a paint's own size
            decides how often it repeats; what brings a picture of its own counts in repeats of it.
        slots: int32 F, which of a thing's materials each triangle has.
    """

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    slots: np.ndarray

    def __post_init__(self) -> None:
        wanted = {"vertices": (np.float32, (-1, 3)), "faces": (np.int32, (-1, 3)), "uv": (np.float32, (-1, 3, 2)),
                  "slots": (np.int32, (-1,))}  # fmt: skip
        for name, (dtype, shape) in wanted.items():
            array = getattr(self, name)
            fits = array.ndim == len(shape) and all(w in (-1, n) for w, n in zip(shape, array.shape, strict=True))
            if array.dtype != dtype or not fits:
                raise ArgumentError(
                    name, f"{array.dtype} {array.shape}", f"{np.dtype(dtype)} of shape {shape}", "convert it"
                )
        if not len(self.faces) == len(self.uv) == len(self.slots):
            raise ArgumentError("uv", len(self.uv), f"one entry for each of {len(self.faces)} faces", "as {slots} have")

    @property
    def bounds(self) -> np.ndarray:
        """The lowest and the highest corner of the box around it: float32 2×3, metres."""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)])

    def transform(self, matrix: np.ndarray) -> Mesh:
        """Moved by a 3×4 or 4×4 matrix. A mirroring one turns the triangles over, so that they still face outwards."""
        moved = self.vertices @ matrix[:3, :3].T.astype(np.float32) + matrix[:3, 3].astype(np.float32)
        if np.linalg.det(matrix[:3, :3]) >= 0:
            return Mesh(moved.astype(np.float32), self.faces, self.uv, self.slots)
        turned, uv = np.ascontiguousarray(self.faces[:, ::-1]), np.ascontiguousarray(self.uv[:, ::-1])
        return Mesh(moved.astype(np.float32), turned, uv, self.slots)


def merge_meshes(meshes: Sequence[Mesh], slots: Sequence[int] | None = None) -> Mesh:
    """All of them as one.

    Args:
        meshes: at least one.
        slots: added to the slots of each; nothing where None.
    """
    if not meshes:
        raise ArgumentError("meshes", "none", "at least one is needed", "give one")
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    offsets = [0] * len(meshes) if slots is None else slots
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + np.int32(start) for mesh, start in zip(meshes, starts, strict=True)]),
        np.concatenate([mesh.uv for mesh in meshes]),
        np.concatenate([mesh.slots + np.int32(offset) for mesh, offset in zip(meshes, offsets, strict=True)]),
    )
