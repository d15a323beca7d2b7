"""What happens around the jobs of a sweep: their order where they run side by side, and the table at the end."""

from __future__ import annotations

import logging
import math
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from stereo_exp.base import EXIT_USER_ERROR
from stereo_exp.config import STAGES

log = logging.getLogger(__name__)
BASIC = "basic"
_BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
_folder: Path | None = None
_root = Path()


class Sweep(Callback):
    """Hydra calls it when a sweep begins."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Note where the sweep writes; jobs that run side by side come stage by stage."""
        global _folder, _root
        _folder = Path(str(config.hydra.sweep.dir)).absolute()
        _root = Path(str(OmegaConf.select(config, "root")))
        if config.hydra.sweeper._target_ != _BASIC_SWEEPER or config.hydra.sweeper.max_batch_size is not None:
            return
        if runs_in_turn(config):
            # A failed job stops the sweep.
            config.hydra.sweeper.max_batch_size = 1
        else:
            _order_stages(config)


def runs_in_turn(config: DictConfig) -> bool:
    """Whether each job of a sweep ends before the next begins, in this process."""
    return str(config.hydra.runtime.choices.get("hydra/launcher")) == BASIC


def _order_stages(config: DictConfig) -> None:
    """A batch for each stage, in the order of a chain: no job waits for another in a slot that this one needs."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    sweeps = {each.get_key_element(): each for each in parsed if each.is_sweep_override()}
    if "stage" not in sweeps or not all(each.is_discrete_sweep() for each in sweeps.values()):
        return
    stages = sorted(sweeps["stage"].sweep_string_iterator(), key=_place)
    jobs = math.prod(len(list(each.sweep_string_iterator())) for key, each in sweeps.items() if key != "stage")
    others = [word for word in config.hydra.overrides.task if word.partition("=")[0] != "stage"]
    with open_dict(config):
        config.hydra.overrides.task = [f"stage={','.join(stages)}", *others]
        config.hydra.sweeper.max_batch_size = jobs


def _place(stage: str) -> int:
    names = list(STAGES)
    return names.index(stage) if stage in names else len(names)


def tell_sweep() -> None:
    """At the end of a sweep, however it came: its table and its page; nothing where there was none.

    Raises:
        SystemExit: jobs failed that did not end the sweep when they did.
    """
    global _folder
    folder, _folder = _folder, None
    if folder is None or not folder.is_dir():
        return
    if sys.exc_info()[0] is not None and len(list(folder.glob("*/run.json"))) < 2:
        return  # what ended the first job has been told: there is nothing to compare
    from stereo_exp.base import UserError
    from stereo_exp.suite.compare.records import DONE
    from stereo_exp.suite.tasks.report import summarize_sweep

    try:
        records = summarize_sweep(folder, _root)
    except UserError:
        return  # no job had begun
    lost = sum(record.status != DONE for record in records)
    if lost and sys.exc_info()[0] is None:
        print(f"error: {lost} of {len(records)} jobs have no result: see the table above", file=sys.stderr)
        raise SystemExit(EXIT_USER_ERROR)
