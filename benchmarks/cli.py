"""How long the command line takes to answer: `--help`, a wrong key, a wrong value, the composed config.

    python benchmarks/cli.py [--repeats 5]

Whole processes, medians; the last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

CASES = {
    "--help": (["--help"], 0),
    "--cfg job": (["--cfg", "job"], 0),
    "unknown key": (["model.maxdispp=1"], 2),
    "wrong type": (["model.maxdisp=abc"], 2),
    "broken rule": (["model.maxdisp=100"], 2),
    "nothing of that name": (["task=bench", "name=nobody"], 2),
}


def seconds(arguments: list[str], expected: int) -> float:
    """One whole process."""
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "stereo_exp", *arguments], capture_output=True, check=False)
    elapsed = time.perf_counter() - begin
    if done.returncode != expected:
        raise SystemExit(f"{arguments} exited with {done.returncode}, not {expected}: {done.stderr.decode()}")
    return elapsed


def main() -> None:
    """Measure every case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    table = Table(title="time to answer, s")
    for column in ("command line", "median", "max"):
        table.add_column(column, justify="left" if column == "command line" else "right")
    report = {}
    for name, (arguments, expected) in CASES.items():
        seconds(arguments, expected)
        times = [seconds(arguments, expected) for _ in range(options.repeats)]
        report[name] = round(statistics.median(times), 3)
        table.add_row(name, f"{report[name]:.2f}", f"{max(times):.2f}")
    Console().print(table)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
