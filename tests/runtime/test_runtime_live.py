"""Live pairs: the newest counts, the rest is dropped and counted, and depth stays young however slow the network is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from matcher import shifted_pair

from stereo_exp.base.errors import UserError
from stereo_exp.geometry import RectifiedFrames, Rule
from stereo_exp.geometry.frames import LeftOut, LiveFrames, open_frames
from stereo_exp.geometry.frames.base import pair_of
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.runtime import StereoModel
from stereo_exp.runtime.engines.base import Engine
from stereo_exp.runtime.sequence import Background, Pace, predict_sequence, read_ahead

RATE, COUNT = 30, 60


class Slow:
    """An engine that takes its time."""

    def __init__(self, engine: Engine, seconds: float) -> None:
        self._engine, self._seconds = engine, seconds
        self.name, self.version, self.threads, self.outputs = engine.name, engine.version, 1, engine.outputs

    def run(self, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
        time.sleep(self._seconds)
        return self._engine.run(left, right)


def film(path: Path, count: int = COUNT, rate: float = RATE) -> Path:
    """Both views side by side, 5 px apart."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (192, 64))
    for i in range(count):
        writer.write(np.hstack(shifted_pair(64, 96, 5, seed=i)))
    writer.release()
    return path


@pytest.mark.parametrize("seconds", [0.08, 0.2])
def test_depth_stays_young_on_a_film_at_its_own_speed(compiled: Path, tmp_path: Path, seconds: float) -> None:
    frames = open_frames(str(film(tmp_path / "f.avi")), None, paced=True)
    pairs = RectifiedFrames(frames, check=False)
    pace = Pace()
    with StereoModel(compiled, threads=1) as real:
        model = StereoModel.of_engine(real.manifest, Slow(real.engine, seconds))
        begin = time.monotonic()
        keys = [result.sample.key for result in predict_sequence(model, pairs, Rule(scale=1), pace=pace)]
        took = time.monotonic() - begin
    # Played at real time: two seconds of film take two seconds, not 60 times the work.
    assert COUNT / RATE - 0.1 < took < COUNT / RATE + 3 * seconds + 0.5
    # Every frame was either computed or dropped.
    assert frames.left_out.dropped + len(keys) == COUNT
    assert frames.left_out.dropped > COUNT / 2 and len(keys) >= 0.5 * took / seconds - 2
    assert keys == sorted(keys)
    # Age stays below two frames' work.
    work = float(np.median(pace.work))
    assert len(pace.ages) == len(keys)
    assert float(np.median(pace.ages)) < 2 * work
    assert float(np.percentile(pace.ages, 95)) < 2 * float(np.percentile(pace.work, 95))
    facts = pace.facts()
    assert facts["pairs"] == len(keys) and facts["age_ms"] == pytest.approx(1e3 * np.median(pace.ages), abs=0.1)


def test_a_queue_would_let_depth_grow_old(compiled: Path, tmp_path: Path) -> None:
    """What the test above would miss: without dropping, the age grows with every frame."""
    begin = time.monotonic()
    pace = Pace()
    with StereoModel(compiled, threads=1) as real:
        model = StereoModel.of_engine(real.manifest, Slow(real.engine, 0.08))
        for i, sample in enumerate(open_frames(str(film(tmp_path / "f.avi", 20)), None)):
            due = begin + i / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            begun = time.monotonic()
            model.predict(sample.left, sample.right, Rule(scale=1))
            pace.add(due, begun)
    assert pace.ages[-1] > 4 * float(np.median(pace.work))


def samples(count: int, period: float, fail: bool = False) -> LiveFrames:
    def produce(stop: threading.Event, left_out: LeftOut) -> Iterator[StereoSample]:
        for i in range(count):
            if stop.wait(period):
                return
            yield pair_of(str(i), *np.zeros((2, 4, 4, 3), np.uint8), "test", time.monotonic())
        if fail:
            raise UserError("camera", None, "was unplugged", "plug it in")

    return LiveFrames(produce)


