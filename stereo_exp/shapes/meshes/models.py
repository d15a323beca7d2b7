"""Models from outside: a folder of OBJ and glTF files, read by trimesh; what cannot be read is skipped and counted.

Both formats have y up, as a rule; here z is up. glTF is in metres. An OBJ file says nothing of its unit: what is larger
than a house or smaller than a thimble in metres is taken for centimetres, then for anything, and scaled. Catalogues of
Sweet Home 3D say more of each model, see `furniture`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from stereo_exp.base import ArgumentError, UserError, tell_missing_extras
from stereo_exp.shapes.meshes.furniture import MODEL_ENDINGS, Source, find_places, read_catalogue
from stereo_exp.shapes.meshes.material import Material
from stereo_exp.shapes.meshes.mesh import Mesh, merge_meshes
from stereo_exp.shapes.meshes.paints import GAMMA, Paint
from stereo_exp.shapes.meshes.thing import Thing

MOST_FACES = 120_000
"""Triangles of a model; larger ones are skipped."""
_USUAL = (0.05, 8.0)  # metres: the largest side of what is taken to be in metres
_SIDE = 512  # texels of a model's own picture


@dataclass(frozen=True, eq=False)
class Model:
    """A thing from outside with materials of its own."""

    thing: Thing
    materials: list[Material]
    elevation: float = 0.0
    """Metres above the floor, of what hangs at a wall."""
    is_backed: bool = False
    """Whether it stands with its back to a wall."""


class Shelf(NamedTuple):
    """What a folder holds: models that can be read, and (file, reason) of those that cannot."""

    sources: tuple[Source, ...]
    skipped: tuple[tuple[str, str], ...]


def find_models(folder: Path | str, progress: Callable[[int, int], None] | None = None) -> Shelf:
    """Read every model below a folder once.

    Args:
        folder: searched with its folders, in the order of names.
        progress: called with (models read, models in all).

    Raises:
        UserError: there is no such folder, no model in it can be read, or trimesh is not installed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ArgumentError("folder", folder, "is not a folder", "name a folder with OBJ or glTF files")
    found = [Source(str(path)) for path in sorted(folder.rglob("*")) if path.suffix.lower() in MODEL_ENDINGS]
    good, skipped = [], []
    for path in sorted(folder.rglob("*.sh3f")):
        try:
            catalogue = read_catalogue(path)
        except Exception as error:  # as below
            skipped.append((str(path), _tell(error)))
        else:
            found += catalogue.sources
            skipped += catalogue.skipped
    for number, source in enumerate(found):
        try:
            read_model(source)
        except UserError:
            raise
        except Exception as error:  # what a damaged file makes a reader raise is anybody's guess
            skipped.append((source.member or source.path, _tell(error)))
        else:
            good.append(source)
        if progress is not None:
            progress(number + 1, len(found))
    if not good:
        rule = f"holds no model that can be read ({', '.join(MODEL_ENDINGS)}; {len(skipped)} skipped)"
        raise ArgumentError("folder", folder, rule, "name another folder")
    return Shelf(tuple(good), tuple(skipped))


