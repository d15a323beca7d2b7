"""Disparity and occlusion of rendered pairs against planes and boxes that pen and paper know."""

import numpy as np
import pytest
from pen_and_paper import box, noise, shifted, wall

# ruff: noqa: E402
for wheel in ("embreex", "numba"):
    pytest.importorskip(wheel, reason="extra [render]")

from stereo_exp.shapes.meshes.backdrop import Backdrop
from stereo_exp.shapes.meshes.camera import StereoRig, look_at
from stereo_exp.shapes.meshes.lights import Lamp, Sun
from stereo_exp.shapes.meshes.material import Material
from stereo_exp.shapes.meshes.paints import Paint
from stereo_exp.shapes.meshes.render import measure_pair, render_pair
from stereo_exp.shapes.meshes.scene import MeshScene, Placed, place

HEIGHT, WIDTH = 60, 120
WHITE = [Material()]


def pixels(rig):
    rows, columns = np.divmod(np.arange(HEIGHT * WIDTH), WIDTH)
    return rig.directions(columns, rows, HEIGHT)


@pytest.mark.parametrize("pose", [{}, {"yaw": 0.2, "pitch": 0.15, "roll": 0.1, "position": (0.4, -1.0, 1.5)}])
def test_disparity_of_a_plane_is_exact(pose) -> None:
    rig = StereoRig(150.0, 0.3, WIDTH, **pose)
    truth = measure_pair(MeshScene([Placed(wall(5.0), WHITE)]), rig, HEIGHT, WIDTH)
    for right, disparity in ((False, truth.disparity_left), (True, truth.disparity_right)):
        depth = (5.0 - rig.eye(right)[1]) / pixels(rig)[:, 1]
        assert disparity.dtype == np.float32
        np.testing.assert_allclose(disparity.ravel(), rig.power / depth, atol=1e-3)


def test_disparity_of_a_box_is_exact() -> None:
    low, high = np.array([-0.8, 3.0, -0.5]), np.array([0.9, 4.0, 0.4])
    rig = look_at(np.array([-2.0, 0.0, 1.2]), np.array([0.0, 3.5, 0.0]), focal=130.0, baseline=0.4, width=WIDTH)
    scene = MeshScene([Placed(box(tuple(low), tuple(high)), WHITE), Placed(wall(9.0), WHITE)])
    truth = measure_pair(scene, rig, HEIGHT, WIDTH)
    rays, eye = pixels(rig), rig.eye()
    with np.errstate(divide="ignore"):
        ends = np.stack([(low - eye) / rays, (high - eye) / rays])
    enter, leave = ends.min(axis=0).max(axis=1), ends.max(axis=0).min(axis=1)
    hit = (enter < leave) & (enter > 0)
    depth = np.where(hit, enter, (9.0 - eye[1]) / rays[:, 1])
    # A ray within rounding of an edge may pass it on either side.
    sure = np.abs(enter - leave) > 1e-4
    assert 500 < hit.sum() < 5000
    np.testing.assert_allclose(truth.disparity_left.ravel()[sure], (rig.power / depth)[sure], atol=1e-3)


def test_occlusion_is_what_a_board_hides() -> None:
    focal, baseline, near, far = 120.0, 0.5, 2.0, 6.0
    rig = StereoRig(focal, baseline, WIDTH)
    board = wall(near, 0.4)
    truth = measure_pair(MeshScene([Placed(board, WHITE), Placed(wall(far), WHITE)]), rig, HEIGHT, WIDTH)
    columns = np.arange(WIDTH) - (WIDTH - 1) / 2
    row = truth.occlusion[HEIGHT // 2]
    before = np.abs(columns * near / focal) < 0.4
    wanted = (columns - focal * baseline / np.where(before, near, far)) < -(WIDTH - 1) / 2
    # The wall's place as the right camera sees it falls onto the board.
    behind = np.abs((columns * far / focal - baseline) * near / far + baseline) < 0.4
    wanted |= ~before & behind
    assert (wanted & ~before).sum() > 10
    np.testing.assert_array_equal(row, wanted)


def test_what_nothing_stands_before_has_the_backdrops_disparity() -> None:
    scene = MeshScene([Placed(box((-0.2, 2, -0.2), (0.2, 2.2, 0.2)), WHITE)], [Sun((0, -1, 1), (1, 1, 1))],
                      Backdrop(paint=Paint(noise(5)), spread=0.5, disparity=4.0))  # fmt: skip
    pair = render_pair(scene, StereoRig(120.0, 0.2, 640), HEIGHT, WIDTH)
    np.testing.assert_allclose(pair.disparity_left[:5], 4.0 * WIDTH / 640, rtol=1e-6)
    assert not pair.occlusion[:5, 2:].any()


def scene_of_boxes() -> MeshScene:
    rng = np.random.default_rng(3)
    materials = [Material(Paint(noise(k), 0.5), gloss=0.04 * (k % 2), roughness=0.3) for k in range(4)]
    things = [Placed(wall(6.0), [materials[0]])]
    for k in range(12):
        x, y, z = rng.uniform([-1.5, 2.5, -0.8], [1.5, 5, 0.8])
        things.append(Placed(box((-0.15, -0.15, -0.15), (0.15, 0.15, 0.15)), [materials[k % 4]],
                             place(x, y, z, turn=float(rng.uniform(0, 6)))))  # fmt: skip
    return MeshScene(things, [Lamp((-1.0, 0.0, 1.5), (8, 8, 7), 0.2)])


RIG = StereoRig(500.0, 0.12, 640, roll=0.02)


def test_the_pictures_agree_where_truth_says_so() -> None:
    pair = render_pair(scene_of_boxes(), RIG, 160, 320)
    residuals = {offset: shifted(pair, offset) for offset in (-1, -0.5, -0.25, 0, 0.25, 0.5, 1)}
    assert min(residuals, key=residuals.get) == 0, residuals
    assert residuals[0] < 0.5 * residuals[0.5]


def test_the_right_view_has_the_lefts_truth() -> None:
    truth = measure_pair(scene_of_boxes(), RIG, 160, 320)
    columns = np.arange(320)[None] - truth.disparity_left
    rows = np.broadcast_to(np.arange(160)[:, None], columns.shape)
    found = truth.disparity_right[rows, np.clip(np.rint(columns).astype(int), 0, 319)]
    same = np.abs(found - truth.disparity_left) < 0.5
    # Rounding to whole columns misses at outlines only.
    assert same[~truth.occlusion].mean() > 0.97
    hidden = truth.occlusion & (columns >= 0)
    assert hidden.sum() > 100
    assert (found[hidden] > truth.disparity_left[hidden]).mean() > 0.9


def test_the_same_arguments_give_the_same_bytes() -> None:
    first, second = (render_pair(scene_of_boxes(), RIG, 80, 160, seed=4) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert a.tobytes() == b.tobytes()
    other = render_pair(scene_of_boxes(), RIG, 80, 160, seed=5)
    assert other.left.tobytes() != first.left.tobytes()
    assert other.disparity_left.tobytes() == first.disparity_left.tobytes()


def test_measuring_alone_gives_the_same_truth() -> None:
    pair, truth = render_pair(scene_of_boxes(), RIG, 80, 160), measure_pair(scene_of_boxes(), RIG, 80, 160)
    np.testing.assert_array_equal(pair.disparity_left, truth.disparity_left)
    np.testing.assert_array_equal(pair.occlusion, truth.occlusion)
