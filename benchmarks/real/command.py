"""The project's own command line, as a benchmark types it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stereo_exp.base import UserError


def run_module(
    words: Sequence[str], module: str = "stereo_exp", folder: Path | None = None, is_shown: bool = False
) -> dict[str, Any]:
    """What `python -m MODULE WORDS` says on its last line.

    Args:
        folder: in which it runs; None is this one.
        is_shown: its log goes to our standard error, for what takes long; else the last line of it is told if it fails.

    Raises:
        UserError: it failed.
    """
    command = [sys.executable, "-m", module, *words]
    errors = None if is_shown else subprocess.PIPE
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or "").strip().splitlines()
        said = f" ({lines[-1]})" if lines else ""
        typed = " ".join(["python", "-m", module, *words])
        raise UserError(typed, None, f"failed with exit code {done.returncode}{said}", "mend that, and begin again")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report
