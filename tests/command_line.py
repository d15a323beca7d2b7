"""Commands run in a process of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from in_process import Outcome


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
