"""A server that misbehaves, on loopback: what is tried again, what is told, and what is never taken."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from stereo_exp.base import DataError
from stereo_exp.data.shards import transport
from stereo_exp.data.shards.remote import RemoteFolder, ShardCache
from stereo_exp.data.shards.transport import TransferError, transfer

BODY = bytes(range(256)) * 40


class Misbehaving(BaseHTTPRequestHandler):
    """Each path is a way to go wrong; what follows the name says how often before it goes well."""

    asked: ClassVar[Counter[str]] = Counter()
    logins: ClassVar[list[tuple[str, str | None]]] = []
    other: ClassVar[str] = ""
    stop: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        name, _, times = self.path.strip("/").partition("-")
        self.asked[self.path] += 1
        self.logins.append((self.path, self.headers.get("Authorization")))
        if times and self.asked[self.path] > int(times):
            name = "well"
        getattr(self, f"do_{name}")()

    def send(self, body: bytes, length: int | None = None, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_well(self) -> None:
        self.send(BODY)

    def do_gone(self) -> None:
        self.send(b"nothing", status=404)

    def do_busy(self) -> None:
        self.send(b"later", status=503)

    def do_often(self) -> None:
        self.send(b"later", status=429, Retry_After="1")

    def do_short(self) -> None:
        self.send(BODY[:1000], length=len(BODY))

    def do_long(self) -> None:
        self.send(BODY + b"!")

    def do_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.stop.is_set():
            self.wfile.write(BODY)

    def do_silent(self) -> None:
        self.stop.wait(30)

    def do_hanging(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[:100])
        self.wfile.flush()
        self.stop.wait(30)

    def do_dripping(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        for each in BODY:
            self.wfile.write(bytes([each]))
            self.wfile.flush()
            if self.stop.wait(0.05):
                return

    def do_reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()

    def do_garbage(self) -> None:
        self.wfile.write(b"\0\1\2 no HTTP at all\r\n\r\n")

    def do_local(self) -> None:
        self.send(b"", status=302, Location="file:///etc/passwd")

    def do_elsewhere(self) -> None:
        self.send(b"", status=302, Location=f"{self.other}/well")

    def do_round(self) -> None:
        self.send(b"", status=302, Location=self.path)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            return  # whoever asked has gone

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            return

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


def served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Misbehaving.stop.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Misbehaving.asked, Misbehaving.logins, Misbehaving.stop = Counter(), [], threading.Event()
    monkeypatch.setattr(transport, "_PAUSES", (0.01,) * 4)
    monkeypatch.setattr(transport, "TIMEOUT", 0.3)
    yield from served()


def fetch(url: str, limit: int = len(BODY)) -> bytes:
    got: list[bytes] = []

    def take(pieces: Iterator[bytes]) -> None:
        got.clear()
        got.extend(pieces)

    transfer(url, limit, take)
    return b"".join(got)


@pytest.mark.parametrize("name", ["well", "busy-2", "short-1", "silent-1", "hanging-1", "reset-3", "garbage-1"])
def test_what_fails_for_a_while_is_tried_again(address: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    assert fetch(f"{address}/{name}") == BODY
    times = int(name.partition("-")[2] or 0)
    assert Misbehaving.asked[f"/{name}"] == times + 1
    told = [r for r in caplog.records if "trying again" in r.getMessage()]
    assert len(told) == times


@pytest.mark.parametrize(
    ("name", "attempts", "why"),
    [
        ("gone", 1, "the server says 404 Not Found"),
        ("busy", 5, r"the server says 503 Service Unavailable \(5 attempts\)"),
        ("short", 5, "ended after 1000 of 10240 bytes"),
        ("silent", 5, "nothing came for 0 s"),
        ("hanging", 5, "nothing came for 0 s"),
        ("reset", 5, "reset by peer|closed connection"),
        ("long", 1, "sends more than the 10240 bytes"),
        ("endless", 1, "sends more than the 10240 bytes"),
        ("local", 1, "to url .file:.* is not allowed"),
        ("round", 1, "302"),
    ],
)
def test_what_fails_for_good_is_told(address: str, name: str, attempts: int, why: str) -> None:
    began = time.monotonic()
    with pytest.raises(TransferError, match=why):
        fetch(f"{address}/{name}")
    if name != "round":
        assert Misbehaving.asked[f"/{name}"] == attempts
    assert time.monotonic() - began < 10


def test_a_server_that_drips_is_given_up(address: str) -> None:
    with pytest.raises(TransferError, match="less than 10 kB a second"):
        fetch(f"{address}/dripping")


def test_a_server_says_how_long_to_wait(address: str) -> None:
    began = time.monotonic()
    assert fetch(f"{address}/often-1") == BODY
    assert time.monotonic() - began >= 1


def test_a_password_goes_to_its_own_host_alone(address: str) -> None:
    host = address.removeprefix("http://")
    for other in served():
        Misbehaving.other = other
        assert fetch(f"http://me:p%40ss@{host}/elsewhere") == BODY
    wanted = "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert Misbehaving.logins == [("/elsewhere", wanted), ("/well", None)]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("exit 3", "exit code 3"),
        ("cat /dev/zero", "more than the 10240 bytes"),
        ("sleep 60", "nothing came from the command"),
        ("no-such-program-at-all 2>/dev/null", "exit code 127"),
    ],
)
def test_a_command_that_misbehaves(monkeypatch: pytest.MonkeyPatch, command: str, why: str) -> None:
    monkeypatch.setattr(transport, "_PAUSES", (0.01,) * 4)
    monkeypatch.setattr(transport, "TIMEOUT", 0.05)
    with pytest.raises(TransferError, match=why):
        fetch(f"pipe:{command}")


def test_nothing_of_a_shard_that_is_too_long_stays(address: str, tmp_path: Path) -> None:
    folder = RemoteFolder(address, "test", ShardCache(tmp_path))
    folder.folder.mkdir(parents=True)
    folder.split = "long"
    folder.url = lambda name: f"{address}/endless"  # type: ignore[method-assign]
    with pytest.raises(DataError, match="sends more than the 100 bytes"):
        folder.open("shard-000000.tar", 100, "0" * 64)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.endswith(".lock")]


def test_a_signature_stays_behind_the_path(tmp_path: Path) -> None:
    folder = RemoteFolder("https://h/shards/?sig=a%2Fb", "test", ShardCache(tmp_path))
    assert folder.url("index.json") == "https://h/shards/test/index.json?sig=a%2Fb"
