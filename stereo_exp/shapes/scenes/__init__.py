"""Kinds of scenes, and the choice among them.

Everything of scene number `index` is drawn from a counter-based generator keyed by (seed, split, index): a scene
does not depend on how many there are or on who renders it. The depth range of scene number i follows a
low-discrepancy sequence in i, so that even a small set covers the whole range.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from stereo_exp.shapes.photometry import sample_cameras
from stereo_exp.shapes.scene import Composition, Frame, Scene, largest_disparity
from stereo_exp.shapes.scenes.indoors import compose_room, compose_shelf, compose_table
from stereo_exp.shapes.scenes.layers import compose_layers
from stereo_exp.shapes.scenes.street import compose_street
from stereo_exp.shapes.scenes.thin import compose_thin

SPLITS = ("TRAIN", "TEST")
KINDS: dict[str, Callable[[np.random.Generator, Frame], Composition]] = {
    "layers": compose_layers,
    "room": compose_room,
    "street": compose_street,
    "table": compose_table,
    "shelf": compose_shelf,
    "thin": compose_thin,
}
WEIGHTS: dict[str, float] = {"layers": 1.0, "room": 2.0, "street": 2.0, "table": 2.0, "shelf": 1.0, "thin": 1.0}


def sample_scene(
    seed: int, split: str, index: int, height: int, width: int, scenes: Mapping[str, float] | None = None
) -> Scene:
    """Scene number `index` of a split; the same arguments give the same scene.

    Args:
        seed: of the whole set, at least 0.
        split: one of `SPLITS`; different splits never share a scene.
        index: at least 0.
        height, width: pixels.
        scenes: relative share of each of `KINDS`; None is `WEIGHTS`.
    """
    branch = SPLITS.index(split)
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(branch, index))))
    weights = WEIGHTS if scenes is None else scenes
    names = [name for name in KINDS if weights.get(name, 0) > 0]  # in an order of our own, whatever the mapping's
    shares = np.array([weights[name] for name in names])
    kind = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    shifts = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(branch,)))).random(2)
    # The R2 sequence steps by the inverse powers of the plastic number (Roberts, "The unreasonable
    # effectiveness of quasirandom sequences", 2018).
    near, far = ((shifts + index * np.array([0.7548776662466927, 0.5698402909980532])) % 1.0).tolist()
    composition = KINDS[kind](rng, Frame(height, width, largest_disparity(width), near, far))
    return Scene(height, width, kind, tuple(composition.items), composition.num_objects, sample_cameras(rng))
