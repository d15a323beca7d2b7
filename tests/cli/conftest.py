"""The command line run in this process, and a checkpoint to run it on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from command_line import Outcome
from composing import composed

from stereo_exp.__main__ import main
from stereo_exp.config import bind


@pytest.fixture
def quiet_logging() -> Iterator[None]:
    """Hydra configures the root logger for good; put it back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quiet_logging: None
) -> Callable[..., Outcome]:
    """`python -m stereo_exp ARGUMENTS` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Outcome:
        monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
        monkeypatch.delenv("HYDRA_FULL_ERROR")  # main() sets it; this way it is unset again afterwards
        monkeypatch.setattr(sys, "argv", ["stereo_exp", *arguments])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of experiment=smoke's network with random weights."""
    from stereo_exp.checkpoint import save_checkpoint
    from stereo_exp.model import MODELS

    config = bind(composed("experiment=smoke", "tracker=none"))
    path = tmp_path_factory.mktemp("checkpoint") / "best.safetensors"
    meta = {"stage": "float", "step": 8, "num_steps": 8, "config": asdict(config), "run_id": None}
    save_checkpoint(path, meta, {"model": MODELS[config.model.name](config.model).state_dict()})
    return path
