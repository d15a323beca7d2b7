"""Sets that hold scenes of meshes: pairs come in blocks, each of one scene, as building it is paid once.

Pair number i of a split is view i % 12 of block i // 12. A block is of one kind, of meshes or of closed form, and
depends on (seed, split, block) and on the shares alone. Kinds follow one another by a low-discrepancy sequence, so that
even a small set holds each by its share.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stereo_exp.shapes.meshes.kinds import MESH_WEIGHTS
from stereo_exp.shapes.raster import Pair, render_scene
from stereo_exp.shapes.scenes import KINDS, SPLITS, sample_scene

if TYPE_CHECKING:
    from stereo_exp.shapes.meshes.furniture import Source

BLOCK = 12
"""Pairs of a block."""
MESH_VERSION = 1
"""To be raised whenever the same parameters would give other pictures of meshes."""
ALL_KINDS = (*KINDS, *MESH_WEIGHTS)
"""Those of closed form and those of meshes."""


class MeshOptions(NamedTuple):
    """What scenes of meshes are made with, besides their seeds.

    Attributes:
        models: models from outside that they may show, as `find_models` found them.
        textures: pictures that they may be painted with, as `find_pictures` found them.
        lit: False gives every surface its paint in even light, without shadow or gloss; nothing else changes.
        floaters: False leaves out what floats in furnished rooms; nothing else changes.
    """

    models: tuple[Source, ...] = ()
    textures: tuple[str, ...] = ()
    lit: bool = True
    floaters: bool = True


class Member(NamedTuple):
    """A pair of a set: its number in its split, its kind, what was drawn."""

    number: int
    kind: str
    pair: Pair


AS_USUAL = MeshOptions()


def has_meshes(scenes: Mapping[str, float]) -> bool:
    """Whether shares ask for scenes of meshes."""
    return any(scenes.get(name, 0) > 0 for name in MESH_WEIGHTS)


def choose_kind(seed: int, split: str, block: int, scenes: Mapping[str, float]) -> str:
    """The kind of a block."""
    names = [name for name in ALL_KINDS if scenes.get(name, 0) > 0]
    ends = np.cumsum([scenes[name] for name in names])
    start = _generate(seed, split, 0).random()
    point = (start + block * 0.6180339887498949) % 1.0
    return names[min(int(np.searchsorted(ends / ends[-1], point, side="right")), len(names) - 1)]


def render_block(
    seed: int, split: str, block: int, height: int, width: int, scenes: Mapping[str, float],
    wanted: Collection[int] = range(BLOCK), meshes: MeshOptions = AS_USUAL,
) -> Iterator[Member]:  # fmt: skip
    """Pairs of a block, each drawn when it is asked for.

    Args:
        seed: of the set.
        split: one of `SPLITS`.
        block: its number.
        height, width: px.
        scenes: relative shares of `ALL_KINDS`.
        wanted: which of the block's pairs, 0..`BLOCK` − 1.
        meshes: what scenes of meshes are made with.

    Raises:
        UserError: the block is of meshes, and the extra [render] is not installed.
    """
    kind = choose_kind(seed, split, block, scenes)
    if kind in KINDS:
        for number in sorted(wanted):
            index = block * BLOCK + number
            yield Member(index, kind, render_scene(sample_scene(seed, split, index, height, width, {kind: 1.0})))
        return
    # Where the extra is missing, what is drawn in closed form must do without.
    from stereo_exp.shapes.meshes.kinds.views import sample_views

    own = int(_generate(seed, split, block + 1).integers(2**62))
    for view in sample_views(kind, own, height, width, wanted=wanted, **meshes._asdict()):
        yield Member(block * BLOCK + view.number, kind, Pair(*view.pair[:4]))


def render_pairs(
    seed: int, split: str, indices: Iterable[int], height: int, width: int, scenes: Mapping[str, float],
    meshes: MeshOptions = AS_USUAL,
) -> Iterator[Member]:  # fmt: skip
    """Pairs of a set, each drawn when it is asked for; of scenes of meshes block by block.

    Args:
        indices: numbers of pairs in their split, in ascending order.
        seed, split, height, width, scenes, meshes: see `render_block`.
    """
    if not has_meshes(scenes):
        for index in indices:
            scene = sample_scene(seed, split, index, height, width, scenes)
            yield Member(index, scene.kind, render_scene(scene))
        return
    # A block's scene is built once, and seen from many places.
    for block, members in groupby(indices, lambda index: index // BLOCK):
        wanted = [index - block * BLOCK for index in members]
        yield from render_block(seed, split, block, height, width, scenes, wanted, meshes)


def _generate(seed: int, split: str, number: int) -> np.random.Generator:
    # A key that sample_scene does not use.
    key = SPLITS.index(split), 2**32 - 1, number
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))
