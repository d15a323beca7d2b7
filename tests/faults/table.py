"""The table of faults: `python tests/faults/table.py [--only KIND …] [--seconds 20]` tries every kind of fault.

Each kind is a group of tests of this folder and its neighbours, those that take long among them, run one after another
in a process of their own. Tried is how many tests ran, lost how many failed: a test fails where work is lost, something
wrong is told, or a process stays behind. Of the fuzzer they are inputs and findings. One line of JSON comes last.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
KINDS: dict[str, list[str]] = {
    "kills": ["tests/data/test_endless_kills.py", "tests/faults/test_finished.py::"
              "test_a_run_that_was_killed_before_its_report_is_completed_and_not_trained_again",
              "tests/faults/test_signals.py::test_rendering_leaves_no_worker_behind_a_parent_that_is_killed",
              "tests/faults/test_signals.py::test_a_reading_worker_does_not_outlive_its_parent"],
    "disk": ["tests/faults/test_finished.py::test_a_full_disk_is_one_line",
             "tests/faults/test_finished.py::test_records_that_find_no_room_do_not_end_training",
             "tests/faults/test_finished.py::test_a_report_that_cannot_be_written_is_printed_all_the_same",
             "tests/faults/test_overwriting.py"],
    "damage": ["tests/faults/test_checkpoints.py", "tests/faults/test_nonfinite.py", "tests/cli/test_damaged_data.py",
               "tests/faults/test_cases.py"],
    "signals": ["tests/faults/test_signals.py"],
    "workers": ["tests/faults/test_stalled.py"],
    "tracking": ["tests/faults/test_tracking.py"],
    "shards": ["tests/data/test_transport.py", "tests/data/test_remote.py", "tests/data/test_cache.py"],
    "replay": ["tests/faults/test_replay.py", "tests/faults/test_secrets.py", "tests/config/test_plugins.py"],
    "power": ["tests/faults/test_power_cut.py"],
}  # fmt: skip
FUZZ, LOAD = "fuzz", "load"


def run_tests(tests: list[str], left_out: str = "") -> tuple[int, int, list[str]]:
    """How many tests ran, how many failed, and which."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.xml"
        words = ["-q", "-n", "0", "-m", "not gpu", "-p", "no:cacheprovider", f"--junitxml={record}", *tests]
        words += ["-k", left_out] if left_out else []
        subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, check=False)
        if not record.is_file():
            return 0, 1, ["pytest did not start"]
        cases = list(ElementTree.parse(record).iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    ran = [case for case in cases if case.find("skipped") is None]
    return len(ran), len(failed), [f"{case.get('classname')}::{case.get('name')}" for case in failed]


def run_fuzzer(seconds: float) -> tuple[int, int, list[str]]:
    """Inputs tried, findings, and their places."""
    words = [sys.executable, "tests/faults/fuzz.py", "--seconds", str(seconds)]
    with tempfile.TemporaryDirectory() as folder:
        words += ["--state", f"{folder}/state.json"]
        told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    counts = [int(each) for each in re.findall(r"(\d+) inputs", told)]
    found = [line.strip() for line in told.splitlines() if line.startswith("    ")]
    return sum(counts), len(found) if counts else 1, found if counts else ["the fuzzer did not start"]


def run_under_load() -> tuple[int, int, list[str]]:
    """Signals and stalled workers while every core computes something else."""
    busy = [sys.executable, "-c", "while True: pass"]
    import os

    others = [subprocess.Popen(busy) for _ in range(os.cpu_count() or 1)]
    try:
        return run_tests(["tests/faults/test_signals.py", "tests/faults/test_stalled.py"], "SIGTERM or worker")
    finally:
        for other in others:
            other.kill()
            other.wait()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = [*KINDS, FUZZ, LOAD]
    arguments.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    arguments.add_argument("--seconds", type=float, default=20, help="of each parser's fuzzing")
    given = arguments.parse_args()
    print(f"{'kind':10} {'tried':>9} {'lost':>5} {'s':>6}")
    record = {}
    for kind in given.only:
        began = time.monotonic()
        if kind == FUZZ:
            tried, lost, which = run_fuzzer(given.seconds)
        elif kind == LOAD:
            tried, lost, which = run_under_load()
        else:
            tried, lost, which = run_tests(KINDS[kind])
        took = time.monotonic() - began
        record[kind] = {"tried": tried, "lost": lost, "seconds": round(took, 1), "which": which}
        print(f"{kind:10} {tried:9} {lost:5} {took:6.0f}", *(f"\n    {each}" for each in which), flush=True)
    print(json.dumps(record))
    raise SystemExit(1 if any(each["lost"] for each in record.values()) else 0)


if __name__ == "__main__":
    main()
