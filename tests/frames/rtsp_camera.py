"""A network camera that speaks RTSP 1.0 on loopback: RTP/JPEG (RFC 2435) within the TCP connection."""

from __future__ import annotations

import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np

_PAYLOAD, _CLOCK, _ROOM = 26, 90_000, 1400


def _parts(jpeg: bytes) -> tuple[bytes, bytes]:
    """Both quantization tables, and the scan."""
    tables, at = b"", 2
    while True:
        kind, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        body = jpeg[at + 4 : at + 2 + length]
        at += 2 + length
        if kind == 0xDB:
            while body:
                tables, body = tables + body[1:65], body[65:]
        if kind == 0xDA:
            return tables, jpeg[at:-2]


def packets(image: np.ndarray, stamp: int, number: int) -> Iterator[bytes]:
    """RTP packets of one picture, H×W×3 BGR, both sides multiples of 16."""
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    tables, scan = _parts(jpeg)
    height, width = image.shape[:2]
    begin = 0
    while begin < len(scan):
        part = scan[begin : begin + _ROOM]
        is_last = begin + len(part) == len(scan)
        head = struct.pack(">BBHII", 0x80, _PAYLOAD | (0x80 if is_last else 0), number & 0xFFFF, stamp & 0xFFFFFFFF, 7)
        # Type 1 is 4:2:0; quality 255 says that the tables come along.
        own = struct.pack(">B3sBBBB", 0, begin.to_bytes(3, "big"), 1, 255, width // 8, height // 8)
        own += struct.pack(">BBH", 0, 0, len(tables)) + tables if begin == 0 else b""
        yield head + own + part
        begin, number = begin + len(part), number + 1


@contextmanager
def rtsp_camera(frame: Callable[[str, int], np.ndarray], rate: float, count: int) -> Iterator[str]:
    """A server; gives its address. `frame(path, i)` is picture i of a path, BGR."""

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            path = "/"
            while line := self.rfile.readline().decode():
                verb, url = line.split()[:2]
                heads = {}
                while text := self.rfile.readline().decode().strip():
                    name, _, value = text.partition(":")
                    heads[name.lower()] = value.strip()
                answer, body = [f"CSeq: {heads.get('cseq', '0')}", "Session: 1"], ""
                if verb == "OPTIONS":
                    answer.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
                elif verb == "DESCRIBE":
                    path = "/" + url.split("/", 3)[-1]
                    body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
                    body += f"m=video 0 RTP/AVP {_PAYLOAD}\r\na=framerate:{rate:g}\r\na=control:track\r\n"
                    answer += [f"Content-Base: {url}/", "Content-Type: application/sdp", f"Content-Length: {len(body)}"]
                elif verb == "SETUP":
                    answer.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
                self.wfile.write(("\r\n".join(["RTSP/1.0 200 OK", *answer]) + "\r\n\r\n" + body).encode())
                if verb == "PLAY":
                    return self.play(path)
                if verb == "TEARDOWN":
                    return None
            return None

        def play(self, path: str) -> None:
            number, begin = 0, time.monotonic()
            for i in range(count):
                time.sleep(max(0.0, begin + i / rate - time.monotonic()))
                try:
                    for packet in packets(frame(path, i), int(i * _CLOCK / rate), number):
                        self.wfile.write(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
                        number += 1
                except OSError:
                    return

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Server(("127.0.0.1", 0), Session) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"rtsp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
