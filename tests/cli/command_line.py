"""What a command leaves, and commands run in a process of their own."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Outcome:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def error_line(self) -> str:
        """The one line that tells the user's mistake; it is the last, and no other looks like it."""
        assert self.code == 2, (self.code, self.err)
        assert self.out == ""
        assert "Traceback" not in self.err
        lines = self.err.splitlines()
        assert [line for line in lines if line.startswith("error:")] == lines[-1:], self.err
        return lines[-1]


def command(*words: str, cwd: Path, timeout: float = 120, **environment: str) -> Outcome:
    """A command in a process of its own."""
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
