"""Progress of long work: a bar on a terminal, now and then a line of log where there is none.

A bar takes its line with it when it goes; lines that are logged meanwhile go above it.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

log = logging.getLogger(__name__)
_LOG_SECONDS = 10.0


class Meter:
    """Counts steps of work, with numbers beside them.

    Args:
        title: what is being done.
        total: steps in all; 0 where nobody knows.
        start: steps already done.
        enabled: off in processes other than the main one.
    """

    def __init__(self, title: str, total: int, start: int = 0, enabled: bool = True) -> None:
        self.title, self.total, self.done = title, total, start
        self._start, self._began = start, time.monotonic()
        self._logged = self._began
        self._enabled = enabled
        self._bar: Progress | None = None
        self._lifted: list[tuple[logging.StreamHandler[TextIO], TextIO]] = []
        if enabled and sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[numbers]}"),
                TimeRemainingColumn(compact=True),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(title, total=total or None, completed=start, numbers="")

    def __enter__(self) -> Self:
        self._show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._hide()

    def _show(self) -> None:
        if self._bar is None:
            return
        bare = sys.stderr
        self._bar.start()
        # The bar puts a writer of its own in the place of standard error, which writes above it; handlers that were
        # made before hold the bare one and would write into the bar.
        loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
        for handler in {id(h): h for logger in loggers for h in logger.handlers}.values():
            if isinstance(handler, logging.StreamHandler) and handler.stream is bare:
                self._lifted.append((handler, bare))
                handler.setStream(sys.stderr)

    def _hide(self) -> None:
        if self._bar is None:
            return
        for handler, bare in self._lifted:
            handler.setStream(bare)
        self._lifted.clear()
        self._bar.stop()

    def advance(self, steps: int = 1, **numbers: str) -> None:
        """`steps` more are done; `numbers` are shown as they are."""
        self.done += steps
        shown = "  ".join(f"{name} {value}" for name, value in numbers.items())
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, numbers=shown)
        elif self._enabled:
            now = time.monotonic()
            if now - self._logged >= _LOG_SECONDS or self.done == self.total:
                self._logged = now
                if not self.total:
                    log.info("%s %d  %s", self.title, self.done, shown)
                    return
                left = (now - self._began) / max(1, self.done - self._start) * (self.total - self.done)
                log.info("%s %d/%d  %s  %s left", self.title, self.done, self.total, shown, _clock(left))

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Hide the bar while something else writes; the time inside does not count towards the time left."""
        begin = time.monotonic()
        self._hide()
        yield
        self._show()
        self._began += time.monotonic() - begin


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
