"""One run: its checked config, its folder, and its place in a sweep."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from yaml import YAMLError

from stereo_exp.base import MaskingFormatter, UserError, mask, mask_all, write_text
from stereo_exp.config import FURTHEST_STAGE, NETWORK, Quant, Root, keys_of
from stereo_exp.suite.runs.slurm import was_requeued

if TYPE_CHECKING:
    from hydra.conf import HydraConf


# What says which network it is.
_NETWORK = (*keys_of(Root, NETWORK), *(f"quant.{key}" for key in keys_of(Quant, NETWORK)))
NOT_ABOUT = ("name", "stage", "task", "root", "tracker", "plugins", "machine.threads", "machine.patience", "overwrite",
             "train.resume", "hydra")  # fmt: skip
"""Keys that say where and for whom a run is, or have a place of their own; not what it is."""
CONFIG_FILE = "config.yaml"
RUN_FILE = "run.json"
LOG_FILE = "stereo_exp.log"
REPORT_FILE = "report.json"
"""The last thing that a run leaves: one without it did not come to its end."""

RECORDED = "recorded"
"""The option of every group that stands for what a replayed run had there."""
RECORDED_OVERRIDES: list[str] = []
"""What was typed for the run that is replayed, if one is."""
ADDED_OVERRIDES: list[str] = []
"""What was not typed at all: how Hydra is told of the replayed values."""


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
    restarted: bool = False
    """Whether torch's launcher started its processes again, or Slurm the job: what they left in its folder is this
    run's."""

    @classmethod
    def of_job(cls, config: Root, hydra: HydraConf) -> RunContext:
        """The context of the Hydra job that is running.

        Raises:
            UserError: the processes that torchrun started are not those of the config.
        """
        from stereo_exp.suite.runs.ranks import count_processes, current_leader, refuse_launcher

        refuse_launcher(str(hydra.runtime.choices["hydra/launcher"]))
        overrides = _with_recorded(hydra.overrides.task)
        config.machine.processes = count_processes(config.machine.processes, overrides)
        folder = Path(hydra.runtime.output_dir)
        sweep = folder.parent if hydra.mode is not None and hydra.mode.name == "MULTIRUN" else None
        leader = current_leader()
        if leader is not None:
            leader.keep_folder(str(sweep or folder))
        again = leader is not None and leader.folder is not None
        return cls(config, folder, overrides, sweep, again or was_requeued())

    def report_of_before(self) -> dict[str, Any] | None:
        """Of a job of a sweep that was done before it was started again, its report."""
        if not self.restarted or self.sweep_dir is None:
            return None
        try:
            if json.loads((self.dir / RUN_FILE).read_text())["overrides"] != mask_all(self.overrides):
                return None
            found: dict[str, Any] = json.loads((self.dir / REPORT_FILE).read_text())
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found

    def write_config(self) -> None:
        """Leave the resolved config and what was typed in the run's folder."""
        write_text(self.dir / CONFIG_FILE, OmegaConf.to_yaml(OmegaConf.create(self.config_dict())), durable=True)
        _write_facts(self.dir, asdict(self.config), self.overrides)

    def config_dict(self) -> dict[str, Any]:
        """The resolved config as plain dictionaries and lists, secrets masked: it goes into records only."""
        masked: dict[str, Any] = mask_all(asdict(self.config))
        return masked

    @property
    def asked_stage(self) -> str | None:
        """The stage that was asked for; None: the furthest that there is."""
        return None if self.config.stage == FURTHEST_STAGE else self.config.stage

    def at(self, stage: str) -> RunContext:
        """The same run, where the stage has been found."""
        return replace(self, config=replace(self.config, stage=stage))

    def names_a_chain(self) -> bool:
        """Whether what was typed says whose runs are meant."""
        return self.names_a_network() or any(is_about(each, ("name",)) for each in self.overrides)

    def names_a_network(self) -> bool:
        """Whether what was typed says of which network a checkpoint must be."""
        return any(is_about(each, (*_NETWORK, "experiment")) for each in self.overrides)

    def list_differing(self) -> list[str]:
        """What was typed for this run and not for all jobs of its sweep alike; outside of one, all that was typed of
        what the run is."""
        typed = [word for word in self.overrides if not is_about(word, NOT_ABOUT)]
        if self.sweep_dir is None:
            return typed
        try:
            raw = OmegaConf.load(self.sweep_dir / "multirun.yaml").hydra.overrides.task
            common = {word.partition("=")[0] for word in raw if not set(word.partition("=")[2]) & set(",(")}
        except (OSError, AttributeError, ValueError, YAMLError):
            common = set()  # of a sweeper that leaves none
        return [word for word in typed if word.partition("=")[0] not in common]

    def chain(self) -> list[str]:
        """What tells this job's chain of a sweep from the others."""
        return chain_of(self.overrides)


