"""Processes that torch's elastic launcher started: what they say to each other beside tensors.

They talk through the store that the launcher keeps, which outlives a restart. The first process composes the run and
hands each job of it to the others; they wait for one, take part in it, and wait for the next. Nothing here relies on
TORCHELASTIC_RESTART_COUNT, which every machine counts for itself.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from stereo_exp.base import (
    EXIT_USER_ERROR,
    LAUNCHED,
    PLUGINS,
    SIGNALS,
    UserError,
    die_with_parent,
    is_asked_to_stop,
    tell_launcher,
)
from stereo_exp.suite.runs.process import Process

if TYPE_CHECKING:
    from torch.distributed import TCPStore

    from stereo_exp.suite.runs.context import RunContext

log = logging.getLogger(__name__)
_FOLDER, _LEADER = "stereo_exp/folder", "stereo_exp/leader"
_CONNECT_SECONDS, _POLL_SECONDS = 60.0, 0.1
# A process that was asked to stop waits so long for the first one to save.
_LEAVE_SECONDS = 8.0
Worker = Callable[["RunContext", Process], dict[str, Any]]


def is_launched() -> bool:
    """Whether torch's launcher started this process, as one of the run's."""
    return LAUNCHED in os.environ and "RANK" in os.environ


def my_process() -> Process:
    """This process, as the launcher's variables have it."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    rank, world_size, local_rank, local_size = (int(os.environ[name]) for name in names)
    return Process(rank, world_size, local_rank, local_size, joined=True)


def connect() -> TCPStore:
    """A client of the launcher's store; without one of the launcher's own, the first process keeps it."""
    from torch.distributed import TCPStore

    own = os.environ["RANK"] == "0" and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != str(True)
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    limit = timedelta(seconds=_CONNECT_SECONDS)
    return TCPStore(address, port, is_master=own, timeout=limit, wait_for_workers=False, multi_tenant=True)


# The first process: it composes, and hands jobs over.


class Leader:
    """The first process of a launched run, while Hydra's jobs come one after the other."""

    def __init__(self) -> None:
        self.process, self.store = my_process(), connect()
        self.id, self.count = uuid.uuid4().hex, 0
        self.folder = self._read_folder()
        """Where the run that was started again wrote; None: this is the first start."""
        self.store.set(_LEADER, self.id)

    def _read_folder(self) -> str | None:
        return self.store.get(_FOLDER).decode() if self.store.check([_FOLDER]) else None

    def again(self, arguments: Sequence[str]) -> list[str]:
        """What is typed besides, so that a run which was started again goes on in its folder."""
        if self.folder is None:
            return []
        multirun = any(word in ("-m", "--multirun") for word in arguments)
        quoted = self.folder.replace("\\", "\\\\").replace("'", "\\'")
        return [f"hydra.{'sweep' if multirun else 'run'}.dir='{quoted}'"]

    def keep_folder(self, folder: str) -> None:
        """Say where the run writes, for the time after a restart."""
        if self.folder is None:
            self.store.set(_FOLDER, folder)

    def hand_over(self, worker: Worker, context: RunContext) -> str:
        """Give every other process the next job; returns what its keys in the store begin with."""
        plugins, job = json.dumps(list(PLUGINS)), pickle.dumps((worker, context))
        for rank in range(1, self.process.world_size):
            self.store.set(f"{self.id}/{self.count}/{rank}/plugins", plugins)
            self.store.set(f"{self.id}/{self.count}/{rank}", job)  # type: ignore[arg-type]
        self.count += 1
        return f"{self.id}/{self.count - 1}"

    def end(self, code: int) -> None:
        """No job comes any more."""
        self.store.set(f"{self.id}/ended", str(code))
        for rank in range(1, self.process.world_size):
            self.store.set(f"{self.id}/{self.count}/{rank}", pickle.dumps(code))  # type: ignore[arg-type]


_leader: Leader | None = None


def current_leader() -> Leader | None:
    """The leader, in the first process of a launched run."""
    return _leader


@contextmanager
def lead() -> Iterator[Leader]:
    """What is composed in here is the run of all processes; the others end with it, by its exit code."""
    global _leader
    die_with_parent(os.getppid())
    leader = _leader = Leader()
    code: int | str | None = 1
    try:
        yield leader
        code = 0
    except SystemExit as stop:
        code = stop.code
        raise
    finally:
        _leader = None
        number = code if isinstance(code, int) else int(code is not None)
        with suppress(Exception):  # a launcher that is gone needs no farewell
            leader.end(number)
        if number:
            # torch takes seconds to leave a group whose others are still at work, or gone.
            leave(number)


def refuse_launcher(launcher: str) -> None:
    """Jobs that another launcher would start elsewhere cannot be joined.

    Raises:
        UserError: this process is torchrun's, and Hydra's launcher is not the one that runs jobs here.
    """
    if is_launched() and launcher != "basic":
        rule = "starts each job in a process of its own, which torchrun's processes cannot join"
        raise UserError("hydra/launcher", launcher, rule, "leave it out, or give machine.processes=N and no torchrun")


