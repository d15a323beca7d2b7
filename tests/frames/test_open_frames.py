"""Files, folders, patterns and videos as pairs."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from stereo_exp.base.errors import UserError
from stereo_exp.config.infer import Infer
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.frames import open_frames
from stereo_exp.suite.keys import by_key
from stereo_exp.suite.tasks.infer import Pairs


def image(seed: int, size: tuple[int, int] = (32, 64)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for view, offset in (("left", 0), ("right", 10)):
        (tmp_path / view).mkdir()
        for i in range(3):
            (tmp_path / view / f"{i:03d}.png").write_bytes(encode_png(image(offset + i)))
    return tmp_path


def video(path: Path, frames: list[np.ndarray]) -> Path:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (width, height))
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


@pytest.mark.parametrize("pattern", ["", "/*.png"])
def test_folders_and_patterns(folders: Path, pattern: str) -> None:
    frames = open_frames(f"{folders}/left{pattern}", f"{folders}/right{pattern}")
    assert (len(frames), frames.is_sequence) == (3, True)
    for i, sample in enumerate(frames):
        assert sample.key == f"{i:03d}"
        np.testing.assert_array_equal(sample.left, image(i))
        np.testing.assert_array_equal(sample.right, image(10 + i))


def test_one_pair(folders: Path) -> None:
    frames = open_frames(f"{folders}/left/001.png", f"{folders}/right/001.png")
    assert (len(frames), frames.is_sequence) == (1, False)


def test_a_folder_for_each_pair(tmp_path: Path) -> None:
    for name in ("kitchen", "hall"):
        (tmp_path / name).mkdir()
        for view in ("left", "right"):
            (tmp_path / name / f"{view}.png").write_bytes(encode_png(image(0)))
    frames = open_frames(f"{tmp_path}/*/left.png", f"{tmp_path}/*/right.png")
    assert [sample.key for sample in frames] == ["hall_left", "kitchen_left"]


@pytest.mark.parametrize(
    ("left", "key"),
    [
        ("kitchen/left.png", "kitchen"),
        ("kitchen/left/l.png", "kitchen"),
        ("kitchen/left/001.png", "001"),
        ("küche/cam0.png", "küche"),
        ("left/右.png", "右"),
        ("kitchen/shot_left.png", "shot_left"),
    ],
)
def test_a_pair_alone_is_not_called_by_its_view(tmp_path: Path, left: str, key: str) -> None:
    for path in (tmp_path / left, tmp_path / "other.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(image(0)))
    (sample,) = open_frames(str(tmp_path / left), str(tmp_path / "other.png"))
    assert sample.key == key


def test_two_videos_and_one_side_by_side(tmp_path: Path) -> None:
    smooth = [cv2.GaussianBlur(image(i), (0, 0), 5) for i in range(4)]
    left, right = video(tmp_path / "l.avi", smooth), video(tmp_path / "r.avi", smooth[::-1])
    both = video(tmp_path / "both.avi", [np.hstack(pair) for pair in zip(smooth, smooth[::-1], strict=True)])
    two, one = list(open_frames(str(left), str(right))), list(open_frames(str(both), None))
    assert len(two) == len(one) == 4
    for a, b in zip(two, one, strict=True):
        assert a.left.shape == b.left.shape == (32, 64, 3)
        assert np.abs(a.left.astype(int) - b.left).mean() < 4 and np.abs(a.right.astype(int) - b.right).mean() < 4


def test_mistakes(folders: Path) -> None:
    left, right = f"{folders}/left", f"{folders}/right"
    (folders / "right" / "002.png").unlink()
    (folders / "empty").mkdir()
    (folders / "no.mp4").write_bytes(b"not a film")
    (folders / "small.png").write_bytes(encode_png(image(0, (16, 16))))
    for arguments, words in {
        (f"{folders}/empty", right): ["infer.left", "holds no images"],
        (left, f"{folders}/nothing/*.png"): ["infer.right", "holds no images"],
        (left, f"{folders}/no.mp4"): ["infer.right", "is a video", "image or folder"],
        (f"{folders}/no.mp4", None): ["no.mp4", "cannot be read as a video"],
        (f"{folders}/gone.mp4", None): ["gone.mp4", "there is no such file"],
        ("977", "978"): ["infer.left", "977", "no camera"],
        (f"{left}/000.png", f"{folders}/small.png"): ["infer.right", "16x16", "64x32"],
        (f"{left}/000.png", f"{folders}/gone.png"): ["infer.right", "gone.png"],
    }.items():
        with pytest.raises(UserError) as caught, by_key("infer"):
            list(open_frames(*arguments))
        for word in words:
            assert word in str(caught.value), (arguments, str(caught.value))


def test_pairs_of_a_folder_may_differ_in_size(folders: Path) -> None:
    for view in ("left", "right"):
        (folders / view / "002.png").write_bytes(encode_png(image(0, (24, 48))))
    pairs = iter(Pairs(Infer(left=f"{folders}/left", right=f"{folders}/right", check=False)))
    assert [next(pairs).size for _ in range(2)] == [(32, 64)] * 2
    assert next(pairs).size == (24, 48)
