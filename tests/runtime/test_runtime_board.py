"""Installed as docs/deploy.md says for boards: the package, then the other engine; no torch anywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matcher import shifted_pair
from wheels import CHECKOUT, build_wheel

from stereo_exp.geometry.formats.image import encode_png

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (CHECKOUT / "setup.cfg").is_file(), reason="needs a checkout"),
]


def install_lines() -> list[list[str]]:
    """What follows `pip install` on the page, without its remarks."""
    page = (CHECKOUT / "docs" / "deploy.md").read_text()
    block = page.split("## Installing on a board")[1].split("```")[1]
    lines = [line.split("#")[0].split() for line in block.splitlines() if line.startswith("pip install")]
    return [words[2:] for words in lines]


def test_runs_where_torch_is_not(compiled: Path, tmp_path: Path) -> None:
    package, engine = install_lines()
    assert package == ["."]
    assert engine == ['"stereo_exp[onnxruntime]"']
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "board")], check=True)
    python = str(tmp_path / "board" / "bin" / "python")
    work = tmp_path / "work"
    work.mkdir()
    wheel, pins = build_wheel(work), str(CHECKOUT / "constraints.txt")
    for package in (str(wheel), f"{wheel}[onnxruntime]"):
        subprocess.run([python, "-m", "pip", "install", "-q", "-c", pins, package], check=True, cwd=tmp_path)
    for name in ("torch", "mlflow", "onnx", "matplotlib", "skimage", "jinja2"):
        assert subprocess.run([python, "-c", f"import {name}"], capture_output=True, cwd=tmp_path).returncode == 1
    paths = tmp_path / "left.png", tmp_path / "right.png"
    for path, view in zip(paths, shifted_pair(50, 100, 8), strict=True):
        path.write_bytes(encode_png(view))
    command = [python, "-m", "stereo_exp.runtime", str(compiled), *map(str, paths), "-o", "out.npy", "--scale", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={}, check=False)
    assert done.returncode == 0, done.stderr
    assert np.median(np.load(tmp_path / "out.npy")) == pytest.approx(8, abs=0.02)
