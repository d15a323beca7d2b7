"""What scenes of *shapes* are made of: surfaces, outlines, paint."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stereo_exp.base.errors import UserError
from stereo_exp.shapes import textures
from stereo_exp.shapes.shapes import KINDS as OUTLINES
from stereo_exp.shapes.shapes import Outline
from stereo_exp.shapes.surface import HIGHEST, LOWEST, STEEPEST, Extent, Surface
from stereo_exp.shapes.textures import KINDS as PAINTS
from stereo_exp.shapes.textures import NAMES, load, sample_texture

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
