"""*shapes* as files: the same for any number of workers, completed where a run broke off, nobody else's overwritten."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stereo_exp.base.errors import UserError
from stereo_exp.geometry.formats.image import read_rgb
from stereo_exp.geometry.formats.pfm import read_pfm
from stereo_exp.shapes import writer
from stereo_exp.shapes.raster import Pair, render_scene
from stereo_exp.shapes.scenes import sample_scene
from stereo_exp.shapes.writer import LISTS, PARAMETERS, pair_paths, render_dataset

REPOSITORY = Path(__file__).parents[2]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _render(out: Path, **changes: Any) -> tuple[int, int]:
    options = {"train": 5, "test": 2, "height": 48, "width": 96, "seed": 4, "workers": 1} | changes
    report = render_dataset(out, **options)
    return report.rendered, report.reused


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    assert _render(folder) == (7, 0)
    return folder


def test_layout_and_lists_read_back(rendered: Path) -> None:
    assert json.loads((rendered / PARAMETERS).read_text())["seed"] == 4
    for split, count in (("TRAIN", 5), ("TEST", 2)):
        lines = (rendered / LISTS[split]).read_text().splitlines()
        assert len(lines) == count
        for index, line in enumerate(lines):
            scene = f"{split}/A/{index:04d}"
            left, right, disparity = line.split(" ")
            assert left == f"FlyingThings3D/frames_finalpass/{scene}/left/0006.png"
            assert right == f"FlyingThings3D/frames_finalpass/{scene}/right/0006.png"
            assert disparity == f"FlyingThings3D/disparity/{scene}/left/0006.pfm"
            pair = render_scene(sample_scene(4, split, index, 48, 96))
            np.testing.assert_array_equal(read_rgb(rendered / left), pair.left)
            np.testing.assert_array_equal(read_rgb(rendered / right), pair.right)
            np.testing.assert_array_equal(read_pfm(rendered / disparity), pair.disparity_left)
            other = rendered / pair_paths(split, index).disparity_right
            np.testing.assert_array_equal(read_pfm(other), pair.disparity_right)
    assert len(_files(rendered)) == 4 * 7 + 3  # and nothing else


def test_two_workers_write_the_same_bytes(rendered: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    report = render_dataset(
        tmp_path,
        train=5,
        test=2,
        height=48,
        width=96,
        seed=4,
        workers=2,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert report.workers == 2 and report.pairs_per_second > 0
    assert calls[0] == (0, 7) and calls[-1] == (7, 7) and calls == sorted(calls)
    assert _files(tmp_path) == _files(rendered)


def test_a_broken_off_run_is_completed(rendered: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _render(tmp_path, progress=stop)
    assert not (tmp_path / LISTS["TRAIN"]).exists()  # lists come last: no list, not whole
    before = (tmp_path / pair_paths("TRAIN", 0).left).stat().st_mtime_ns
    lost = tmp_path / pair_paths("TRAIN", 1).disparity_left
    lost.unlink()
    assert _render(tmp_path) == (4, 3)
    assert (tmp_path / pair_paths("TRAIN", 0).left).stat().st_mtime_ns == before
    assert _files(tmp_path) == _files(rendered)
    assert _render(tmp_path) == (0, 7)


@pytest.mark.parametrize("key", ["train", "test", "height", "width", "seed"])
def test_other_parameters_in_the_same_folder_are_refused(rendered: Path, key: str) -> None:
    before = _files(rendered)
    with pytest.raises(UserError) as caught:
        _render(rendered, **{key: 64})
    assert str(caught.value).startswith(f"{key}=64: ")
    assert "\n" not in str(caught.value)
    assert _files(rendered) == before


def _real_lists(folder: Path) -> None:
    (folder / LISTS["TRAIN"]).write_text("the download's own list")


def _spoilt_record(folder: Path) -> None:
    (folder / PARAMETERS).write_text("{")


@pytest.mark.parametrize("spoil", [_real_lists, _spoilt_record])
def test_folders_of_others_are_left_alone(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path)
    before = _files(tmp_path)
    with pytest.raises(UserError):
        _render(tmp_path)
    assert _files(tmp_path) == before


@pytest.mark.parametrize(
    ("key", "value"),
    [("train", -1), ("test", -1), ("seed", -1), ("height", 16), ("width", 5000), ("workers", 0)],
)
def test_values_out_of_range_are_refused(tmp_path: Path, key: str, value: int) -> None:
    with pytest.raises(UserError, match=f"^{key}={value}: "):
        _render(tmp_path / "new", **{key: value})
    assert not (tmp_path / "new").exists()


def test_an_empty_set_and_an_unwritable_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least one pair"):
        _render(tmp_path, train=0, test=0)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        _render(tmp_path / "file" / "set")


def test_a_model_that_is_gone_is_no_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render_pairs(*_: object) -> Iterator[Pair]:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "/models/chair.obj")

    monkeypatch.setattr(writer, "render_pairs", render_pairs)
    with pytest.raises(UserError, match=r"^/models/chair\.obj: cannot be read \(No such file .*; put it back"):
        _render(tmp_path / "set")


def test_a_process_that_was_ended_is_told() -> None:
    with (
        pytest.raises(UserError, match=r"^workers=2: a process was ended, .* begin again with fewer workers"),
        writer._runner(os._exit, [7, 7], 2) as finished,  # type: ignore[arg-type,list-item]
    ):
        list(finished)


def test_command_line(tmp_path: Path) -> None:
    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "data_tools.render", *options]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)

    options = ["--out", str(tmp_path), "--train", "2", "--test", "1", "--size", "48x96", "--workers", "1"]
    first = run(*options)
    assert first.returncode == 0 and first.stderr == ""
    assert first.stdout.count("\n") == 1
    summary = json.loads(first.stdout)
    assert summary["rendered"] == 3 and summary["pairs_per_second"] > 0 and summary["seconds"] > 0
    assert len((tmp_path / LISTS["TRAIN"]).read_text().splitlines()) == 2

    for wrong in ([*options, "--seed", "9"], [*options, "--size", "48"]):
        refused = run(*wrong)
        assert refused.returncode == 2 and refused.stdout == ""
        assert refused.stderr.startswith("error: ") and refused.stderr.count("\n") == 1
