"""`python -m stereo_exp` in this process, so that what one run exported serves the next."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stereo_exp.__main__ import main

SMOKE = ("experiment=smoke", "eval.pictures=1", "machine.threads=1")


@dataclass
class Outcome:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The last line of a run that went well."""
        assert self.code == 0, self.err[-3000:]
        return json.loads(self.out.splitlines()[-1])

    @property
    def error_line(self) -> str:
        """The one line that tells the user's mistake."""
        assert self.code == 2, (self.code, self.err[-3000:])
        assert self.out == ""
        assert "Traceback" not in self.err
        lines = self.err.splitlines()
        assert [line for line in lines if line.startswith("error:")] == lines[-1:], self.err
        return lines[-1]


@dataclass
class Chain:
    """What `-m stage=float,calib,qat,int_infer` left."""

    root: Path
    out: str
    reports: dict[str, dict[str, Any]]


def stage(root: Path, name: str, *overrides: str) -> Outcome:
    """One run of a stage with experiment=smoke, untracked."""
    arguments = [*SMOKE, f"root={root}", f"stage={name}", "tracker=none", *overrides]
    out, err = io.StringIO(), io.StringIO()
    logger = logging.getLogger()
    handlers, level, argv = list(logger.handlers), logger.level, sys.argv
    sys.argv = ["stereo_exp", *arguments]
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    finally:
        sys.argv = argv
        os.environ.pop("HYDRA_FULL_ERROR", None)
        for handler in set(logger.handlers) - set(handlers):
            handler.close()
        logger.handlers[:] = handlers
        logger.setLevel(level)
    return Outcome(code, out.getvalue(), err.getvalue())
