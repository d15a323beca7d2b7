"""Shared by all tests: a clean environment, one CPU thread, composed configs and run folders."""

from __future__ import annotations

import os

# Before anything imports torch or OpenMP: tests share the machine.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from composing import composed
from hypothesis import settings
from omegaconf import OmegaConf

from stereo_exp.config import bind
from stereo_exp.config.schema import Root
from stereo_exp.suite.runs.context import RunContext

# How long an example takes says how busy the machine is. The suite draws the same examples every time, so that it fails
# for what was changed; `--hypothesis-profile=explore` draws others, and many more of them.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has exported must not decide what a test sees."""
    for name in [*(n for n in os.environ if n.startswith("STEREO_EXP_")), "MLFLOW_TRACKING_URI"]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_child_handler() -> Iterator[None]:
    """DataLoader leaves a handler of SIGCHLD behind. On virtual machines with AMX the kernel was seen to end a process
    by SIGSEGV (si_code SI_KERNEL) on delivering a signal after an engine had used tile registers; where nothing
    handles SIGCHLD, none is delivered."""
    yield
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """`../shared/data` of a development checkout, with real pairs in their sets' own layouts; skips where it is not."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data (real pairs) is not beside the checkout")
    return folder


@pytest.fixture(scope="session")
def reported_cases() -> Path:
    """`../shared/cases/reports` of a development checkout, with files that people reported; skips where it is not."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "cases" / "reports"
    if not folder.is_dir():
        pytest.skip("../shared/cases/reports (reported files) is not beside the checkout")
    return folder


@pytest.fixture
def compose(tmp_path: Path) -> Callable[..., Root]:
    """A function from overrides to the bound config; root is `tmp_path`, nothing is tracked unless asked."""

    def from_overrides(*overrides: str) -> Root:
        quiet = [] if any(o.startswith("tracker=") for o in overrides) else ["tracker=none"]
        # The root is put in afterwards, so that what was composed for one test serves the next.
        here = {} if any(o.startswith("root=") for o in overrides) else {"root": str(tmp_path)}
        return bind(OmegaConf.merge(composed(*quiet, *overrides), here))

    return from_overrides


@pytest.fixture
def make_context(compose: Callable[..., Root]) -> Callable[..., RunContext]:
    """A function from overrides to a run in its own folder, with its resolved config and lineage written.

    `folder` names the run's folder under `<root>/<name>`; the default is like that of a single run.
    `in_sweep` makes it a job of the sweep that `folder` lies in.
    """
    count = 0

    def make(*overrides: str, folder: str | None = None, in_sweep: bool = False) -> RunContext:
        nonlocal count
        count += 1
        config = compose(*overrides)
        run_dir = Path(config.root) / config.name / (folder or f"{config.stage}/{count:03d}")
        run_dir.mkdir(parents=True, exist_ok=True)
        context = RunContext(config, run_dir, list(overrides), run_dir.parent if in_sweep else None)
        context.write_config()
        return context

    return make
