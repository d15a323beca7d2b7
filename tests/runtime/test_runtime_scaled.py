"""At what size a pair is seen: small ones enlarged, answers in px of what was given, refining on the larger."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matcher import shifted_pair, write_matcher

from stereo_exp.base.errors import UserError
from stereo_exp.geometry.images import resize
from stereo_exp.geometry.sizing import Maps, Rule, Sizing, predict_at, scale_size
from stereo_exp.runtime import StereoModel
from stereo_exp.runtime.manifest import MANIFEST


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((544, 960), 1.0),
        ((1080, 1920), 1.0),
        ((376, 1241), 1.0),  # KITTI: almost as many pixels
        ((500, 741), 1.187),
        ((400, 640), 1.428),
        ((370, 427), 1.818),
        ((240, 320), 2.0),
        ((1, 1), 2.0),
    ],
)
def test_small_pairs_are_enlarged_to_as_many_pixels(size: tuple[int, int], expected: float) -> None:
    assert Sizing().scale(size) == pytest.approx(expected, abs=1e-3)


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_nothing_is_enlarged_beyond_the_size_meant(height: int, width: int) -> None:
    scale = Sizing().scale((height, width))
    assert 1 <= scale <= 2
    assert scale == 1 or height * width * scale**2 <= 544 * 960 * (1 + 1e-9)


def on_grid(size: tuple[int, int]) -> tuple[int, int]:
    return -(-size[0] // 32) * 32, -(-size[1] // 32) * 32


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_an_enlarged_pair_keeps_close_to_the_scale_meant(height: int, width: int) -> None:
    scale, (rows, columns) = Sizing().scale((height, width)), Sizing().choose_size((height, width), 32)
    if scale == 1:
        assert (rows, columns) == (height, width)
        return
    assert height <= rows <= 2 * height and width <= columns <= 2 * width
    # Whole pixels: of sides of a few, one is much.
    for given_side, seen in ((height, rows), (width, columns)):
        assert abs(seen / (given_side * scale) - 1) <= 0.05 + 1 / given_side
    down, across = rows / height, columns / width
    assert max(down / across, across / down) <= 1.02 + 2 / min(height, width)


@given(st.integers(200, 700), st.floats(0.8, 2.5))
def test_an_enlarged_pair_is_padded_little(height: int, aspect: float) -> None:
    size = height, round(height * aspect)
    seen = Sizing().choose_size(size, 32)
    if seen == size:
        return
    rows, columns = on_grid(seen)
    padding = 1 - seen[0] * seen[1] / (rows * columns)
    # Sides that may grow by no more than 2 cannot always reach the grid from 5 % below.
    assert padding <= (0.02 if Sizing().scale(size) < 1.9 else 0.09)
    plain = scale_size(size, Sizing().scale(size))
    assert padding <= 1 - plain[0] * plain[1] / np.prod(on_grid(plain)) + 1e-9


@pytest.mark.parametrize(
    ("size", "expected"),
    [((370, 427), (672, 768)), ((500, 741), (608, 896)), ((256, 512), (512, 1024)), ((376, 1241), (376, 1241))],
)
def test_sizes_of_well_known_sets(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert Sizing().choose_size(size, 32) == expected


def test_other_weights_like_other_sizes() -> None:
    small = Sizing(pixels=256 * 512, least=1.2, most=1.5)
    assert small.choose_size((256, 512), 32) == (256, 512)
    assert small.choose_size((240, 500), 32) == (240, 500)
    assert small.choose_size((128, 256), 32) == (192, 384)
    assert Rule(sizing=small).choose_size((128, 256), 32) == (192, 384)
    assert Rule(2.0, sizing=small).choose_size((128, 256), 32) == (256, 512)
    # On another network's grid.
    assert (
        Sizing().choose_size((370, 427), multiple=8)[0] % 8 == Sizing().choose_size((370, 427), multiple=8)[1] % 8 == 0
    )


@pytest.mark.parametrize("wrong", [{"pixels": 0}, {"least": 0.9}, {"most": 9}, {"most": float("nan")}])
def test_figures_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sizing(**wrong)


def test_the_rule_of_a_compiled_folder_is_its_own(tmp_path: Path, compiled: Path) -> None:
    """Written into the manifest; one from before that is read with the defaults."""
    facts = json.loads((compiled / MANIFEST).read_text())
    assert facts["sizing"] == {"pixels": 544 * 960, "least": 1.1, "most": 2.0}
    folder = shutil.copytree(compiled, tmp_path / "copy")
    for found, size in ((None, 2.0), ({"pixels": 96 * 192, "least": 1.1, "most": 2.0}, 1.5)):
        (folder / MANIFEST).write_text(json.dumps({k: v for k, v in facts.items() if k != "sizing"} | (
            {} if found is None else {"sizing": found})))  # fmt: skip
        with StereoModel(folder, "onnxruntime", threads=1) as model:
            assert model.enlargement((64, 128)) == size
    (folder / MANIFEST).write_text(json.dumps(facts | {"sizing": {"pixels": 0}}))
    with pytest.raises(UserError, match="whole manifest"):
        StereoModel(folder, "onnxruntime")


class Recorder:
    """A network that says a tenth of the width everywhere, and remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, left: np.ndarray, right: np.ndarray) -> Maps:
        self.seen.append(left.shape)
        assert left.shape == right.shape
        return np.full(left.shape[:2], left.shape[1] / 10, np.float32), np.ones(left.shape[:2], np.float32)


