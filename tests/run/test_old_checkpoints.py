"""Checkpoints of an early commit load for ever, and predict what they did (`tests/checkpoints/README.md`)."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from in_process import run_in_process
from safetensors.numpy import load_file

from stereo_exp.model.former import rename
from stereo_exp.runtime.model import StereoModel

FOLDER = Path(__file__).resolve().parents[1] / "checkpoints"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())


def words(line: str, file: str = "") -> list[str]:
    """A command of `expected.json` as it is typed."""
    return [word.format(folder=FOLDER, file=file) for word in line.split()]


@pytest.mark.parametrize("stage", EXPECTED["checkpoints"])
def test_disparity_is_what_it_was(stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    of = EXPECTED["checkpoints"][stage]
    report = run_in_process(*words(f"{EXPECTED['infer']} {of['words']} {EXPECTED['network']}", of["file"])).report
    assert (report["stage"], report["checkpoint"]) == (stage, str(FOLDER / of["file"]))
    found, wanted = (
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        for path in (tmp_path / "out" / "disparity.pfm", FOLDER / of["disparity"])
    )
    assert found.shape == wanted.shape == (64, 96)
    assert wanted.mean() == pytest.approx(of["mean_px"], abs=1e-3), "the stored disparity is not the one described"
    assert np.abs(found - wanted).max() <= of["tolerance_px"]


@pytest.mark.long
def test_int_infer_compiles_to_the_same_disparity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stored graph names modules of before; what is compiled has today's, and the numbers of before."""
    monkeypatch.chdir(tmp_path)
    of = EXPECTED["checkpoints"]["int_infer"]
    engines = "compile.engines=[onnxruntime] tracker=none machine.threads=1"
    line = f"task=compile {of['words']} checkpoint={{folder}}/{{file}} {engines} {EXPECTED['network']}"
    report = run_in_process(*words(line, of["file"])).report
    model = StereoModel(report["compiled"], engine="onnxruntime", threads=1)
    found = model(FOLDER / "left.png", FOLDER / "right.png", scale=1).disparity
    wanted = cv2.imread(str(FOLDER / of["disparity"]), cv2.IMREAD_UNCHANGED)
    assert np.abs(found - wanted).max() <= of["tolerance_px"]
    (graph,) = Path(report["compiled"]).rglob("full.onnx")
    parts = {node.name.split("/")[0].split(".")[0] for node in onnx.load(graph).graph.node}
    assert {"volume", "aggregation", "upsampling"} <= parts
    assert "head" not in parts


def test_qat_converts_to_the_same_integers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = run_in_process(*words(f"{EXPECTED['convert']} {EXPECTED['network']}")).report
    assert report["integers_equal"] == 1
    found, stored = load_file(report["checkpoint"]), load_file(FOLDER / "int_infer.safetensors")
    # Whatever is written today has today's names.
    wanted = {rename(name): tensor for name, tensor in stored.items()}
    assert sum(name not in wanted for name in stored) > 100
    assert found.keys() == wanted.keys()
    assert sum(tensor.dtype == np.int8 for tensor in wanted.values()) > 20
    differing = [name for name, tensor in wanted.items() if not np.array_equal(found[name], tensor)]
    assert differing == []
