"""The one entrypoint: `python -m stereo_exp` and, as a console script, `stereo-exp`."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf.errors import OmegaConfBaseException

from stereo_exp.base import LAUNCHED, Terminated, UserError, exit_on_user_error, hand_on, hear_signals, mask_file
from stereo_exp.config import (
    bind,
    conf_dir,
    from_hydra,
    help_text,
    import_plugins,
    is_asked_for,
    keep_numbers_as_typed,
    load_plugins,
)

if TYPE_CHECKING:
    from hydra.conf import HydraConf
    from omegaconf import DictConfig

_started = False


def job(config: DictConfig) -> float | tuple[float, ...] | None:
    """One Hydra job: check the config, run the task, leave the report. Returns what sweepers judge it by."""
    global _started
    _started = True
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    _mask_records(Path(hydra.runtime.output_dir))
    engines = {hydra.runtime.choices[f"hydra/{each}"] for each in ("launcher", "sweeper")}
    if hydra.mode is None or hydra.mode.name != "MULTIRUN" or engines == {"basic"}:
        with exit_on_user_error():
            return _job(config, hydra)
    from stereo_exp.suite import run_chain

    scores: float | tuple[float, ...] | None = run_chain(_job_beside_others, config)
    return scores


def _job_beside_others(config: DictConfig) -> float | tuple[float, ...] | None:
    """What fails is told, and stands in the table at the sweep's end; the others go on."""
    import multiprocessing

    from hydra.core.hydra_config import HydraConfig

    from stereo_exp.config import load_again

    hydra = HydraConfig.get()
    _mask_records(Path(hydra.runtime.output_dir))
    if multiprocessing.get_start_method(allow_none=True) not in (None, *multiprocessing.get_all_start_methods()):
        # joblib's own, which the processes that a job starts do not know.
        multiprocessing.set_start_method(None, force=True)
    try:
        with hear_signals():
            load_again(config.plugins)
            return _job(config, hydra)
    except Terminated as stop:
        try:
            hand_on(stop)
        except Exception as error:  # it is not to be started again
            from stereo_exp.suite import leave_line

            leave_line(Path(hydra.runtime.output_dir), f"stopped by {stop}: {error}")
            return _without_result(error, hydra)
        raise
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return _without_result(error, hydra)
    except SystemExit as error:
        return _without_result(error, hydra)


def _without_result(error: BaseException, hydra: HydraConf) -> float:
    """What a sweeper gets of a job that failed; one that learns from results must know that there is none."""
    if hydra.runtime.choices["hydra/sweeper"] != "basic":
        raise RuntimeError(str(error)) from None
    return float("nan")


def _job(config: DictConfig, hydra: HydraConf) -> float | tuple[float, ...] | None:
    from stereo_exp.suite import (
        RunContext,
        check_objectives,
        check_sources,
        dispatch,
        leave_refused,
        read_scores,
        tell_folder,
    )

    try:
        root = bind(config)
        check_sources(root, hydra.overrides.task)
        check_objectives(root.objectives, hydra)
        context = RunContext.of_job(root, hydra)
    except UserError as error:
        leave_refused(config, hydra, error)
        raise
    if (done := context.report_of_before()) is not None:
        return read_scores(context, done, hydra)
    context.write_config()
    tell_folder(context.dir)
    return read_scores(context, dispatch(context), hydra)


def _mask_records(folder: Path) -> None:
    """Hydra has left its own records of a job, and of the sweep above it, when the job begins."""
    for path in (*folder.glob(".hydra/*.yaml"), folder.parent / "multirun.yaml"):
        mask_file(path)


def main() -> None:
    """Compose the config from the command line and run the job, or the jobs of a sweep.

    Of processes that torchrun started, the first one does; the others take part in its jobs.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A letter that the terminal has not is no reason to lose a report.
            stream.reconfigure(errors="replace")
    if LAUNCHED not in os.environ:
        _main([])
        return
    from stereo_exp.suite import follow, lead

    if os.environ.get("RANK") != "0":
        follow()
    with lead() as leader:
        _main(leader.again(sys.argv[1:]))


def _main(more: list[str]) -> None:
    """What is typed, and more of it."""
    sys.argv = [*sys.argv, *more]
    if is_asked_for(sys.argv[1:]):
        with exit_on_user_error():
            import_plugins(sys.argv[1:])
            print(help_text(sys.argv[1:]))
        return
    # Takes a quarter of a second, which help goes without.
    import hydra
    from hydra.errors import HydraException

    global _started
    _started = False
    # Hydra would print several lines and exit with 1; with this it raises, and we tell it in our one line.
    wants_traceback = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # Hydra 1.4 warns when version_base is given, 1.3 when it is missing.
    version_base = {"version_base": "1.3"} if hydra.__version__ < "1.4" else {}
    with exit_on_user_error(), _telling_sweep():
        load_plugins(sys.argv[1:])
        try:
            with _replaying():
                hydra.main(config_path=str(conf_dir()), config_name="config", **version_base)(job)()
        except (HydraException, OmegaConfBaseException) as error:
            if wants_traceback:
                raise
            raise from_hydra(error, sys.argv[1:]) from None
        except OSError as error:
            # Hydra makes the run's folder before the job starts; what fails later is not about that.
            if wants_traceback or _started:
                raise
            where = error.filename or "the run's folder"
            raise UserError(where, None, f"cannot be made ({error.strerror})", "give root= a folder that can") from None
        except ValueError as error:
            # What Hydra raises for `group=null`.
            if wants_traceback or not str(error).startswith("Config group override"):
                raise
            raise from_hydra(error, sys.argv[1:]) from None


@contextmanager
def _replaying() -> Iterator[None]:
    """Hydra reads the process's arguments: in here they are as it is to read them, with those of a run to replay."""
    typed = sys.argv
    sys.argv = [typed[0], *keep_numbers_as_typed(typed[1:])]
    if any(each.startswith(("-", "replay=", "+replay=")) for each in typed[1:]):
        from stereo_exp.suite import prepare_replay, refuse_foreign_config

        refuse_foreign_config(typed[1:])
        sys.argv = [typed[0], *prepare_replay(sys.argv[1:])]
    try:
        yield
    finally:
        sys.argv = typed


@contextmanager
def _telling_sweep() -> Iterator[None]:
    """A sweep ends with its table, however it ends."""
    try:
        yield
    finally:
        if (sweep := sys.modules.get("stereo_exp.suite.sweep")) is not None:
            sweep.tell_sweep()


if __name__ == "__main__":
    main()
