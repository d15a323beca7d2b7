"""Bytes from a remote place: an address or a command in, pieces out, never more than asked for, never waited for long.

What fails for a while (a refused or broken connection, a server that is busy) is tried again with growing pauses. What
fails for good says why: the server's status, or the command's exit code.
"""

from __future__ import annotations

import base64
import http.client
import logging
import os
import random
import re
import select
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import IO, Any
from urllib.parse import unquote, urlsplit, urlunsplit

log = logging.getLogger(__name__)
CHUNK = 1 << 20
TIMEOUT = 30.0
"""Seconds to wait for a connection, and for the next bytes."""
LEAST_RATE = 10_000
"""Bytes a second, on the whole, that a transfer must come to: a server that drips would hold a training for ever."""
ATTEMPTS = 5
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_LONGEST_PAUSE = 30.0
_FOR_A_WHILE = frozenset((408, 425, 429, 500, 502, 503, 504))


class TransferError(Exception):
    """A transfer that failed.

    Attributes:
        for_a_while: it may go well the next time.
        pause: seconds that the server asks for before that.
    """

    def __init__(self, why: str, for_a_while: bool = False, pause: float = 0.0) -> None:
        super().__init__(why)
        self.for_a_while, self.pause = for_a_while, pause


def transfer(url: str, limit: int, take: Callable[[Iterator[bytes]], None]) -> None:
    """Read all of a remote file, trying again what fails for a while.

    Args:
        url: `http(s)://…`, `pipe:COMMAND`, or another scheme that webdataset knows.
        limit: bytes that it has at most.
        take: is given the pieces; called anew for each attempt.

    Raises:
        TransferError: it cannot be read, or is longer.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return take(_limited(_open(url), limit))
        except TransferError as error:
            if not error.for_a_while or attempt == ATTEMPTS:
                told = f" ({attempt} attempts)" if attempt > 1 else ""
                raise TransferError(f"{error}{told}") from None
            pause = max(error.pause, _PAUSES[attempt - 1] * (1 + random.random() / 4))
            log.warning("%s: %s; trying again in %.1f s", url, error, pause)
            time.sleep(min(pause, _LONGEST_PAUSE))
    raise AssertionError("the last attempt returns or raises")


def _open(url: str) -> Iterator[bytes]:
    if url.startswith("pipe:"):
        return _read_command(url.removeprefix("pipe:"))
    if url.startswith(("http://", "https://")):
        return _read_http(url)
    return _read_other(url)


def _limited(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    found, began = 0, time.monotonic()
    for piece in pieces:
        found += len(piece)
        if found > limit:
            raise TransferError(f"sends more than the {limit} bytes that it should have")
        yield piece
        seconds = time.monotonic() - began
        if seconds > TIMEOUT and found < LEAST_RATE * (seconds - TIMEOUT):
            raise TransferError(f"sends less than {LEAST_RATE // 1000} kB a second", for_a_while=True)


# HTTP.


class _Redirects(urllib.request.HTTPRedirectHandler):
    """To http and https alone; a password is for the host that it was given for."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not newurl.startswith(("http://", "https://")):
            raise TransferError(f"the server leads to {urlsplit(newurl).scheme}:, which is not followed")
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            following.remove_header("Authorization")
        return following


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _request(url: str) -> urllib.request.Request:
    """With user and password out of the address, where they stand in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)), headers={"User-Agent": "stereo_exp"})
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    return request


def _read_http(url: str) -> Iterator[bytes]:
    found, expected = 0, None
    try:
        with _opener().open(_request(url), timeout=TIMEOUT) as source:
            expected = source.headers.get("Content-Length")
            # `read1` comes back with what is there, so that a server that drips is noticed.
            while chunk := source.read1(CHUNK):
                found += len(chunk)
                yield chunk
    except urllib.error.HTTPError as error:
        with error:
            pause = error.headers.get("Retry-After", "") if error.headers else ""
        seconds = float(pause) if re.fullmatch(r"\d{1,4}", pause) else 0.0
        why = f"the server says {error.code} {error.reason}"
        raise TransferError(why, error.code in _FOR_A_WHILE, seconds) from None
    except urllib.error.URLError as error:
        raise TransferError(_reason(error.reason), for_a_while=True) from None
    except (OSError, http.client.HTTPException) as error:
        raise TransferError(_reason(error), for_a_while=True) from None
    except ValueError as error:
        raise TransferError(str(error)) from None
    if expected is not None and expected.isdecimal() and found < int(expected):
        raise TransferError(f"the connection ended after {found} of {expected} bytes", for_a_while=True)


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing came for {TIMEOUT:.0f} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


# Commands, and what webdataset makes of other schemes.


def _read_command(command: str) -> Iterator[bytes]:
    process = subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield from _read_pipe(process.stdout)
        code = process.wait()
    finally:
        process.stdout.close()
        if process.poll() is None:
            process.kill()
            process.wait()
    if code:
        # A copy program's own retries are over: what is left is a wrong name, or no permission.
        raise TransferError(f"the command ended with exit code {code}")


def _read_pipe(source: IO[bytes]) -> Iterator[bytes]:
    while True:
        if os.name == "posix" and not select.select([source], [], [], 2 * TIMEOUT)[0]:
            raise TransferError(f"nothing came from the command for {2 * TIMEOUT:.0f} s", for_a_while=True)
        chunk = os.read(source.fileno(), CHUNK)
        if not chunk:
            return
        yield chunk


def _read_other(url: str) -> Iterator[bytes]:
    from webdataset import gopen  # brings torch

    try:
        with gopen(url, "rb") as source:
            while chunk := source.read(CHUNK):
                yield chunk
    except (OSError, ValueError) as error:
        # webdataset says of a command that failed no more than its arguments and "exit N".
        exit_code = re.search(r"\bexit (\d+)", str(error))
        raise TransferError(f"the command ended with exit code {exit_code[1]}" if exit_code else str(error)) from None
