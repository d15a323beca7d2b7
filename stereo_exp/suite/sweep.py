"""What happens around the jobs of a sweep: their chains where they run side by side, what a sweeper hears of each, and
the table at the end."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, ListConfig, OmegaConf

from stereo_exp.base import EXIT_USER_ERROR, UserError
from stereo_exp.config import COSTS
from stereo_exp.suite.chains import make_chains

if TYPE_CHECKING:
    from hydra.conf import HydraConf

    from stereo_exp.suite.runs.context import RunContext

log = logging.getLogger(__name__)
BASIC = "basic"
EPE = "epe"
_SMALL = "minimize"
_BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
_folder: Path | None = None
_root = Path()


class Sweep(Callback):
    """Hydra calls it when a sweep begins."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Note where the sweep writes; of jobs that run side by side those of a chain are one."""
        global _folder, _root
        _folder = Path(str(config.hydra.sweep.dir)).absolute()
        _root = Path(str(OmegaConf.select(config, "root")))
        _set_directions(config)
        if config.hydra.sweeper._target_ != _BASIC_SWEEPER or config.hydra.sweeper.max_batch_size is not None:
            return
        if runs_in_turn(config):
            # A failed job stops the sweep.
            config.hydra.sweeper.max_batch_size = 1
        else:
            make_chains(config)


def _set_directions(config: DictConfig) -> None:
    """Of several objectives a sweeper that learns makes each small, unless it was told."""
    number, sweeper = len(OmegaConf.select(config, "objectives") or ()), config.hydra.sweeper
    if number > 1 and _list_directions(sweeper) == [_SMALL]:
        sweeper.direction = [_SMALL] * number


def _list_directions(sweeper: Any) -> list[str]:
    """What a sweeper is to do with each value; none where it does not learn."""
    told = OmegaConf.select(sweeper, "direction")
    if told is None:
        return []
    return [str(getattr(each, "name", each)) for each in (told if isinstance(told, ListConfig) else [told])]


def check_objectives(names: Sequence[str], hydra: HydraConf) -> None:
    """Before anything is trained: does the sweeper take as many values as a job gives?

    Raises:
        UserError: it was told another number.
    """
    told = _list_directions(hydra.sweeper)
    # A job is composed without what `_set_directions` did.
    if told and len(told) != len(names) and told != [_SMALL]:
        rule = f"are {len(told)} for {len(names)} objectives ({', '.join(names)})"
        fix = f"try hydra.sweeper.direction=[{','.join([_SMALL] * len(names))}]"
        raise UserError("hydra.sweeper.direction", f"[{','.join(told)}]", rule, fix)


def read_scores(context: RunContext, report: Mapping[str, Any], hydra: HydraConf) -> float | tuple[float, ...] | None:
    """What a job gives its sweeper: EPE; to one that learns what `objectives` names, a tuple where those are several.

    Raises:
        UserError: the run has no such figure.
    """
    names = context.config.objectives
    if str(hydra.runtime.choices["hydra/sweeper"]) == BASIC or names == [EPE]:
        return report.get(EPE)
    found: dict[str, Any] = dict(report)
    if set(names) & set(COSTS):
        from stereo_exp.suite.compare.costs import CACHE_FILE, find_costs

        found |= find_costs(context.config_dict(), Path(context.config.root) / CACHE_FILE)
    for name in names:
        if not isinstance(found.get(name), int | float) or not math.isfinite(found[name]):
            rule, fix = f"the run has no such figure ({found.get(name)})", "name one that its report.json has"
            raise UserError("objectives", name, rule, fix)
    scores = tuple(float(found[name]) for name in names)
    return scores if len(scores) > 1 else scores[0]


def runs_in_turn(config: DictConfig) -> bool:
    """Whether each job of a sweep ends before the next begins, in this process."""
    return str(config.hydra.runtime.choices.get("hydra/launcher")) == BASIC


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
