"""Views of scenes: many of each scene, its things put elsewhere between some of them, from poses that show something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.camera import StereoRig
from stereo_exp.shapes.meshes.exposure import KEYS, find_fault
from stereo_exp.shapes.meshes.kinds.dense import Dense
from stereo_exp.shapes.meshes.kinds.furnished import Furnished
from stereo_exp.shapes.meshes.kinds.garden import Garden
from stereo_exp.shapes.meshes.kinds.table import Table
from stereo_exp.shapes.meshes.render import MeshPair, measure_pair, render_pair
from stereo_exp.shapes.meshes.scene import MeshScene
from stereo_exp.shapes.scene import log_mix

VIEWS = 12
"""Of one scene."""
_EACH = 3  # views before its things are put elsewhere
MEDIANS = (4.0, 90.0)
"""px in a picture 640 px wide: the range of a view's median disparity, evenly in the logarithm."""
LARGEST = 190.0
"""px in a picture 640 px wide: hardly any pixel exceeds it."""
_TRIAL = (40, 80)  # px of a picture that tells whether a pose is worth its full price
_POSES = 12  # tried for a view


class World(Protocol):
    """A scene whose things can be put elsewhere."""

    name: str

    def arrange(self, rng: np.random.Generator) -> MeshScene:
        """Put its things somewhere."""
        ...

    def aim(self, rng: np.random.Generator) -> StereoRig:
        """Cameras that might see something; the baseline is still to be chosen."""
        ...


MESH_KINDS: dict[str, Callable[[np.random.Generator], World]] = {
    "furnished": Furnished,
    "dense": Dense,
    "table": Table,
    "garden": Garden,
}
"""By name."""


@dataclass(frozen=True)
class View:
    """A pair with where it comes from: the scene's kind and seed, the view's number, and the rig that took it."""

    kind: str
    seed: int
    number: int
    rig: StereoRig
    pair: MeshPair


def sample_views(
    kind: str, seed: int, height: int, width: int, *, count: int = VIEWS, lit: bool = True
) -> Iterator[View]:
    """Views of one scene, each drawn when it is asked for.

    Args:
        kind: one of `MESH_KINDS`.
        seed: of the scene, 0 or more; the views depend on it, on the kind and the size, and on nothing else.
        height, width: px.
        count: views.
        lit: False gives paint in even light.

    Raises:
        UserError: the extra [render] is not installed.
        ArgumentError: no such kind.
    """
    if kind not in MESH_KINDS:
        raise ArgumentError("kind", kind, f"they are {', '.join(MESH_KINDS)}", "name one of them")
    base = np.random.SeedSequence(seed, spawn_key=(list(MESH_KINDS).index(kind),))
    world = MESH_KINDS[kind](_generator(base, 0))
    # One sequence of medians for a scene, so that its views spread over the range.
    start = _generator(base, 1).random()
    scene = None
    for number in range(count):
        if number % _EACH == 0:
            scene = world.arrange(_generator(base, 2, number))
        assert scene is not None
        rng = _generator(base, 3, number)
        median = log_mix(*MEDIANS, (start + number * 0.6180339887498949) % 1.0)
        rig, key = find_view(scene, world, rng, median, height / width)
        pair = render_pair(scene, rig, height, width, key=key, seed=int(rng.integers(2**31)), lit=lit)
        yield View(kind, seed, number, rig, pair)


def find_view(
    scene: MeshScene, world: World, rng: np.random.Generator, median: float, shape: float
) -> tuple[StereoRig, float]:
    """A rig whose small trial picture passes, with the exposure's key; of `_POSES` the least bad one.

    Args:
        scene: what stands where.
        world: proposes poses.
        rng: draws them.
        median: disparity wanted in the middle, px at 640 px width.
        shape: height over width.
    """
    key = log_mix(*KEYS, rng.random())
    width = _TRIAL[1]
    height = max(round(width * shape), 8)
    best: tuple[float, StereoRig] | None = None
    for _ in range(_POSES):
        rig = world.aim(rng)
        fault, rig = _fit_baseline(scene, rig, median, height, width)
        if fault == 0:
            picture = render_pair(scene, rig, height, width, key=key).left
            fault = 0.5 if find_fault(picture) else 0.0
        if best is None or fault < best[0]:
            best = fault, rig
        if fault == 0:
            break
    assert best is not None
    return best[1], key


def _fit_baseline(
    scene: MeshScene, rig: StereoRig, median: float, height: int, width: int
) -> tuple[float, StereoRig]:
    """The rig with the baseline that gives the median, or the widest that keeps the largest disparity in bounds, and how
    bad the view is: 0 is good."""
    # Of depth alone, so that one measure serves any baseline.
    trial = measure_pair(scene, rig, height, width).disparity_left * (640 / width)
    solid = trial > scene.backdrop.disparity * 1.001
    # Too little to see, or the camera stands in something.
    if solid.mean() < 0.15 or not (trial < 1e4).all():
        return 9.0, rig
    depth = rig.power * (640 / rig.width) / trial[solid]
    low, middle, near = np.percentile(depth, (1, 50, 5))
    factor = rig.power * (640 / rig.width)
    baseline = median * middle / factor * rig.baseline
    widest = LARGEST * low / factor * rig.baseline
    fault = 0.0
    if baseline > widest:
        fault += float(np.log(baseline / widest))
        baseline = widest
    if near < 0.25 * middle:
        fault += 0.3 * float(np.log(0.25 * middle / near))
    if float(np.std(np.log(depth))) < 0.08:
        fault += 1.0
    return (0.0 if fault < 0.15 else fault), rig.widen(float(baseline))


def _generator(base: np.random.SeedSequence, *path: int) -> np.random.Generator:
    """Random numbers of one purpose, whatever others were drawn before."""
    key = (*base.spawn_key, *path)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(base.entropy, spawn_key=key)))
