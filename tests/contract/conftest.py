"""The chain of a network from outside, in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from in_process import Outcome, run_in_process
from outside import DATA, NETWORK, write_package

from stereo_exp.base.registry import GROUPS, PLUGINS
from stereo_exp.config.choices import CONF_FOLDERS, USER_FOLDERS

Command = Callable[..., Outcome]


@pytest.fixture(scope="package")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package's folder, from which it can be imported; what it declared is gone afterwards."""
    folder = write_package(tmp_path_factory.mktemp("contract"))
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for group in GROUPS.values():
        group._options = {name: each for name, each in group.items() if each.is_ours}
    for name in [each for each in sys.modules if each.partition(".")[0] == "sixteenth"]:
        del sys.modules[name]
    for each in (PLUGINS, CONF_FOLDERS, USER_FOLDERS):
        each.clear()


@pytest.fixture(scope="package")
def command(package: Path) -> Command:
    """A command about this network in this process."""

    def run(*words: str) -> Outcome:
        quiet = ("tracker=none", "machine.threads=1", "eval.pictures=1", f"root={package}", "name=contract")
        return run_in_process(*NETWORK, *DATA, *quiet, *words)

    return run


@pytest.fixture(scope="package")
def chain(command: Command) -> dict[str, dict[str, Any]]:
    """The reports of all four stages."""
    stages = {
        "float": ("optim.steps=1", "loss.volumes=0.5"),
        "calib": ("quant.stage.num_batches=2", "quant.stage.batch_size=2"),
        "qat": ("optim.steps=1",),
        "int_infer": (),
    }
    return {stage: command(f"stage={stage}", *words).report for stage, words in stages.items()}


@pytest.fixture(scope="package")
def compiled(command: Command, chain: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The report of the compiled integers."""
    return command("task=compile", "stage=int_infer", "compile.report_size=[80,208]").report
