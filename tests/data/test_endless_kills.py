"""An endless set whose reader or renderer is killed: the same batches, and no process is left behind."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reading import TOTAL, open_noise, read_lines
from reading import __file__ as READING

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")


@pytest.fixture
def start():
    """start(root, diary, workers=0, pause=0.05) -> a process that reads; none outlives the test."""
    started = []

    def begin(root, diary, workers=0, pause=0.05):
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        command = [sys.executable, READING, str(root), str(diary), str(workers), str(pause)]
        started.append(subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """What a reader writes that nobody kills."""
    source = open_noise(tmp_path_factory.mktemp("unbroken"))
    yield "".join(read_lines(source, 0, workers=0))
    source.close()


def until(condition, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def lines(diary):
    return diary.read_text().count("\n") if diary.exists() else 0


def renderers(root):
    """Pids of the processes, not yet ended, that were started to render below a root."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            is_zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if b"stereo_exp.data.endless.renderer" in words and any(os.fsencode(root) in word for word in words):
            found += [] if is_zombie else [int(entry.name)]
    return found


# Workers bring torch, which a process of its own takes seconds to import.
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.long)])
def test_a_reader_killed_three_times_sees_what_an_unbroken_one_does(tmp_path, start, unbroken, workers):
    broken = tmp_path / "broken.txt"
    rng = random.Random(workers)
    for part in range(3):
        process = start(tmp_path, broken, workers)
        wanted = rng.randint(12 * part + 1, 12 * part + 11)
        until(lambda wanted=wanted: lines(broken) >= wanted)
        time.sleep(rng.random() * 0.1)
        assert renderers(tmp_path), "there is one to leave behind"
        process.kill()
        process.wait()
        # Loader workers look every five seconds whether they are orphans.
        until(lambda: not renderers(tmp_path), seconds=5 if workers == 0 else 30)
    assert start(tmp_path, broken, workers).wait(120) == 0
    assert broken.read_text() == unbroken
    assert not renderers(tmp_path)


def test_a_renderer_killed_again_and_again_changes_nothing(tmp_path, start, unbroken):
    broken, killed, rng = tmp_path / "broken.txt", set(), random.Random(3)
    process = start(tmp_path, broken)
    while process.poll() is None:
        time.sleep(rng.random() * 0.4)
        # One that renders: to be killed over and over before it can begin would be a reason to give up.
        rendering = {int(path.read_text() or 0) for path in tmp_path.rglob("renderer.lock")}
        for pid in rendering.intersection(renderers(tmp_path)) - killed if len(killed) < 4 else ():
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
    assert process.returncode == 0
    assert len(killed) >= 3
    assert broken.read_text() == unbroken


def test_a_second_reader_goes_on_where_the_first_ones_renderer_ends(tmp_path, start, unbroken):
    first = start(tmp_path, tmp_path / "first.txt", pause=2.0)
    until(lambda: lines(tmp_path / "first.txt") >= 1)
    second = start(tmp_path, tmp_path / "second.txt")
    until(lambda: lines(tmp_path / "second.txt") >= 1)
    first.kill()
    first.wait()
    assert second.wait(120) == 0
    assert (tmp_path / "second.txt").read_text() == unbroken
    assert lines(tmp_path / "first.txt") < TOTAL
    assert not renderers(tmp_path)


def test_a_source_that_is_forgotten_leaves_no_process(tmp_path):
    source = open_noise(tmp_path)
    source.read(0)
    assert renderers(tmp_path)
    del source
    until(lambda: not renderers(tmp_path), seconds=5)
