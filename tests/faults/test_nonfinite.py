"""What is not finite counts as wrong, is counted, never becomes the best, and a run that is left with it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from in_process import run_in_process

from stereo_exp.geometry.metrics import StereoMetrics
from stereo_exp.geometry.refine import refine_disparity
from stereo_exp.model.checkpoint import load_checkpoint
from stereo_exp.suite.train.step import StepResult

MAXDISP = 64


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_prediction_that_is_no_number_is_bad_by_every_measure(value: float) -> None:
    truth = np.full((4, 10), 60, np.float32)
    truth[3] = 0  # unknown: what is predicted there does not count
    prediction = np.where(truth > 0, truth, value)
    prediction[0, :3] = value
    metrics = StereoMetrics(MAXDISP)
    assert metrics.update(prediction, truth) == pytest.approx(3 * MAXDISP / 30)
    found = metrics.compute()
    assert [found[key] for key in ("d1", "bad1", "bad2", "bad3")] == pytest.approx([0.1] * 4)
    assert (found["epe"], found["epe_px"]) == pytest.approx((3 * MAXDISP / 30,) * 2)
    assert found["n_nonfinite"] == 3


def test_they_are_added_up_over_processes_and_images() -> None:
    parts = [StereoMetrics(MAXDISP) for _ in range(2)]
    for count, metrics in enumerate(parts, start=1):
        prediction = np.full((5, 5), 8.0)
        prediction[0, :count] = np.nan
        metrics.update(prediction, np.full((5, 5), 8.0))
    parts[0].totals = parts[0].totals + parts[1].totals
    found = parts[0].compute()
    assert (found["n_nonfinite"], found["n_images"]) == (3, 2)
    assert found["bad3"] == pytest.approx(3 / 50)


def test_finite_ones_count_none() -> None:
    metrics = StereoMetrics(MAXDISP)
    metrics.update(np.full((5, 5), 8.0), np.full((5, 5), 9.5))
    assert metrics.compute()["n_nonfinite"] == 0
    assert metrics.compute()["epe"] == 1.5


def test_refining_keeps_what_is_no_number() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)
    disparity = np.full((64, 96), 5, np.float32)
    disparity[10:20, 10:30] = np.nan
    refined = refine_disparity(image, np.roll(image, -5, axis=1), disparity)
    assert (np.isnan(refined) == np.isnan(disparity)).all()
    assert refined.dtype == np.float32


def spoil(model: torch.nn.Module, *arguments: Any) -> StepResult:
    with torch.no_grad():
        next(model.parameters())[0, 0, 0, 0] = float("nan")
    return StepResult("done", 1.0, 1.0)


def leave_out(*arguments: Any) -> StepResult:
    return StepResult("empty")


@pytest.mark.parametrize(
    ("step", "told"),
    [(spoil, "some weights are not finite after 2 steps"), (leave_out, "all 2 steps were left out (2 without a known")],
)
def test_a_training_without_a_result_fails_and_keeps_the_best_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Callable[..., StepResult], told: str
) -> None:
    from stereo_exp.suite.train import loop

    monkeypatch.setattr(loop, "train_step", step)
    words = ("experiment=smoke", "tracker=none", "eval.pictures=0", "machine.threads=1", f"root={tmp_path}", "name=a",
             "optim.steps=2", "dataset.num_train=4", "dataset.num_test=1")  # fmt: skip
    outcome = run_in_process(*words)
    assert outcome.code == 1
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("failed: ")]
    assert told in line
    assert "Traceback" not in outcome.err
    report = json.loads(outcome.out.splitlines()[-1])
    assert report["best_step"] == 0
    best = load_checkpoint(Path(report["checkpoint"]))
    assert all(torch.isfinite(tensor).all() for tensor in best.part("model").values())


def test_an_evaluation_of_nothing_fails(tmp_path: Path) -> None:
    """Truth with the other sign, as some sets have it: no pixel of it is in range."""
    import cv2

    from stereo_exp.geometry.formats.pfm import write_pfm

    rng = np.random.default_rng(0)
    for view in ("left", "right"):
        (tmp_path / view).mkdir()
        cv2.imwrite(str(tmp_path / view / "0.png"), rng.integers(0, 255, (64, 96, 3), dtype=np.uint8))
    (tmp_path / "truth").mkdir()
    write_pfm(tmp_path / "truth" / "0.pfm", np.full((64, 96), -5, np.float32))
    outcome = run_in_process(
        "task=eval", "checkpoint=release", "tracker=none", f"root={tmp_path}", "dataset=pairs", "eval.pictures=0",
        f"dataset.root={tmp_path}", "dataset.left=left/*.png", "dataset.right=right/*.png", "eval.scale=1",
        "dataset.disparity=truth/*.pfm", "loader.workers=0",
    )  # fmt: skip
    assert outcome.code == 1, outcome.err[-2000:]
    assert "failed: no pair of the test split" in outcome.err
