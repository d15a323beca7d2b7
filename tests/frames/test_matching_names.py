"""Views find each other by name or by time, never by position; what has no partner is counted and named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stereo_exp.base.errors import UserError
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.frames import open_frames
from stereo_exp.geometry.frames.base import LeftOut, Stamped, match_times
from stereo_exp.geometry.frames.files import FileFrames, list_views


def paths(*names: str) -> list[Path]:
    return [Path("/data") / name for name in names]


def names(frames: FileFrames) -> list[tuple[str, str]]:
    return [(str(a.relative_to("/data")), str(b.relative_to("/data"))) for a, b in frames.pairs]


@pytest.mark.parametrize(
    ("left", "right", "pairs"),
    [
        (["l/1.png", "l/2.png", "l/4.png"], ["r/2.png", "r/3.png", "r/4.png"], [1, 2]),
        (["left_01.png", "left_02.png"], ["right_02.png", "right_01.png"], [0, 1]),
        (["a/01_L.jpg", "a/02_L.jpg", "a/03_L.jpg"], ["a/01_R.jpg", "a/03_R.jpg"], [0, 2]),
        (["hall/left.png", "kitchen/left.png"], ["hall/right.png", "kitchen/right.png"], [0, 1]),
        (["x/im0.png", "y/im0.png"], ["y/im1.png", "z/im1.png"], [1]),
        (["image_2/7.png", "image_2/8.png"], ["image_3/8.png", "image_3/9.png"], [1]),
        (["l/img.png"], ["r/other.png"], [0]),
        # Nanoseconds since 1970, the right camera 2 ms late, one view lost on either side.
        (
            [f"l/{1403636579763555584 + i * 50_000_000}.png" for i in (0, 1, 2, 4)],
            [f"r/{1403636579765555584 + i * 50_000_000}.png" for i in (1, 2, 3, 4)],
            [1, 2, 3],
        ),
        (["l/0.000.png", "l/0.100.png", "l/0.200.png"], ["r/0.004.png", "r/0.204.png"], [0, 2]),
    ],
)
def test_pairs(left: list[str], right: list[str], pairs: list[int]) -> None:
    frames = FileFrames(paths(*left), paths(*right))
    assert [a for a, _ in names(frames)] == [left[i] for i in pairs]
    assert frames.left_out.unpaired == len(left) + len(right) - 2 * len(pairs)


def test_what_is_left_out_is_named() -> None:
    frames = FileFrames(paths("l/1.png", "l/2.png", "l/4.png"), paths("r/2.png", "r/4.png", "r/5.png"))
    assert str(frames.left_out) == "2 views without a partner left out: /data/l/1.png, /data/r/5.png"


def test_names_that_do_not_agree_are_refused() -> None:
    with pytest.raises(UserError, match=r"no name of 2 right images agrees with one of 2 left ones \(a.png, c.png"):
        FileFrames(paths("l/a.png", "l/b.png"), paths("r/c.png", "r/d.png"))


def test_numbers_go_by_their_value(tmp_path: Path) -> None:
    for i in range(1, 13):
        (tmp_path / f"{i}.png").write_bytes(b"")
    assert [path.stem for path in list_views(str(tmp_path), "left")] == [str(i) for i in range(1, 13)]


@given(st.permutations(range(12)), st.sets(st.integers(0, 11)), st.sets(st.integers(0, 11)))
def test_whatever_is_lost_the_rest_belongs_together(order: list[int], lost: set[int], lost_too: set[int]) -> None:
    left = paths(*(f"l/{i}.png" for i in order if i not in lost))
    right = paths(*(f"r/{i}.png" for i in range(12) if i not in lost_too))
    kept = [i for i in range(12) if i not in lost | lost_too]
    if not kept or (len(left) == 1 and len(right) == 1):
        return
    frames = FileFrames(left, right)
    assert [(a.stem, b.stem) for a, b in frames.pairs] == [(str(i), str(i)) for i in kept]
    assert frames.left_out.unpaired == len(left) + len(right) - 2 * len(kept)


@given(st.lists(st.integers(0, 400), unique=True, max_size=20), st.lists(st.integers(0, 400), unique=True, max_size=20))
def test_times_match_within_the_tolerance_and_in_order(first: list[int], second: list[int]) -> None:
    left_out = LeftOut()
    streams = [iter([Stamped(t / 10, t) for t in sorted(each)]) for each in (first, second)]
    found = list(match_times(*streams, tolerance=0.25, left_out=left_out))
    assert all(abs(a.time - b.time) <= 0.25 for a, b in found)
    assert [a.item for a, _ in found] == sorted({a.item for a, _ in found})
    assert left_out.unpaired == len(first) + len(second) - 2 * len(found)


def test_the_reported_folders(reported_cases: Path) -> None:
    lost = reported_cases / "frames-dropped"
    frames = open_frames(str(lost / "left"), str(lost / "right"))
    assert [sample.key for sample in frames] == ["0000", "0002", "0004"]
    assert frames.left_out.unpaired == 2
    order = reported_cases / "frames-unpadded"
    assert [s.key for s in open_frames(str(order / "left"), str(order / "right"))] == [str(i) for i in range(1, 13)]
    sizes = reported_cases / "frames-sizes"
    assert len({s.size for s in open_frames(str(sizes / "left"), str(sizes / "right"))}) > 1


@pytest.mark.parametrize("view", ["", " ", "x" * 300, "x" * 5000])
def test_names_that_no_file_can_have(view: str) -> None:
    with pytest.raises(UserError, match=r"is empty|cannot be a file's name"):
        open_frames(view, view)


def test_one_view_twice(tmp_path: Path) -> None:
    (tmp_path / "l.png").write_bytes(encode_png(np.zeros((8, 8, 3), np.uint8)))
    (tmp_path / "link.png").symlink_to(tmp_path / "l.png")
    for right in (tmp_path / "l.png", tmp_path / "link.png"):
        with pytest.raises(UserError, match="is the left view, too"):
            open_frames(str(tmp_path / "l.png"), str(right))
