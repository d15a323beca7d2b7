"""Decoding, crop and collation in pairs/s: our shards against a plain folder and an LMDB.

    python benchmarks/loader.py [--pairs 64] [--seconds 6] [--workers 0] [--pack-workers 1]

For 540×960 pairs, training batches of 8 with a 256×512 crop, all from the same files, in one run, in turn:

- folder: PNG and PFM files as SceneFlow has them;
- LMDB: one record a pair, two PNGs and the raw float32 disparity, pickled, as reference packers do it (needs `lmdb`);
- shards in each codec of `data_tools.pack`, and with the truth deflated as `dataset=scenes` has them.

The files are in the page cache. Packing is timed beside what the codec alone takes in as many threads (of 64 pairs, two
workers get two shards each). The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import pickle
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from stereo_exp.data import CODECS, FolderSource, ShardIndex, ShardSource, StereoSource, pack, train_loader
from stereo_exp.geometry import StereoSample, decode_rgb, read_pfm, read_rgb
from stereo_exp.shapes import render_dataset

BATCH, CROP, ROUNDS = 8, (256, 512), 3
DEFLATED = "webp_fast, deflated"
PACK_ALONE = 16  # pairs that the codec alone is timed with


class LmdbSource(StereoSource):
    """One pickled record a pair: left path, both PNGs' bytes, float32 disparity."""

    def __init__(self, path: Path) -> None:
        self.path, self._environment = path, None
        with self._open().begin() as transaction:
            self.length = transaction.stat()["entries"]

    def _open(self):  # type: ignore[no-untyped-def]
        import lmdb

        if self._environment is None:
            self._environment = lmdb.open(str(self.path), readonly=True, lock=False, readahead=False)
        return self._environment

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_environment": None}

    def __len__(self) -> int:
        return self.length

    def key(self, index: int) -> str:
        """The record's key."""
        return str(index)

    def read(self, index: int) -> StereoSample:
        """One record, decoded."""
        with self._open().begin() as transaction:
            key, left, right, disparity = pickle.loads(transaction.get(str(index).encode()))
        left, right = decode_rgb(left), decode_rgb(right)
        values = np.frombuffer(disparity, np.float32).reshape(left.shape[:2])
        return StereoSample(key, left, right, values)


def write_lmdb(root: Path, path: Path) -> None:
    """The folder's training list into an LMDB."""
    import lmdb

    folder = FolderSource(root, "train")
    with lmdb.open(str(path), map_size=1 << 34) as environment, environment.begin(write=True) as transaction:
        for i, pair in enumerate(folder.pair_list.pairs):
            images = [(root / name).read_bytes() for name in (pair.left, pair.right)]
            record = (pair.left, *images, read_pfm(root / pair.disparity).tobytes())
            transaction.put(str(i).encode(), pickle.dumps(record))


def pairs_per_second(source: StereoSource, workers: int, seconds: float) -> float:
    """Training batches for about `seconds`, after a first one that does not count."""
    steps = 10_000
    batches = iter(train_loader(source, batch_size=BATCH, total_steps=steps, seed=0, crop=CROP, workers=workers))
    next(batches)
    begin, pairs = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        pairs += len(next(batches))
    elapsed = time.perf_counter() - begin
    batches.close()  # type: ignore[attr-defined]
    return pairs / elapsed


def codec_alone(root: Path, name: str, count: int, workers: int = 1) -> float:
    """Seconds a pair for what packing cannot avoid, `count` times in each thread; see `_codec_alone`."""
    with ThreadPoolExecutor(workers) as pool:
        begin = time.perf_counter()
        list(pool.map(lambda _: _codec_alone(root, name, count), range(workers)))
        return (time.perf_counter() - begin) / (count * workers)


def _codec_alone(root: Path, name: str, count: int) -> None:
    """Decode both PNGs (they are checked), encode, read the PFM."""
    folder, codec = FolderSource(root, "train"), CODECS[name]
    for pair in folder.pair_list.pairs[:count]:
        for view in (pair.left, pair.right):
            pixels = read_rgb(root / view)
            if codec.encode is not None:
                codec.encode(pixels)
        read_pfm(root / pair.disparity)


def packing_share(root: Path, target: Path, name: str, workers: int) -> float:
    """Speed of packing over the codec's alone: the median of rounds, in each of which one follows the other."""
    shares, count = [], min(PACK_ALONE, len(FolderSource(root, "train")))
    for _ in range(ROUNDS):
        alone = codec_alone(root, name, count, workers)
        shutil.rmtree(target, ignore_errors=True)
        begin = time.perf_counter()
        index = pack(root, target, "train", num_workers=workers, samples_per_shard=16, codec=name)
        shares.append(alone * index.samples / (time.perf_counter() - begin))
    return statistics.median(shares)


def main() -> None:
    """Make the data, pack it, time everything in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--pack-workers", type=int, default=1)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        render_dataset(base / "set", train=options.pairs, test=0, height=540, width=960)
        sources: dict[str, Callable[[], StereoSource]] = {"folder": lambda: FolderSource(base / "set", "train")}
        sizes: dict[str, int] = {}
        try:
            write_lmdb(base / "set", base / "lmdb")
            sources["lmdb"] = lambda: LmdbSource(base / "lmdb")
        except ImportError:
            Console(stderr=True).print("no lmdb here: pip install lmdb")
        packing = {}
        for name in (*CODECS, DEFLATED):
            if name == DEFLATED:
                pack(base / "set", base / name, "train", num_workers=1, codec="webp_fast", truth="deflated")
            else:
                packing[name] = packing_share(base / "set", base / name, name, options.pack_workers)
            index = ShardIndex.read(base / name / "train")
            sizes[f"shards, {name}"] = sum(s.bytes for s in index.shards)
            sources[f"shards, {name}"] = lambda name=name: ShardSource(base / name / "train")  # type: ignore[misc]
        speeds: dict[str, list[float]] = {name: [] for name in sources}
        for _ in range(ROUNDS):
            for name, make in sources.items():
                speeds[name].append(pairs_per_second(make(), options.workers, options.seconds / ROUNDS))
    table = Table(title=f"540×960 pairs, crop {CROP[0]}×{CROP[1]}, batch {BATCH}, {options.workers} workers")
    for column in ("from", "pairs/s", "against folder", "against LMDB", "MB/pair", "packing at"):
        table.add_column(column, justify="left" if column == "from" else "right")
    report = {}
    medians = {name: statistics.median(found) for name, found in speeds.items()}
    for name, speed in medians.items():
        share = packing.get(name.removeprefix("shards, "))
        against_lmdb = speed / medians["lmdb"] if "lmdb" in medians else float("nan")
        size = sizes.get(name)
        table.add_row(
            name, f"{speed:.1f}", f"{speed / medians['folder']:.2f} ×", f"{against_lmdb:.2f} ×",
            f"{size / options.pairs / 1e6:.2f}" if size else "–",
            f"{100 * share:.0f} % of the codec alone" if share else "–",
        )  # fmt: skip
        report[name] = {"pairs_per_s": round(speed, 2), "packing_share": round(share, 3) if share else None}
    Console().print(table)
    print(json.dumps({"workers": options.workers, "pack_workers": options.pack_workers, **report}))


if __name__ == "__main__":
    main()
