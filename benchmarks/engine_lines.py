"""One line for each engine: are its bits equal, how long does a frame take, how large is its file?

    python benchmarks/engine_lines.py --engines litert --write docs/deploy.md --json docs/results/engine_lines.json

Engines come with packages that do not go together: each is measured where it is installed, and the lines of the others
stay as the JSON has them. Every engine computes in one thread; what counts is the processor's time, which another
program on the same machine lengthens less than the time that passes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from real.markdown import check_block, table, write_block
from real.output import read_json, today

from stereo_exp.base import count_cores, exit_on_user_error, write_text
from stereo_exp.deploy import Aligned, Options, Reference, Source, build, summary
from stereo_exp.geometry import example_pair, pad_edges
from stereo_exp.runtime import FULL, FileEntry, load_engine
from stereo_exp.suite import load_source
from stereo_exp.weights import PUBLISHED, RELEASES, resolve_checkpoint

BLOCK = "engine_lines"
ORDER = ("onnxruntime", "openvino", "executorch", "litert", "ncnn")
HEAD = ("engine", "version", "logits equal", "furthest disparity, px", "ms of one core", "file, MB", "load")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser("python benchmarks/engine_lines.py", description=__doc__)
    parser.add_argument("--engines", nargs="+", default=["onnxruntime", "openvino"], choices=ORDER)
    parser.add_argument("--network", default=PUBLISHED, choices=RELEASES)
    parser.add_argument("--size", type=int, nargs=2, default=(544, 960), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--frames", type=int, default=7, help="that are timed; the median counts")
    parser.add_argument("--write", type=Path, metavar="PAGE", help=f"page with <!-- {BLOCK} --> and <!-- /{BLOCK} -->")
    parser.add_argument("--json", type=Path, metavar="FILE", help="lines of other engines; this one's are added")
    options = parser.parse_args()
    with exit_on_user_error():
        _write_lines(options)


def _write_lines(options: argparse.Namespace) -> None:
    if options.write is not None:
        check_block(options.write, BLOCK)
    size = (options.size[0], options.size[1])
    source = load_source(resolve_checkpoint("release", "int_infer", "--network", options.network))
    is_there = options.json is not None and options.json.is_file()
    lines = read_json("--json", options.json, "give the file that this command wrote") if is_there else {}
    for engine in options.engines:
        lines[engine] = measure(source, engine, size, options.frames)
        # At once: the next engine may fail.
        if options.json is not None:
            write_text(options.json, json.dumps(lines, indent=1) + "\n")
        if options.write is not None:
            write_block(options.write, BLOCK, render(lines))
    print(render(lines))


def measure(source: Source, engine: str, size: tuple[int, int], frames: int) -> dict[str, Any]:
    """One engine's line: compiled, compared on the pair that comes along, timed in one thread."""
    load, cores = os.getloadavg()[0], count_cores()
    sample = example_pair()
    views = [pad_edges(view[: size[0], : size[1]], size)[None] for view in (sample.left, sample.right)]
    with tempfile.TemporaryDirectory() as scratch:
        manifest = build(source, Path(scratch), Options([engine], 3, size, 1)).manifest
        aligned = Aligned(manifest, engine, 1)
        aligned.compare(views[0], views[1], Reference(source)(views[0], views[1]))
        found = summary(aligned.result)
        loaded = load_engine(manifest, FULL, engine, 1)
        milliseconds = time_frames(lambda: loaded.run(views[0], views[1]), frames)
        entry = manifest.engines[engine][FULL]
        return {
            "engine": engine,
            "version": loaded.version,
            "size": list(size),
            "equal": min(found["disparity_logits_equal"], found["superpixel_logits_equal"]),
            "max_px": found["max_px"],
            "ms": milliseconds,
            "bytes": count_bytes(Path(scratch), entry),
            "load": load / cores,
            **{key: value for key, value in today().items() if key in ("date", "device")},
        }


def time_frames(run: Callable[[], object], frames: int) -> float:
    """Median ms of this process's own work on a frame, after one that does not count."""
    run()
    found = []
    for _ in range(frames):
        begin = time.process_time()
        run()
        found.append((time.process_time() - begin) * 1e3)
    return median(found)


def count_bytes(folder: Path, entry: FileEntry) -> int:
    """Of a form's files together."""
    beside = count_bytes(folder, entry.weights) if entry.weights else 0
    return (folder / entry.path).stat().st_size + beside


def render(lines: Mapping[str, Mapping[str, Any]]) -> str:
    """The table, and below it when and where each line was measured."""
    known = [lines[name] for name in ORDER if name in lines]
    rows = [
        [
            line["engine"],
            line["version"],
            "all" if line["equal"] == 1 else f"{100 * np.floor(line['equal'] * 1e4) / 1e4:.2f} %",
            f"{line['max_px']:.1e}",
            f"{line['ms']:.0f}",
            f"{line['bytes'] / 1e6:.1f}",
            f"{line['load']:.1f}",
        ]
        for line in known
    ]
    places = sorted({f"{line['date']}: {line['device']}, {'×'.join(map(str, line['size']))}" for line in known})
    shared = " Other programs ran on the same machine." if any(line["load"] > 1 for line in known) else ""
    return f"{table(HEAD, rows)}\n\nMeasured {'; '.join(places)}.{shared}"


if __name__ == "__main__":
    main()
