"""*shapes*: is the geometry true between the views, and is the set what it says it is?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from stereo_exp.shapes.photometry import Camera
from stereo_exp.shapes.raster import Pair, render_scene
from stereo_exp.shapes.scene import Scene, largest_disparity
from stereo_exp.shapes.scenes import SPLITS, sample_scene
from stereo_exp.shapes.scenes.layers import FEWEST_OBJECTS, MOST_OBJECTS
from stereo_exp.shapes.shapes import KINDS as OUTLINES
from stereo_exp.shapes.surface import HIGHEST, LOWEST

HEIGHT, WIDTH = 96, 192
LAYERS = {"layers": 1.0}


def _draw(index: int, photometric: bool = False) -> Pair:
    scene = sample_scene(3, "TRAIN", index, HEIGHT, WIDTH, LAYERS)
    return render_scene(scene, photometric=photometric, antialias=False)


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    """Ten pairs with equal cameras and hard outlines, so that every pixel shows one surface."""
    return [_draw(index) for index in range(10)]


class Lookup(NamedTuple):
    """The right view's two pixels next to x − d for every left pixel, and whether both are in the picture."""

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray
    in_picture: np.ndarray

    @property
    def between(self) -> np.ndarray:
        share = self.share if self.first.ndim == 2 else self.share[..., None]
        return self.first * (1 - share) + self.second * share


def _look_up(values: np.ndarray, disparity: np.ndarray, offset: float = 0.0) -> Lookup:
    height, width = disparity.shape
    x = np.arange(width) - disparity.astype(np.float64) + offset
    low = np.floor(x).astype(int)
    in_picture = (low >= 0) & (low + 1 < width)
    rows, low_in = np.arange(height)[:, None], low.clip(0, width - 2)
    pixels = values.astype(np.float64)
    return Lookup(pixels[rows, low_in], pixels[rows, low_in + 1], x - low, in_picture)


def _visible(pair: Pair) -> np.ndarray:
    """Left pixels whose partner shows the same surface: both right neighbours are as deep."""
    seen = _look_up(pair.disparity_right, pair.disparity_left)
    near = [np.abs(side - pair.disparity_left) < 0.5 for side in (seen.first, seen.second)]
    return seen.in_picture & near[0] & near[1]


def _warp_error(pair: Pair, offset: float = 0.0) -> float:
    """Mean difference in grey levels of the left view and the right one warped by the truth plus `offset`."""
    warped = _look_up(pair.right, pair.disparity_left, offset)
    usable = _visible(pair) & warped.in_picture
    return float(np.abs(warped.between - pair.left)[usable].mean())


# The truth between the views


def test_right_warped_by_the_truth_matches_left(pairs: list[Pair]) -> None:
    errors = [_warp_error(pair) for pair in pairs]
    # Bilinear resampling of detail of three pixels costs up to one grey level or so.
    assert max(errors) < 1.6 and np.mean(errors) < 0.9
    assert all(_visible(pair).mean() > 0.35 for pair in pairs)


@pytest.mark.parametrize("offset", [-1.0, -0.25, 0.25, 1.0])
def test_right_warped_by_a_wrong_disparity_does_not_match(pairs: list[Pair], offset: float) -> None:
    worse = np.array([_warp_error(pair, offset) / _warp_error(pair) for pair in pairs])
    assert worse.min() > (3.0 if abs(offset) == 1 else 1.1)


def test_right_disparity_agrees_with_left(pairs: list[Pair]) -> None:
    exact = []
    for pair in pairs:
        visible = _visible(pair)
        difference = np.abs(_look_up(pair.disparity_right, pair.disparity_left).between - pair.disparity_left)
        exact.append((difference[visible] < 1e-3).mean())
    # The rest are neighbours on two surfaces of nearly one depth.
    assert min(exact) > 0.95 and np.mean(exact) > 0.99


def test_no_view_sees_through_a_surface(pairs: list[Pair]) -> None:
    """At a left pixel's partner the right view shows that point or something nearer, never what is behind."""
    occluded = []
    for pair in pairs:
        seen = _look_up(pair.disparity_right, pair.disparity_left)
        deeper = np.maximum(seen.first, seen.second) < pair.disparity_left - 0.5
        assert (deeper & seen.in_picture).mean() < 2e-3  # slats thinner than the pixels of the other view
        nearer = np.minimum(seen.first, seen.second) > pair.disparity_left + 0.5
        occluded.append((nearer & seen.in_picture).mean())
    assert min(occluded) > 0.001 and np.mean(occluded) > 0.03


def test_most_left_pixels_are_inside_the_right_view(pairs: list[Pair]) -> None:
    assert np.mean([_look_up(p.right, p.disparity_left).in_picture.mean() for p in pairs]) > 0.85