def _tell(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


@lru_cache(maxsize=256)
def read_model(source: Source) -> Model:
    """A model, standing on z = 0.

    Raises:
        ValueError: it has no triangle, or too many, or numbers that are none. Other errors are trimesh's.
    """
    if not source.member:
        return _convert(_load(Path(source.path)), source, Path(source.path).stem)
    with zipfile.ZipFile(source.path) as archive, TemporaryDirectory() as folder:
        # Its materials and pictures lie beside it.
        beside = str(Path(source.member).parent)
        for name in archive.namelist():
            if str(Path(name).parent) == beside and not name.endswith("/"):
                archive.extract(name, folder)
        return _convert(_load(Path(folder) / source.member), source, Path(source.member).stem)


def _load(path: Path) -> Any:
    with tell_missing_extras():
        import trimesh
    return trimesh.load_scene(path, process=False)


def _convert(scene: Any, source: Source, name: str) -> Model:
    parts, materials = [], []
    for part in _find_parts(scene):
        faces = np.asarray(part.faces, np.int32)
        points = np.asarray(part.vertices, np.float64)
        if source.rotation is not None:
            points = points @ np.reshape(source.rotation, (3, 3)).T
        points = points[:, [0, 2, 1]] * np.array([1.0, -1.0, 1.0])
        uv = getattr(part.visual, "uv", None)
        uv = np.zeros((len(points), 2)) if uv is None or len(uv) != len(points) else np.nan_to_num(np.asarray(uv))
        slots = np.zeros(len(faces), np.int32)
        parts.append(Mesh(points.astype(np.float32), faces, uv.astype(np.float32)[faces], slots))
        materials.append(_read_material(part.visual))
    if not parts:
        raise ValueError("it has no triangles")
    mesh = merge_meshes(parts, range(len(parts)))
    if len(mesh.faces) > MOST_FACES:
        raise ValueError(f"{len(mesh.faces):,} triangles; at most {MOST_FACES:,} are taken")
    if not np.isfinite(mesh.vertices).all():
        raise ValueError("a corner is not a number")
    low, high = mesh.bounds.astype(np.float64)
    extent = np.maximum(high - low, 1e-9)
    scale = np.array(source.size) / extent if source.size else np.full(3, _guess_scale(float(extent.max())))
    foot = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    mesh = mesh.transform(np.column_stack([np.diag(scale), -scale * foot]))
    size = mesh.bounds[1] - mesh.bounds[0]
    places = find_places(source, float(size.max()), float(size[2]))
    if places == ("ceiling",):
        mesh = mesh.transform(np.column_stack([np.eye(3), [0.0, 0.0, -float(size[2])]]))
    thing = Thing(name, mesh, ("plastic",) * len(parts), places)
    return Model(thing, materials, source.elevation, source.is_backed)


def _find_parts(scene: Any) -> Iterator[Any]:
    """Each mesh of a trimesh scene, moved to where it stands."""
    for part in scene.dump():
        if hasattr(part, "faces") and len(part.faces):
            yield part


def _guess_scale(largest: float) -> float:
    """From a model's own unit to metres, by its largest side."""
    for scale in (1.0, 0.01, 0.001):
        if _USUAL[0] <= largest * scale <= _USUAL[1]:
            return scale
    return 0.5 / largest


def _read_material(visual: Any) -> Material:
    """What a part looks like: its picture, or its colour; shiny or metal where the file says so."""
    found = getattr(visual, "material", None)
    if found is None:
        color = np.asarray(getattr(visual, "main_color", (150, 150, 150, 255)), np.float64)[:3] / 255
        return Material(None, _as_light(color))
    picture = getattr(found, "baseColorTexture", None)
    picture = getattr(found, "image", None) if picture is None else picture
    color = np.asarray(found.main_color, np.float64)[:3] / 255
    metal = float(getattr(found, "metallicFactor", None) or 0) > 0.5
    rough = getattr(found, "roughnessFactor", None)
    rough = float(np.clip(0.5 if rough is None else rough, 0.15, 1))
    gloss = 0.04 if rough < 0.6 else 0.0
    if picture is None:
        return Material(None, _as_light(color), gloss, rough, metal)
    picture = picture.convert("RGB")
    shrink = max(max(picture.size) / _SIDE, 1)
    picture = picture.resize([max(round(side / shrink), 1) for side in picture.size])
    tile = np.asarray(picture, np.uint8)
    # The picture's own aspect is undone by the paint, whose height follows its width.
    square = np.ascontiguousarray(np.asarray(picture.resize((max(tile.shape[:2]),) * 2), np.uint8))
    return Material(Paint(square, 1.0, mirrored=False), (1.0, 1.0, 1.0), gloss, rough, metal)


def _as_light(color: np.ndarray) -> tuple[float, float, float]:
    light = np.clip(color, 0.02, 1) ** GAMMA
    return float(light[0]), float(light[1]), float(light[2])
