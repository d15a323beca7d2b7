"""Views of scenes: many of each scene, its things put elsewhere between some of them, from poses that show
something."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.camera import StereoRig
from stereo_exp.shapes.meshes.exposure import KEYS, find_fault
from stereo_exp.shapes.meshes.furniture import Source
from stereo_exp.shapes.meshes.kinds.dense import Dense
from stereo_exp.shapes.meshes.kinds.furnished import Furnished
from stereo_exp.shapes.meshes.kinds.garden import Garden
from stereo_exp.shapes.meshes.kinds.tabletop import Tabletop
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
_TRIAL, _SMALL = 160, 80  # px width of the truth and of the picture that tell whether a pose is worth its full price
_OUTLINES = 0.02  # share of neighbours that different depths must part: a bare floor teaches little
_POSES = 12  # tried for a view


class World(Protocol):
    """A scene whose things can be put elsewhere."""

    name: str
    nearest: float
    """Metres before a camera that should be free."""

    def arrange(self, rng: np.random.Generator) -> MeshScene:
        """Put its things somewhere."""
        ...

    def aim(self, rng: np.random.Generator) -> StereoRig:
        """Cameras that might see something; the baseline is still to be chosen."""
        ...


WORLDS: dict[str, Callable[[np.random.Generator, Sequence[Source], Sequence[str]], World]] = {
    "furnished": Furnished,
    "dense": Dense,
    "tabletop": Tabletop,
    "garden": Garden,
}
"""By name, those of `MESH_WEIGHTS`."""


@dataclass(frozen=True)
class View:
    """A pair with where it comes from: the scene's kind and seed, the view's number, and the rig that took it."""

    kind: str
    seed: int
    number: int
    rig: StereoRig
    pair: MeshPair


def sample_views(
    kind: str, seed: int, height: int, width: int, *, wanted: Collection[int] = range(VIEWS), lit: bool = True,
    floaters: bool = True, models: Sequence[Source] = (), textures: Sequence[str] = (),
) -> Iterator[View]:  # fmt: skip
    """Views of one scene, each drawn when it is asked for.

    Args:
        kind: one of `WORLDS`.
        seed: of the scene, 0 or more; the views depend on it, on the kind and the size, and on nothing else.
        height, width: px.
        wanted: numbers of the views; each looks the same whichever others are asked for.
        lit: False gives paint in even light; nothing else changes.
        floaters: False leaves out what floats in furnished rooms; the rest, cameras included, stays where it is.
        models: models from outside that scenes may use; the views depend on them too.
        textures: pictures from outside, files, that scenes may be painted with; likewise.

    Raises:
        UserError: the extra [render] is not installed.
        ArgumentError: no such kind.
    """
    if kind not in WORLDS:
        raise ArgumentError("kind", kind, f"they are {', '.join(WORLDS)}", "name one of them")
    base = np.random.SeedSequence(seed, spawn_key=(list(WORLDS).index(kind),))
    world = WORLDS[kind](_generator(base, 0), models, textures)
    # One sequence of medians for a scene, so that its views spread over the range.
    start = _generator(base, 1).random()
    scene, arranged = None, -1
    for number in sorted(wanted):
        if scene is None or number // _EACH != arranged:
            arranged = number // _EACH
            scene = world.arrange(_generator(base, 2, arranged))
            shown = scene if floaters else scene.drop_floaters()
        rng = _generator(base, 3, number)
        median = log_mix(*MEDIANS, (start + number * 0.6180339887498949) % 1.0)
        rig, key = find_view(scene, world, rng, median, height / width)
        pair = render_pair(shown, rig, height, width, key=key, seed=int(rng.integers(2**31)), lit=lit)
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
    best: tuple[float, StereoRig] | None = None
    for _ in range(_POSES):
        rig = world.aim(rng)
        fault, rig = _fit_baseline(scene, rig, median, world.nearest, max(round(_TRIAL * shape), 8), _TRIAL)
        if fault == 0:
            picture = render_pair(scene, rig, max(round(_SMALL * shape), 8), _SMALL, key=key).left
            fault = 0.5 if find_fault(picture) else 0.0
        if best is None or fault < best[0]:
            best = fault, rig
        if fault == 0:
            break
    assert best is not None
    return best[1], key


def _fit_baseline(
    scene: MeshScene, rig: StereoRig, median: float, nearest: float, height: int, width: int
) -> tuple[float, StereoRig]:
    """The rig with the baseline that gives the median, or the widest that keeps the largest disparity in bounds, and
    how bad the view is: 0 is good."""
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
    rig = rig.widen(float(baseline))
    truth = measure_pair(scene, rig, height, width)
    # The right camera may stand in or behind something that the left one does not see.
    most = max(float(truth.disparity_left.max()), float(truth.disparity_right.max())) * (640 / width)
    if not most < 1.4 * LARGEST:
        fault += 0.5
    fault += 4 * max(float(truth.occlusion.mean()) - 0.33, 0.0)
    if near < 0.25 * middle:
        fault += 0.3 * float(np.log(0.25 * middle / near))
    # In a bush, at a wall: one thing fills the picture.
    fault += max(float(np.log(nearest / near)), float(np.log(4 * nearest / middle)), 0.0)
    jumps = np.abs(np.diff(np.log(truth.disparity_left), axis=1)) > 0.05
    fault += 20 * max(_OUTLINES - float(jumps.mean()), 0.0) * float(jumps.mean() < 0.75 * _OUTLINES)
    return (0.0 if fault < 0.15 else fault), rig


def _generator(base: np.random.SeedSequence, *path: int) -> np.random.Generator:
    """Random numbers of one purpose, whatever others were drawn before."""
    key = (*base.spawn_key, *path)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(base.entropy, spawn_key=key)))
