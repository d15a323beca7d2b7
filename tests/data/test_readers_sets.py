"""Every option of `dataset=` that reads files, on pairs made here in its own layout."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from composing import NODES
from pair_folders import FAR, NEAR, made_pair, write_image, write_integer_scene, write_kitti, write_pfm_scene
from scene_folder import write_scene
from test_sources import photometric_error

from stereo_exp.base.errors import DataError, UserError
from stereo_exp.config.dataset import Eth3d, Kitti2012, Kitti2015, Middlebury, SceneFlow
from stereo_exp.data.loader import eval_loader
from stereo_exp.geometry.occlusion import find_seen_by_both
from stereo_exp.geometry.pair import Calibration, check_sample
from stereo_exp.suite.datasets import open_split
from stereo_exp.suite.keys import DATASET, by_key

PAIR = made_pair()
# Case -> its config for a root, and what writes it; images are tall where the number of rows tells the scale.
MADE = {
    "kitti2012": (Kitti2012, lambda root: write_kitti(root)),
    "kitti2012 grey": (lambda root: Kitti2012(root=root, grey=True), lambda root: write_kitti(root, grey=True)),
    "kitti2015": (Kitti2015, lambda root: write_kitti(root, 2015)),
    "eth3d": (
        Eth3d,
        lambda root: write_pfm_scene(root / "two_view_training/a", root / "two_view_training_gt/a"),
    ),
    "eth3d in one folder": (Eth3d, lambda root: write_pfm_scene(root / "a", root / "a")),
    "MiddEval3": (Middlebury, lambda root: write_pfm_scene(root / "trainingQ/A", root / "trainingQ/A")),
    "2014": (
        Middlebury,
        lambda root: write_pfm_scene(root / "A-perfect", root / "A-perfect", gt="", mask=False, right=True),
    ),
    **{
        f"2005 {height}": (
            Middlebury,
            lambda root, height=height, scale=scale: write_integer_scene(
                root / "Art", ("view1.png", "view5.png", "disp1.png", "disp5.png"), scale, height
            ),
        )
        for height, scale in ((1110, 1), (555, 2), (370, 3))
    },
    "2006 by folder": (
        Middlebury,
        lambda root: write_integer_scene(
            root / "ThirdSize/Art", ("view1.png", "view5.png", "disp1.png", "disp5.png"), 3
        ),
    ),
    **{
        f"2003 {height}": (
            Middlebury,
            lambda root, height=height, scale=scale: write_integer_scene(
                root / "teddy", ("im2.ppm", "im6.ppm", "disp2.pgm", "disp6.pgm"), scale, height
            ),
        )
        for height, scale in ((1500, 1), (750, 2), (375, 4))
    },
    "2003 imL": (
        Middlebury,
        lambda root: write_integer_scene(root / "Cones", ("imL.png", "imR.png", "disp2.png", "disp6.png"), 4, 375),
    ),
    "2001": (
        Middlebury,
        lambda root: write_integer_scene(root / "venus", ("im2.ppm", "im6.ppm", "disp2.pgm", "disp6.pgm"), 8),
    ),
    "2001 map": (
        Middlebury,
        lambda root: write_integer_scene(root / "map", ("im0.pgm", "im1.pgm", "disp0.pgm", "disp1.pgm"), 8),
    ),
    "tsukuba": (
        Middlebury,
        lambda root: write_integer_scene(
            root / "tsukuba", ("scene1.row3.col3.ppm", "scene1.row3.col4.ppm", "truedisp.row3.col3.pgm"), 16
        ),
    ),
    "one scene": (Middlebury, lambda root: write_pfm_scene(root, root)),
    "own scale": (
        lambda root: Middlebury(root=root, scale=10),
        lambda root: write_integer_scene(root / "mine", ("view1.png", "view5.png", "disp1.png", "disp5.png"), 10),
    ),
}


def config_of(make, root):
    return make(root=str(root)) if isinstance(make, type) else make(str(root))


@pytest.mark.parametrize("case", MADE)
@pytest.mark.parametrize("split", ["train", "test"])
def test_made_pairs_come_back_as_they_were(case, split, tmp_path):
    make, write = MADE[case]
    pair = write(tmp_path)
    source = pickle.loads(pickle.dumps(open_split(config_of(make, tmp_path), split)))
    assert len(source) == 1
    sample = check_sample(source.read(0))
    assert sample.key == source.key(0) and sample.left.shape == (*pair.left.shape, 3)
    assert sample.left.dtype == np.uint8 and sample.disparity.dtype == np.float32
    np.testing.assert_array_equal(sample.disparity, pair.disparity)
    assert photometric_error(sample) == 0 and photometric_error(sample, sign=-1) > 10
    if case == "tsukuba":
        assert sample.noc is None, "truth of one view"
    else:
        np.testing.assert_array_equal(sample.noc, pair.noc)


@pytest.mark.parametrize("case", ["eth3d", "MiddEval3", "2014"])
def test_calibration_files_are_read_where_the_set_has_them(case, tmp_path):
    make, write = MADE[case]
    write(tmp_path)
    sample = open_split(config_of(make, tmp_path), "test").read(0)
    assert sample.calibration == Calibration(700.5, pytest.approx(0.06), 10)


@pytest.mark.parametrize(("year", "folder", "name"), [(2012, "calib", "P{}"), (2015, "calib_cam_to_cam", "P_rect_0{}")])
def test_kitti_calibration_comes_from_files_only(year, folder, name, tmp_path):
    write_kitti(tmp_path, year)
    config = config_of(Kitti2012 if year == 2012 else Kitti2015, tmp_path)
    assert open_split(config, "test").read(0).calibration is None
    lines = [f"{name.format(i)}: 700 0 600 {x} 0 700 170 0 0 0 1 0" for i, x in enumerate((0, -378, 42, -329))]
    (tmp_path / "training" / folder).mkdir()
    (tmp_path / "training" / folder / "000000.txt").write_text("\n".join(lines))
    assert open_split(config, "test").read(0).calibration == Calibration(700, pytest.approx(0.53))
    if year == 2012:
        write_kitti(tmp_path, grey=True)
        grey = open_split(Kitti2012(root=str(tmp_path), grey=True), "test").read(0)
        assert grey.calibration == Calibration(700, pytest.approx(0.54)), "of cameras 0 and 1"


@pytest.mark.parametrize("case", ["kitti2012", "kitti2015", "eth3d"])
def test_the_split_folder_itself_is_a_root_too(case, tmp_path):
    make, write = MADE[case]
    pair = write(tmp_path)
    inner = tmp_path / ("two_view_training" if case == "eth3d" else "training")
    sample = open_split(config_of(make, inner), "test").read(0)
    np.testing.assert_array_equal(sample.noc, pair.noc)


def test_roots_that_are_relative(tmp_path, monkeypatch):
    MADE["eth3d"][1](tmp_path)
    MADE["one scene"][1](tmp_path / "Scene")
    monkeypatch.chdir(tmp_path / "two_view_training")
    assert open_split(Eth3d(root="."), "test").key(0) == "a"
    monkeypatch.chdir(tmp_path / "Scene")
    assert open_split(Middlebury(root="."), "test").key(0) == "Scene"


@pytest.mark.parametrize("noc", [True, False])
def test_masks_reach_the_batch_where_there_are_any(noc, tmp_path):
    write_kitti(tmp_path, noc=noc)
    (batch,) = eval_loader(open_split(Kitti2012(root=str(tmp_path)), "test"), batch_size=1)
    assert (batch.noc is not None) == noc


def test_consistency_knows_what_the_right_camera_cannot_see():
    """Occluded: out of view on the left, or behind the near square; unknown on either side is not seen."""
    right = PAIR.right_disparity.copy()
    np.testing.assert_array_equal(find_seen_by_both(PAIR.disparity, right), PAIR.noc)
    right[0, 50] = 0
    assert not find_seen_by_both(PAIR.disparity, right)[0, 50 + FAR]
    assert find_seen_by_both(PAIR.disparity + np.float32(0.4), right)[1, 50], "thirds of a pixel are no occlusion"
    assert NEAR - FAR > 1, "the square would not count as an occluder"


def test_consistency_between_two_pixels_and_below_one():
    """Landing at 1.5, either neighbour may be the match; 0 means unknown even where the left disparity is small."""
    left = np.array([[0, 0, 0, 0, 2.5, 0]], np.float32)
    for right in ([0, 2.5, 9, 0, 0, 0], [0, 9, 2.5, 0, 0, 0]):
        assert find_seen_by_both(left, np.array([right], np.float32)).nonzero()[1].tolist() == [4]
    near = np.array([[0, 0.5, 0.5]], np.float32)
    assert find_seen_by_both(near, np.array([[0, 0, 0.5]], np.float32)).tolist() == [[False, False, True]]


ORIGINS = {
    "sceneflow": "lmb.informatik.uni-freiburg.de",
    "kitti": "cvlibs.net",
    "eth3d": "eth3d.net",
    "middlebury": "vision.middlebury.edu",
}


@pytest.mark.parametrize("name", ["sceneflow", "kitti2012", "kitti2015", "eth3d", "middlebury"])
@pytest.mark.parametrize(
    ("what", "rule"),
    [("missing", "no such folder"), ("a file", "is no folder"), ("empty", "is empty"), ("other", "does not hold")],
)
def test_a_root_that_is_not_one_is_told_with_the_layout_and_the_origin(name, what, rule, tmp_path):
    root = tmp_path / "root"
    if what == "a file":
        root.write_text("")
    elif what != "missing":
        root.mkdir()
    if what == "other":
        write_image(root / "somewhere/left.png", PAIR.left)
    with pytest.raises(UserError, match=rule) as caught:
        open_split(NODES["dataset"][name](root=str(root)), "test")
    error = caught.value
    assert (error.key, Path(error.value)) == ("dataset.root", root)
    assert "expected: " in error.rule and "\n" not in str(error)
    assert ORIGINS[name.rstrip("0125")] in error.fix


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("kitti2012", "kitti2015", "kitti2015"),
        ("kitti2015", "kitti2012", "kitti2012"),
        ("middlebury", "eth3d", "eth3d"),
    ],
)
def test_another_sets_layout_is_recognised(name, wrong, right, tmp_path):
    (tmp_path / "two_view_testing").mkdir() if wrong == "eth3d" else MADE[wrong][1](tmp_path)
    with pytest.raises(UserError, match=f"use dataset={right}"):
        open_split(NODES["dataset"][name](root=str(tmp_path)), "test")


def test_kitti_with_grey_images_only_says_so(tmp_path):
    write_kitti(tmp_path, grey=True)
    with pytest.raises(UserError, match=r"dataset\.grey=false: .*add dataset\.grey=true"):
        open_split(Kitti2012(root=str(tmp_path)), "test")


def test_middlebury_folders_that_leave_a_choice_are_listed(tmp_path):
    for size in "QH":
        write_pfm_scene(tmp_path / f"training{size}/A", tmp_path / f"training{size}/A")
    with pytest.raises(UserError, match=r"trainingH, trainingQ; choose one, e\.g\. dataset\.root=.*trainingH"):
        open_split(Middlebury(root=str(tmp_path)), "test")


@pytest.mark.parametrize("name", ["middlebury", "eth3d"])
def test_scenes_without_truth_are_left_out_or_refused(name, tmp_path):
    for scene in "AB":
        write_pfm_scene(tmp_path / scene, tmp_path / scene)
    config = NODES["dataset"][name](root=str(tmp_path))
    (tmp_path / "A/disp0GT.pfm").unlink()
    assert [open_split(config, "test").key(0)] == ["B"]
    (tmp_path / "B/disp0GT.pfm").unlink()
    with pytest.raises(UserError, match=r"has 2 scenes but no (truth|disp0GT\.pfm)"):
        open_split(config, "test")


def test_middlebury_asks_for_a_scale_that_nothing_tells(tmp_path):
    write_integer_scene(tmp_path / "mine", ("im2.ppm", "im6.ppm", "disp2.pgm"), 4)
    with pytest.raises(DataError, match=r"disp2\.pgm=40 rows: .*dataset\.scale=4"), by_key(DATASET):
        open_split(Middlebury(root=str(tmp_path)), "test").read(0)


@pytest.mark.parametrize(
    ("case", "path", "what"),
    [
        ("kitti2012", "training/colored_1/000000_10.png", "cut"),
        ("kitti2012", "training/disp_occ/000000_10.png", "cut"),
        ("kitti2012", "training/disp_noc/000000_10.png", "gone"),
        ("kitti2012", "training/disp_noc/000000_10.png", "small"),
        ("kitti2012", "training/colored_0/000000_10.png", "small"),
        ("MiddEval3", "trainingQ/A/mask0nocc.png", "small"),
        ("MiddEval3", "trainingQ/A/disp0GT.pfm", "cut"),
        ("MiddEval3", "trainingQ/A/calib.txt", "cut"),
        ("2005 370", "Art/disp5.png", "small"),
        ("eth3d", "two_view_training_gt/a/mask0nocc.png", "cut"),
    ],
)
def test_damaged_files_are_named(case, path, what, tmp_path):
    make, write = MADE[case]
    write(tmp_path)
    source, file = open_split(config_of(make, tmp_path), "test"), tmp_path / path
    if what == "gone":
        file.unlink()
    elif what == "cut":
        file.write_bytes(file.read_bytes()[:20])
    else:
        write_image(file, np.zeros((8, 8), np.uint16 if "noc/" in path else np.uint8))
    with pytest.raises(DataError) as caught:
        source.read(0)
    # Views of two sizes are told by the right one.
    named = path.replace("colored_0", "colored_1") if what == "small" else path
    assert named in str(caught.value) and "\n" not in str(caught.value)


LIST = "# held back\n{0}\n\n{1} training/colored_1/{1} training/disp_occ/{1}\n"


@pytest.mark.parametrize("prefix", ["training/colored_0/", "colored_0/", ""])
def test_lists_choose_the_pairs_of_a_split(prefix, tmp_path):
    for number in range(3):
        write_kitti(tmp_path, name=f"00000{number}_10")
    chosen = tmp_path / "mine.txt"
    chosen.write_text(LIST.format("000002_10", f"{prefix}000000_10.png"))
    config = Kitti2012(root=str(tmp_path), test_list=str(chosen))
    test, train = open_split(config, "test"), open_split(config, "train")
    assert [test.key(i) for i in range(len(test))] == ["000002_10", "000000_10"]
    assert len(train) == 3
    assert test.read(0).key == "000002_10"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("000000_10\n000009_10", r"list\.txt line 2=000009_10: names no pair.* like 000000_10"),
        ("\n#\n", "names no pairs"),
        ("\udcff", "UTF-8"),
        (None, "No such file"),
    ],
)
def test_malformed_lists_of_pairs_are_refused(text, message, tmp_path):
    write_kitti(tmp_path)
    if text is not None:
        (tmp_path / "list.txt").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=message):
        open_split(Kitti2012(root=str(tmp_path), train_list=str(tmp_path / "list.txt")), "train")


def test_a_name_that_several_pairs_share_is_refused(tmp_path):
    for scene in "AB":
        write_pfm_scene(tmp_path / scene, tmp_path / scene)
    (tmp_path / "list.txt").write_text("A/im0.png\nB\n")
    config = Middlebury(root=str(tmp_path), test_list=str(tmp_path / "list.txt"))
    assert [open_split(config, "test").key(i) for i in range(2)] == ["A", "B"]
    (tmp_path / "list.txt").write_text("im0.png\n")
    with pytest.raises(DataError, match=r"line 1=im0\.png: names several pairs"):
        open_split(config, "test")


def write_sceneflow(root):
    (root / "SceneFlow_finalpass_test.txt").write_text(" ".join(write_scene(root, 0, (20, 30))))


def test_sceneflow_as_made(tmp_path):
    write_sceneflow(tmp_path)
    source = open_split(SceneFlow(root=str(tmp_path)), "test")
    assert len(source) == 1 and source.read(0).disparity.shape == (20, 30)


@pytest.mark.parametrize(
    ("files", "below", "message"),
    [
        (
            ("FlyingThings3D/a",),
            "",
            r"has no list files; write them with: python -m data_tools\.check \S+ --write-lists",
        ),
        (("FlyingThings3D/a",), "FlyingThings3D", r"one part of SceneFlow; .*dataset\.root=\S+set$"),
        (
            ("SceneFlow_finalpass_train.txt",),
            "",
            r"_test\.txt: there is no such list file; .*check \S+set --write-lists",
        ),
        (("train/index.json",), "", r"holds shards of train, none of test; pack it: .*--split-name test"),
        (("train/index.json", "test/index.json"), "train", r"shards of one split; .*dataset\.root=\S+set$"),
    ],
)
def test_sceneflow_one_step_away_says_which(tmp_path, files, below, message):
    for name in files:
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with pytest.raises(UserError, match=message):
        open_split(SceneFlow(root=str(tmp_path / "set" / below)), "test")
