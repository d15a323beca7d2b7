"""One chain from float to integers, which all tests of stages look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from entrypoint import SMOKE, Chain


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    root = tmp_path_factory.mktemp("chain")
    words = ["-m", "stage=float,calib,qat,int_infer", *SMOKE]
    environment = {k: v for k, v in os.environ.items() if k != "HYDRA_FULL_ERROR"} | {"STEREO_EXP_ROOT": str(root)}
    # So many steps that the network has learned something to lose.
    words += ["optim.steps=30", "train.eval_every=0", "train.save_every=100"]
    done = subprocess.run(
        [sys.executable, "-m", "stereo_exp", *words], env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    reports = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return Chain(root, done.stdout, {r["stage"]: r for r in reports})
