"""What a command leaves, and `python -m stereo_exp` run in this process."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
from dataclasses import dataclass
from typing import Any

from stereo_exp.__main__ import main


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
        """The one line that tells the user's mistake; it is the last, and no other looks like it."""
        assert self.code == 2, (self.code, self.err[-3000:])
        assert self.out == ""
        assert "Traceback" not in self.err
        lines = self.err.splitlines()
        assert [line for line in lines if line.startswith("error:")] == lines[-1:], self.err
        return lines[-1]


def run_in_process(*arguments: str) -> Outcome:
    """The entrypoint; what it changes for good in a process (loggers, arguments, Hydra's variable) is put back."""
    out, err = io.StringIO(), io.StringIO()
    root = logging.getLogger()
    handlers, level, argv = list(root.handlers), root.level, sys.argv
    sys.argv = ["stereo_exp", *arguments]
    os.environ.pop("HYDRA_FULL_ERROR", None)
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    finally:
        sys.argv = argv
        os.environ.pop("HYDRA_FULL_ERROR", None)
        for handler in set(root.handlers) - set(handlers):
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
    return Outcome(code, out.getvalue(), err.getvalue())
