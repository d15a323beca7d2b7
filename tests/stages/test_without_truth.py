"""Pairs of one's own without truth: calibration takes their images, scores are left out, training is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from entrypoint import Chain, stage

from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.model.checkpoint import read_meta


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides for three pairs 96×190 of noise without truth, untracked and under a name of their own."""
    root = tmp_path_factory.mktemp("bare")
    rng = np.random.default_rng(0)
    for i in range(3):
        coarse = rng.integers(0, 256, (24, 50, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
        (root / f"left{i}.png").write_bytes(encode_png(coarse[:, :190]))
        (root / f"right{i}.png").write_bytes(encode_png(coarse[:, 5:195]))
    return ["dataset=pairs", f"dataset.root={root}", "dataset.left=left*.png", "dataset.right=right*.png", "name=bare"]


def test_calibration_and_integers_need_images_only(chain: Chain, bare: list[str]) -> None:
    floating = f"init_from={chain.reports['float']['checkpoint']}"
    outcome = stage(chain.root, "calib", *bare, floating)
    calib = outcome.report
    assert calib["num_calibration_pairs"] == 3
    assert (calib["epe"], calib["d1"], calib["n_images"], calib["n_skipped"]) == (None, None, 0, 3)
    assert json.loads((Path(calib["run_dir"]) / "report.json").read_text())["epe"] is None
    assert outcome.err.count("no pair of the test split has truth: predictions are not scored") == 1
    # What needs no truth is there: noise of every layer, pictures.
    assert all(record["snr_db"] > 0 for record in calib["layers"])
    assert len(calib["pictures"]) == 2
    # Confidence is by a table of other weights, which is said: there is no truth to count on.
    assert calib["confidence_table"] == "that of released weights"
    assert "reliability" not in read_meta(Path(calib["checkpoint"]))
    told = "confidence: the pairs have no truth to count on; its table is that of released weights"
    assert outcome.err.count(told) == 1
    assert math.isnan(read_meta(Path(calib["checkpoint"]))["scores"]["epe"])
    # Scales come from these images, not from those that the float network was trained on.
    assert [r["scale"] for r in calib["layers"]] != [r["scale"] for r in chain.reports["calib"]["layers"]]

    integers = stage(chain.root, "int_infer", *bare).report
    assert integers["init_from"] == calib["checkpoint"]
    assert integers["integers_equal"] == 1
    assert integers["epe"] is None
    assert [(link["stage"], link["epe"]) for link in integers["chain"][1:]] == [("calib", None), ("int_infer", None)]


@pytest.mark.parametrize("name", ["float", "qat"])
def test_training_is_refused(chain: Chain, bare: list[str], name: str) -> None:
    words = [f"init_from={chain.reports['calib']['checkpoint']}"] if name == "qat" else []
    line = stage(chain.root, name, *bare, *words).error_line
    assert line.startswith("error: dataset.disparity: there is no truth to train on; add dataset.disparity=")


def test_sensitivity_is_refused(chain: Chain, bare: list[str]) -> None:
    words = ("quant.sensitivity=true", f"init_from={chain.reports['float']['checkpoint']}")
    line = stage(chain.root, "calib", *bare, *words).error_line
    assert line.startswith("error: quant.sensitivity=True: ")
    assert "dataset=pairs has truth" in line
