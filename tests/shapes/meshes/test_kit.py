"""The kit that things are put together from: parts where they were put, materials, paint cut anew for each part."""

from __future__ import annotations

import numpy as np
import pytest
from bodies import check_closed, measure_scale, measure_volumes
from hypothesis import given
from hypothesis import strategies as st

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.solids import build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, aim_frames, repeat_mesh, stand_upright, turn_about

UNIT = build_boxes([0, 0, 0], [1, 1, 1])


@pytest.fixture
def kit() -> Kit:
    return Kit(np.random.default_rng(0))


def test_parts_lie_where_they_were_put(kit: Kit) -> None:
    wood, metal = kit.pick("wood"), kit.pick("metal")
    kit.add(wood, UNIT, [0, 0, 0.5])
    kit.add(metal, UNIT, [3, 0, 0.25], scale=0.5)
    thing = kit.finish("pair", ("floor",))
    assert thing.stuffs == ("wood", "metal")
    assert thing.size == pytest.approx([3.75, 1, 1])
    assert thing.mesh.bounds[0] == pytest.approx([-1.875, -0.5, 0])
    assert np.sort(measure_volumes(thing.mesh)) == pytest.approx([0.125, 1])
    assert thing.mesh.slots.tolist() == [0] * 12 + [1] * 12


def test_paint_keeps_its_metres_whatever_the_scale(kit: Kit) -> None:
    kit.add(kit.pick("wood"), UNIT, scale=0.1)
    assert measure_scale(kit.finish("small", ("air",)).mesh) == pytest.approx(1, rel=1e-5)


def test_two_like_parts_have_two_pieces_of_paint(kit: Kit) -> None:
    slot = kit.pick("wood")
    kit.add(slot, UNIT)
    kit.add(slot, UNIT, [2, 0, 0])
    one, two = np.split(kit.finish("pair", ("air",)).mesh.uv, 2)
    assert np.abs(one - two).min() > 1e-3


def test_a_moved_frame_turns_all_within_and_ends(kit: Kit) -> None:
    slot = kit.pick("wood")
    with kit.move([10, 0, 0], turn_about(2, np.pi / 2)), kit.move([1, 0, 0]):
        kit.add(slot, UNIT, [2, 0, 0])
    kit.add(slot, UNIT)
    low, high = kit.finish("far", ("wall",)).mesh.bounds
    # The first is at (10, 3); the wall is at what lies farthest back.
    assert high - low == pytest.approx([11, 4, 1])
    assert high[1] == pytest.approx(0)


def test_a_thing_within_a_thing_brings_its_materials(kit: Kit) -> None:
    inner = Kit(np.random.default_rng(1))
    inner.add(inner.pick("paper"), UNIT)
    inner.add(inner.pick("print"), UNIT, [0, 0, 1])
    kit.add(kit.pick("wood"), UNIT)
    kit.put(inner.finish("inner", ("surface",)), [0, 0, 1], scale=0.5)
    thing = kit.finish("outer", ("floor",))
    assert thing.stuffs == ("wood", "paper", "print")
    assert np.unique(thing.mesh.slots).tolist() == [0, 1, 2]


def test_what_hangs_hangs_from_nothing(kit: Kit) -> None:
    kit.add(kit.pick("metal"), UNIT, [0, 0, 5])
    assert kit.finish("lamp", ("ceiling",)).mesh.bounds[:, 2] == pytest.approx([-1, 0])


def test_materials_that_nothing_has_are_left_out(kit: Kit) -> None:
    kit.pick("wood")
    kit.add(kit.pick("metal"), UNIT)
    kit.pick("paper")
    thing = kit.finish("one", ("air",))
    assert thing.stuffs == ("metal",)
    assert not thing.mesh.slots.any()


def test_an_unknown_stuff_is_refused(kit: Kit) -> None:
    with pytest.raises(ArgumentError, match="stuffs"):
        kit.pick("glue")


@given(st.integers(0, 2), st.floats(-7, 7))
def test_turns_are_rotations(axis: int, angle: float) -> None:
    turn = turn_about(axis, angle)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(turn) == pytest.approx(1)
    assert turn[axis, axis] == pytest.approx(1)
    assert turn_about(np.eye(3)[axis], np.array([angle]))[0] == pytest.approx(turn)


def test_what_lay_flat_stands_and_is_seen_from_the_front() -> None:
    assert stand_upright() @ [0, 1, 0] == pytest.approx([0, 0, 1])
    assert stand_upright() @ [0, 0, 1] == pytest.approx([0, -1, 0])


@given(st.integers(0, 10**6))
def test_frames_aim_and_copies_follow_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ways, origins = rng.normal(size=(6, 3)), rng.normal(size=(6, 3)) * 10
    frames = aim_frames(origins, ways, np.full(6, 0.3))
    assert np.linalg.det(frames[:, :, :3]) == pytest.approx(0.027, rel=1e-6)
    assert frames[:, :, 0] == pytest.approx(0.3 * ways / np.linalg.norm(ways, axis=1, keepdims=True))
    mesh = repeat_mesh(UNIT, frames)
    check_closed(mesh)
    assert measure_volumes(mesh) == pytest.approx(0.027, rel=1e-3)
    assert mesh.vertices.reshape(6, -1, 3).mean(axis=1) == pytest.approx(origins, abs=1e-4)
    assert measure_scale(mesh) == pytest.approx(1, rel=1e-4)
