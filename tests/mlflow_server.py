"""`mlflow ui` on a store, for as long as somebody looks at it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PATIENCE = 90.0


@contextmanager
def serve_mlflow(store: Path, log: Path, patience: float = _PATIENCE) -> Iterator[str]:
    """Its pages, on a free port of this machine; yields their address. It and its children are stopped at the end.

    Args:
        patience: seconds in which it must answer.

    Raises:
        RuntimeError: it ended, or does not answer.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = "--backend-store-uri", f"sqlite:///{store}", "--host", "127.0.0.1", "--port", str(port)
    with log.open("wb") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "ui", *words, "--workers", "1"],
            cwd=log.parent,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + patience
        while not _answers(f"{address}/health"):
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"mlflow ui does not answer: {log.read_text()}")
            time.sleep(0.2)
        yield address
    finally:
        _stop(server)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    """The group: the server's workers are its children."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)
            time.sleep(0.2)
