"""Every kind of scene of *shapes*: true geometry in both views, in range, the same for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stereo_exp.config.dataset import SCENES
from stereo_exp.shapes.item import Item, Sheet
from stereo_exp.shapes.quadric import Quadric
from stereo_exp.shapes.raster import Pair, render_scene
from stereo_exp.shapes.scene import Scene, largest_disparity
from stereo_exp.shapes.scenes import KINDS, WEIGHTS, sample_scene
from stereo_exp.shapes.stains import Glare
from stereo_exp.shapes.surface import LOWEST

HEIGHT, WIDTH, NUM_PAIRS = 128, 256, 8


@pytest.fixture(scope="module", params=list(KINDS))
def pairs(request: pytest.FixtureRequest) -> list[Pair]:
    """Pairs of one kind, with equal cameras and hard outlines."""
    scenes = [sample_scene(3, "TRAIN", index, HEIGHT, WIDTH, {request.param: 1.0}) for index in range(NUM_PAIRS)]
    return [render_scene(_matt(scene), photometric=False, antialias=False) for scene in scenes]


def _matt(scene: Scene) -> Scene:
    """The scene without highlights, which have a disparity of their own."""
    items: list[Item] = []
    for item in scene.items:
        if isinstance(item, Sheet):
            item = replace(item, stains=tuple(stain for stain in item.stains if not isinstance(stain, Glare)))
        elif isinstance(item, Quadric):
            item = replace(item, finish=replace(item.finish, gloss=0.0))
        items.append(item)
    return replace(scene, items=tuple(items))


class Partner:
    """The two right pixels beside x − d of every left pixel of a pair."""

    def __init__(self, pair: Pair, offset: float = 0.0) -> None:
        height, width = pair.disparity_left.shape
        x = np.arange(width) - pair.disparity_left.astype(np.float64) + offset
        self.low = np.floor(x).astype(int)
        self.share = x - self.low
        self.in_picture = (self.low >= 0) & (self.low + 1 < width)
        self.rows, self.columns = np.arange(height)[:, None], self.low.clip(0, width - 2)

    def pick(self, values: np.ndarray, step: int) -> np.ndarray:
        return values[self.rows, self.columns + step].astype(np.float64)

    def between(self, values: np.ndarray) -> np.ndarray:
        share = self.share if values.ndim == 2 else self.share[..., None]
        return self.pick(values, 0) * (1 - share) + self.pick(values, 1) * share


def _visible(pair: Pair) -> np.ndarray:
    at = Partner(pair)
    near = [np.abs(at.pick(pair.disparity_right, step) - pair.disparity_left) < 0.5 for step in (0, 1)]
    return at.in_picture & near[0] & near[1]


def _warp_error(pair: Pair, offset: float = 0.0) -> float:
    at = Partner(pair, offset)
    usable = _visible(pair) & at.in_picture
    return float(np.abs(at.between(pair.right) - pair.left)[usable].mean())


def test_right_warped_by_the_truth_matches_left(pairs: list[Pair]) -> None:
    errors = np.array([_warp_error(pair) for pair in pairs])
    assert np.median(errors) < 1.1 and errors.max() < 3  # limbs of round things are squeezed
    assert np.mean([_visible(pair).mean() for pair in pairs]) > 0.6


@pytest.mark.parametrize("offset", [-1.0, 1.0])
def test_a_wrong_disparity_does_not_match(pairs: list[Pair], offset: float) -> None:
    assert np.median([_warp_error(pair, offset) / _warp_error(pair) for pair in pairs]) > 2.5


def test_right_disparity_agrees_with_left(pairs: list[Pair]) -> None:
    agreeing = []
    for pair in pairs:
        difference = np.abs(Partner(pair).between(pair.disparity_right) - pair.disparity_left)
        agreeing.append((difference[_visible(pair)] < 1e-2).mean())
    # The rest are edges at which two surfaces meet, and the curvature of round things.
    assert min(agreeing) > 0.9 and np.mean(agreeing) > 0.95


def test_no_view_sees_through_a_surface(pairs: list[Pair]) -> None:
    hidden = []
    for pair in pairs:
        at = Partner(pair)
        sides = [at.pick(pair.disparity_right, step) for step in (0, 1)]
        deeper = np.maximum(*sides) < pair.disparity_left - 0.5
        assert (deeper & at.in_picture).mean() < 2e-3
        hidden.append((np.minimum(*sides) > pair.disparity_left + 0.5) & at.in_picture)
    assert np.mean(hidden) > 2e-3  # and each kind has occlusions


def test_disparities_are_in_range(pairs: list[Pair]) -> None:
    for pair in pairs:
        for disparity in (pair.disparity_left, pair.disparity_right):
            assert np.isfinite(disparity).all()
            assert disparity.min() >= LOWEST and disparity.max() <= largest_disparity(WIDTH)


def test_highlights_have_a_disparity_of_their_own() -> None:
    """Where a lamp is mirrored in a wall, the views differ at the wall's own disparity."""
    found = []
    for index in range(40):
        scene = sample_scene(5, "TRAIN", index, HEIGHT, WIDTH, {"room": 1.0})
        if any(isinstance(stain, Glare) for item in scene.items if isinstance(item, Sheet) for stain in item.stains):
            glossy, matt = (render_scene(s, photometric=False, antialias=False) for s in (scene, _matt(scene)))
            np.testing.assert_array_equal(glossy.disparity_left, matt.disparity_left)
            found.append(_warp_error(glossy) / _warp_error(matt))
    assert len(found) > 5 and max(found) > 2


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_scene_follows_from_seed_split_and_index(kind: str) -> None:
    def drawn(*key: object) -> bytes:
        scene = sample_scene(*key, 48, 96, {kind: 1.0})  # type: ignore[arg-type]
        assert scene.kind == kind
        return b"".join(part.tobytes() for part in render_scene(scene))

    keys = [(0, "TRAIN", 0), (0, "TRAIN", 1), (1, "TRAIN", 0), (0, "TEST", 0)]
    found = [drawn(*key) for key in keys]
    assert len(set(found)) == len(keys)
    assert drawn(*keys[0]) == found[0]


def test_shares_are_kept() -> None:
    kinds = [sample_scene(0, "TRAIN", index, 32, 32, {"room": 3, "layers": 1, "street": 0}).kind for index in range(80)]
    assert set(kinds) == {"room", "layers"} and 45 <= kinds.count("room") <= 75
    assert set(WEIGHTS) == set(KINDS)
    assert SCENES == WEIGHTS, "the configuration's shares are the renderer's"
    assert {sample_scene(0, "TRAIN", index, 32, 32).kind for index in range(60)} == set(KINDS)
