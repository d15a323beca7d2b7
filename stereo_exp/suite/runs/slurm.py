"""A job of Slurm's: whether it began before, and its way back into the queue when another job takes its machine.

A job that is to be preempted gets TERM ahead of time. If it then ends by itself, it has failed as Slurm counts, and is
not put back into the queue as one that is killed would be. So whoever saves and ends asks for it.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess

from stereo_exp.base import Terminated

log = logging.getLogger(__name__)
_JOB, _RESTARTS = "SLURM_JOB_ID", "SLURM_RESTART_COUNT"
_SECONDS = 20.0
"""A controller that is busy takes its time; a preempted job has not much of it."""


def was_requeued() -> bool:
    """Whether Slurm has put this job back into its queue before."""
    return os.environ.get(_RESTARTS, "0") != "0"


def requeue_preempted(stop: KeyboardInterrupt) -> bool:
    """Put this job back into the queue if Slurm is about to take its machine for another one.

    Args:
        stop: what ends the run; all is saved by then.

    Returns:
        Whether it is there. A job that was cancelled, whose time is up or that `scontrol requeue` put back is not
        touched: it no longer runs, or nothing preempts it.
    """
    job = os.environ.get(_JOB)
    if job is None or not isinstance(stop, Terminated) or stop.number != signal.SIGTERM or not shutil.which("scontrol"):
        return False
    try:
        facts = read_facts(_ask("show", "job", job, "--oneliner"))
        if facts.get("JobState") != "RUNNING" or facts.get("PreemptTime", "None") == "None":
            return False
        _ask("requeue", job)
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("Slurm did not put job %s back into its queue: %s", job, getattr(error, "stderr", None) or error)
        return False
    return True


def _ask(*words: str) -> str:
    done = subprocess.run(["scontrol", *words], capture_output=True, text=True, timeout=_SECONDS, check=True)
    return done.stdout


def read_facts(text: str) -> dict[str, str]:
    """What `scontrol show` says, `key=value` each; values with spaces end at the first."""
    return dict(word.split("=", 1) for word in text.split() if "=" in word)
