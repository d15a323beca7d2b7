"""Chains under a launcher that runs jobs side by side.

Hydra's own launcher stands for such a one: it takes its jobs one after the other, as one slot would.
"""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from stereo_exp import __main__
from stereo_exp.config import conf_dir, register
from stereo_exp.suite import sweep
from stereo_exp.suite.chains import run_chain
from stereo_exp.suite.runs.context import RunContext

SMALL = ("experiment=smoke", "tracker=none", "name=a")
Seen = tuple[int, str, str, str]


@pytest.fixture
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Seen]]:
    """Sweep with jobs that do nothing but say who they are: number, stage, backbone and folder."""
    monkeypatch.setattr(sweep, "runs_in_turn", lambda config: False)
    monkeypatch.setattr(sweep, "_folder", None)

    def run(*words: str, fails: tuple[str, ...] = (), seen: list[Seen]) -> list[Seen]:
        def task(config: DictConfig) -> None:
            job = HydraConfig.get()
            name = Path(job.runtime.output_dir).name
            seen.append((job.job.num, config.stage, config.model.backbone.width, name))
            assert (Path(job.runtime.output_dir) / ".hydra" / "overrides.yaml").is_file()
            if config.stage in fails:
                raise RuntimeError(f"{config.stage} fails")

        def job(config: DictConfig) -> None:
            run_chain(task, config)

        register()
        monkeypatch.setattr(sys, "argv", ["stereo_exp", "-m", *SMALL, f"root={tmp_path}", *words])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
        hydra.main(config_path=str(conf_dir()), config_name="config", version_base="1.3")(job)()
        return seen

    return run


def test_each_chain_is_one_job_with_its_stages_in_their_order(swept: Callable[..., list[Seen]], tmp_path: Path) -> None:
    """However they are typed."""
    found = swept("stage=calib,qat,float", "model.backbone.width=0.25,0.5", seen=[])
    assert found == [
        (0, "float", 0.25, "0_float"),
        (2, "calib", 0.25, "2_calib"),
        (4, "qat", 0.25, "4_qat"),
        (1, "float", 0.5, "1_float"),
        (3, "calib", 0.5, "3_calib"),
        (5, "qat", 0.5, "5_qat"),
    ]
    (folder,) = tmp_path.glob("a/sweep/*")
    assert {each.name for each in folder.iterdir() if each.is_dir()} == {name for *_, name in found}


def test_what_is_behind_a_stage_that_fails_runs_at_once_and_its_error_is_not_lost(
    swept: Callable[..., list[Seen]], capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Seen] = []
    with pytest.raises(RuntimeError, match="calib fails"):
        swept("stage=float,calib,qat", fails=("calib",), seen=seen)
    assert [stage for _, stage, *_ in seen] == ["float", "calib", "qat"]
    assert "failed too" not in capsys.readouterr().err
    seen.clear()
    with pytest.raises(RuntimeError, match="float fails"):
        swept("stage=float,calib,qat", fails=("float", "qat"), seen=seen)
    assert [stage for _, stage, *_ in seen] == ["float", "calib", "qat"]
    told = capsys.readouterr().err
    assert "stage=qat of the same chain failed too" in told and "RuntimeError: qat fails" in told


@pytest.mark.parametrize("words", [("stage=float,float", "seed=1"), ("seed=0,1",)], ids=" ".join)
def test_what_is_no_chain_stays_as_it_is(swept: Callable[..., list[Seen]], words: tuple[str, ...]) -> None:
    found = swept(*words, seen=[])
    assert [number for number, *_ in found] == ([0, 1] if "seed=0,1" in words else [0])


def test_a_batch_that_was_typed_is_left_alone(swept: Callable[..., list[Seen]]) -> None:
    found = swept("stage=calib,float", "hydra.sweeper.max_batch_size=1", seen=[])
    assert [(number, stage) for number, stage, *_ in found] == [(0, "calib"), (1, "float")]


@pytest.mark.parametrize("again", [True, False])
def test_a_warned_job_is_put_back_into_the_queue_behind_its_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """As submitit does it: its handler was there before, ends the process, or says why the job is not put back."""
    done: list[str] = []

    def put_back(number: int, frame: object) -> None:
        done.append("put back" if again else "refused")
        if again:
            raise SystemExit(-1)
        raise RuntimeError("timed-out too many times")

    def train(config: object, hydra: object) -> float:
        handler = signal.getsignal(signal.SIGUSR2)
        assert callable(handler)
        try:
            handler(signal.SIGUSR2, None)
        except KeyboardInterrupt:
            done.append("saved")
            raise
        return 1.0

    choices = {"hydra/launcher": "submitit_slurm", "hydra/sweeper": "basic"}
    job = {"runtime": type("Runtime", (), {"output_dir": str(tmp_path), "choices": choices})}
    monkeypatch.setattr(HydraConfig, "get", lambda: type("Hydra", (), job))
    monkeypatch.setattr(__main__, "_job", train)
    before = signal.signal(signal.SIGUSR2, put_back)
    try:
        if again:
            with pytest.raises(SystemExit):
                __main__._job_beside_others(OmegaConf.create({"plugins": []}))
        else:
            assert math.isnan(__main__._job_beside_others(OmegaConf.create({"plugins": []})))  # type: ignore[arg-type]
            last = (tmp_path / "stereo_exp.log").read_text().splitlines()[-1]
            assert last.endswith("stopped by SIGUSR2: timed-out too many times")
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert done == ["saved", "put back" if again else "refused"]


def test_a_job_that_slurm_starts_again_skips_what_was_done(
    make_context: Callable[..., RunContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its chain begins anew, in the same folders."""
    done = make_context("tracker=none", folder="sweep/1/0_float", in_sweep=True)
    (done.dir / "report.json").write_text('{"epe": 1.5}')

    def again(*overrides: str) -> Any:
        job = {
            "mode": type("Mode", (), {"name": "MULTIRUN"}),
            "runtime": type("Runtime", (), {"output_dir": str(done.dir), "choices": {"hydra/launcher": "joblib"}}),
            "overrides": type("Overrides", (), {"task": list(overrides)}),
        }
        return RunContext.of_job(done.config, type("Hydra", (), job)())  # type: ignore[arg-type]

    assert again(*done.overrides).report_of_before() is None
    monkeypatch.setenv("SLURM_RESTART_COUNT", "0")
    assert again(*done.overrides).report_of_before() is None
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert again(*done.overrides).report_of_before() == {"epe": 1.5}
    assert again(*done.overrides, "seed=7").report_of_before() is None
