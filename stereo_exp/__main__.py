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

from stereo_exp.base import UserError, exit_on_user_error, mask_file
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
    from omegaconf import DictConfig

_started = False


def job(config: DictConfig) -> float | None:
    """One Hydra job: check the config, run the task, leave the report. Returns the EPE for sweepers."""
    global _started
    _started = True
    with exit_on_user_error():
        from hydra.core.hydra_config import HydraConfig

        hydra = HydraConfig.get()
        _mask_records(Path(hydra.runtime.output_dir))
        root = bind(config)
        from stereo_exp.suite import RunContext, check_sources, dispatch, tell_folder

        check_sources(root, hydra.overrides.task)
        context = RunContext.of_job(root, hydra)
        tell_folder(context.dir)
        return dispatch(context).get("epe")


def _mask_records(folder: Path) -> None:
    """Hydra has left its own records of a job, and of the sweep above it, when the job begins."""
    for path in (*folder.glob(".hydra/*.yaml"), folder.parent / "multirun.yaml"):
        mask_file(path)


def main() -> None:
    """Compose the config from the command line and run the job, or the jobs of a sweep."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A letter that the terminal has not is no reason to lose a report.
            stream.reconfigure(errors="replace")
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
    with exit_on_user_error():
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


if __name__ == "__main__":
    main()
