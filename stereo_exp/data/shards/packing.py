"""A folder in SceneFlow's layout into WebDataset shards: in parallel, resumable, each file whole or absent.

`target/<split>/` receives `shard-000000.tar ...`, then `skipped.txt` where pairs were left out, and last
`index.json`. Until then `.progress/` keeps a record for each finished shard, by which a run that was killed
goes on, and by which the last of several parts knows that all is there.
"""

from __future__ import annotations

import glob
import json
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event
from typing import Any

from stereo_exp.base import VERSION, WHOLE, ArgumentError, DataError, Meter, Part, UserError, parse_json, write_text
from stereo_exp.data.shards.disparity import find_truth
from stereo_exp.data.shards.format import INDEX_NAME, ShardEntry, ShardIndex, find_codec
from stereo_exp.data.shards.write import SkippedPair, write_shard
from stereo_exp.data.sources.sceneflow import PairList, find_pair_list

SKIPPED_NAME = "skipped.txt"
_PROGRESS = ".progress"
_LOCK_POLL_SECONDS = 1.0
# Parts meet at the folder's lock for a moment, which is not worth a line.
_QUIET_SECONDS = 0.5


def pack(
    source: Path,
    target: Path,
    split: str = "train",
    *,
    num_workers: int = 4,
    list_file: Path | None = None,
    render_pass: str = "finalpass",
    samples_per_shard: int = 256,
    codec: str = "png",
    truth: str = "npy",
    on_error: str = "raise",
    part: Part = WHOLE,
) -> ShardIndex:
    """Pack one split; returns at once where it is packed already, and goes on where a run was killed.

    Args:
        source: the data set's folder, with `SceneFlow_<render_pass>_<split>.txt` in it unless `list_file` is
            given.
        target: the shards go to `target/split`.
        split: names the list and the folder.
        num_workers: shards written at once. They are threads: decoding, hashing and file access all leave the
            interpreter's lock, and a thread needs no copy of the list nor its own import of torch.
        list_file, render_pass: see `find_pair_list`.
        samples_per_shard: pairs in a shard; about 3.5 MB each for SceneFlow in PNG.
        codec: of the images, by name: png (the source's bytes), webp (lossless), raw.
        truth: how the disparity is stored, by name: npy, which any WebDataset reader opens, or deflated, without loss
            in an eighth of its bytes.
        on_error: what a missing or damaged file does: `raise` stops the run and names file and list line;
            `skip` leaves the pair out, counts it, and names it in `skipped.txt`. A later run with `raise`
            packs the shards with left-out pairs again.

        part: of the shards, dealt out one by one. Other processes, also on other machines with the same folder, pack
            the other parts of as many; a run of the whole waits for all of them. Whoever ends the last shard writes the
            index.

    Returns:
        The index, as written to `target/split/index.json`; while shards of other parts are missing that is not there
        yet, and what is returned has those that are (`ShardIndex.num_missing`). Its bytes and the shards' depend only
        on the source's files, the list and the parameters, not on workers, parts, time or interruptions.

    Raises:
        DataError: a damaged file (with `raise`), or a damaged list.
        UserError: a parameter out of range, or `target/split` holds shards packed with other parameters.
    """
    if on_error not in ("raise", "skip"):
        raise ArgumentError("on_error", on_error, "must be one of raise, skip", "choose one")
    for key, number in (("num_workers", num_workers), ("samples_per_shard", samples_per_shard)):
        if number < 1:
            raise ArgumentError(key, number, "must be at least 1", f"try {{{key}}}=1")
    if not split or "/" in split or split.startswith("."):
        raise ArgumentError("split", split, "must be a plain name", "try {split}=train")
    find_codec(codec)
    find_truth(truth)
    pair_list = find_pair_list(source, split, list_file=list_file, render_pass=render_pass)
    wanted = ShardIndex(
        split=split,
        render_pass=render_pass,
        samples_per_shard=samples_per_shard,
        codec=codec,
        list_file=pair_list.path.name,
        list_sha256=pair_list.sha256,
        list_pairs=len(pair_list),
        tool_version=VERSION,
        truth=truth,
    )
    folder = Path(target) / split
    try:
        with _alone(folder, part):
            return _Run(Path(source), folder, pair_list, wanted, on_error, part).execute(num_workers)
    except OSError as error:  # the source's are DataErrors by now
        fix = "free some space or choose another target; a second run goes on from here"
        raise UserError(folder, None, f"cannot be written ({error.strerror})", fix) from None


