"""Sources: folders in SceneFlow's layout, the Motorcycle pair, and what both refuse."""

import pickle
import sys

import cv2
import numpy as np
import pytest
from scene_folder import SPOILS, scene_names

from stereo_exp.base.errors import DataError, UserError
from stereo_exp.data.sources.middlebury import CALIBRATION, MotorcycleSource
from stereo_exp.data.sources.sceneflow import FolderSource, find_pair_list


def test_folder_reads_what_was_written(make_scenes):
    source = FolderSource(make_scenes([(20, 30)] * 3))
    assert len(source) == 3
    sample = pickle.loads(pickle.dumps(source)).read(2)
    assert sample.key == source.key(2) == "Flying/frames_finalpass/TRAIN/0002/left/a"
    assert sample.left.shape == (20, 30, 3) and sample.left.dtype == np.uint8 and (sample.left[0, 0] == 2).all()
    assert sample.disparity.dtype == np.float32 and sample.disparity[0, 1] == 0  # inf: unknown
    assert (sample.disparity > 0).sum() == 20 * 30 - 1


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_folder_names_file_and_list_line_of_what_is_damaged(make_scenes, spoil):
    root = make_scenes([(20, 30)] * 3)
    spoil(root)
    source = FolderSource(root)
    source.read(0)
    with pytest.raises(DataError, match=SPOILS[spoil]) as caught:
        source.read(1)
    assert "/0001/" in str(caught.value) and "SceneFlow_finalpass_train.txt line 2" in str(caught.value)


def test_a_long_path_hides_neither_the_line_nor_the_file(make_scenes):
    root = make_scenes([(8, 9)], folder="/".join(["a_folder_with_a_rather_long_name"] * 6))
    (root / scene_names(0)[2]).unlink()
    with pytest.raises(DataError) as caught:
        FolderSource(root).read(0)
    assert str(caught.value).startswith("SceneFlow_finalpass_train.txt line 1: ")
    assert str(root / scene_names(0)[2]) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a b", "line 1=a b: must hold three paths"),
        ("\n\na b c d", "line 3"),
        ("a b /etc/passwd", "relative"),
        ("a ../../b c", "relative"),
        ("\n \n", "names no pairs"),
        ("a b \udcff", "UTF-8"),
    ],
)
def test_malformed_lists_are_refused(tmp_path, text, rule):
    (tmp_path / "SceneFlow_finalpass_train.txt").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=rule):
        FolderSource(tmp_path)


def test_lists_of_windows_and_blank_lines_keep_their_line_numbers(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa b c\r\n\r\nd e f\r\n")
    pairs = find_pair_list(tmp_path, "train", list_file=tmp_path / "list.txt").pairs
    assert [(pair.line, pair.left, pair.disparity) for pair in pairs] == [(1, "a", "c"), (3, "d", "f")]


def test_cleanpass_is_derived_from_the_finalpass_list_unless_it_has_one(make_scenes):
    root = make_scenes([(20, 30)])
    derived = find_pair_list(root, "train", render_pass="cleanpass")
    assert derived.pairs[0].left == scene_names(0)[0].replace("finalpass", "cleanpass")
    assert derived.pairs[0].disparity == scene_names(0)[2]
    (root / "SceneFlow_cleanpass_train.txt").write_text("own.png r.png d.pfm")
    assert find_pair_list(root, "train", render_pass="cleanpass").pairs[0].left == "own.png"
    with pytest.raises(UserError, match="render_pass=foggy: must be one of finalpass, cleanpass"):
        find_pair_list(root, "train", render_pass="foggy")


def test_missing_folders_and_lists_are_named(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        FolderSource(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"SceneFlow_finalpass_val\.txt: there is no such list"):
        FolderSource(tmp_path, "val")


@pytest.mark.parametrize("split", ["train", "test"])
def test_real_sceneflow_pairs(real_data, split):
    source = FolderSource(real_data / "SceneFlow", split)
    assert len(source) == 2
    for index in range(2):
        sample = source.read(index)
        assert sample.left.shape == sample.right.shape == (540, 960, 3)
        assert sample.disparity.min() > 0 and 50 < sample.disparity.max() < 1000
        assert photometric_error(sample) < 0.4 * photometric_error(sample, sign=-1)


def photometric_error(sample, sign=1):
    """Median grey difference of the left view and the right one warped to it, over known pixels."""
    grey = [cv2.cvtColor(view, cv2.COLOR_RGB2GRAY).astype(np.float32) for view in (sample.left, sample.right)]
    ys, xs = np.mgrid[: sample.size[0], : sample.size[1]].astype(np.float32)
    x_right = xs - sign * sample.disparity
    warped = cv2.remap(grey[1], x_right, ys, cv2.INTER_LINEAR)
    seen = (sample.disparity > 0) & (x_right >= 0) & (x_right <= sample.size[1] - 1)
    return float(np.median(np.abs(warped - grey[0])[seen]))


def test_motorcycle_disparity_leads_from_left_to_right():
    sample = MotorcycleSource().read(0)
    assert sample.left.shape == (500, 741, 3) and sample.disparity.dtype == np.float32
    assert np.isfinite(sample.disparity).all()
    known = sample.disparity[sample.disparity != 0]
    assert known.min() > 7 and known.max() < 60 and 0.90 < known.size / sample.disparity.size < 0.95
    error = photometric_error(sample)
    assert error < 5 and error < 0.25 * photometric_error(sample, sign=-1)


def test_motorcycle_calibration_gives_metres():
    sample = MotorcycleSource().read(0)
    assert sample.calibration == CALIBRATION
    known = sample.disparity[sample.disparity > 0]
    depth = CALIBRATION.focal * CALIBRATION.baseline / (known + CALIBRATION.doffs)
    assert 2 < depth.min() < 2.2 and 4.9 < depth.max() < 5.1  # a motorcycle in a workshop


def test_motorcycle_without_scikit_image(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.delitem(sys.modules, "skimage.data", raising=False)
    with pytest.raises(UserError, match=r"Motorcycle pair; pip install stereo_exp\[train\] brings it"):
        MotorcycleSource()


def test_motorcycle_is_one_pair():
    source = MotorcycleSource()
    assert len(source) == 1
    with pytest.raises(IndexError):
        source.read(1)
