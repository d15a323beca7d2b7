"""One process or several: started by the run itself, joined by torch.distributed."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

from stereo_exp.base import (
    PLUGINS,
    MaskingFormatter,
    Terminated,
    UserError,
    die_with_parent,
    find_stopped,
    follow_parent,
    hear_signals,
)
from stereo_exp.config import load_again
from stereo_exp.suite.runs.context import RunContext, open_log
from stereo_exp.suite.runs.process import Process

# Logging of processes that Hydra did not configure: the run's log file and standard error, in the same format.


def to_file_and_console(run_dir: Path, quiet: bool) -> None:
    """Set up the root logger of a spawned process; a quiet one reports warnings only."""
    file = open_log(run_dir)
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(MaskingFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING if quiet else logging.INFO, handlers=[console, file], force=True)


# A run that is stopped has ten seconds in all.
_SAVE_SECONDS = 8.0
_TOLD_SECONDS = 30.0
log = logging.getLogger(__name__)
Worker = Callable[[RunContext, Process], dict[str, Any]]


def launch(worker: Worker, context: RunContext) -> dict[str, Any]:
    """Run `worker` in `machine.processes` processes and return what rank 0 returned.

    One process is this one. Several are spawned with the plain config, so that Hydra composes once and there is one
    run folder (with torchrun each rank would make its own).
    """
    world_size = context.config.machine.processes
    if world_size == 1:
        return worker(context, Process())
    # What frees the semaphores of processes that were ended, and would tell of each, is started by the first queue.
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker")))
    queue = torch.multiprocessing.get_context("spawn").SimpleQueue()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    spawned = torch.multiprocessing.start_processes(
        _enter,
        (worker, context, world_size, port, queue, list(PLUGINS)),
        nprocs=world_size,
        join=False,
        start_method="spawn",
    )
    outcome: tuple[str, Any] | None = None
    try:
        watch = _Watch([process.pid for process in spawned.processes], context.config.machine.patience)
        while not spawned.join(timeout=0.2):
            watch.look()
            if outcome is None and not queue.empty():
                outcome = queue.get()
                if outcome[0] == "user error":
                    raise outcome[1]
    except KeyboardInterrupt as stop:
        # The first one saves and tracks; what the others know is part of it.
        main = spawned.processes[0]
        if main.is_alive():
            os.kill(main.pid, stop.number if isinstance(stop, Terminated) else signal.SIGINT)
            main.join(_SAVE_SECONDS)
        raise
    except torch.multiprocessing.ProcessExitedException as ended:
        how = signal.Signals(-ended.exit_code).name if ended.exit_code < 0 else f"exit code {ended.exit_code}"
        rule = f"process {ended.error_index} (pid {ended.error_pid}) was ended by {how}"
        raise UserError("machine.processes", world_size, rule, "go on with train.resume=auto") from None
    finally:
        for process in spawned.processes:
            process.kill()
    if outcome is None and not queue.empty():
        outcome = queue.get()
    if outcome is None:
        raise RuntimeError("the training processes ended without a result")
    if outcome[0] == "user error":
        raise outcome[1]
    if outcome[0] == "bug":
        raise RuntimeError(f"a training process failed:\n{outcome[1]}")
    return outcome[1]


class _Watch:
    """Tells of a process that somebody stopped: the others wait for it without a word."""

    def __init__(self, pids: list[int | None], patience: float) -> None:
        self.pids, self.patience = pids, patience
        self._since: dict[int, float] = {}
        self._told: set[int] = set()

    def look(self) -> None:
        """Raise a `UserError` when one has stood still for too long."""
        now, stopped = time.monotonic(), find_stopped(self.pids)
        self._since = {pid: self._since.get(pid, now) for pid in stopped}
        for pid, since in self._since.items():
            rule = f"process {self.pids.index(pid)} (pid {pid}) has been stopped for {now - since:.0f} s"
            if now - since > self.patience:
                raise UserError("machine.processes", len(self.pids), rule, "go on with train.resume=auto")
            if now - since > min(_TOLD_SECONDS, self.patience / 2) and pid not in self._told:
                self._told.add(pid)
                log.warning("%s; the others wait for it", rule)


def _enter(
    rank: int, worker: Worker, context: RunContext, world_size: int, port: int, queue: Any, plugins: list[str]
) -> None:
    if rank:
        follow_parent()
    else:
        die_with_parent()
    load_again(plugins)
    to_file_and_console(context.dir, quiet=rank != 0)
    cuda = torch.cuda.is_available() and context.config.machine.device != "cpu"
    if not cuda and context.config.machine.threads is None:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // world_size))
    dist.init_process_group("nccl" if cuda else "gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=world_size)
    try:
        with hear_signals():
            result = worker(context, Process(rank, world_size))
        if rank == 0:
            queue.put(("result", result))
    except UserError as error:
        queue.put(("user error", error))
        raise
    except Exception:
        queue.put(("bug", traceback.format_exc()))
        raise
    except KeyboardInterrupt:
        # All is saved, and whoever asked waits; torch takes seconds to leave a group whose others are still at work.
        logging.shutdown()
        os._exit(0)
    finally:
        dist.destroy_process_group()
