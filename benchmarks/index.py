"""Ten million pairs, simulated: open the index, draw an epoch's order, find the first pairs; seconds and memory.

    python benchmarks/index.py [--pairs 10000000] [--samples-per-shard 1000]

Only `index.json` is written (the shards need not exist for this). The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from real.peak import read_peak
from rich.console import Console
from rich.table import Table

from stereo_exp.data import INDEX_NAME, ShardEntry, ShardIndex, ShardSource, TrainBatches

WINDOW = 16


def simulate(folder: Path, pairs: int, samples_per_shard: int) -> None:
    """An index as packing that many pairs would leave it (3.7 MB a pair, as SceneFlow in PNG)."""
    shards = tuple(
        ShardEntry(f"shard-{i:06d}.tar", samples_per_shard, 3_700_000 * samples_per_shard, f"{i:064x}")
        for i in range(pairs // samples_per_shard)
    )
    ShardIndex("train", "finalpass", samples_per_shard, "png", "list.txt", "0" * 64, pairs, "0", shards).write(folder)


def peak_mb() -> float:
    """Largest resident size of this process so far."""
    return read_peak() / 2**20


def main() -> None:
    """Write the index, then time what a training process does with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--samples-per-shard", type=int, default=1000)
    options = parser.parse_args()
    rows, report = [], {"pairs": options.pairs}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        simulate(folder, options.pairs, options.samples_per_shard)
        report["index_mb"] = round((folder / INDEX_NAME).stat().st_size / 1e6, 2)
        before = peak_mb()
        begin = time.perf_counter()
        source = ShardSource(folder)
        rows.append(("open the index", time.perf_counter() - begin))
        begin = time.perf_counter()
        batches = iter(TrainBatches(source.order, 8, seed=0, total_steps=10**9, world_size=8))
        first = next(batches)
        rows.append(("draw an epoch's order, first batch", time.perf_counter() - begin))
        begin = time.perf_counter()
        for _ in range(100_000 // 8):
            for _, index in next(batches):
                source._locate(index)
        rows.append(("find the shards of 100,000 pairs", time.perf_counter() - begin))
        begin = time.perf_counter()
        resumed = next(iter(TrainBatches(source.order, 8, seed=0, start_step=10**6, total_steps=10**9, world_size=8)))
        rows.append(("resume at step 1,000,000", time.perf_counter() - begin))
        assert len(first) == len(resumed) == 8
        report["order_memory_mb"] = round(peak_mb() - before, 1)
        windowed = ShardSource(folder, window=WINDOW)
        begin = time.perf_counter()
        assert len(next(iter(TrainBatches(windowed.order, 8, seed=0, total_steps=10**9, world_size=8)))) == 8
        rows.append((f"the same order with a window of {WINDOW} shards", time.perf_counter() - begin))
        report["window_order_memory_mb"] = round(peak_mb() - before, 1)
    table = Table(title=f"{options.pairs:,} pairs in {options.pairs // options.samples_per_shard:,} shards")
    table.add_column("what")
    table.add_column("s", justify="right")
    for name, seconds in rows:
        table.add_row(name, f"{seconds:.2f}")
        report[name] = round(seconds, 3)
    Console().print(table)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
