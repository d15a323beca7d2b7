"""A job for Slurm that counts and trains nothing. From a signal to the queue it goes the way of a training."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from stereo_exp import __main__
from stereo_exp.base import hold_signals
from stereo_exp.suite import tasks


class Counting:
    """Writes a line for each step into `steps` of a folder, from where it was stopped.

    Args:
        target: how far it counts.
    """

    def __init__(self, folder: Path, target: int) -> None:
        self.folder, self.target = folder, target

    def __call__(self) -> object:
        choices = {"hydra/launcher": "submitit_slurm", "hydra/sweeper": "basic"}
        hydra = SimpleNamespace(runtime=SimpleNamespace(output_dir=str(self.folder), choices=choices))
        with patch.object(HydraConfig, "get", lambda: hydra), patch.object(__main__, "_job", self._run):
            return __main__._job_beside_others(OmegaConf.create({"plugins": []}))

    def checkpoint(self) -> Any:
        """What submitit runs when the job comes back: the same."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)

    def _run(self, config: object, hydra: object) -> int:
        with tasks._leaving_why(SimpleNamespace(dir=self.folder)):  # type: ignore[arg-type]
            return self._count()

    def _count(self) -> int:
        saved, steps = self.folder / "saved", self.folder / "steps"
        step = int(saved.read_text()) if saved.exists() else 0
        with steps.open("a", buffering=1) as file:
            file.write(f"started {os.environ.get('SLURM_RESTART_COUNT', '0')}\n")
            try:
                while step < self.target:
                    with hold_signals():
                        time.sleep(0.3)
                        step += 1
                        file.write(f"step {step}\n")
            except KeyboardInterrupt:
                with hold_signals():
                    saved.write_text(str(step))
                raise
        return step