class _Run:
    """One call of `pack`, with its folder, or its part of it, locked."""

    def __init__(
        self, source: Path, folder: Path, pair_list: PairList, wanted: ShardIndex, on_error: str, part: Part
    ) -> None:
        self.source, self.folder, self.pair_list, self.wanted = source, folder, pair_list, wanted
        self.on_error, self.part = on_error, part
        self.progress = folder / _PROGRESS
        self.stop = Event()

    def execute(self, num_workers: int) -> ShardIndex:
        with self._turn():
            records = self._resume()
        if records is None:
            return ShardIndex.read(self.folder)
        names = _shard_names(self.wanted)
        mine = self.part.select(range(len(names)))
        todo = [number for number in mine if names[number] not in records]
        pairs = {number: len(self._pairs(number)) for number in mine}
        done_pairs = sum(pairs[number] for number in mine if number not in todo)
        title = f"pack {self.wanted.split}" + ("" if self.part.is_whole else f" {self.part}")
        with Meter(title, sum(pairs.values()), done_pairs) as meter:
            pool = ThreadPoolExecutor(max(1, min(num_workers, len(todo))), thread_name_prefix="pack")
            try:
                futures = [pool.submit(self._write, names[number], number, meter.advance) for number in todo]
                for future in as_completed(futures):
                    future.result()
            finally:
                # After an error, or Ctrl-C, shards that are half written stop at their next pair.
                self.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
        with self._turn():
            if not self.part.is_whole and (self.folder / INDEX_NAME).exists():
                return ShardIndex.read(self.folder)  # another part was the last one, and found ours
            records = dict(self._records())
            if len(records) < len(names):
                return replace(self.wanted, shards=tuple(entry for entry, _ in records.values()))
            return self._finish([records[name] for name in names])

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Parts look at what all of them share one after the other; who has the whole folder has it already."""
        if self.part.is_whole:
            yield
            return
        with _lock(self.folder):
            yield

    def _pairs(self, number: int) -> Any:
        size = self.wanted.samples_per_shard
        return self.pair_list.pairs[number * size : (number + 1) * size]

    def _write(self, name: str, number: int, advance: Any) -> tuple[ShardEntry, list[SkippedPair]]:
        entry, skipped = write_shard(
            self.folder / name,
            self.source,
            self.pair_list,
            self._pairs(number),
            codec=find_codec(self.wanted.codec),
            truth=find_truth(self.wanted.truth),
            on_error=self.on_error,
            advance=advance,
            stopped=self.stop.is_set,
        )
        record = {"entry": asdict(entry), "skipped": [asdict(pair) for pair in skipped]}
        write_text(self.progress / f"{name}.json", json.dumps(record))
        return entry, skipped

    def _resume(self) -> dict[str, tuple[ShardEntry, list[SkippedPair]]] | None:
        """Finished shards by name, or None where there is nothing left to do; refuses other parameters."""
        finished = (self.folder / INDEX_NAME).exists()
        if finished:
            index = ShardIndex.read(self.folder)
            self._refuse_other(index)
            if all(_size(self.folder / shard.name) == shard.bytes for shard in index.shards) and not (
                index.skipped and self.on_error == "raise"
            ):
                shutil.rmtree(self.progress, ignore_errors=True)
                return None
            # A shard is gone, or pairs that were left out are wanted now: back to the state of a run under
            # way.
            reasons = _read_skipped(self.folder / SKIPPED_NAME)
            for number, shard in enumerate(index.shards):
                lines = {pair.line for pair in self._pairs(number)}
                skipped = [{"line": line, "reason": reason} for line, reason in reasons if line in lines]
                record = {"entry": asdict(shard), "skipped": skipped}
                write_text(self.progress / f"{shard.name}.json", json.dumps(record))
        elif (self.progress / INDEX_NAME).exists():
            self._refuse_other(ShardIndex.read(self.progress))
        elif any(self.folder.glob("*.tar")):
            raise UserError(
                self.folder,
                None,
                "holds tar files that this tool has no record of",
                "choose another target",
            )
        self.wanted.write(self.progress)
        for name in (INDEX_NAME, SKIPPED_NAME):
            (self.folder / name).unlink(missing_ok=True)
        if self.part.is_whole:
            self._remove_leftovers()
        return dict(self._records())

    def _remove_leftovers(self) -> None:
        """What writers that were killed left: only while there are no others."""
        for leftover in (*self.folder.glob(".*.tmp"), *self.progress.glob(".*.tmp")):
            leftover.unlink()

    def _refuse_other(self, found: ShardIndex) -> None:
        for key in ("list_sha256", "render_pass", "samples_per_shard", "codec", "truth"):
            here, there = getattr(self.wanted, key), getattr(found, key)
            if here != there:
                raise ArgumentError(
                    key,
                    here,
                    f"{self.folder} was packed with {there}",
                    "repeat that, delete the folder, or choose another target",
                )

    def _records(self) -> Iterator[tuple[str, tuple[ShardEntry, list[SkippedPair]]]]:
        for name in _shard_names(self.wanted):
            try:
                record = parse_json((self.progress / f"{name}.json").read_bytes())
                entry = ShardEntry(**record["entry"])
                skipped = [SkippedPair(**pair) for pair in record["skipped"]]
            except (OSError, ValueError, KeyError, TypeError):
                continue  # never finished
            if _size(self.folder / name) == entry.bytes and not (entry.skipped and self.on_error == "raise"):
                yield name, (entry, skipped)

    def _finish(self, records: list[tuple[ShardEntry, list[SkippedPair]]]) -> ShardIndex:
        index = replace(self.wanted, shards=tuple(entry for entry, _ in records))
        if not index.samples:
            reason = next((pair.reason for _, skipped in records for pair in skipped), "no pairs")
            raise DataError(
                self.pair_list.path,
                f"{index.skipped} pairs skipped",
                f"no pair could be read ({reason})",
                "mend them",
            )
        if index.skipped:
            lines = (f"{pair.line}\t{pair.reason}\n" for _, skipped in records for pair in skipped)
            write_text(self.folder / SKIPPED_NAME, "".join(lines))
        self._remove_leftovers()
        index.write(self.folder)
        shutil.rmtree(self.progress)
        return index


def _shard_names(wanted: ShardIndex) -> list[str]:
    count = -(-wanted.list_pairs // wanted.samples_per_shard)
    return [f"shard-{number:06d}.tar" for number in range(count)]


def _read_skipped(path: Path) -> list[tuple[int, str]]:
    try:
        rows = [line.partition("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        return [(int(line), reason) for line, _, reason in rows]
    except (OSError, ValueError):
        return []


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


@contextmanager
def _alone(folder: Path, part: Part) -> Iterator[None]:
    """One process packs a part at a time, and nobody packs parts beside one that packs the whole."""
    folder.mkdir(parents=True, exist_ok=True)
    if not part.is_whole:
        with _lock(folder, f".{folder.name}.part-{part.number}-of-{part.total}.lock"):
            yield
        return
    with ExitStack() as held:
        parts = None
        # A part that began before the folder was ours may be writing: then all is let go of, and waited for anew. One
        # that begins afterwards waits for the folder.
        while parts != (found := sorted(folder.parent.glob(f".{glob.escape(folder.name)}.part-*.lock"))):
            parts = found
            held.close()
            for path in parts:
                held.enter_context(_lock(folder, path.name))
            held.enter_context(_lock(folder))
        yield


@contextmanager
def _lock(folder: Path, name: str = "") -> Iterator[None]:
    """Others wait, then find done what this one does. A kill frees the lock."""
    from filelock import FileLock

    lock = FileLock(folder.with_name(name or f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=_QUIET_SECONDS)
    except TimeoutError:
        print(f"waiting for another process that packs {folder}", file=sys.stderr)
        lock.acquire(poll_interval=_LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()
