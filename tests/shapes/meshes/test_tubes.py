"""Tubes: closed, as thick as asked, frames without twist, paint along and around."""

from __future__ import annotations

import numpy as np
import pytest
from bodies import check_closed, measure_scale, measure_volumes
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes, draw_circle, draw_helix, frame_paths

POINT = st.tuples(*[st.floats(-1, 1)] * 3)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(3, 12), st.booleans())
def test_a_tube_along_any_smooth_path_is_closed(seed: int, sides: int, closed: bool) -> None:
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 5, endpoint=False)
    knots = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle]) + rng.normal(0, 0.15, (5, 3))
    path = smooth_points(knots, 60, closed)
    mesh = build_tubes(path, 0.02, sides, closed=closed)
    check_closed(mesh)
    assert measure_scale(mesh) == pytest.approx(1, rel=0.06)


@given(POINT, POINT, st.floats(0.001, 0.1), st.integers(3, 16))
def test_a_rod_has_its_volume_wherever_it_points(
    a: tuple[float, ...], b: tuple[float, ...], radius: float, sides: int
) -> None:
    start, end = np.array(a), np.array(b)
    long = float(np.linalg.norm(end - start))
    if long < 0.05:
        return
    mesh = build_rods(start, end, radius, sides)
    check_closed(mesh)
    assert measure_volumes(mesh)[0] == pytest.approx(sides / 2 * np.sin(2 * np.pi / sides) * radius**2 * long, rel=2e-3)


def test_many_tubes_are_the_same_as_one_by_one() -> None:
    paths = np.random.default_rng(3).normal(0, 0.05, (4, 9, 3)).cumsum(axis=1)
    radii = np.linspace(0.001, 0.004, 36).reshape(4, 9)
    together = build_tubes(paths, radii, 6)
    alone = [build_tubes(path, radius, 6) for path, radius in zip(paths, radii, strict=True)]
    assert len(together.faces) == sum(len(mesh.faces) for mesh in alone)
    apart = np.concatenate([measure_volumes(mesh) for mesh in alone])
    assert np.sort(measure_volumes(together)) == pytest.approx(np.sort(apart), rel=1e-4)


@given(st.integers(0, 10**6))
def test_frames_are_square_and_turn_no_more_than_the_path(seed: int) -> None:
    path = smooth_points(np.random.default_rng(seed).normal(0, 1, (1, 6, 3)), 80)
    first, second = frame_paths(path)
    along = np.gradient(path, axis=1)
    along /= np.linalg.norm(along, axis=2, keepdims=True)
    assert (first * along).sum(-1) == pytest.approx(0, abs=1e-6)
    assert np.cross(along, first) == pytest.approx(second, abs=1e-6)
    bend = np.arccos(np.clip((along[:, 1:] * along[:, :-1]).sum(-1), -1, 1))
    turn = np.arccos(np.clip((first[:, 1:] * first[:, :-1]).sum(-1), -1, 1))
    # Double reflection is exact to the fourth power of the bend: where a step bends by more than 30°, it may turn more.
    assert (turn <= bend + 1e-3)[bend < np.pi / 6].all()
    assert (turn <= 1.05 * bend + 1e-3).all()


def test_a_closed_path_shows_no_seam() -> None:
    path = smooth_points(np.random.default_rng(1).normal(0, 1, (1, 5, 3)), 120, closed=True)
    first, _ = frame_paths(path, closed=True)
    across = np.arccos(np.clip((first[0, 0] * first[0, -1]).sum(), -1, 1))
    within = np.arccos(np.clip((first[0, 1:] * first[0, :-1]).sum(-1), -1, 1)).max()
    assert across <= 2 * within + 0.05


def test_a_taper_ends_in_a_point_that_still_has_an_area() -> None:
    mesh = build_tubes([[0, 0, 0], [0, 0, 1]], [0.05, 0.0], 8)
    check_closed(mesh)
    tip = mesh.vertices[np.isclose(mesh.vertices[:, 2], 1)]
    assert np.linalg.norm(tip[:, :2], axis=1) == pytest.approx(2e-4, rel=0.01)


def test_a_flat_tube_lies_as_it_is_told() -> None:
    mesh = build_tubes([[0, 0, 0], [1, 0, 0]], 0.1, 16, flat=0.2, up=(0, 1, 0))
    size = mesh.bounds[1] - mesh.bounds[0]
    assert size[1] > 4 * size[2]


def test_circles_and_helices_measure_what_they_say() -> None:
    assert np.linalg.norm(draw_circle(0.3, 12, 0.5)[:, :2], axis=1) == pytest.approx(0.3)
    helix = draw_helix([0.2, 0.1], 0.05, 4, 16)
    assert helix[-1, 2] == pytest.approx(0.2)
    assert np.linalg.norm(helix[[0, -1], :2], axis=1) == pytest.approx([0.2, 0.1])


def test_a_single_point_is_no_path() -> None:
    with pytest.raises(ArgumentError, match="paths"):
        build_tubes([[0, 0, 0]], 0.1)
