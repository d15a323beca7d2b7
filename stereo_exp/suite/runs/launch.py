"""One process or several: torch's elastic launcher starts them, by `torchrun` or by the run itself."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

from stereo_exp.base import (
    PLUGINS,
    SIGNALS,
    MaskingFormatter,
    Terminated,
    UserError,
    die_with_parent,
    find_stopped,
    hear_signals,
)
from stereo_exp.config import load_again
from stereo_exp.suite.runs.context import RunContext, open_log
from stereo_exp.suite.runs.process import Process
from stereo_exp.suite.runs.ranks import (
    LostProcess,
    Worker,
    connect,
    current_leader,
    leave,
    may_tell,
    my_process,
    take_part,
)

log = logging.getLogger(__name__)
_TOLD_SECONDS, _LOOK_SECONDS = 30.0, 0.2
_GO_ON = "go on with train.resume=auto"
# What the first of the processes that a run starts itself calls its only job.
_JOB = "run/0"
_LAUNCHER = ("torch.distributed.elastic", "torch.distributed.launcher")


def to_file_and_console(run_dir: Path, quiet: bool) -> None:
    """Set up the root logger of a process that Hydra did not configure: the run's log file and standard error, in the
    same format; a quiet one reports warnings only."""
    file = open_log(run_dir)
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(MaskingFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING if quiet else logging.INFO, handlers=[console, file], force=True)


def launch(worker: Worker, context: RunContext) -> dict[str, Any]:
    """Run `worker` in every process of the run and return what the first one returned.

    Started by torchrun, this is the first of several, and hands the job to the others. Else `machine.processes` says
    how many there are: one is this one; several are started by the same launcher, called from here.
    """
    leader = current_leader()
    if leader is not None:
        job = leader.hand_over(worker, context)
        try:
            return take_part(worker, context, job)
        except UserError as error:
            if may_tell(leader.store, job):
                raise
            raise SystemExit(2) from error
    if context.config.machine.processes == 1:
        return worker(context, Process())
    return _start(worker, context)


def _start(worker: Worker, context: RunContext) -> dict[str, Any]:
    import torch
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # What frees the semaphores of processes that were ended, and would tell of each, is started by the first queue.
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker")))
    number, machine = context.config.machine.processes, context.config.machine
    queue: SimpleQueue[tuple[str, Any]] = torch.multiprocessing.get_context("spawn").SimpleQueue()
    launcher = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=number,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        max_restarts=0,
        signals_to_handle=",".join(each.name for each in SIGNALS),
    )
    try:
        with _quiet_launcher(), _Watch(queue, number, machine.patience) as watch:
            results = elastic_launch(launcher, _enter)(worker, context, list(PLUGINS), queue)
    except SignalException as stop:
        raise Terminated(stop.sigval) from None
    except ChildFailedError as failed:
        rank, failure = failed.get_first_failure()
        code = failure.exitcode
        # That one is gone is told best by how it ended.
        if watch.error is not None and not (isinstance(watch.error, LostProcess) and code < 0):
            raise watch.error from None
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        rule = f"process {rank} (pid {failure.pid}) was ended by {how}"
        raise UserError("machine.processes", number, rule, _GO_ON) from None
    return results[0]


def _enter(worker: Worker, context: RunContext, plugins: list[str], queue: SimpleQueue[tuple[str, Any]]) -> Any:
    """One of the processes that `_start` has started."""
    die_with_parent()
    process = my_process()
    queue.put(("pid", (process.rank, os.getpid())))
    load_again(plugins)
    store = connect()
    if process.is_main:
        to_file_and_console(context.dir, quiet=False)
    code = 1
    try:
        with hear_signals() if process.is_main else _unheard():
            return take_part(worker, context, _JOB)
    except UserError as error:
        if may_tell(store, _JOB):
            queue.put(("user error", error))
        code = 2
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt as stop:
        # All is saved, and whoever asked waits.
        code = stop.code if isinstance(stop, Terminated) else 128 + signal.SIGINT
    except Exception:
        queue.put(("bug", traceback.format_exc()))
    if process.is_main:
        store.set(f"{_JOB.partition('/')[0]}/ended", str(code))
    # torch takes seconds to leave a group whose others are still at work.
    raise leave(code)


@contextmanager
def _unheard() -> Iterator[None]:
    yield


@contextmanager
def _quiet_launcher() -> Iterator[None]:
    """The launcher's own lines stay out of the run's log: what they say is told in one. Its handlers of signals, which
    it leaves behind, go."""
    is_main = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in SIGNALS} if is_main else {}
    nothing = logging.NullHandler()
    loggers = [logging.getLogger(name) for name in _LAUNCHER]
    for logger in loggers:
        logger.propagate = False
        logger.addHandler(nothing)
    try:
        yield
    finally:
        for logger in loggers:
            logger.propagate = True
            logger.removeHandler(nothing)
        for number, handler in handlers.items():
            signal.signal(number, handler)


class _Watch(threading.Thread):
    """Hears what the processes say, and tells of one that somebody stopped: the others wait for it without a word.

    Args:
        queue: what they say: `pid` with (rank, pid), `user error` with it, `bug` with its traceback.
        number: how many they are.
        patience: seconds after which one that stands still ends the run.
    """

    def __init__(self, queue: SimpleQueue[tuple[str, Any]], number: int, patience: float) -> None:
        super().__init__(name="watch processes", daemon=True)
        self.queue, self.number, self.patience = queue, number, patience
        self.pids: dict[int, int] = {}
        """Rank → pid."""
        self.error: Exception | None = None
        """Why the run ends."""
        self._since: dict[int, float] = {}
        self._told: set[int] = set()
        self._done = threading.Event()

    def __enter__(self) -> _Watch:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self.join()
        self._hear()

    def run(self) -> None:
        while not self._done.wait(_LOOK_SECONDS):
            self._hear()
            try:
                self.look()
            except UserError as error:
                self.error = error
                for pid in self.pids.values():
                    os.kill(pid, signal.SIGKILL)
                return

    def _hear(self) -> None:
        while not self.queue.empty():
            kind, what = self.queue.get()
            if kind == "pid":
                self.pids[what[0]] = what[1]
            elif self.error is None:
                bug = f"a training process failed:\n{what}"
                self.error = what if kind == "user error" else RuntimeError(bug)

    def look(self) -> None:
        """Raise a `UserError` when one has stood still for too long."""
        now, stopped = time.monotonic(), find_stopped(self.pids.values())
        ranks = {pid: rank for rank, pid in self.pids.items()}
        self._since = {pid: self._since.get(pid, now) for pid in stopped}
        for pid, since in self._since.items():
            rule = f"process {ranks[pid]} (pid {pid}) has been stopped for {now - since:.0f} s"
            if now - since > self.patience:
                raise UserError("machine.processes", self.number, rule, _GO_ON)
            if now - since > min(_TOLD_SECONDS, self.patience / 2) and pid not in self._told:
                self._told.add(pid)
                log.warning("%s; the others wait for it", rule)