@pytest.mark.parametrize("refine", [False, True])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5, 2.0])
def test_the_network_sees_the_pair_at_that_size_and_its_answer_is_of_the_pair(scale: float, refine: bool) -> None:
    network, bare = Recorder(), np.full((60, 120, 3), 128, np.uint8)
    disparity, confidence = predict_at(network, bare, bare, scale_size((60, 120), scale), refine)
    assert network.seen == [(round(60 * scale), round(120 * scale), 3)]
    assert disparity.shape == confidence.shape == (60, 120)
    # Bare walls leave refining nothing to correct.
    np.testing.assert_allclose(disparity, 12, rtol=1e-6)


@pytest.mark.parametrize(("scale", "size"), [(0.5, (60, 120)), (1.0, (60, 120)), (2.0, (120, 240))])
def test_what_refining_sees(monkeypatch: pytest.MonkeyPatch, scale: float, size: tuple[int, int]) -> None:
    """No fewer pixels than were given, and the enlarged ones where the pair is enlarged."""
    seen = []

    def refined(left: np.ndarray, right: np.ndarray, disparity: np.ndarray) -> np.ndarray:
        seen.append((left.shape[:2], right.shape[:2], disparity.shape))
        return disparity + 1

    monkeypatch.setattr("stereo_exp.geometry.sizing.refine_disparity", refined)
    bare = np.zeros((60, 120, 3), np.uint8)
    disparity, _ = predict_at(Recorder(), bare, bare, scale_size((60, 120), scale), refine=True)
    assert seen == [(size, size, size)]
    np.testing.assert_allclose(disparity, 12 + 1 / max(scale, 1), rtol=1e-6)


def test_enlarged_views_keep_their_detail() -> None:
    # A wave of five px is halfway to what the grid can carry; linear interpolation takes a good part of it away.
    x = np.arange(100)
    view = np.repeat((128 + 100 * np.sin(2 * np.pi * x / 5)).astype(np.uint8)[None, :, None], 3, axis=2)
    view = np.repeat(view, 20, axis=0)
    at = (np.arange(200) + 0.5) / 2 - 0.5
    wanted = (128 + 100 * np.sin(2 * np.pi * at / 5))[10:-10]
    found = resize(view, (40, 200))[20, 10:-10, 0].astype(float)
    linear = np.interp(at, x, view[10, :, 0])[10:-10]
    assert np.abs(found - wanted).mean() < 0.5 * np.abs(linear - wanted).mean()


@pytest.mark.parametrize("size", [(10, 25), (40, 100), (27, 61)])
def test_resized_maps_do_not_overshoot(size: tuple[int, int]) -> None:
    disparity = np.full((20, 50), 3.0, np.float32)
    disparity[:, 20:] = 90.0
    out = resize(disparity, size)
    assert out.shape == size and out.min() >= 3 and out.max() <= 90


def test_a_compiled_model_enlarges_when_told_to(compiled: Path) -> None:
    left, right = shifted_pair(64, 128, 6)
    with StereoModel(compiled, "onnxruntime", threads=1) as model:
        assert model.enlargement((64, 128)) == 2
        found, expected = model(left, right, scale=None), model(left, right, scale=2)
        np.testing.assert_array_equal(found.disparity, expected.disparity)
        assert not np.array_equal(found.disparity, model(left, right, scale=1).disparity)


def test_a_model_of_one_size_enlarges_no_further(tmp_path: Path) -> None:
    folder = write_matcher(tmp_path, ("onnxruntime",), size=(64, 160))
    with StereoModel(folder, "onnxruntime", threads=1) as model:
        assert model.enlargement((40, 80)) == pytest.approx(1.6)
        assert model.enlargement((64, 160)) == model.enlargement((100, 300)) == 1
        assert model(*shifted_pair(40, 80, 3), scale=None).disparity.shape == (40, 80)
