"""A process: the cores that it may use, and what ends it: signals that ask it to stop, and a parent that is gone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

# A batch system's, a terminal's that closes, Ctrl-C, and warnings ahead of time: Slurm's own, and submitit's.
_NAMES = ("SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1", "SIGUSR2")
LAUNCHED = "TORCHELASTIC_RUN_ID"
"""Torch's elastic launcher sets it for the processes that it starts."""
SIGNALS = [signal.Signals[name] for name in _NAMES if name in signal.Signals.__members__]
"""Those that ask a process to stop."""
_PR_SET_PDEATHSIG = 1
_PARENT_SECONDS = 0.5


class Terminated(KeyboardInterrupt):
    """A signal asked this process to stop; whoever ends by it exits with `code`, as shells count."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)

    @property
    def code(self) -> int:
        """128 and the signal's number."""
        return 128 + self.number


class _Requests:
    """Who asked this process to stop, and whether it may be interrupted just now."""

    def __init__(self) -> None:
        self.pid = 0
        self.asked: int | None = None
        self.told = False
        self.held = 0

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raise `Terminated`, at once or when nothing is held any more. A batch system that repeats itself is not heard
        twice; a second Ctrl-C is."""
        if os.getpid() != self.pid:
            return  # a child that was forked just now: its parent stops, and tells it
        if self.asked is not None and number != signal.SIGINT:
            return
        self.asked, self.told = number, False
        self.tell()

    def tell(self) -> None:
        """Raise what was asked for and not told yet, unless something is held."""
        if self.asked is not None and not self.told and not self.held and os.getpid() == self.pid:
            self.told = True
            raise Terminated(self.asked)


_requests = _Requests()


@contextmanager
def hear_signals() -> Iterator[None]:
    """TERM, HUP, INT, USR1 and USR2 raise `Terminated` in here, in the main thread; elsewhere nothing changes.

    A signal that was ignored before (`nohup`) stays so.
    """
    if threading.current_thread() is not threading.main_thread() or _requests.pid == os.getpid():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    mine = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    _requests.pid, _requests.asked, _requests.told, _requests.held = os.getpid(), None, False, 0
    for number in mine:
        signal.signal(number, _requests.handle)
    try:
        yield
    finally:
        _requests.pid = 0
        for number in mine:
            signal.signal(number, before[number] or signal.SIG_DFL)


@contextmanager
def hold_signals() -> Iterator[None]:
    """What begins in here ends before a signal is heard."""
    _requests.held += 1
    try:
        yield
    finally:
        _requests.held -= 1
    _requests.tell()


def hand_on(stop: Terminated) -> None:
    """Let whoever listened to a signal before `hear_signals` did hear it now that all is saved: submitit puts its job
    back into the queue, and ends the process.

    Raises:
        BaseException: what that one raises.
    """
    handler = signal.getsignal(stop.number)
    if callable(handler) and handler is not signal.default_int_handler:
        handler(stop.number, None)


def is_asked_to_stop() -> bool:
    """Whether a signal has asked so already, heard or held."""
    return _requests.asked is not None


def follow_parent() -> None:
    """Of a worker: end with the parent, however that ends, and only by it.

    A terminal and a batch system signal the whole group; the parent finishes what it does and then ends its workers.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    die_with_parent()


def find_stopped(pids: Iterable[int | None]) -> list[int]:
    """Those of some processes that somebody stopped (SIGSTOP, a debugger), as far as the system tells."""
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            continue
        if pid is not None and state in "Tt":
            found.append(pid)
    return found


def count_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def die_with_parent(pid: int | None = None) -> None:
    """Have this child process killed when its parent ends, by `kill -9` too.

    Args:
        pid: of the parent, for a process that `multiprocessing` did not start.
    """
    parent = multiprocessing.parent_process()
    if pid is None and parent is not None:
        pid, wait = parent.pid, parent.join
    elif pid is None:
        return
    else:
        wait = partial(_wait_for_another_parent, pid)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != pid:
            os._exit(1)  # it was gone before
        return

    def watch() -> None:
        wait()
        os._exit(1)

    threading.Thread(target=watch, name="watch parent", daemon=True).start()


def _wait_for_another_parent(pid: int) -> None:
    """An orphan gets one."""
    while os.getppid() == pid:
        time.sleep(_PARENT_SECONDS)
