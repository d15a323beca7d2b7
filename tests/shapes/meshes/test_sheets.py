"""Sheets with two sides, leaves, ripples."""

from __future__ import annotations

import numpy as np
import pytest
from bodies import check_closed, measure_areas, measure_scale, measure_volumes
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.sheets import build_leaves, build_sheet, find_normals, ripple
from stereo_exp.shapes.meshes.things.kit import aim_frames


def draw_plane(rows: int = 5, columns: int = 7, wide: float = 2.0, high: float = 1.0) -> np.ndarray:
    """A level grid that looks up."""
    y, x = np.meshgrid(np.linspace(0, high, rows), np.linspace(0, wide, columns), indexing="ij")
    return np.stack([x, y, 0 * x], axis=2)


def test_a_flat_sheet_is_a_board() -> None:
    mesh = build_sheet(draw_plane(), 0.1)
    check_closed(mesh)
    assert measure_volumes(mesh) == pytest.approx([0.2], rel=1e-5)
    assert measure_scale(mesh) == pytest.approx(1, rel=1e-5)
    assert mesh.bounds[:, 2] == pytest.approx([-0.05, 0.05])
    assert build_sheet(draw_plane(), 0.1, sink=True).bounds[:, 2] == pytest.approx([-0.1, 0])


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(3, 12), st.integers(3, 12))
def test_a_rippled_sheet_is_closed_and_painted_to_scale(seed: int, rows: int, columns: int) -> None:
    grid = draw_plane(rows, columns)
    grid[..., 2] = 0.05 * ripple((rows, columns), np.random.default_rng(seed), 4, 1.0)
    mesh = build_sheet(grid, 0.002)
    check_closed(mesh)
    assert measure_scale(mesh) == pytest.approx(1, rel=0.05)


def test_a_sheet_round_about_has_no_seam() -> None:
    angle = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    z = np.linspace(0, 1, 4)[:, None]
    grid = np.stack(np.broadcast_arrays(0.5 * np.cos(angle), 0.5 * np.sin(angle), z), axis=2)
    mesh = build_sheet(grid, 0.01, closed=True)
    check_closed(mesh)
    assert measure_scale(mesh) == pytest.approx(1, rel=0.02)
    outward = find_normals(grid, closed=True)[..., :2]
    assert (outward * grid[..., :2]).sum(-1) == pytest.approx(0.5, rel=1e-3)


@given(st.integers(0, 10**6), st.integers(1, 6), st.floats(0.05, 0.5), st.floats(0, 0.6))
def test_leaves_are_closed_bodies_of_their_length(seed: int, points: int, fold: float, curl: float) -> None:
    rng = np.random.default_rng(seed)
    along = np.sort(rng.uniform(0.1, 0.9, points)) + 0.01 * np.arange(points)
    outline = np.concatenate([[[0, 0]], np.column_stack([along, rng.uniform(0.05, 0.4, points)]), [[1, 0]]])
    frames = aim_frames(rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), 0.2)
    mesh = build_leaves(outline, frames, fold, curl, 0.002)
    check_closed(mesh)
    assert len(measure_volumes(mesh)) == 5
    assert len(mesh.faces) == 5 * (4 if points == 1 else 8 * points)
    tips = mesh.vertices.reshape(5, -1, 3)[:, :2]
    assert np.linalg.norm(tips[:, 1] - tips[:, 0], axis=1) == pytest.approx(0.2 * np.hypot(1, curl), rel=1e-3)


def test_a_leaf_shows_both_of_its_sides() -> None:
    mesh = build_leaves([[0, 0], [0.5, 0.3], [1, 0]], aim_frames(np.zeros((1, 3)), np.array([[1.0, 0, 0]]), 1.0), 0.2)
    corners = mesh.vertices[mesh.faces]
    up = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    assert (up > 0).sum() == 2 and (up < 0).sum() == 2
    assert measure_areas(mesh)[up > 0].sum() == pytest.approx(measure_areas(mesh)[up < 0].sum(), rel=0.1)


def test_ripples_are_smooth_and_differ() -> None:
    one, two = (ripple((40, 40), np.random.default_rng(seed), finest=2.0) for seed in (1, 2))
    assert np.abs(one).max() < 2.5
    assert np.abs(np.diff(one, axis=0)).max() < 0.7
    assert not np.allclose(one, two)


def test_what_is_no_sheet_and_no_leaf_is_refused() -> None:
    with pytest.raises(ArgumentError, match="points"):
        build_sheet(np.zeros((1, 5, 3)), 0.1)
    with pytest.raises(ArgumentError, match="points"):
        build_sheet(draw_plane(), 0.0)
    with pytest.raises(ArgumentError, match="outline"):
        build_leaves([[0, 0], [1, 0]], np.zeros((1, 3, 4)))
