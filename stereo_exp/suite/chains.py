"""A chain under a launcher that runs jobs side by side: one job of it, whose stages follow each other in its slot.

So no stage waits in a slot that another needs, chains do not wait for each other, and where a stage fails, those behind
it end at once. Each stage has a folder, a log and a report of its own, as every job has.
"""

from __future__ import annotations

import logging
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf, open_dict

from stereo_exp.config import STAGES

if TYPE_CHECKING:
    from hydra.types import TaskFunction

log = logging.getLogger(__name__)
_LATER = "STEREO_EXP_LATER_STAGES"
"""Among what Hydra sets for each job: how many chains there are, and the stages behind the first."""


def make_chains(config: DictConfig) -> None:
    """Have a sweep over stages make one job of each chain: of its first stage, which knows the later ones.

    Args:
        config: of the sweep, with what was typed; changed.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    sweeps = {each.get_key_element(): each for each in parsed if each.is_sweep_override()}
    if "stage" not in sweeps or not all(each.is_discrete_sweep() for each in sweeps.values()):
        return
    first, *later = sorted(dict.fromkeys(sweeps["stage"].sweep_string_iterator()), key=_place)
    chains = math.prod(len(list(each.sweep_string_iterator())) for key, each in sweeps.items() if key != "stage")
    others = [word for word in config.hydra.overrides.task if word.partition("=")[0] != "stage"]
    with open_dict(config):
        config.hydra.overrides.task = [f"stage={first}", *others]
        if later:
            # What a launcher composes a job of.
            config.hydra.overrides.hydra.append(f"+hydra.job.env_set.{_LATER}='{chains}:{','.join(later)}'")


def _place(stage: str) -> int:
    names = list(STAGES)
    return names.index(stage) if stage in names else len(names)


def run_chain(task: TaskFunction, config: DictConfig) -> Any:
    """The job that is running, and the later stages of its chain, each as the launcher would run it; just the job where
    it is no chain's. A stage that fails does not keep the next from saying that it cannot be.

    Args:
        task: takes the config of a stage.
        config: of the job's own.

    Returns:
        What `task` gave for that.

    Raises:
        Exception: what the first of them raised that failed. What others raised is logged.
    """
    from hydra.core.hydra_config import HydraConfig

    mine: Any = HydraConfig.instance().cfg
    told = str(OmegaConf.select(mine, f"hydra.job.env_set.{_LATER}") or "")
    chains, _, later = told.partition(":")
    stages = {str(config.stage): partial(task, config)}
    for place, stage in enumerate(filter(None, later.split(",")), 1):
        stages[stage] = partial(_run_stage, task, mine, stage, place * int(chains))
    found: list[Any] = []
    failed: list[Exception] = []
    for stage, run in stages.items():
        try:
            found.append(run())
        except Exception as error:
            if failed:
                log.error("stage=%s of the same chain failed too", stage, exc_info=error)
            failed.append(error)
    if failed:
        raise failed[0]
    return found[0]


def _run_stage(task: TaskFunction, mine: Any, stage: str, further: int) -> None:
    """One stage of the chain whose first job has the config `mine`, in a folder of its own; its number is `further`
    behind that one's."""
    from hydra._internal.callbacks import Callbacks
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.utils import run_job
    from hydra.types import HydraContext

    loader = GlobalHydra.instance().config_loader()
    words = [f"stage={stage}" if word.startswith("stage=") else str(word) for word in mine.hydra.overrides.task]
    config = loader.load_sweep_config(mine, words)
    with open_dict(config):
        config.hydra.job.num = mine.hydra.job.num + further
        config.hydra.job.id = mine.hydra.job.id
        # Its name has the time at which the sweep began, which a job's own config would tell anew.
        config.hydra.sweep.dir = str(Path(mine.hydra.runtime.output_dir).parent)
    done = run_job(
        task,
        config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=HydraContext(loader, Callbacks(config)),
    )
    _ = done.return_value  # raises what ended it
