"""The processes that read for a loader: how each begins, and what becomes of one that stands still or dies."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Generator, Iterator
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Self

import torch
from torch.utils.data import DataLoader

from stereo_exp.base import ArgumentError, find_stopped, follow_parent

log = logging.getLogger(__name__)
PATIENCE = 600.0
"""Seconds without a batch after which a loader gives up."""
_POLL_SECONDS, _TOLD_SECONDS = 1.0, 30.0
_EXIT_SECONDS = 1.0


def begin_worker(worker: int) -> None:
    """Workers are the parallelism: threads inside them would only fight over the same cores."""
    import cv2

    follow_parent()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def read_batches(loader: DataLoader[Any], patience: float) -> Generator[Any, None, None]:
    """What a loader gives. Whoever keeps it waiting is told; its workers have ended when this has.

    Args:
        patience: seconds without a batch.

    Raises:
        ArgumentError: of `workers`: one died, or there was no batch for longer than that.
    """
    batches = _begin(loader)
    workers = list(getattr(batches, "_workers", ()))
    is_whole = False
    try:
        with _Watch(workers, patience) as watch:
            while True:
                try:
                    with watch:
                        item = next(batches)
                except StopIteration:
                    is_whole = True
                    return
                except (RuntimeError, OSError, EOFError):
                    # Torch raises one of these where a worker is gone, by what was under way.
                    if (rule := watch.find_fault()) is None:
                        raise
                    fix = "see the memory that is left, or use {workers}=0"
                    raise ArgumentError("workers", len(workers), rule, fix) from None
                yield item
    finally:
        # One that stands still would not hear that it is to end.
        if not is_whole:
            _kill(workers)
        # An exception's traceback keeps the iterator, and with it the workers, as long as it lives; torch
        # has no public way to end them, and one that a later fork finds dead fails noisily there.
        getattr(batches, "_shutdown_workers", lambda: None)()
        _kill(workers)


def _begin(loader: DataLoader[Any]) -> Iterator[Any]:
    """Its iterator. When a worker dies, torch would raise from a signal handler, in whatever is under way; here the
    wait for its batch finds out."""
    before = signal.getsignal(signal.SIGCHLD) if hasattr(signal, "SIGCHLD") else None
    batches = iter(loader)
    if before is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, before)
    return batches


def _kill(workers: list[Any]) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.kill()


class _Watch:
    """Looks after workers while somebody waits for them, from a thread of its own: a worker that was stopped halfway
    through a batch keeps the waiting one inside the system, where only its death is heard."""

    def __init__(self, workers: list[Any], patience: float) -> None:
        self._workers, self._patience = workers, patience
        self._since: float | None = None
        self._fault: str | None = None
        self._is_told = False
        self._ended = threading.Event()
        self._depth = 0
        self._thread = threading.Thread(target=self._run, name="watch workers", daemon=True)

    def __enter__(self) -> Self:
        """Outermost: begin to watch; within: somebody waits from now on."""
        self._depth += 1
        if self._depth == 1 and self._workers:
            self._thread.start()
        elif self._depth == 2:
            self._since, self._is_told = time.monotonic(), False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        self._since = None
        if not self._depth:
            self._ended.set()

    def find_fault(self) -> str | None:
        """What is wrong with the workers; None: nothing. A worker's connections close a moment before it has ended."""
        wait([worker.sentinel for worker in self._workers], _EXIT_SECONDS)
        if self._fault is None and any(worker.exitcode for worker in self._workers):
            self._fault = _describe(self._workers, 0.0)
        return self._fault

    def _run(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            since = self._since
            waited = 0.0 if since is None else time.monotonic() - since
            if waited > self._patience:
                self._fault = _describe(self._workers, waited)
                _kill(self._workers)
                return
            if waited > min(_TOLD_SECONDS, self._patience / 2) and not self._is_told:
                self._is_told = True
                log.warning("waiting for data: %s", _describe(self._workers, waited))


def _describe(workers: list[Any], waited: float) -> str:
    """Which worker keeps everybody waiting, and for how long."""
    still = find_stopped(worker.pid for worker in workers)
    ended = [f"worker {i} (pid {w.pid}) was ended by {_how(w.exitcode)}" for i, w in enumerate(workers) if w.exitcode]
    stopped = [f"worker {i} (pid {w.pid}) is stopped" for i, w in enumerate(workers) if w.pid in still]
    told = ", ".join(ended or stopped or [f"none of {len(workers)} workers has read one"])
    return f"no batch for {waited:.0f} s: {told}"


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
