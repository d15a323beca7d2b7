"""Pictures from outside: what is read of a folder, what is skipped, where they are seen."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.pictures import find_pictures, read_picture, sample_square

RED = (0, 0, 255)  # as OpenCV has it


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures in red, one below the other folder, and four files that are none."""
    folder = tmp_path / "paint"
    (folder / "walls").mkdir(parents=True)
    stripes = np.zeros((90, 60, 3), np.uint8)
    stripes[::6] = stripes[1::6] = stripes[2::6] = RED
    cv2.imwrite(str(folder / "b.png"), stripes)
    cv2.imwrite(str(folder / "walls" / "a.JPG"), np.full((1500, 3000, 3), RED, np.uint8))
    cv2.imwrite(str(folder / "tiny.png"), np.full((20, 200, 3), RED, np.uint8))
    (folder / "cut.png").write_bytes((folder / "b.png").read_bytes()[:60])
    (folder / "none.jpg").write_text("no picture")
    (folder / "empty.bmp").touch()
    (folder / "notes.txt").write_text("not looked at")
    return folder


def test_what_is_no_picture_is_skipped_and_told(folder: Path) -> None:
    album = find_pictures(folder)
    assert [Path(name).name for name in album.pictures] == ["b.png", "a.JPG"]
    assert sorted(Path(name).name for name, _ in album.skipped) == ["cut.png", "empty.bmp", "none.jpg", "tiny.png"]
    assert dict(album.skipped)[str(folder / "tiny.png")] == "is 200x20 px; 32 are the least"


def test_a_folder_without_a_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.jpg").write_text("no picture")
    for wrong in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ArgumentError, match=r"^folder="):
            find_pictures(wrong)


def test_squares_are_cut_from_pictures_that_are_kept_small(folder: Path) -> None:
    names = find_pictures(folder).pictures
    assert read_picture(names[1]).shape == (512, 1024, 3)
    rng = np.random.default_rng(0)
    for _ in range(20):
        square = sample_square(rng, names, 64)
        assert square.shape == (64, 64, 3)
        assert square.dtype == np.uint8
        assert square[..., 0].mean() > 100
        assert square[..., 1:].max() < 10, "the colours' order is kept"
    squares = [sample_square(np.random.default_rng(seed), names[:1], 40).tobytes() for seed in (1, 1, 2)]
    assert squares[0] == squares[1] != squares[2]


def test_scenes_are_painted_with_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for wheel in ("embreex", "numba", "trimesh"):
        pytest.importorskip(wheel, reason="extra [render]")
    from data_tools.render import main
    from stereo_exp.shapes.meshes.kinds.views import sample_views

    names = find_pictures(folder).pictures
    (with_, without) = (
        next(sample_views("dense", 4, 32, 64, wanted=(0,), lit=False, textures=paint)).pair.left
        for paint in (names, ())
    )
    red = [float((view[..., 0] > 2.0 * view[..., 1:].max(axis=2)).mean()) for view in (with_, without)]
    assert red[0] > red[1] + 0.05
    out = folder.parent / "set"
    small = ["--train", "1", "--test", "0", "--size", "32x64", "--workers", "1", "--scenes", "dense=1"]
    main(["--out", str(out), *small, "--textures", str(folder)])
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert (summary["textures"], summary["textures_skipped"], summary["rendered"]) == (2, 4, 1)
    assert told.err.count("skipped") == 4
    assert json.loads((out / "shapes.json").read_text())["textures"]
    with pytest.raises(SystemExit):
        main(["--out", str(folder.parent / "other"), *small[:-1], "room=1", "--textures", str(folder)])
    assert "textures=2" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--out", str(folder.parent / "other"), *small, "--textures", str(folder / "nowhere")])
    assert "--textures" in capsys.readouterr().err
