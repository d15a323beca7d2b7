"""What scenes of meshes cost: pairs a second by kind, seconds until the first pair, bytes of a pair in a shard.

    python benchmarks/scenes_cost.py [--pairs 48] [--workers 2] [--write docs/data.md --json FILE]

Each kind, and the mixture of `dataset=scenes`, is rendered by `data_tools.render` into a folder that goes afterwards:
all in, with the start of the processes, scenes, trial views, truth and files. Seconds of processor time tell more than
seconds where others use the machine too. The first pair is timed in a process of its own, from its start: with what
numba compiled before, and once with nothing of it. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from real.markdown import table
from real.output import add_output_options, check_output_options, page_text, today, write_report

from stereo_exp.base import exit_on_user_error
from stereo_exp.config import Scenes
from stereo_exp.data import pack
from stereo_exp.shapes import MESH_WEIGHTS

BLOCK = "scenes_cost"
SIZE = (320, 640)
ALL = "dataset.scenes"
PACKED = {"codec": "webp_fast", "truth": "deflated"}
"""As `dataset=scenes` stores its pairs."""


def measure_kind(scenes: Mapping[str, float], pairs: int, workers: int, size: tuple[int, int]) -> dict[str, float]:
    """Pairs a second, seconds of processor time a pair, bytes a pair in a shard.

    Args:
        scenes: shares of kinds.
        pairs: how many; a scene has twelve.
        workers: processes.
        size: height and width, px.
    """
    with tempfile.TemporaryDirectory() as scratch:
        shares = ",".join(f"{name}={share:g}" for name, share in scenes.items())
        words = ["--out", f"{scratch}/set", "--train", str(pairs), "--test", "0", "--size", f"{size[0]}x{size[1]}"]
        command = [sys.executable, "-m", "data_tools.render", *words, "--scenes", shares, "--workers", str(workers)]
        before = _used()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        used = _used() - before
        report = json.loads(done.stdout.splitlines()[-1])
        index = pack(Path(scratch) / "set", Path(scratch) / "shards", "train", num_workers=workers, **PACKED)
        stored = sum(shard.bytes for shard in index.shards)
    return {"pairs_a_second": report["pairs_per_second"], "cpu_s": used / pairs, "bytes": stored / pairs}


def measure_first(kind: str, size: tuple[int, int], cache: Path | None = None) -> float:
    """Seconds from the start of a process to its first pair; `cache` in place of where numba keeps what it compiled."""
    environment = os.environ if cache is None else os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, __file__, "--one", kind, *map(str, size)]
    start = time.perf_counter()
    subprocess.run(command, check=True, env=environment)
    return time.perf_counter() - start


def _draw_one(kind: str, height: int, width: int) -> None:
    from stereo_exp.shapes import sample_views

    next(sample_views(kind, 0, height, width))


def _used() -> float:
    """Seconds of processor time of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def render(report: Mapping[str, Any]) -> str:
    """The table in Markdown, and what stands below it."""
    head = ["kind", f"pairs/s, {report['workers']} processes", "CPU s a pair", "first pair after, s", "kB a pair"]
    rows = []
    for name, row in report["kinds"].items():
        first = f"{row['first_s']:.1f}" if "first_s" in row else "–"
        cells = [f"{row['pairs_a_second']:.2f}", f"{row['cpu_s']:.2f}", first, f"{row['bytes'] / 1e3:.0f}"]
        rows.append([f"`{name}`", *cells])
    size = "×".join(map(str, report["size"]))
    told = f"{size}, {report['pairs']} pairs of each. Where numba has compiled nothing yet, the first pair comes after "
    return f"{table(head, rows)}\n\n{told}{report['first_ever_s']:.0f} s."


def main() -> None:
    """Render, time, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=48, help="of each kind (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, metavar=("H", "W"), help="px (default: 320 640)")
    parser.add_argument("--kinds", default=",".join(MESH_WEIGHTS), help="split by commas (default: %(default)s)")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    add_output_options(parser, BLOCK)
    options = parser.parse_args()
    if options.one:
        _draw_one(options.one[0], *map(int, options.one[1:]))
        return
    with exit_on_user_error(), tempfile.TemporaryDirectory() as scratch:
        check_output_options(options, BLOCK)
        size, kinds = (options.size[0], options.size[1]), options.kinds.split(",")
        first_ever = measure_first(kinds[0], size, Path(scratch))
        rows = {}
        for kind in kinds:
            rows[kind] = measure_kind({kind: 1.0}, options.pairs, options.workers, size)
            rows[kind]["first_s"] = measure_first(kind, size)
        rows[ALL] = measure_kind(Scenes(root=scratch).scenes, options.pairs, options.workers, size)
        report = {
            "kinds": rows, "pairs": options.pairs, "workers": options.workers, "size": list(size),
            "first_ever_s": first_ever, **today(),
        }  # fmt: skip
        write_report(options, BLOCK, report, page_text(report, render(report)))


if __name__ == "__main__":
    main()
