"""Turned bodies: volume, closedness, paint; vessels with walls; creases where the profile bends."""

from __future__ import annotations

import numpy as np
import pytest
from bodies import check_closed, measure_scale, measure_volumes
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe, build_ring, hollow_profile, round_rim
from stereo_exp.shapes.meshes.things.vessels import draw_vase


@given(st.floats(0.01, 2), st.floats(0.01, 2), st.floats(0.3, 1.7), st.integers(6, 48))
def test_a_cylinder_and_a_cone_have_their_volume(radius: float, height: float, share: float, segments: int) -> None:
    mesh = build_cylinder(radius, height, segments, top=share * radius)
    check_closed(mesh)
    section = segments / 2 * np.sin(2 * np.pi / segments) * radius**2
    assert measure_volumes(mesh)[0] == pytest.approx(section * height * (1 + share + share**2) / 3, rel=1e-3)
    low, high = mesh.bounds
    assert low[2] == 0 and high[2] == pytest.approx(height)


@given(st.floats(0.05, 1), st.floats(0.05, 1), st.floats(0.001, 0.5))
def test_a_bevelled_cylinder_keeps_its_box(radius: float, height: float, bevel: float) -> None:
    mesh, sharp = build_cylinder(radius, height, 24, bevel=bevel), build_cylinder(radius, height, 24)
    check_closed(mesh)
    assert mesh.bounds == pytest.approx(sharp.bounds, rel=1e-4, abs=1e-6)
    assert measure_volumes(mesh)[0] < measure_volumes(sharp)[0]


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.05, 1.0), st.floats(0.002, 0.01))
def test_a_hollow_vessel_is_closed_and_holds_more_than_its_wall(seed: int, height: float, wall: float) -> None:
    line = draw_vase(np.random.default_rng(seed), height)
    wall = min(wall, float(line[:, 0].min()) / 3)
    solid = build_lathe(np.concatenate([[[0, 0]], line, [[0, height]]]), 24)
    mesh = build_lathe(hollow_profile(line, wall), 24)
    check_closed(mesh)
    assert 0 < measure_volumes(mesh)[0] < 0.8 * measure_volumes(solid)[0]
    assert 0.7 < measure_scale(mesh) < 1.3


@settings(max_examples=25)
@given(st.floats(0.1, 1), st.floats(0.05, 0.9))
def test_a_ring_has_the_volume_of_pappus(radius: float, share: float) -> None:
    thick = radius * share
    mesh = build_ring(radius, thick, 48, 24)
    check_closed(mesh)
    assert measure_volumes(mesh)[0] == pytest.approx(2 * np.pi**2 * radius * thick**2, rel=0.03)


def test_a_sharp_bend_doubles_the_vertices_and_a_smooth_one_shares_them() -> None:
    segments = 16
    sharp = build_lathe([[1, 0], [1, 1], [0.5, 1]], segments)
    smooth = build_lathe([[1, 0], [1, 1], [0.9, 2]], segments)
    assert len(sharp.vertices) == 4 * segments
    assert len(smooth.vertices) == 3 * segments


def test_a_band_is_painted_to_scale_and_reads_to_the_right_from_the_front() -> None:
    mesh = build_lathe([[0.5, 0], [0.5, 1]], 64)
    assert measure_scale(mesh) == pytest.approx(1, rel=2e-3)
    corners = mesh.vertices[mesh.faces]
    front = (corners[..., 1] < -0.4).all(axis=1)
    x, u = corners[front][..., 0].ravel(), mesh.uv[front][..., 0].ravel()
    assert np.corrcoef(x, u)[0, 1] > 0.99
    assert np.corrcoef(corners[front][..., 2].ravel(), mesh.uv[front][..., 1].ravel())[0, 1] > 0.999


def test_a_rim_squares_the_section() -> None:
    round_body, square = build_cylinder(1, 1, 64), build_lathe([[0, 0], [1, 0], [1, 1], [0, 1]], 64, round_rim(64, 1.0))
    check_closed(square)
    assert measure_volumes(square)[0] > 1.15 * measure_volumes(round_body)[0]


@pytest.mark.parametrize("profile", [[[0, 0]], [[-0.1, 0], [1, 1]], [[0, 0, 0], [1, 1, 1]]])
def test_what_is_no_profile_is_refused(profile: list[list[float]]) -> None:
    with pytest.raises(ArgumentError, match="profile"):
        build_lathe(profile)


def test_a_rim_of_another_length_is_refused() -> None:
    with pytest.raises(ArgumentError, match="rim"):
        build_lathe([[0, 0], [1, 0], [0, 1]], 16, np.ones(12))
