"""Training with quantised numbers goes on where it was killed, to the last bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from entrypoint import SMOKE, Chain, stage


def losses(run_dir: str | Path) -> dict[int, float]:
    records = [json.loads(line) for line in (Path(run_dir) / "metrics.jsonl").read_text().splitlines()]
    return {r["step"]: r["train/loss"] for r in records if "train/loss" in r}


# Killed after the scales are frozen, and before.
@pytest.mark.parametrize(
    ("scales", "killed_at"),
    [
        ("learned", 9),
        pytest.param("learned", 3, marks=pytest.mark.long),
        pytest.param("observed", 3, marks=pytest.mark.long),
    ],
)
def test_killed_and_resumed_equals_unbroken(chain: Chain, scales: str, killed_at: int) -> None:
    overrides = [
        f"init_from={chain.reports['calib']['checkpoint']}", f"name={scales}{killed_at}", "eval.pictures=0",
        f"quant.stage.scales={scales}", "optim.lr_scale=1", "optim.steps=60", "optim.ema_decay=0.9",
        "train.log_every=1", "train.save_every=2", "train.eval_every=0",
    ]  # fmt: skip
    whole = stage(chain.root, "qat", *overrides).report
    assert whole["num_steps"] == 12
    folder = Path(whole["run_dir"]).parent
    words = [sys.executable, "-m", "stereo_exp", *SMOKE, f"root={chain.root}", "stage=qat", "tracker=none", *overrides]
    process = subprocess.Popen(words, env={**os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    killed: Path | None = None
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        runs = [p for p in folder.iterdir() if str(p) != whole["run_dir"]]
        if runs and (runs[0] / "metrics.jsonl").is_file() and len(losses(runs[0])) >= killed_at:
            killed = runs[0]
            break
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert killed is not None
    resumed = stage(chain.root, "qat", *overrides, "train.resume=auto").report
    assert resumed["resumed_from"] == str(killed / "checkpoints" / "last.safetensors")
    assert losses(resumed["run_dir"]) == losses(whole["run_dir"])
    assert sorted(losses(resumed["run_dir"])) == list(range(1, 13))
    assert resumed["epe"] == whole["epe"]
