"""One run: its checked config, its folder, and its place in a sweep."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from stereo_exp.base.files import write_text
from stereo_exp.config.schema import Root

if TYPE_CHECKING:
    from hydra.conf import HydraConf


CONFIG_FILE = "config.yaml"
RUN_FILE = "run.json"


@dataclass(frozen=True)
class RunContext:
    """What a task gets to work with."""

    config: Root
    dir: Path
    """The run's own folder."""
    overrides: list[str] = field(default_factory=list)
    """What was typed, `key=value` each."""
    sweep_dir: Path | None = None
    """The folder of the sweep that this run is a job of."""

    @classmethod
    def of_job(cls, config: Root, hydra: HydraConf) -> RunContext:
        """The context of the Hydra job that is running; writes the resolved config into its folder."""
        folder = Path(hydra.runtime.output_dir)
        sweep = folder.parent if hydra.mode is not None and hydra.mode.name == "MULTIRUN" else None
        context = cls(config, folder, list(hydra.overrides.task), sweep)
        context.write_config()
        return context

    def write_config(self) -> None:
        """Leave the resolved config and what was typed in the run's folder."""
        write_text(self.dir / CONFIG_FILE, OmegaConf.to_yaml(OmegaConf.create(asdict(self.config))))
        facts = {
            "name": self.config.name,
            "task": self.config.task,
            "stage": self.config.stage,
            "overrides": self.overrides,
        }
        write_text(self.dir / RUN_FILE, json.dumps(facts, indent=1) + "\n")

    def config_dict(self) -> dict[str, Any]:
        """The resolved config as plain dictionaries and lists."""
        return asdict(self.config)

    def chain(self) -> list[str]:
        """What tells this job's chain of a sweep from the others."""
        return chain_of(self.overrides)


def chain_of(overrides: Iterable[str]) -> list[str]:
    """The overrides that all stages of one chain share: all but stage and task."""
    return sorted(o for o in overrides if not o.startswith(("stage=", "task=")))
