"""What confidence is worth: counted by `stage=calib`, handed on to the integers, compared with truth by `task=eval`."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from entrypoint import Chain, stage

from stereo_exp.model.checkpoint import read_meta


def test_the_calibrations_table_goes_on_to_the_integers(chain: Chain) -> None:
    tables = {name: read_meta(Path(report["checkpoint"])).get("reliability") for name, report in chain.reports.items()}
    assert tables["float"] is None
    assert tables["calib"] is not None
    assert tables["calib"]["refined"] != tables["calib"]["plain"]
    assert tables["calib"] == tables["qat"] == tables["int_infer"]
    assert chain.reports["calib"]["confidence_table"] == tables["calib"]["origin"]
    assert tables["calib"]["origin"].startswith("dataset=shapes, training pairs, ")


@pytest.mark.parametrize("name", [pytest.param("float", marks=pytest.mark.long), "int_infer"])
def test_an_evaluation_compares_confidence_with_truth(chain: Chain, name: str) -> None:
    checkpoint = chain.reports[name]["checkpoint"]
    report = stage(chain.root, name, "task=eval", "eval.scale=1", f"checkpoint={checkpoint}").report
    assert 0 <= report["ece"] < 1
    judged = report["confidence"]
    # Both means belong to the same pixels: the error is nearly the EPE, whose truth lies within the range.
    assert judged["error_px"] == pytest.approx(report["epe_px"], rel=0.5)
    assert judged["right"] == pytest.approx(1 - report["bad2"], abs=0.1)
    assert math.isfinite(judged["expected_error_px"])
    assert sum(share for _, _, share in judged["bins"]) == pytest.approx(1)
    assert list(judged["thresholds"]) == ["0.5", "0.8", "0.95"]
    kept = [figures["kept"] for figures in judged["thresholds"].values()]
    assert kept == sorted(kept, reverse=True)
    origin = "rendered scenes of " if name == "float" else "dataset=shapes, training pairs, "
    assert report["confidence_table"].startswith(origin)
    (picture,) = (path for path in report["pictures"] if Path(path).name == "reliability.png")
    image = cv2.imread(picture)
    assert image.shape[0] > 400
    assert (np.ptp(image.reshape(-1, 3), 0) > 200).all(), "an empty picture"
