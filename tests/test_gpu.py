"""The chain of stages on a GPU: the same integers there, the same figures on the CPU. `pytest -m gpu` runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from in_process import run_in_process

STAGES = ["float", "calib", "qat", "int_infer"]
SCORES = ("epe", "epe_px", "d1", "bad1", "bad2", "bad3")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_from_float_to_integers(tmp_path: Path, precision: str) -> None:
    common = ("experiment=smoke", f"root={tmp_path}", "tracker=none", "eval.pictures=0", "optim.steps=30",
              "train.eval_every=0")  # fmt: skip
    reports = {
        stage: run_in_process(*common, f"stage={stage}", "machine.device=cuda", f"machine.precision={precision}").report
        for stage in STAGES
    }
    integers = reports["int_infer"]
    assert integers["integers_equal"] == 1
    assert integers["epe"] == pytest.approx(reports["qat"]["epe"], rel=1e-5)
    for stage, report in reports.items():
        again = run_in_process(
            *common, f"stage={stage}", "task=eval", "eval.scale=1", "machine.device=cpu",
            f"checkpoint={report['checkpoint']}",
        ).report  # fmt: skip
        # Float convolutions sum in another order; on a power-of-two grid no order makes a difference.
        tolerance = 1e-2 if stage == "float" else 1e-5
        assert {k: again[k] for k in SCORES} == pytest.approx({k: report[k] for k in SCORES}, rel=tolerance), stage
