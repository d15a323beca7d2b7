"""Kinds of scenes of meshes: what their views show, that they are true, and that they can be drawn again."""

import numpy as np
import pytest
from pen_and_paper import shifted

# ruff: noqa: E402
for wheel in ("embreex", "numba"):
    pytest.importorskip(wheel, reason="extra [render]")

from stereo_exp.base import ArgumentError
from stereo_exp.config.dataset import MESH_SCENES, SCENES, Scenes
from stereo_exp.shapes.blocks import ALL_KINDS, BLOCK, choose_kind, render_block
from stereo_exp.shapes.meshes.kinds import MESH_WEIGHTS
from stereo_exp.shapes.meshes.kinds.placing import Taken, find_spots, pile_on, turn_bounds
from stereo_exp.shapes.meshes.kinds.views import LARGEST, MEDIANS, VIEWS, WORLDS, sample_views

SIZE = (80, 160)


@pytest.fixture(scope="module", params=list(WORLDS))
def views(request):
    """Views of one scene from before and after its things were put elsewhere."""
    return list(sample_views(request.param, 5, *SIZE, wanted=(0, 1, 3)))


def test_views_show_depth_within_bounds(views) -> None:
    for view in views:
        disparity = view.pair.disparity_left * (640 / SIZE[1])
        assert disparity.min() > 0
        assert np.isfinite(disparity).all()
        assert (disparity < 1.4 * LARGEST).mean() > 0.99
        assert view.pair.left.std() > 8
        assert view.pair.occlusion.mean() < 0.6
        assert 0.001 < view.rig.baseline < 5


def test_views_of_a_scene_differ(views) -> None:
    first, second, third = (view.pair for view in views)
    assert (first.left != second.left).any()
    assert (first.disparity_left != third.disparity_left).any()


def test_pictures_agree_where_truth_says_so(views) -> None:
    for view in views:
        residuals = {offset: shifted(view.pair, offset) for offset in (-1, -0.5, 0, 0.5, 1)}
        if not np.isnan(residuals[0]):
            assert min(residuals, key=residuals.get) == 0, (view.kind, view.number, residuals)


def test_a_view_is_the_same_whichever_others_are_drawn(views) -> None:
    (alone,) = sample_views(views[0].kind, 5, *SIZE, wanted=(1,))
    for a, b in zip(alone.pair, views[1].pair, strict=True):
        assert a.tobytes() == b.tobytes()


def test_without_floaters_the_same_cameras_see_the_same_room() -> None:
    (full,) = sample_views("furnished", 5, *SIZE, wanted=(1,))
    (bare,) = sample_views("furnished", 5, *SIZE, wanted=(1,), floaters=False)
    assert bare.rig == full.rig
    nearer = full.pair.disparity_left - bare.pair.disparity_left
    assert nearer.min() > -1e-3, "nothing came that was not there"
    assert 0.005 < (nearer > 0.05).mean() < 0.6, "and what floated is gone"


def test_flat_shading_changes_the_pictures_alone() -> None:
    (lit,) = sample_views("dense", 5, 40, 80, wanted=(1,))
    (flat,) = sample_views("dense", 5, 40, 80, wanted=(1,), lit=False)
    assert flat.rig == lit.rig
    assert (flat.pair.left != lit.pair.left).mean() > 0.5
    for truth in ("disparity_left", "disparity_right", "occlusion"):
        assert getattr(flat.pair, truth).tobytes() == getattr(lit.pair, truth).tobytes()


def test_a_kind_without_floaters_stays_as_it_is() -> None:
    (with_, without) = (next(sample_views("dense", 5, 24, 48, floaters=value)).pair for value in (True, False))
    assert with_.left.tobytes() == without.left.tobytes()


def test_medians_spread_over_their_range() -> None:
    # Of one scene: a step of the golden ratio leaves no large gap.
    found = [float(np.median(view.pair.disparity_left)) * 8 for view in sample_views("tabletop", 2, 40, 80)]
    assert len(found) == VIEWS
    assert min(found) < 9
    assert max(found) > 45
    assert min(found) > 0.7 * MEDIANS[0]


def test_an_unknown_kind_is_told() -> None:
    with pytest.raises(ArgumentError, match="tabletop"):
        next(sample_views("cave", 0, *SIZE))


def test_the_configuration_knows_every_kind() -> None:
    assert MESH_SCENES == MESH_WEIGHTS
    assert list(WORLDS) == list(MESH_WEIGHTS)
    assert set(Scenes(root="x").scenes) == set(ALL_KINDS) == {*MESH_SCENES, *SCENES}