def count_processes(asked: int, overrides: Sequence[str]) -> int:
    """How many processes the run has: those that were launched, else those that the config asks for.

    Args:
        asked: `machine.processes`.
        overrides: what was typed.

    Raises:
        UserError: the two contradict each other.
    """
    if not is_launched():
        return asked
    started = int(os.environ["WORLD_SIZE"])
    typed = any(word.startswith("machine.processes=") for word in overrides)
    if asked != started and (typed or asked != 1):
        rule = f"torchrun started {started} process{'es' if started > 1 else ''}"
        raise UserError("machine.processes", asked, rule, f"leave it out, or give machine.processes={started}")
    return started


# The other processes: they follow.


def follow() -> NoReturn:
    """Take part in whatever job the first process hands over, until it says that there are no more."""
    die_with_parent(os.getppid())
    process, store = my_process(), connect()
    leader, count = "", 0
    while True:
        leader, count = _wait_for_job(store, process.rank, leader, count)
        key = f"{leader}/{count}/{process.rank}"
        blob = store.get(key)
        store.delete_key(key)
        if store.check([f"{key}/plugins"]):
            from stereo_exp.config import load_again

            load_again(json.loads(store.get(f"{key}/plugins")))
        job = pickle.loads(blob)
        if isinstance(job, int):
            leave(job)
        try:
            worker, context = job
            take_part(worker, context, f"{leader}/{count}")
        except UserError as error:
            if may_tell(store, f"{leader}/{count}"):
                print(f"error: {error}", file=sys.stderr, flush=True)
                tell_launcher(f"error: {error}")
            leave(EXIT_USER_ERROR)
        count += 1


def _wait_for_job(store: TCPStore, rank: int, leader: str, count: int) -> tuple[str, int]:
    """Until there is one; of a run that was started again, the new leader's."""
    while True:
        if store.check([_LEADER]) and (now := store.get(_LEADER).decode()) != leader:
            leader, count = now, 0
        if leader and store.check([f"{leader}/{count}/{rank}"]):
            return leader, count
        time.sleep(_POLL_SECONDS)


def may_tell(store: TCPStore, job: str) -> bool:
    """Whether this process is the first that would tell why the job ends."""
    mine = os.environ["RANK"]
    try:
        return store.compare_set(f"{job}/told", "", mine).decode() == mine
    except Exception:
        return True  # the launcher is gone, and with it whoever told


# Any process, while a job runs.


class LostProcess(UserError):
    """Another process of the run is gone."""


def take_part(worker: Worker, context: RunContext, job: str) -> dict[str, Any]:
    """Join the other processes and do this one's share; returns what the worker returns.

    Args:
        job: what its keys in the store begin with.

    Raises:
        UserError: the worker's own; `LostProcess`: another process is gone.
    """
    import torch
    from torch import distributed as dist

    from stereo_exp.suite.runs.launch import to_file_and_console

    process, store, machine = my_process(), connect(), context.config.machine
    if not process.is_main:
        to_file_and_console(context.dir, quiet=True)
    cuda = torch.cuda.is_available() and machine.device != "cpu"
    if not cuda and machine.threads is None:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // process.local_size))
    with _stopping_together(process, job):
        try:
            # One that stands still is told after its patience; this is what ends the wait of the others.
            limit = timedelta(seconds=machine.patience + _LEAVE_SECONDS)
            prefixed = dist.PrefixStore(job, store)
            backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
            dist.init_process_group(
                backend, store=prefixed, rank=process.rank, world_size=process.world_size, timeout=limit
            )
            result = worker(context, process)
            dist.destroy_process_group()
            return result
        except UserError:
            raise
        except Exception as error:
            if not isinstance(error, dist.DistError) and not any(word in str(error) for word in ("gloo", "NCCL")):
                raise
            raise _lost(process, error) from None


def _lost(process: Process, error: Exception) -> LostProcess:
    """What a process makes of a broken connection. It gives the launcher time to find the one that broke it."""
    with suppress(KeyboardInterrupt):  # the launcher ends those that are left
        time.sleep(_LEAVE_SECONDS / 2)
    reason = str(error).splitlines()[0]
    reason = reason[reason.find("] ") + 1 :].strip().partition(". ")[0][:120]
    rule = f"another process is gone ({reason})"
    return LostProcess("machine.processes", process.world_size, rule, "see its own lines; go on with train.resume=auto")


@contextmanager
def _stopping_together(process: Process, job: str) -> Iterator[None]:
    """A signal to any process stops them all, each behind the same step: the first one saves, and the others help it.

    They end when the first one has; should that be gone, after some seconds.
    """
    asked, ended = f"{job}/asked", f"{job.partition('/')[0]}/ended"
    store, done = connect(), threading.Event()
    own = connect()

    def handle(number: int, frame: FrameType | None) -> None:
        with suppress(Exception):
            own.set(asked, str(number))
        late = threading.Timer(_LEAVE_SECONDS, leave, (128 + number,))
        late.daemon = True
        late.start()

    def watch() -> None:
        key = asked if process.is_main else ended
        with suppress(Exception):
            while not store.check([key]):
                if done.wait(_POLL_SECONDS):
                    return
            number = int(store.get(key))
            if not process.is_main:
                leave(number)
            elif not is_asked_to_stop():
                os.kill(os.getpid(), number)

    before: dict[signal.Signals, Any] = {}
    if not process.is_main:
        before = {number: signal.signal(number, handle) for number in SIGNALS}
    threading.Thread(target=watch, name="stop together", daemon=True).start()
    try:
        yield
    finally:
        done.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def leave(code: int) -> NoReturn:
    """End at once: what there was to save is saved."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
