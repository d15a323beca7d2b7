"""`infer.out=` and exports leave alone what the run did not make, unless `overwrite=true`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from in_process import run_in_process

from stereo_exp.base import UserError
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.suite.runs.context import OwnFiles


def test_own_files_may_be_written_again_and_others_not(tmp_path: Path) -> None:
    own = OwnFiles(tmp_path, "infer.out", overwrite=False)
    own.claim("a.png").write_bytes(b"mine")
    assert own.claim("a.png").read_bytes() == b"mine"
    (tmp_path / "b.png").write_bytes(b"theirs")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("b.png", "link"):
        with pytest.raises(UserError, match=rf"infer\.out=.*{name}: is there already.*overwrite=true"):
            own.claim(name)
        assert OwnFiles(tmp_path, "infer.out", overwrite=True).claim(name) == tmp_path / name


def test_infer_leaves_a_folder_of_others_as_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for view in ("left", "right"):
        (tmp_path / view).mkdir()
        for i in range(2):
            (tmp_path / view / f"{i}.png").write_bytes(encode_png(rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)))
    one = (f"infer.left={tmp_path}/left/0.png", f"infer.right={tmp_path}/right/0.png")
    several = (f"infer.left={tmp_path}/left", f"infer.right={tmp_path}/right")
    for views, name in ((one, "panels.png"), (several, "1_disparity.png"), (several, "disparity.mp4")):
        out = tmp_path / f"out_{name}"
        out.mkdir()
        (out / name).write_bytes(b"precious")
        words = ("task=infer", f"root={tmp_path}/runs", *views, f"infer.out={out}", "infer.scale=1")
        refused = run_in_process(*words)
        assert refused.code == 2, refused.err[-2000:]
        assert refused.err.splitlines()[-1].startswith(f"error: infer.out={out}/{name}: is there already")
        assert (out / name).read_bytes() == b"precious"
        if views is one:
            assert [path.name for path in out.iterdir()] == [name], "nothing was written beside it"
        assert run_in_process(*words, "overwrite=true").code == 0
        assert (out / name).read_bytes() != b"precious"


def test_an_export_leaves_the_file_of_another_run(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    out = tmp_path / "out"
    out.mkdir()
    for name, task in (("float_network.onnx", "export"), ("compiled", "compile")):
        (out / name).write_bytes(b"precious")
        outcome = run_in_process(
            f"task={task}", "stage=float", "checkpoint=release", f"root={tmp_path}", "export.form=network",
            f"hydra.run.dir={out}", "export.parity_pairs=0",
        )  # fmt: skip
        assert outcome.code == 2, outcome.err[-2000:]
        assert outcome.err.splitlines()[-1].startswith(f"error: hydra.run.dir={out}/{name}: is there already")
        assert (out / name).read_bytes() == b"precious"
