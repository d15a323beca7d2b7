"""When a job asks Slurm to have it back in its queue; tests/compare/test_slurm.py asks a real one."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from stereo_exp.base import Terminated
from stereo_exp.suite.runs.slurm import read_facts, requeue_preempted, was_requeued

TERM = Terminated(signal.SIGTERM)
WHEN = "2026-12-01T03:49:20"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stands in for scontrol by a script")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `scontrol` was asked. It answers with the file `facts` beside it, and fails where there is none."""
    script = tmp_path / "scontrol"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n[ "$1" = requeue ] || cat {tmp_path}/facts\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    return tmp_path / "asked"


@pytest.mark.parametrize(
    ("state", "preempted", "back"),
    [("RUNNING", WHEN, True), ("RUNNING", "None", False), ("COMPLETING", "None", False), ("CANCELLED", WHEN, False)],
)
def test_only_a_job_that_runs_and_is_preempted_goes_back(asked: Path, state: str, preempted: str, back: bool) -> None:
    facts = f"JobId=7 JobName=a b JobState={state} PreemptEligibleTime={WHEN} PreemptTime={preempted}"
    (asked.parent / "facts").write_text(facts)
    assert requeue_preempted(TERM) is back
    assert asked.read_text().splitlines() == ["show job 7 --oneliner", *["requeue 7"] * back]


def test_slurm_is_not_asked_where_nothing_can_preempt(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not requeue_preempted(Terminated(signal.SIGUSR1))
    assert not requeue_preempted(KeyboardInterrupt())
    monkeypatch.delenv("SLURM_JOB_ID")
    assert not requeue_preempted(TERM)
    assert not asked.exists()


def test_a_controller_that_does_not_answer_is_told(asked: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not requeue_preempted(TERM)
    assert "Slurm did not put job 7 back into its queue" in caplog.text


def test_facts_and_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_facts("JobId=7 Command=/a b=c State=x=y\n") == {"JobId": "7", "Command": "/a", "b": "c", "State": "x=y"}
    monkeypatch.delenv("SLURM_RESTART_COUNT", raising=False)
    assert not was_requeued()
    for count, found in (("0", False), ("2", True)):
        monkeypatch.setenv("SLURM_RESTART_COUNT", count)
        assert was_requeued() is found
