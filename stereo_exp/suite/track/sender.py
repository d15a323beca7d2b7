"""What is sent to a store by a thread of its own: nobody waits for it, and nothing that fails there fails here."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from stereo_exp.base import UserError

log = logging.getLogger(__name__)
# A batch every few seconds keeps a user interface live.
FLUSH_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class Refused(Exception):
    """The store takes this never, however often it is asked."""


class _Call(NamedTuple):
    """Something to ask of the store, or records, of which neighbours are sent together."""

    send: Callable[[], None] | None
    records: list[Any]


class Sender:
    """A queue, and the thread that empties it in order. What fails is tried again, ever more seldom.

    Args:
        send_records: takes a list of records.
        whose: the store, for messages.
    """

    def __init__(self, send_records: Callable[[list[Any]], None], whose: str) -> None:
        self._send_records, self._whose = send_records, whose
        self._calls: deque[_Call] = deque()
        self._changed = threading.Condition()
        self._failed, self._in_a_row = 0, 0
        self._hurry = self._is_closed = False
        self.error: Exception | None = None
        """What went wrong at the last try; None: it went well."""
        self._thread = threading.Thread(target=self._run, name="tracker", daemon=True)
        self._thread.start()

    def put(self, send: Callable[[], None]) -> None:
        """Have `send` called after all that was put before."""
        self._put(_Call(send, []))

    def add(self, records: list[Any]) -> None:
        """Have records sent, within a few seconds."""
        self._put(_Call(None, records))

    def _put(self, call: _Call) -> None:
        with self._changed:
            self._calls.append(call)
            self._changed.notify_all()

    def wait(self, seconds: float) -> int:
        """Wait until all is sent, or the next try fails; returns how much is left."""
        with self._changed:
            failed, self._hurry = self._failed, True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._calls or self._failed > failed, seconds)
            self._hurry = False
            return len(self._calls)

    def close(self, seconds: float) -> int:
        """`wait`, then send nothing more; returns how much is left."""
        left = self.wait(seconds)
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        return left

    def _run(self) -> None:
        pause = 0.0
        while True:
            with self._changed:
                if pause:
                    self._changed.wait_for(lambda: self._hurry or self._is_closed, pause)
                self._changed.wait_for(lambda: bool(self._calls) or self._is_closed)
                # Records alone may wait for others.
                if not any(call.send for call in self._calls):
                    self._changed.wait_for(
                        lambda: self._hurry or self._is_closed or any(call.send for call in self._calls), FLUSH_SECONDS
                    )
                if self._is_closed:
                    return
                count, send = self._next()
            pause = self._try(count, send)

    def _next(self) -> tuple[int, Callable[[], None]]:
        """The calls that come next as one, and how many they are."""
        first = self._calls[0]
        if first.send is not None:
            return 1, first.send
        records: list[Any] = []
        count = 0
        for call in self._calls:
            if call.send is not None:
                break
            records += call.records
            count += 1
        return count, lambda: self._send_records(records)

    def _try(self, count: int, send: Callable[[], None]) -> float:
        """Send; returns how long to wait before the next try, s."""
        error: Exception | None = None
        away: Exception | None = None
        try:
            send()
        except (UserError, Refused) as refused:
            log.warning("%s: %s", self._whose, _one_line(refused))
            error = refused
        except Exception as failed:
            # A store raises whatever its backend does; to a run it is one thing.
            error = away = failed
        with self._changed:
            self.error = error
            if away is None:
                if self._in_a_row:
                    log.info("%s is back; what it missed follows", self._whose)
                self._in_a_row = 0
                for _ in range(count):
                    self._calls.popleft()
            else:
                self._failed += 1
                self._hurry = False  # whoever waits has seen enough
                self._in_a_row += 1
                if self._in_a_row == 1:
                    log.warning("%s takes nothing now (%s); metrics.jsonl goes on", self._whose, _one_line(away))
            self._changed.notify_all()
        return 0.0 if away is None else min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(9, self._in_a_row - 1))


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:199] + "…"
