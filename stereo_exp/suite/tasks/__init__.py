"""What can be done with a network: one module for each task, found by name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stereo_exp.base import EXIT_CHECK_FAILED, UserError, hear_signals, tell_missing_extras
from stereo_exp.config import TASKS
from stereo_exp.suite.keys import by_key
from stereo_exp.suite.runs.context import RunContext, leave_line
from stereo_exp.suite.runs.slurm import requeue_preempted


def dispatch(context: RunContext) -> dict[str, Any]:
    """Run the task that the config names and leave its report.

    Raises:
        UserError: the task's own complaints, and the libraries' by the keys of the config.
        SystemExit: the task's check did not pass: what its report says under `failed`. The report is there by then.
    """
    from stereo_exp.suite.runs.report import finish, start_clock

    begin = start_clock()
    with _leaving_why(context), hear_signals(), tell_missing_extras(), by_key(context.config.task, context.config):
        report = finish(context, TASKS[context.config.task].load()(context), begin)
    if report.get("failed"):
        print(f"failed: {report['failed']}", file=sys.stderr)
        raise SystemExit(EXIT_CHECK_FAILED)
    return report


@contextmanager
def _leaving_why(context: RunContext) -> Iterator[None]:
    """What ends the run also stands at the end of its log."""
    try:
        yield
    except UserError as error:
        leave_line(context.dir, f"error: {error}")
        raise
    except KeyboardInterrupt as stop:
        back = "; Slurm has the job in its queue again" if requeue_preempted(stop) else ""
        leave_line(context.dir, f"stopped by {str(stop) or 'SIGINT'}{back}")
        raise
    except Exception as error:
        leave_line(context.dir, f"{type(error).__name__}: {' '.join(str(error).split())[:400]}")
        raise