def test_blocks_hold_kinds_by_their_shares() -> None:
    shares = {"furnished": 2.0, "room": 1.0, "garden": 1.0}
    kinds = [choose_kind(3, "TRAIN", block, shares) for block in range(40)]
    assert [kinds.count(name) for name in shares] == pytest.approx([20, 10, 10], abs=2)
    assert kinds != [choose_kind(4, "TRAIN", block, shares) for block in range(40)]


def test_a_block_of_closed_form_is_numbered_by_pairs() -> None:
    members = list(render_block(0, "TEST", 2, 32, 64, {"room": 1.0}, wanted=(0, 5)))
    assert [member.number for member in members] == [2 * BLOCK, 2 * BLOCK + 5]
    assert members[0].kind == "room"


def test_a_block_of_meshes_fits_the_closed_forms_pair() -> None:
    (member,) = render_block(0, "TRAIN", 0, 40, 80, {"dense": 1.0}, wanted=(4,))
    assert member.number == 4
    assert member.pair.left.shape == (40, 80, 3)
    assert member.pair.disparity_right.dtype == np.float32


def test_the_data_set_is_rendered_and_packed_on_first_use(tmp_path) -> None:
    pytest.importorskip("webdataset", reason="extra [train]")
    from stereo_exp.suite.datasets import open_scenes

    keys = {"num_train": 2, "num_test": 1, "height": 64, "width": 96, "render_workers": 1}
    source = open_scenes("train", root=str(tmp_path), scenes={"dense": 1.0, "room": 1.0}, **keys)
    assert len(source) == 2
    assert source[0].left.shape[:2] == (64, 96)
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert not (folder / "scenes").exists()


def test_switches_of_the_config_reach_the_pictures(tmp_path) -> None:
    pytest.importorskip("webdataset", reason="extra [train]")
    from stereo_exp.suite.datasets import open_scenes

    keys = {"num_train": 1, "num_test": 1, "height": 64, "width": 96, "render_workers": 1, "scenes": {"dense": 1.0}}
    lit, flat = (open_scenes("train", root=str(tmp_path), lit=value, **keys) for value in (True, False))
    assert lit.folder != flat.folder
    assert (lit[0].left != flat[0].left).any()
    np.testing.assert_array_equal(lit[0].disparity, flat[0].disparity)
    # Of closed form they change nothing, not even the folder.
    keys["scenes"] = {"room": 1.0}
    lit, flat = (open_scenes("train", root=str(tmp_path), lit=value, **keys) for value in (True, False))
    assert lit.folder == flat.folder


def test_an_endless_set_has_the_switches_too() -> None:
    from stereo_exp.shapes.maker import make_pairs

    parameters = {"height": 24, "width": 48, "render_seed": 2, "scenes": {"dense": 1.0}}
    lit, flat = (next(make_pairs(parameters | more, 0, 1)) for more in ({}, {"lit": False}))
    assert (lit.left != flat.left).any()
    np.testing.assert_array_equal(lit.disparity, flat.disparity)


def test_things_are_piled_where_there_is_room() -> None:
    from pen_and_paper import box

    from stereo_exp.shapes.meshes.kinds.dress import Dresser
    from stereo_exp.shapes.meshes.kinds.placing import Piece, draw_piece
    from stereo_exp.shapes.meshes.scene import place
    from stereo_exp.shapes.meshes.thing import Thing

    rng = np.random.default_rng(0)
    board = Thing("board", box((-0.6, -0.4, 0.0), (0.6, 0.4, 0.7)), ("wood",), ("floor",))
    support = Piece(board, Dresser(rng).dress(board))
    spots = find_spots(rng, support, 50)
    assert len(spots) > 20
    np.testing.assert_allclose(spots[:, 2], 0.7, atol=1e-5)
    assert (np.abs(spots[:, :2]) < [0.6, 0.4]).all()
    cups = [draw_piece(rng, Dresser(rng), "surface", largest=0.25) for _ in range(8)]
    taken = Taken(0.01)
    placed = pile_on(rng, support, place(2.0, 1.0, turn=0.5), cups, taken=taken)
    assert len(placed) >= 4
    boxes = [turn_bounds(each.mesh.transform(each.matrix).bounds, 0.0) for each in placed]
    for k, one in enumerate(boxes):
        assert abs(one[0, 2] - 0.7) < 0.02
        others = Taken(0.02)
        for other in boxes[k + 1 :]:
            others.add(other)
        assert others.fits(one)
