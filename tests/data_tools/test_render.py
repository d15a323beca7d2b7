"""*shapes*: is the geometry true, the set what it says it is, and are its files the same for any workers?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stereo_exp.base.errors import UserError
from stereo_exp.geometry.formats.image import read_rgb
from stereo_exp.geometry.formats.pfm import read_pfm
from stereo_exp.shapes import textures
from stereo_exp.shapes.photometry import Camera
from stereo_exp.shapes.raster import Pair, render_scene
from stereo_exp.shapes.scene import Scene, largest_disparity
from stereo_exp.shapes.scenes import SPLITS, sample_scene
from stereo_exp.shapes.scenes.layers import FEWEST_OBJECTS, MOST_OBJECTS
from stereo_exp.shapes.shapes import KINDS as OUTLINES
from stereo_exp.shapes.shapes import Outline
from stereo_exp.shapes.surface import HIGHEST, LOWEST, STEEPEST, Extent, Surface
from stereo_exp.shapes.textures import KINDS as PAINTS
from stereo_exp.shapes.textures import NAMES, load, sample_texture
from stereo_exp.shapes.writer import LISTS, PARAMETERS, pair_paths, render_dataset

REPOSITORY = Path(__file__).parents[2]
HEIGHT, WIDTH = 96, 192
LAYERS = {"layers": 1.0}
FORM = {
    "b": st.floats(-STEEPEST, STEEPEST),
    "tilt": st.floats(-0.3, 0.3),
    "bend": st.floats(-1e-3, 1e-3),
    "wave": st.floats(-5, 5),
    "period": st.floats(10, 300),
    "phase": st.floats(0, 6.28),
    "y0": st.floats(0, 300),
}
FLAT = dict.fromkeys(FORM, 0.0) | {"period": 10.0}


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


# Surfaces and outlines


@settings(deadline=None)
@given(a=st.floats(0, 200), x=st.floats(-50, 800), y=st.floats(0, 300), form=st.fixed_dictionaries(FORM))
def test_surface_inverts_exactly(a: float, x: float, y: float, form: dict[str, float]) -> None:
    surface = Surface(a, **form)
    points = np.array([x, x + 1.5]), np.array([y, y])
    there = surface.to_right(*points)
    assert there[1] > there[0]  # never seen from behind
    np.testing.assert_allclose(surface.to_left(there, points[1]), points[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(points[0] - there, surface.disparity(*points), rtol=0, atol=1e-9)


@settings(deadline=None)  # the machine may be busy
@example(form=FLAT | {"tilt": 1e-9}, left=0.0, top=93.7, size=(1.0, 1.0), limits=(LOWEST, LOWEST))
@example(form=FLAT | {"wave": 2e-313}, left=0.0, top=0.0, size=(1.0, 1.0), limits=(1.0, 0.5))
@given(
    form=st.fixed_dictionaries(FORM),
    left=st.floats(-100, 500),
    top=st.floats(-50, 250),
    size=st.tuples(st.floats(1, 700), st.floats(1, 300)),
    limits=st.tuples(st.floats(LOWEST, HIGHEST), st.floats(LOWEST, HIGHEST)),
)
def test_fitted_surface_keeps_its_limits(
    form: dict[str, float],
    left: float,
    top: float,
    size: tuple[float, float],
    limits: tuple[float, float],
) -> None:
    low, high = min(limits), max(limits)
    box = Extent(left, top, left + size[0], top + size[1])
    surface = Surface(0.0, **form).fit(box, low, high)
    x, y = np.linspace(box.left, box.right, 23), np.linspace(box.top, box.bottom, 31)[:, None]
    found = surface.disparity(x, y)
    assert found.min() >= max(low, LOWEST) - 2e-3 and found.min() >= LOWEST
    assert found.max() <= min(high, HIGHEST) + 2e-3 and found.max() <= HIGHEST
    assert surface.range(box)[1] == pytest.approx(high, abs=2e-3)


def test_surface_refuses_what_cannot_be_inverted() -> None:
    with pytest.raises(ValueError, match="invertible"):
        Surface(a=10.0, b=1.01)
    with pytest.raises(ValueError, match="lie within"):
        Surface(a=1.0).fit(Extent(0, 0, 1, 1), 0.1, 5.0)


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(OUTLINES),
    size=st.tuples(st.floats(2, 40), st.floats(2, 40)),
    angle=st.floats(-3.2, 3.2),
    points=st.integers(3, 9),
    depth=st.floats(0.1, 0.6),
)
def test_outline_lies_in_its_extent(
    kind: str, size: tuple[float, float], angle: float, points: int, depth: float
) -> None:
    outline = Outline(kind, 64.0, 64.0, *size, angle=angle, points=points, depth=depth, pitch=6.0, slat=3.0)
    x, y = np.arange(128.0)[None], np.arange(128.0)[:, None]
    inside = outline.inside(x, y) > 0
    box = outline.extent
    beyond = (x < box.left - 0.01) | (x > box.right + 0.01) | (y < box.top - 0.01) | (y > box.bottom + 0.01)
    assert inside.any()
    assert not (inside & beyond).any()


@pytest.mark.parametrize("kind", PAINTS)
def test_paint_is_the_same_in_both_views_and_textured_as_named(kind: str) -> None:
    rng = np.random.default_rng(5)
    spreads = []
    for _ in range(6):
        texture = sample_texture(rng, kind, (40.0, 30.0), 80.0)
        x, y = np.arange(80.0)[None], np.arange(60.0)[:, None]
        paint = texture.colors(x, y)
        assert paint.shape == (60, 80, 3) and paint.min() >= 0 and paint.max() <= 255
        np.testing.assert_array_equal(texture.colors(x[:, 20:] + 0 * y, y), paint[:, 20:])
        spreads.append(paint.std(axis=(0, 1)).max())
    assert (
        max(spreads) < 15
        if kind in ("flat", "faint")
        else np.median(spreads) > (4 if kind in ("rough", "fabric") else 8)
    )


def test_photographs_without_scikit_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setattr(textures, "_folder", textures._folder.__wrapped__)
    with pytest.raises(UserError, match=r"its photographs; pip install stereo_exp\[train\] brings it"):
        load.__wrapped__("coins.png", 0)


def test_photographs_are_in_the_wheel_and_not_evaluation_data() -> None:
    assert not any("motorcycle" in name for name in NAMES)
    for name in NAMES:
        assert load(name, 0).dtype == np.uint8
        assert min(load(name, 2).shape[:2]) >= 64


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


# The files


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _render(out: Path, **changes: Any) -> tuple[int, int]:
    options = {"train": 5, "test": 2, "height": 48, "width": 96, "seed": 4, "workers": 1} | changes
    report = render_dataset(out, **options)
    return report.rendered, report.reused


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    assert _render(folder) == (7, 0)
    return folder


def test_layout_and_lists_read_back(rendered: Path) -> None:
    assert json.loads((rendered / PARAMETERS).read_text())["seed"] == 4
    for split, count in (("TRAIN", 5), ("TEST", 2)):
        lines = (rendered / LISTS[split]).read_text().splitlines()
        assert len(lines) == count
        for index, line in enumerate(lines):
            scene = f"{split}/A/{index:04d}"
            left, right, disparity = line.split(" ")
            assert left == f"FlyingThings3D/frames_finalpass/{scene}/left/0006.png"
            assert right == f"FlyingThings3D/frames_finalpass/{scene}/right/0006.png"
            assert disparity == f"FlyingThings3D/disparity/{scene}/left/0006.pfm"
            pair = render_scene(sample_scene(4, split, index, 48, 96))
            np.testing.assert_array_equal(read_rgb(rendered / left), pair.left)
            np.testing.assert_array_equal(read_rgb(rendered / right), pair.right)
            np.testing.assert_array_equal(read_pfm(rendered / disparity), pair.disparity_left)
            other = rendered / pair_paths(split, index).disparity_right
            np.testing.assert_array_equal(read_pfm(other), pair.disparity_right)
    assert len(_files(rendered)) == 4 * 7 + 3  # and nothing else


def test_two_workers_write_the_same_bytes(rendered: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    report = render_dataset(
        tmp_path,
        train=5,
        test=2,
        height=48,
        width=96,
        seed=4,
        workers=2,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert report.workers == 2 and report.pairs_per_second > 0
    assert calls[0] == (0, 7) and calls[-1] == (7, 7) and calls == sorted(calls)
    assert _files(tmp_path) == _files(rendered)


def test_a_broken_off_run_is_completed(rendered: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _render(tmp_path, progress=stop)
    assert not (tmp_path / LISTS["TRAIN"]).exists()  # lists come last: no list, not whole
    before = (tmp_path / pair_paths("TRAIN", 0).left).stat().st_mtime_ns
    lost = tmp_path / pair_paths("TRAIN", 1).disparity_left
    lost.unlink()
    assert _render(tmp_path) == (4, 3)
    assert (tmp_path / pair_paths("TRAIN", 0).left).stat().st_mtime_ns == before
    assert _files(tmp_path) == _files(rendered)
    assert _render(tmp_path) == (0, 7)


@pytest.mark.parametrize("key", ["train", "test", "height", "width", "seed"])
def test_other_parameters_in_the_same_folder_are_refused(rendered: Path, key: str) -> None:
    before = _files(rendered)
    with pytest.raises(UserError) as caught:
        _render(rendered, **{key: 64})
    assert str(caught.value).startswith(f"{key}=64: ")
    assert "\n" not in str(caught.value)
    assert _files(rendered) == before


def _real_lists(folder: Path) -> None:
    (folder / LISTS["TRAIN"]).write_text("the download's own list")


def _spoilt_record(folder: Path) -> None:
    (folder / PARAMETERS).write_text("{")


@pytest.mark.parametrize("spoil", [_real_lists, _spoilt_record])
def test_folders_of_others_are_left_alone(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path)
    before = _files(tmp_path)
    with pytest.raises(UserError):
        _render(tmp_path)
    assert _files(tmp_path) == before


@pytest.mark.parametrize(
    ("key", "value"),
    [("train", -1), ("test", -1), ("seed", -1), ("height", 16), ("width", 5000), ("workers", 0)],
)
def test_values_out_of_range_are_refused(tmp_path: Path, key: str, value: int) -> None:
    with pytest.raises(UserError, match=f"^{key}={value}: "):
        _render(tmp_path / "new", **{key: value})
    assert not (tmp_path / "new").exists()


def test_an_empty_set_and_an_unwritable_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least one pair"):
        _render(tmp_path, train=0, test=0)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        _render(tmp_path / "file" / "set")


def test_command_line(tmp_path: Path) -> None:
    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "data_tools.render", *options]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)

    options = ["--out", str(tmp_path), "--train", "2", "--test", "1", "--size", "48x96", "--workers", "1"]
    first = run(*options)
    assert first.returncode == 0 and first.stderr == ""
    assert first.stdout.count("\n") == 1
    summary = json.loads(first.stdout)
    assert summary["rendered"] == 3 and summary["pairs_per_second"] > 0 and summary["seconds"] > 0
    assert len((tmp_path / LISTS["TRAIN"]).read_text().splitlines()) == 2

    for wrong in ([*options, "--seed", "9"], [*options, "--size", "48"]):
        refused = run(*wrong)
        assert refused.returncode == 2 and refused.stdout == ""
        assert refused.stderr.startswith("error: ") and refused.stderr.count("\n") == 1
