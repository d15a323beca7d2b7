"""Rays against triangles: Embree by embreex, which pip brings whole on Linux, macOS and Windows.

Mitsuba 3 was the other candidate. Its fast variants compile by an LLVM that the system must have, and abort the process
with Debian's; its scalar variant takes 1.9 s of processor for two views of four samples where Embree casts the same
rays in half a second.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stereo_exp.base import ArgumentError, tell_missing_extras


class Hits(NamedTuple):
    """Where n rays end.

    faces: int32 n, the triangle, −1 where there is none. distance: float32 n, in lengths of the ray's direction.
    u, v: float32 n, shares of the triangle's second and third corner.
    """

    faces: np.ndarray
    distance: np.ndarray
    u: np.ndarray
    v: np.ndarray


class Caster:
    """Triangles in a tree, ready to be hit.

    Args:
        vertices: float32 V×3, metres.
        faces: int32 F×3.

    Raises:
        UserError: embreex is not installed.
        ArgumentError: there is no triangle.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        if not len(faces):
            raise ArgumentError("faces", "none", "at least one triangle is needed", "give one")
        with tell_missing_extras():
            from embreex.mesh_construction import TriangleMesh
            from embreex.rtcore_scene import EmbreeScene
        self._scene = EmbreeScene()
        # Embree reads what lies there as long as the tree lives.
        self._held = np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.int32)
        self._mesh = TriangleMesh(self._scene, *self._held)

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> Hits:
        """The first triangle on each ray.

        Args:
            origins, directions: float32 n×3; directions of any length.
        """
        if not len(origins):
            return Hits(np.empty(0, np.int32), *(np.empty(0, np.float32) for _ in range(3)))
        found = self._scene.run(_laid_out(origins), _laid_out(directions), output=True)
        faces: np.ndarray = found["primID"]
        return Hits(faces, found["tfar"], found["u"], found["v"])

    def find_blocked(self, origins: np.ndarray, directions: np.ndarray, reach: np.ndarray | float = 1.0) -> np.ndarray:
        """Whether anything lies on each ray: bool n.

        Args:
            origins, directions: float32 n×3.
            reach: how far, in lengths of the direction; n or one for all.
        """
        if not len(origins):
            return np.empty(0, bool)
        limits = np.ascontiguousarray(np.broadcast_to(np.float32(reach), len(origins)), np.float32)
        found = self._scene.run(_laid_out(origins), _laid_out(directions), limits, query="OCCLUDED")
        blocked: np.ndarray = found != -1
        return blocked


def _laid_out(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows, np.float32)
