"""The command line run in this process, and a checkpoint to run it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from composing import composed
from in_process import Outcome, run_in_process

from stereo_exp.config import bind


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """`python -m stereo_exp ARGUMENTS` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return run_in_process


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of experiment=smoke's network with random weights."""
    from stereo_exp.model.checkpoint import save_checkpoint
    from stereo_exp.suite.build import build_network

    config = bind(composed("experiment=smoke", "tracker=none"))
    path = tmp_path_factory.mktemp("checkpoint") / "best.safetensors"
    meta = {"stage": "float", "step": 8, "num_steps": 8, "config": asdict(config), "run_id": None}
    save_checkpoint(path, meta, {"model": build_network(config.model).state_dict()})
    return path
