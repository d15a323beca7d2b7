"""Logging of processes that Hydra did not configure: the run's log file and standard error, in the same format."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

LOG_FILE = "stereo_exp.log"


def to_file_and_console(run_dir: Path, quiet: bool) -> None:
    """Set up the root logger of a spawned process; a quiet one reports warnings only."""
    file = logging.FileHandler(run_dir / LOG_FILE)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING if quiet else logging.INFO, handlers=[console, file], force=True)
