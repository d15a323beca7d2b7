"""Boxes and balls: closed, turned outwards, of the volume that geometry says, painted to scale."""

from __future__ import annotations

import numpy as np
import pytest
from bodies import check_closed, measure_areas, measure_scale, measure_volumes
from hypothesis import given
from hypothesis import strategies as st

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes, map_box, shade_flat
from stereo_exp.shapes.meshes.things.kit import turn_about

LENGTH = st.floats(0.01, 3.0)


@given(st.tuples(LENGTH, LENGTH, LENGTH), st.booleans(), st.floats(0.5, 1.5))
def test_a_box_has_its_volume_and_its_paint_the_area(
    size: tuple[float, float, float], grain: bool, taper: float
) -> None:
    mesh = build_boxes([0.3, -0.2, 1.0], size, grain=grain, taper=taper)
    check_closed(mesh)
    wide, deep, high = size
    # A frustum: the mean of the section over its height.
    assert measure_volumes(mesh) == pytest.approx([wide * deep * high * (1 + taper + taper**2) / 3], rel=1e-3)
    if taper == 1:
        assert measure_scale(mesh) == pytest.approx(1, rel=1e-4)


@given(st.tuples(LENGTH, LENGTH, LENGTH), st.floats(0.0005, 0.2))
def test_a_bevel_takes_the_edges_off(size: tuple[float, float, float], bevel: float) -> None:
    mesh, sharp = build_boxes([0, 0, 0], size, bevel), build_boxes([0, 0, 0], size)
    check_closed(mesh)
    assert len(mesh.faces) == 44
    assert mesh.bounds == pytest.approx(sharp.bounds, rel=1e-5)
    assert 0.7 * np.prod(size) < measure_volumes(mesh)[0] < np.prod(size)
    assert 0.7 < measure_scale(mesh) <= 1.0001


def test_many_boxes_are_each_where_they_were_put() -> None:
    centers, sizes = np.array([[0, 0, 0], [5, 0, 0], [0, 7, 1]]), np.array([[1, 1, 1], [1, 2, 1], [0.5, 0.5, 3]])
    mesh = build_boxes(centers, sizes, turns=turn_about(2, np.array([0, np.pi / 2, 0])))
    bodies = mesh.vertices.reshape(3, 24, 3)
    assert bodies.mean(axis=1) == pytest.approx(centers)
    assert np.ptp(bodies, axis=1) == pytest.approx(np.array([[1, 1, 1], [2, 1, 1], [0.5, 0.5, 3]]), abs=1e-5)
    assert np.sort(measure_volumes(mesh)) == pytest.approx([0.75, 1, 2])


def test_grain_runs_along_the_longer_way_of_every_side() -> None:
    for size in ([2, 0.3, 0.1], [0.1, 0.3, 2], [0.3, 2, 0.1]):
        mesh = build_boxes([0, 0, 0], size, grain=True)
        span = np.ptp(mesh.uv.reshape(6, 6, 2), axis=1)
        assert (span[:, 0] >= span[:, 1]).all()
    plain = build_boxes([0, 0, 0], [0.1, 0.3, 2])
    assert np.ptp(plain.uv.reshape(6, 6, 2), axis=1)[:, 1].max() == pytest.approx(2)


def test_paint_stands_upright_and_unmirrored_on_the_front() -> None:
    mesh = build_boxes([0, 0, 0], [2, 1, 1])
    corners = mesh.vertices[mesh.faces]
    front = (corners[..., 1] < -0.49).all(axis=1)
    assert mesh.uv[front][..., 0] == pytest.approx(corners[front][..., 0])
    assert mesh.uv[front][..., 1] == pytest.approx(corners[front][..., 2])


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_a_ball_comes_near_its_volume(level: int) -> None:
    mesh = build_balls([1, 2, 3], [0.5, 0.4, 0.3], level)
    check_closed(mesh)
    assert len(mesh.faces) == 20 * 4**level
    exact = 4 / 3 * np.pi * 0.5 * 0.4 * 0.3
    assert exact * (1 - 0.4 / 2**level) < measure_volumes(mesh)[0] < exact
    assert 0.75 < measure_scale(mesh) < 1.01


@given(st.integers(0, 10**6))
def test_a_box_map_never_stretches(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices = rng.normal(size=(9, 3))
    faces = rng.permuted(np.tile(np.arange(9), (6, 1)), axis=1)[:, :3]
    uv = map_box(vertices, faces)
    steps, apart = np.diff(uv, axis=1), np.diff(vertices[faces], axis=1)
    assert (np.linalg.norm(steps, axis=2) <= np.linalg.norm(apart, axis=2) + 1e-9).all()


def test_facets_share_no_vertex() -> None:
    ball = build_balls([0, 0, 0], 1.0, 1)
    mesh = shade_flat(ball)
    assert len(mesh.vertices) == 3 * len(mesh.faces)
    assert measure_areas(mesh) == pytest.approx(measure_areas(ball), rel=1e-5)


def test_what_has_no_size_is_refused() -> None:
    with pytest.raises(ArgumentError, match="sizes"):
        build_boxes([0, 0, 0], [1, 0, 1])
    with pytest.raises(ArgumentError, match="radii"):
        build_balls([0, 0, 0], [1, 1, -1])
