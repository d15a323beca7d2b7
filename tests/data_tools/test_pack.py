"""The packer's command line: its flags, its last line, its one-line errors."""

import json
import subprocess
import sys

import numpy as np
import pytest

from data_tools.pack import main
from stereo_exp.data.shards.read import ShardSource
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.formats.pfm import write_pfm


@pytest.fixture
def root(tmp_path):
    """A data set of three pairs in SceneFlow's layout."""
    root = tmp_path / "SceneFlow"
    lines = []
    for number in range(3):
        names = [f"frames_finalpass/{number}_{view}.png" for view in ("left", "right")] + [f"disparity/{number}.pfm"]
        (root / "frames_finalpass").mkdir(parents=True, exist_ok=True)
        for name in names[:2]:
            (root / name).write_bytes(encode_png(np.full((8, 9, 3), number, np.uint8)))
        write_pfm(root / names[2], np.full((8, 9), number + 1, np.float32))
        lines.append(" ".join(names))
    (root / "SceneFlow_finalpass_train.txt").write_text("\n".join(lines))
    return root


def run(capsys, root, *arguments):
    """Standard output's lines, standard error and the exit code of one call."""
    target = root.parent / "shards"
    code = 0
    try:
        main(
            [
                "--src-data-dir",
                str(root),
                "--split-name",
                "train",
                "--target-data-dir",
                str(target),
                *arguments,
            ]
        )
    except SystemExit as exit_:
        code = exit_.code
    out, err = capsys.readouterr()
    return out.splitlines(), err, code


def test_the_reference_command_line_works_as_a_program(root):
    flags = {"split-name": "train", "pack-type": "webdataset", "num-workers": 10, "src-data-dir": root}
    flags["target-data-dir"] = root.parent / "shards"
    command = [sys.executable, "-m", "data_tools.pack", *(f"--{key}={value}" for key, value in flags.items())]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""  # no progress bar where there is no terminal
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["samples"], report["skipped"], report["shards"]) == (3, 0, 1)
    assert len(ShardSource(root.parent / "shards/train")) == 3


def test_the_last_line_is_compact_json_below_a_table(root, capsys):
    out, err, code = run(capsys, root, "--samples-per-shard", "2")
    assert code == 0 and err == ""
    report = json.loads(out[-1])
    assert json.dumps(report, separators=(",", ":")) == out[-1]
    assert report["shards"] == 2 and report["split"] == "train" and report["bytes"] > 0
    assert any(line.split() == ["pairs", "3"] for line in out[:-1])


def test_skip_counts_and_raise_names_the_list_line(root, capsys):
    (root / "disparity/1.pfm").write_bytes(b"Pf\n9 8\n")
    out, err, code = run(capsys, root)
    assert code == 2 and out == [] and err.count("\n") == 1
    assert err.startswith("error: SceneFlow_finalpass_train.txt line 2: ")
    assert "disparity/1.pfm" in err and "--on-error skip" in err
    out, err, code = run(capsys, root, "--on-error", "skip")
    assert code == 0 and json.loads(out[-1])["skipped"] == 1


def test_list_file_and_render_pass(root, capsys, tmp_path):
    (root / "frames_finalpass").rename(root / "frames_cleanpass")
    lines = (root / "SceneFlow_finalpass_train.txt").read_text().splitlines()
    (tmp_path / "mine.txt").write_text(lines[2])
    out, _, code = run(capsys, root, "--list-file", str(tmp_path / "mine.txt"), "--render-pass", "cleanpass")
    assert code == 0 and json.loads(out[-1])["samples"] == 1
    assert (ShardSource(tmp_path / "shards/train").read(0).left == 2).all()


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["--pack-type", "lmdb"], "--pack-type=lmdb: this tool writes webdataset shards only"),
        (["--on-error", "ignore"], "on_error=ignore: must be one of raise, skip"),
        (["--render-pass", "noisy"], "render_pass=noisy: must be one of finalpass, cleanpass"),
        (["--num-workers", "0"], "num_workers=0: must be at least 1"),
        (["--list-file", "nowhere.txt"], "nowhere.txt: cannot be read"),
        (["--split-name", "val"], "SceneFlow_finalpass_val.txt: there is no such list file"),
    ],
)
def test_mistakes_are_told_in_one_line(root, capsys, arguments, rule):
    out, err, code = run(capsys, root, *arguments)
    assert code == 2 and out == [] and err.startswith("error: ") and err.count("\n") == 1
    assert rule in err