def test_whoever_keeps_up_misses_nothing() -> None:
    frames = samples(20, 0.05)
    assert [sample.key for sample in frames] == [str(i) for i in range(20)]
    assert frames.left_out.dropped == 0


def test_whoever_stops_early_stops_the_camera() -> None:
    frames = samples(10**6, 0.001)
    for _, _ in zip(range(3), frames, strict=False):
        pass
    time.sleep(0.05)
    assert not [thread for thread in threading.enumerate() if thread.name == "live"]


def test_a_camera_that_fails_is_told_after_its_last_pair() -> None:
    found = []
    with pytest.raises(UserError, match="was unplugged"):
        for sample in samples(3, 0.15, fail=True):
            found.append(sample.key)
    assert found == ["0", "1", "2"]


class Streamer(BaseHTTPRequestHandler):
    """A network camera: JPEGs one after the other, as fast as `period` says."""

    period, count, offset = 0.02, 100, 0

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for i in range(self.count):
            left, right = shifted_pair(64, 96, 5, seed=i)
            shown = {"/left": left, "/right": right}.get(self.path, np.hstack([left, right]))
            data = cv2.imencode(".jpg", shown)[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + data + b"\r\n")
            except OSError:
                return
            time.sleep(self.period)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def camera() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Streamer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_stream_with_both_views(camera: str) -> None:
    frames = open_frames(f"{camera}/both.mjpg", None)
    found = []
    for sample in frames:
        found.append(sample)
        time.sleep(0.1)
        if len(found) == 5:
            break
    assert found[0].size == (64, 96)
    assert frames.left_out.dropped > 0
    ages = [b.time - a.time for a, b in pairwise(found) if a.time and b.time]
    assert min(ages) > 0


def test_two_streams_are_paired_by_when_their_pictures_come(camera: str) -> None:
    frames = open_frames(f"{camera}/left", f"{camera}/right")
    taken = [sample for sample, _ in zip(frames, range(10), strict=False)]
    assert len(taken) == 10 and all(sample.size == (64, 96) for sample in taken)


def test_a_stream_that_is_not_there() -> None:
    with pytest.raises(UserError, match=r"left=rtsp://127\.0\.0\.1:9/x: is no stream that can be opened"):
        open_frames("rtsp://127.0.0.1:9/x", None)


def test_two_cameras_are_triggered_before_either_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Device:
        def __init__(self, name: object) -> None:
            self.name, self.left = name, 4

        def isOpened(self) -> bool:
            return True

        def get(self, _: int) -> float:
            return 30.0

        def set(self, *_: object) -> bool:
            return True

        def grab(self) -> bool:
            done.append(f"grab {self.name}")
            self.left -= 1
            time.sleep(0.02)
            return self.left >= 0

        def retrieve(self) -> tuple[bool, np.ndarray]:
            done.append(f"fetch {self.name}")
            return True, np.full((8, 8, 3), 9, np.uint8)

        def release(self) -> None:
            done.append(f"release {self.name}")

    monkeypatch.setattr(cv2, "VideoCapture", Device)
    assert len(list(open_frames("7", "8"))) == 4
    assert done[:4] == ["grab 7", "grab 8", "fetch 7", "fetch 8"]
    assert done[-2:] == ["release 7", "release 8"]


def test_reading_ahead_keeps_order_and_errors() -> None:
    assert list(read_ahead(iter(range(50)), 2)) == list(range(50))

    def broken() -> Iterator[int]:
        yield 1
        raise UserError("a", None, "b", "c")

    with pytest.raises(UserError, match="a: b"):
        list(read_ahead(broken(), 2))


def test_what_fails_in_the_background_is_raised() -> None:
    background = Background()

    def fail() -> None:
        raise OSError(28, "No space left on device")

    background(fail)
    with pytest.raises(OSError, match="No space"):
        background.close()
