"""A scene of meshes: things in their places, what they are made of, what lights them and what lies behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.backdrop import Backdrop, Behind
from stereo_exp.shapes.meshes.caster import Caster
from stereo_exp.shapes.meshes.lights import Lamps, Light, pack_lights
from stereo_exp.shapes.meshes.material import Looks, Material, pack_materials
from stereo_exp.shapes.meshes.mesh import Mesh, merge_meshes
from stereo_exp.shapes.meshes.paints import Paint, Texels, pack_paints
from stereo_exp.shapes.meshes.surfaces import Triangles, box_uv, repeats_a_metre, smooth_normals


def place(x: float = 0.0, y: float = 0.0, z: float = 0.0, *, turn: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """The 3×4 matrix that turns a thing about the vertical (radians, counter-clockwise from above), scales and moves
    it."""
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[c, -s, 0, x], [s, c, 0, y], [0, 0, scale, z]])


@dataclass(frozen=True, eq=False)
class Placed:
    """A mesh at its place.

    Args:
        mesh: in its own coordinates.
        materials: of its slots.
        matrix: 3×4, from its own to the world's coordinates.
        floats: whether it hangs in a scene's air for no reason, so that the scene does without it too.
    """

    mesh: Mesh
    materials: Sequence[Material]
    matrix: np.ndarray = field(default_factory=place)
    floats: bool = False

    def __post_init__(self) -> None:
        if len(self.mesh.slots) and int(self.mesh.slots.max()) >= len(self.materials):
            raise ArgumentError(
                "materials", len(self.materials), f"the mesh has slots up to {int(self.mesh.slots.max())}", "give more"
            )


@dataclass(frozen=True, eq=False)
class MeshScene:
    """Everything that is needed to take pictures, whose rays find it.

    Args:
        placed: things in their places; at least one.
        lights: suns, lamps and windows.
        backdrop: what rays see that hit nothing.
        indoors: whether the sky's light comes through windows alone, which are among the lights.
        kind: what it shows.

    Raises:
        UserError: the extra [render] is not installed.
    """

    placed: Sequence[Placed]
    lights: Sequence[Light] = ()
    backdrop: Backdrop = field(default_factory=Backdrop)
    indoors: bool = False
    kind: str = ""

    def __post_init__(self) -> None:
        if not self.placed:
            raise ArgumentError("placed", "none", "a scene holds at least one thing", "place one")
        materials: dict[int, Material] = {}
        numbers: dict[int, int] = {}
        for each in self.placed:
            for material in each.materials:
                if id(material) not in materials:
                    numbers[id(material)] = len(materials)
                    materials[id(material)] = material
        used = list(materials.values())
        looks, paints = pack_materials(used)
        meshes, uvs, slots = [], [], []
        for each in self.placed:
            table = np.array([numbers[id(material)] for material in each.materials], np.int32)
            meshes.append(each.mesh.transform(each.matrix))
            slots.append(table[each.mesh.slots])
            uvs.append(_lay_paint(each.mesh, each.materials))
        merged = merge_meshes(meshes)
        corners = merged.vertices[merged.faces]
        groups = np.repeat(np.arange(len(meshes), dtype=np.int32), [len(mesh.faces) for mesh in meshes])
        uv = np.concatenate(uvs)
        triangles = Triangles(
            corners, smooth_normals(corners, groups), uv, repeats_a_metre(corners, uv), np.concatenate(slots)
        )
        number = -1
        if self.backdrop.paint is not None:
            paints, number = [*paints, self.backdrop.paint], len(paints)
        blank = Paint(np.full((1, 1, 3), 255, np.uint8))
        for name, value in (
            ("caster", Caster(merged.vertices, merged.faces)),
            ("triangles", triangles),
            ("looks", looks),
            ("texels", pack_paints(paints or [blank])),
            ("lamps", pack_lights(self.lights)),
            ("behind", self.backdrop.pack(number)),
        ):
            object.__setattr__(self, name, value)

    def drop_floaters(self) -> MeshScene:
        """The same scene without what floats in it."""
        return replace(self, placed=[each for each in self.placed if not each.floats])

    # Made from the above, once.
    caster: Caster = field(init=False)
    triangles: Triangles = field(init=False)
    looks: Looks = field(init=False)
    texels: Texels = field(init=False)
    lamps: Lamps = field(init=False)
    behind: Behind = field(init=False)


def _lay_paint(mesh: Mesh, materials: Sequence[Material]) -> np.ndarray:
    """Paint coordinates in repeats of each triangle's paint: float32 F×3×2."""
    uv = mesh.uv.astype(np.float32, copy=True)
    own = None
    for slot, material in enumerate(materials):
        chosen = mesh.slots == slot
        if material.paint is None or not chosen.any():
            continue
        if material.boxed:
            own = box_uv(mesh.vertices[mesh.faces]) if own is None else own
            uv[chosen] = own[chosen]
        tile = material.paint.tile
        cos, sin = np.cos(material.turn), np.sin(material.turn)
        turned = uv[chosen] @ np.array([[cos, sin], [-sin, cos]], np.float32)
        repeats = turned / np.array([1.0, tile.shape[0] / tile.shape[1]], np.float32) / np.float32(material.paint.size)
        uv[chosen] = repeats + np.array(material.shift, np.float32)
    return uv
