"""How long until the first picture, and what a pair takes from then on: `python benchmarks/first_picture.py`.

The command is timed as users type it, from a folder of its own, start of Python included, on the pair that comes along,
544×960. Warm pairs are timed in this process, in turns: the front door's `model(left, right)`, and the engine alone on
the same frames, as `task=bench` drives it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_SECONDS, LIMIT_RATIO = 3.0, 1.3
"""What is wanted of the first picture, and of a warm pair against the engine alone."""


def time_command(rounds: int) -> list[float]:
    """Seconds of `task=infer` without arguments, each in a process and a folder of its own."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "stereo_exp", "task=infer", f"root={folder}"]
            begin = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True, cwd=folder)
            found.append(time.perf_counter() - begin)
            assert list(Path(folder).rglob("panels.png")), "no picture"
    return found


def time_warm(rounds: int, threads: int | None) -> tuple[list[float], list[float]]:
    """Milliseconds of a pair through the front door, and of the engine alone on the same frames, in turns."""
    import stereo_exp as se
    from stereo_exp.geometry import example_pair

    pair = example_pair()
    whole, alone = [], []
    with se.load("release", threads=threads) as model:
        for round_ in range(rounds + 3):
            begin = time.perf_counter()
            model(pair.left, pair.right)
            middle = time.perf_counter()
            model.engine.run(pair.left[None], pair.right[None])
            end = time.perf_counter()
            if round_ >= 3:
                whole.append(1e3 * (middle - begin))
                alone.append(1e3 * (end - middle))
    return whole, alone


def main() -> None:
    """Print three lines for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="commands that are timed (default: 7)")
    parser.add_argument("--pairs", type=int, default=40, help="warm pairs that are timed (default: 40)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: every core)")
    options = parser.parse_args()
    commands = time_command(options.rounds)
    whole, alone = time_warm(options.pairs, options.threads)
    first, warm, engine = statistics.median(commands), statistics.median(whole), statistics.median(alone)
    print(f"first picture    {first:.2f} s after the command (wanted: {LIMIT_SECONDS:g}), least {min(commands):.2f} s")
    print(f"warm pair        {warm:.1f} ms, least {min(whole):.1f} ms")
    print(f"engine alone     {engine:.1f} ms: {warm / engine:.2f} × (wanted: {LIMIT_RATIO:g})")
    facts = {"first_s": first, "warm_ms": warm, "engine_ms": engine, "ratio": warm / engine}
    print(json.dumps({key: round(value, 3) for key, value in facts.items()}, separators=(",", ":")))


if __name__ == "__main__":
    main()
