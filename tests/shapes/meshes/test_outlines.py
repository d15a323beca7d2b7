"""Boards cut along outlines, with holes; triangles of any simple polygon."""

from __future__ import annotations

import numpy as np
import pytest
from bodies import check_closed, measure_scale, measure_volumes
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.outlines import (
    build_plate,
    cut_ears,
    draw_blob,
    draw_ellipse,
    draw_rectangle,
    measure_area,
)


@given(st.integers(0, 10**6), st.integers(4, 40))
def test_ears_cover_a_star_shaped_outline_once(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    outline = rng.uniform(0.2, 1, count)[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    faces = cut_ears(outline)
    assert len(faces) == count - 2
    areas = np.array([measure_area(outline[face]) for face in faces])
    assert (areas > -1e-12).all()
    assert areas.sum() == pytest.approx(measure_area(outline))


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.001, 0.1), st.integers(0, 4))
def test_a_plate_is_its_area_times_its_thickness(seed: int, thick: float, count: int) -> None:
    rng = np.random.default_rng(seed)
    outline = draw_blob(rng, 1.0, 0.2)
    holes = [
        draw_ellipse(0.1, 0.14, int(rng.integers(3, 12))) + np.array([x, y])
        for x, y in ((0.15, 0.1), (-0.15, 0.1), (-0.15, -0.12), (0.15, -0.12))
    ]
    mesh = build_plate(outline, thick, holes[:count])
    check_closed(mesh)
    area = measure_area(outline) - sum(abs(measure_area(hole)) for hole in holes[:count])
    assert measure_volumes(mesh) == pytest.approx([area * thick], rel=1e-4)
    assert measure_scale(mesh) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("columns", [1, 2, 5])
@pytest.mark.parametrize("rows", [1, 3])
def test_holes_in_rows_and_columns_are_all_cut(rows: int, columns: int) -> None:
    """Aligned holes: cuts from one to the next pass along corners of others."""
    holes = [
        draw_rectangle(0.5, 0.5) + np.array([i - (columns - 1) / 2, k - (rows - 1) / 2])
        for i in range(columns)
        for k in range(rows)
    ]
    mesh = build_plate(draw_rectangle(columns, rows), 0.1, holes)
    check_closed(mesh)
    assert measure_volumes(mesh) == pytest.approx([0.1 * columns * rows * 0.75])


def test_either_way_round_is_the_same_plate() -> None:
    outline = np.array([[0, 0], [2, 0], [2, 1], [1, 0.4], [0, 1]])
    one, two = build_plate(outline, 0.1), build_plate(outline[::-1], 0.1)
    assert measure_volumes(one) == pytest.approx(measure_volumes(two))


def test_sides_are_smooth_round_a_circle_and_sharp_at_corners() -> None:
    def count_side_vertices(outline: np.ndarray) -> int:
        return len(build_plate(outline, 0.1).vertices) - 2 * len(outline)

    assert count_side_vertices(draw_ellipse(1, 1, 24)) == 2 * 24
    assert count_side_vertices(draw_rectangle(1, 1)) == 4 * 4


def test_outlines_have_the_area_they_say() -> None:
    assert measure_area(draw_rectangle(2, 3)) == pytest.approx(6)
    assert measure_area(draw_rectangle(2, 3, 0.5, 16)) == pytest.approx(6 - (4 - np.pi) * 0.25, rel=1e-3)
    assert measure_area(draw_ellipse(2, 1, 200)) == pytest.approx(np.pi / 2, rel=1e-3)
    assert len(np.unique(draw_rectangle(1, 1, 0.5), axis=0)) == len(draw_rectangle(1, 1, 0.5))


def test_what_crosses_itself_and_holes_outside_are_refused() -> None:
    with pytest.raises(ArgumentError, match="outline"):
        cut_ears([[0, 0], [0, 1], [1, 1], [1, 0]])
    with pytest.raises(ArgumentError, match="holes"):
        build_plate(draw_rectangle(1, 1), 0.1, [draw_rectangle(0.2, 0.2) + np.array([3, 0])])