def test_cameras_differ_moderately() -> None:
    plain, exposed = ([_warp_error(_draw(index, photometric)) for index in range(12)] for photometric in (False, True))
    assert np.median(exposed) > 2 * np.median(plain)
    assert max(exposed) < 30
    level = np.full((8, 8, 3), 100, np.float32)
    np.testing.assert_array_equal(Camera().expose(level), level)
    assert Camera(gain=(1.2, 1.0, 0.8), offset=5).expose(level)[0, 0].tolist() == [125, 105, 85]


def test_each_view_goes_through_its_own_camera() -> None:
    scene = next(
        scene
        for scene in (sample_scene(3, "TRAIN", index, HEIGHT, WIDTH, LAYERS) for index in range(30))
        if scene.cameras[0].gain != scene.cameras[1].gain
        and not any(c.blur or any(c.tilt) or any(c.motion) or c.vignette or c.veil[2] for c in scene.cameras)
    )
    plain, exposed = render_scene(scene, photometric=False), render_scene(scene)
    for camera, before, after in zip(scene.cameras, plain[:2], exposed[:2], strict=True):
        np.testing.assert_array_equal(camera.expose(before.astype(np.float32)), after)


def test_antialiasing_leaves_disparity_alone() -> None:
    scene = sample_scene(3, "TRAIN", 1, HEIGHT, WIDTH, LAYERS)
    hard, soft = (render_scene(scene, photometric=False, antialias=on) for on in (False, True))
    np.testing.assert_array_equal(hard.disparity_left, soft.disparity_left)
    np.testing.assert_array_equal(hard.disparity_right, soft.disparity_right)
    changed = (hard.left != soft.left).any(axis=-1).mean()
    assert 0 < changed < 0.2  # outlines only


# The set


@pytest.mark.parametrize("size", [(32, 32), (40, 300), (200, 64)])
def test_disparities_stay_in_range_at_odd_sizes(size: tuple[int, int]) -> None:
    for index in range(25):
        pair = render_scene(sample_scene(9, "TEST", index, *size))
        for disparity in (pair.disparity_left, pair.disparity_right):
            assert disparity.shape == size and disparity.dtype == np.float32
            assert disparity.min() >= LOWEST and disparity.max() <= largest_disparity(size[1])


@pytest.mark.parametrize("seed", [0, 1, 77])
def test_disparities_cover_their_range(seed: int) -> None:
    edges = [LOWEST, 0.5, 1, 2, 5, 10, 20, 50, 100, 150, 180, HIGHEST]
    counts, means, low, high = np.zeros(len(edges) - 1), [], HIGHEST, LOWEST
    for index in range(40):
        # Rows are few, as this is about depth; the width allows for the largest disparity.
        pair = render_scene(sample_scene(seed, "TRAIN", index, 40, 512, LAYERS), photometric=False)
        for disparity in (pair.disparity_left, pair.disparity_right):
            counts += np.histogram(disparity, edges)[0]
            low, high = min(low, float(disparity.min())), max(high, float(disparity.max()))
        means.append(pair.disparity_left.mean())
    assert LOWEST <= low < 0.25 and 180 < high <= HIGHEST
    assert (counts > 0).all()
    assert 5 < np.median(means) < 60  # most scenes are of ordinary depth


def test_scenes_hold_what_they_should() -> None:
    scenes = [sample_scene(0, "TRAIN", index, HEIGHT, WIDTH, LAYERS) for index in range(60)]
    counts = {scene.num_objects for scene in scenes}
    assert min(counts) >= FEWEST_OBJECTS and max(counts) <= MOST_OBJECTS and len(counts) > 10
    items = [item for scene in scenes for item in scene.items]
    assert {item.outline.kind for item in items if item.outline} == set(OUTLINES)
    assert {item.texture.kind for item in items} == {"photo", "noise", "stripes", "glyphs", "flat"}
    assert any(item.surface.b for item in items)
    assert any(item.surface.bend or item.surface.wave for item in items)
    matched = [scene.cameras[0].gain == scene.cameras[1].gain for scene in scenes]
    assert any(matched) and not all(matched)
    assert largest_disparity(512) == HIGHEST and largest_disparity(192) == pytest.approx(76.8)


def _fingerprint(scene: Scene) -> bytes:
    return b"".join(part.tobytes() for part in render_scene(scene))


def test_scenes_depend_on_seed_split_and_index_alone() -> None:
    def drawn(seed: int, split: str, index: int) -> bytes:
        return _fingerprint(sample_scene(seed, split, index, 48, 64))

    assert drawn(0, "TRAIN", 1) == drawn(0, "TRAIN", 1)
    keys = [(seed, split, index) for seed in (0, 1) for split in SPLITS for index in (0, 1)]
    assert len({drawn(*key) for key in keys}) == len(keys)
    # Not even a part of a scene is met again in the other split.
    paint = [
        {
            item.texture.matrix.tobytes()
            for index in range(4)
            for item in sample_scene(0, split, index, 48, 64, LAYERS).items
        }
        for split in SPLITS
    ]
    assert not paint[0] & paint[1]
