"""The data set's check: what is damaged is named and nothing else, and lists are AANet's."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from data_tools.check import check
from data_tools.check.check import main
from data_tools.check.lists import list_text
from data_tools.check.problems import Findings
from data_tools.check.tree import PUBLISHED, TOTALS, lefts_of_test_split, scan
from stereo_exp.base.errors import UserError
from stereo_exp.geometry.epipolar import pair_geometry
from stereo_exp.geometry.formats.image import encode_png, read_rgb
from stereo_exp.geometry.formats.pfm import read_pfm, write_pfm
from stereo_exp.shapes.writer import render_dataset

REPOSITORY = Path(__file__).parents[2]

FRAMES, TRUTH = "FlyingThings3D/frames_finalpass", "FlyingThings3D/disparity"
TRAIN, TEST = "SceneFlow_finalpass_train.txt", "SceneFlow_finalpass_test.txt"


class Run(NamedTuple):
    """One call of the command line: everything it printed, its last line parsed, its exit code."""

    out: str
    err: str
    code: int

    @property
    def report(self) -> dict[str, Any]:
        return json.loads(self.out.splitlines()[-1])

    @property
    def problems(self) -> list[str]:
        """The lines that name a problem, without their indent."""
        lines = self.out.split("\nproblems: ")[-1].split("\nnotes: ")[0].splitlines()
        return [line.strip() for line in lines if line.startswith("    ")]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> Run:
        code = 0
        try:
            main(["--workers", "1", *map(str, arguments)])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        return Run(*capsys.readouterr(), code)

    return call


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("check") / "shapes"
    render_dataset(root, train=8, test=2, height=128, width=256, seed=5, workers=1)
    return root


@pytest.fixture
def root(rendered: Path, tmp_path: Path) -> Path:
    """A copy of the rendered set, to be damaged."""
    return Path(shutil.copytree(rendered, tmp_path / "shapes"))


def touch(root: Path, paths: list[str]) -> None:
    for folder in dict.fromkeys((root / path).parent for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        (root / path).touch()


def left(index: int, split: str = "TRAIN") -> str:
    return f"{FRAMES}/{split}/A/{index:04d}/left/0006.png"


def right(index: int) -> str:
    return left(index).replace("/left/", "/right/")


def truth(index: int) -> str:
    return f"{TRUTH}/TRAIN/A/{index:04d}/left/0006.pfm"


def exchange(one: Path, other: Path) -> None:
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)


def shift_rows(root: Path, path: str, rows: int) -> None:
    image = read_rgb(root / path)
    (root / path).write_bytes(encode_png(np.roll(image, rows, axis=0)))


# --- the command line ---------------------------------------------------------------------------------------------


def test_a_sound_set_passes_as_a_program_with_one_json_line(rendered: Path) -> None:
    command = [sys.executable, "-m", "data_tools.check", str(rendered)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["pairs"] == {"train": 8, "test": 2} and report["checked"] == 10
    assert report["problems"] == report["notes"] == 0 and not report["whole"]
    assert report["sizes"] == {"128x256": 10}
    assert report["lists"] == {TRAIN: "as the disk", TEST: "as the disk"}


def test_each_damage_is_named_and_nothing_else(root: Path, run: Any) -> None:
    (root / right(1)).unlink()
    (root / truth(2)).write_bytes((root / truth(2)).read_bytes()[:3000])
    exchange(root / left(3), root / right(3))
    done = run(root)
    assert done.code == 2
    named = dict(line.split(": ", 1) for line in done.problems)
    assert set(named) == {right(1), truth(2), left(3)}
    assert "missing" in named[right(1)]
    assert "2984 bytes" in named[truth(2)] and "swapped" in named[left(3)]
    assert done.report["by_kind"] == {"missing": 1, "damaged": 1, "swapped": 1}
    assert sorted(done.report["named"]) == sorted(named)
    assert done.report["pairs"]["train"] == 7  # the pair without its right view is no pair


def test_a_vertical_shift_of_the_right_view_is_named(root: Path, run: Any) -> None:
    index = next(
        i for i in range(8) if pair_geometry(*(read_rgb(root / view(i)) for view in (left, right))).offset is not None
    )
    shift_rows(root, right(index), 3)
    done = run(root)
    (line,) = done.problems
    assert done.code == 2 and line.startswith(f"{left(index)}: its rows are off by ") and "not rectified" in line


@pytest.mark.parametrize("damage", ["png", "size", "nan", "empty", "sign", "other"])
def test_damage_inside_files_is_named(root: Path, run: Any, damage: str) -> None:
    values = read_pfm(root / truth(0))
    if damage == "png":
        (root / right(0)).write_bytes((root / right(0)).read_bytes()[:-20])
    elif damage == "size":
        (root / right(0)).write_bytes(encode_png(read_rgb(root / right(0))[:, :-2]))
    elif damage == "nan":
        values[3, 4] = np.nan
        write_pfm(root / truth(0), values)
    elif damage == "empty":
        (root / right(0)).write_bytes(b"")
    elif damage == "sign":
        write_pfm(root / truth(0), -values)
    else:
        exchange(root / truth(0), root / truth(4))
    path = {"nan": truth(0), "sign": truth(0), "other": left(0)}.get(damage, right(0))
    kind = {"png": "damaged", "size": "misfit", "nan": "misfit", "sign": "negated", "other": "unrelated"}
    done = run(root, "--all")
    assert done.code == 2 and path in done.report["named"]
    assert set(done.report["by_kind"]) == {kind.get(damage, "empty")}
    assert set(done.report["named"]) <= {path, left(4)}


def test_a_file_that_broke_off_shows_without_its_pair_being_drawn(root: Path) -> None:
    for index in range(8):
        path = root / truth(index)
        whole = path.read_bytes()
        path.write_bytes(whole[:3000])
        findings = check(root, sample=1).findings
        assert [finding.path for finding in findings.problems] == [truth(index)]
        path.write_bytes(whole)


def test_the_sample_is_the_same_whatever_the_order_of_the_disk(rendered: Path) -> None:
    results = [check(rendered, sample=4, workers=workers).measured for workers in (1, 3)]
    assert results[0] == results[1] and results[0].pairs == 4


def test_disparity_is_measured(rendered: Path) -> None:
    measured = check(rendered, sample=None, maxdisp=20).measured
    values = np.concatenate([read_pfm(path).ravel() for path in sorted((rendered / TRUTH).glob("*/A/*/left/*.pfm"))])
    assert measured.pixels == values.size and measured.known == (values > 0).sum()
    assert measured.beyond == (values >= 20).sum() > 0
    assert (measured.lowest, measured.highest) == (values[values > 0].min(), values.max())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sample", "-1"], "--sample"),
        (["--workers", "0"], "--workers"),
        (["--maxdisp", "nan"], "--maxdisp"),
        (["--render-pass", "nopass"], "must be one of finalpass, cleanpass"),
        (["--render-pass", "cleanpass"], "give --render-pass finalpass"),
    ],
)
def test_mistakes_are_told_in_one_line(rendered: Path, run: Any, arguments: list[str], told: str) -> None:
    done = run(rendered, *arguments)
    assert done.code == 2 and done.out == "" and done.err.count("\n") == 1 and told in done.err


def test_a_folder_that_is_not_there_or_holds_nothing(tmp_path: Path, run: Any) -> None:
    assert "there is no such folder" in run(tmp_path / "no").err
    done = run(tmp_path)
    assert done.code == 2 and "frames_finalpass" in done.err


# --- counts and lists ---------------------------------------------------------------------------------------------


def test_published_counts_are_shown_and_add_up(rendered: Path, run: Any) -> None:
    assert TOTALS == {"train": 35_454, "test": 4_370}
    for section, count in (("A", 1_440), ("B", 1_470), ("C", 1_460)):
        assert len(list(lefts_of_test_split(section, "finalpass"))) == count
    out = run(rendered, "--sample", 0).out
    for count in (*PUBLISHED.values(), *TOTALS.values()):
        assert f"{count:,}" in out


def test_lists_of_all_three_parts_are_written_sorted(tmp_path: Path, run: Any) -> None:
    scenes = [
        ("Monkaa", "a_rain_of_stones_x2", ["0000", "0001"]),
        ("Driving", "35mm_focallength/scene_backwards/slow", ["0002"]),
        ("Driving", "15mm_focallength/scene_forwards/fast", ["0001"]),
        ("FlyingThings3D", "TRAIN/C/0000", ["0006"]),
        ("FlyingThings3D", "TEST/B/0001", ["0010", "0009"]),
    ]
    lines = []
    for part, scene, stems in scenes:
        for stem in stems:
            views = [f"{part}/frames_finalpass/{scene}/{view}/{stem}.png" for view in ("left", "right")]
            lines.append([*views, f"{part}/disparity/{scene}/left/{stem}.pfm"])
    touch(tmp_path, [path for line in lines for path in line])
    (tmp_path / lines[1][1]).unlink()  # Monkaa 0001 has no right view: not in the list
    done = run(tmp_path, "--sample", 0, "--write-lists")
    expected = sorted(" ".join(line) + "\n" for line in lines if line is not lines[1])
    assert (tmp_path / TRAIN).read_text() == "".join(line for line in expected if "TEST" not in line)
    assert (tmp_path / TEST).read_text() == "".join(line for line in expected if "TEST" in line)
    assert done.report["pairs"] == {"train": 4, "test": 2}
    assert done.report["by_kind"] == {"missing": 1, "empty": 20}  # made of empty files, and says so


def test_the_test_list_is_aanets_to_the_byte(real_data: Path, tmp_path: Path) -> None:
    real = (real_data / "filelists" / TEST).read_bytes()
    paths = real.decode().split()
    random.Random(3).shuffle(paths)
    touch(tmp_path, paths)
    findings = Findings()
    tree = scan(tmp_path, "finalpass", findings)
    assert list_text(tree.complete("test")).encode() == real and not tree.complete("train")
    lefts = [left for section in "ABC" for left in lefts_of_test_split(section, "finalpass")]
    assert lefts == real.decode().split()[::3]
    # One pair gone altogether: nothing on disk speaks of it, but the published list does.
    gone = real.decode().splitlines()[100].split()
    for path in gone:
        (tmp_path / path).unlink()
    result = check(tmp_path, sample=0, list_files=True)
    problems = [finding for finding in result.findings.problems if finding.kind != "empty"]
    assert [(p.kind, p.path) for p in problems] == [("count", "FlyingThings3D A (test)"), ("missing", gone[0])]
    assert (tmp_path / TEST).read_text() == "".join(
        real.decode().splitlines(True)[:100] + real.decode().splitlines(True)[101:]
    )


def test_a_list_is_not_overwritten_without_force(root: Path, run: Any) -> None:
    whole = (root / TRAIN).read_text()
    shorter = whole.split("\n", 1)[1]
    (root / TRAIN).write_text(shorter)
    plain = run(root, "--sample", 0)
    assert plain.code == 0 and "does not name 1 of 8 pairs on disk: FlyingThings3D/TRAIN/A/0000/0006" in plain.out
    kept = run(root, "--sample", 0, "--write-lists")
    assert kept.code == 2 and (root / TRAIN).read_text() == shorter and "--force" in kept.problems[0]
    forced = run(root, "--sample", 0, "--write-lists", "--force")
    assert forced.code == 0 and (root / TRAIN).read_text() == whole
    assert forced.report["lists"] == {TRAIN: "written, 8 lines", TEST: "unchanged"}
    assert not list(root.glob(".*tmp"))


def test_lines_that_do_not_belong_are_named(root: Path, run: Any) -> None:
    lines = (root / TRAIN).read_text().splitlines()
    lines[0] = " ".join([left(0), right(0), truth(1)])
    lines[1] = " ".join([right(1), left(1), truth(1)])
    lines.append(" ".join([left(77), right(77), truth(77)]))
    (root / TRAIN).write_text("\n".join(lines) + "\n")
    done = run(root, "--sample", 0)
    assert done.code == 2
    assert [line.split(": ")[0] for line in done.problems] == [
        *(left(77), right(77), truth(77)),
        *(f"{TRAIN} line {number}" for number in (1, 2)),
    ]


def test_a_part_of_the_set_is_told_where_the_set_is(root: Path, run: Any) -> None:
    done = run(root / "FlyingThings3D")
    assert done.code == 2 and f"give the folder above it: {root}\n" in done.err


def test_a_damaged_list_is_named_with_its_line(root: Path, run: Any) -> None:
    (root / TRAIN).write_text((root / TRAIN).read_text() + "one two\n")
    done = run(root, "--sample", 0)
    assert done.code == 2 and done.report["lists"][TRAIN] == "damaged"
    assert done.problems == [f"{TRAIN} line 9: must hold three paths: left, right, left disparity"]


def test_the_other_pass_is_compared_with_the_final_passs_lists(root: Path, run: Any) -> None:
    (root / FRAMES).rename(root / FRAMES.replace("final", "clean"))
    done = run(root, "--sample", 0, "--render-pass", "cleanpass")
    assert done.code == 0
    assert done.report["lists"]["SceneFlow_cleanpass_train.txt"] == f"as the disk (by {TRAIN})"
    done = run(root, "--sample", 0, "--render-pass", "cleanpass", "--write-lists")
    assert done.code == 0 and (root / "SceneFlow_cleanpass_train.txt").read_text().count("frames_cleanpass") == 16


def test_a_missing_folder_is_one_line(root: Path, run: Any) -> None:
    shutil.rmtree(root / TRUTH / "TRAIN")
    done = run(root, "--sample", 0)
    assert done.problems == [f"{TRUTH}/TRAIN: the folder is missing (8 files)"]


def test_a_stray_folder_is_left_out_and_named(root: Path, run: Any) -> None:
    shutil.copytree(root / FRAMES / "TRAIN/A/0000", root / FRAMES / "A/0000")
    done = run(root, "--sample", 0)
    assert [line.split(": ")[0] for line in done.problems] == [f"{FRAMES}/A/0000"] and done.report["pairs"][
        "train"
    ] == 8


def test_the_real_sceneflow_samples_pass(real_data: Path, run: Any) -> None:
    done = run(real_data / "SceneFlow")
    assert done.code == 0 and done.report["checked"] == 4 and done.report["sizes"] == {"540x960": 4}


def test_a_bad_argument_is_a_user_error(rendered: Path) -> None:
    with pytest.raises(UserError, match="workers"):
        check(rendered, workers=0)