def _write_facts(folder: Path, config: Mapping[str, Any], overrides: list[str]) -> None:
    facts = {key: config.get(key) for key in ("name", "task", "stage")}
    write_text(
        folder / RUN_FILE, json.dumps({**facts, "overrides": mask_all(overrides)}, indent=1) + "\n", durable=True
    )


def leave_refused(config: Mapping[str, Any], hydra: HydraConf, error: Exception) -> None:
    """Of a sweep's job whose config does not hold: what was typed, and why it is nothing."""
    if hydra.mode is not None and hydra.mode.name == "MULTIRUN":
        folder = Path(hydra.runtime.output_dir)
        _write_facts(folder, config, _with_recorded(hydra.overrides.task))
        leave_line(folder, mask(f"error: {error}"))


def leave_line(folder: Path, line: str) -> None:
    """Put why a run ended at the end of its log, whoever writes that."""
    with suppress(OSError), (folder / LOG_FILE).open("a") as file:
        file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')},000 ERROR stereo_exp: {line}\n")


class OwnFiles:
    """A folder that a run writes into: what was there before stays as it is, unless `overwrite=true`.

    Args:
        folder: made with the first file.
        key: what names the folder, for messages.
        overwrite: write over files of others.
    """

    def __init__(self, folder: Path, key: str, overwrite: bool) -> None:
        self.folder, self.key, self.overwrite = folder, key, overwrite
        self._own: set[Path] = set()

    def claim(self, name: str) -> Path:
        """The path of a file to write.

        Raises:
            UserError: it is there, and this run did not make it.
        """
        path = self.folder / name
        if path not in self._own and not self.overwrite and os.path.lexists(path):
            rule, fix = "is there already, and this run did not make it", "give another folder, or add overwrite=true"
            raise UserError(self.key, path, rule, fix)
        self._own.add(path)
        return path


def _with_recorded(overrides: Iterable[str]) -> list[str]:
    """What was typed for a run, and where it replays another, for that one before."""
    return [*RECORDED_OVERRIDES, *(each for each in overrides if each not in ADDED_OVERRIDES)]


def open_log(folder: Path) -> logging.FileHandler:
    """The run's own log file, in the format that Hydra's logging has for it, too: conf/hydra/job_logging."""
    file = logging.FileHandler(folder / LOG_FILE)
    file.setFormatter(MaskingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return file


def compose_run(overrides: list[str]) -> RunContext:
    """What the command line would start with these overrides: config and folder; nothing is written yet.

    Raises:
        UserError: Hydra or a rule of ours refuses them.
    """
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from stereo_exp.config import bind, conf_dir, from_hydra, keep_numbers_as_typed, load_plugins
    from stereo_exp.suite.runs.replay import prepare_replay

    load_plugins(overrides)
    overrides = prepare_replay(keep_numbers_as_typed(overrides))
    # Hydra 1.4 warns when version_base is given, 1.3 when it is missing.
    version_base: Any = {"version_base": "1.3"} if hydra.__version__ < "1.4" else {}
    try:
        with hydra.initialize_config_dir(str(conf_dir()), **version_base):
            composed = hydra.compose("config", overrides=overrides, return_hydra_config=True)
            folder = Path(str(OmegaConf.select(composed, "hydra.run.dir")))
    except (HydraException, OmegaConfBaseException) as error:
        raise from_hydra(error, overrides) from None
    OmegaConf.set_struct(composed, False)
    composed.pop("hydra")
    return RunContext(bind(composed), folder.absolute(), _with_recorded(overrides))


def chain_of(overrides: Iterable[str]) -> list[str]:
    """The overrides that all stages of one chain share: all but stage and task."""
    return sorted(o for o in overrides if not o.startswith(("stage=", "task=")))


def is_about(override: str, keys: Iterable[str]) -> bool:
    """Whether an override sets one of the keys, or something below it: `model.maxdisp=128` is about `model`."""
    key = override.lstrip("+~").partition("=")[0].partition("@")[0].replace("/", ".")
    return any(key == each or key.startswith(f"{each}.") for each in keys)
