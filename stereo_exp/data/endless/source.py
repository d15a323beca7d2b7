"""The training pairs of an endless set, read while another process makes them."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import time
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stereo_exp.base import ArgumentError, DataError, open_anew, write_text
from stereo_exp.data.endless.renderer import NO_ROOM
from stereo_exp.data.endless.shelf import LOG, MAKER, Reader, Shelf, hold_lock
from stereo_exp.data.order import Renewal
from stereo_exp.data.shards.disparity import DEFLATED
from stereo_exp.data.shards.format import META, find_codec
from stereo_exp.data.shards.read import OpenShard, open_shard, read_pair
from stereo_exp.data.source import StereoSource
from stereo_exp.geometry import StereoSample

log = logging.getLogger(__name__)
FOLDER = "endless"
_RAW_BYTES = 10  # of a pixel: two views and the truth, as they are before they are packed
_GB = 10**9
_POLL_SECONDS = 0.05
_MAX_STARTS = 5
_MAX_OPEN = 256
_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Recipe:
    """What an endless set is made by.

    Attributes:
        title: how its folder's name begins.
        maker: `module:function`, (parameters, seed, number of pairs) -> pairs; see `Maker`. Shard k is what it makes of
            the seed k.
        parameters: its own, of plain values; whatever changes the pairs is among them, a version too.
        size: height and width of a pair, px.
        codec: of the images, by name.
        most: pairs of a shard. The first batch waits for one shard, and a renderer that is killed loses one.
    """

    title: str
    maker: str
    parameters: Mapping[str, Any]
    size: tuple[int, int]
    codec: str = "png"
    most: int = 32


class EndlessSource(StereoSource):
    """Training pairs without an end.

    Epoch after epoch `pairs` of them are drawn, of which `pairs` / `reads` are new and as many are drawn for the last
    time, see `Renewal`. A process of the lowest priority makes the shards that come next; who needs one that is not
    there waits. All runs of one recipe below one root share what is made and delete nothing that another needs. `read`
    gives the pairs of epoch 0.

    Args:
        root: shards lie below it, under `endless/`.
        recipe: what they are made by.
        pairs: of an epoch, a multiple of `reads`.
        reads: epochs that draw a pair.
        ahead: shards to have ready before they are needed; None: as many as are new in an epoch.
        limit_gb: GB (10⁹ bytes) that the shards may take. Other sets below the root that nobody reads make room.

    Raises:
        ArgumentError: a number is out of range, or the disk has less room than that.
    """

    def __init__(
        self,
        root: Path,
        recipe: Recipe,
        *,
        pairs: int,
        reads: int = 8,
        ahead: int | None = None,
        limit_gb: float = 15.0,
    ) -> None:
        if reads < 1 or pairs < reads or pairs % reads:
            fix = f"try {{pairs}}={max(reads, pairs // max(reads, 1) * reads)}"
            raise ArgumentError("pairs", pairs, f"must be a multiple of {{reads}}={reads}", fix)
        self._order = _plan(pairs // reads, reads, recipe.most)
        self.ahead = self._order.fresh if ahead is None else ahead
        self.limit_gb, self._owner, self._maker = limit_gb, os.getpid(), recipe.maker
        codec = find_codec(recipe.codec)
        self._codec, self._members = recipe.codec, (codec.left, codec.right, DEFLATED, META)
        content = {"maker": recipe.maker, "parameters": dict(recipe.parameters), "samples": self._order.samples}
        if recipe.codec != "png":  # as all were at first
            content["codec"] = recipe.codec
        text = json.dumps(content, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        sets = Path(root) / FOLDER
        self.shelf = Shelf(sets / f"{recipe.title}_{digest}")
        try:
            self.shelf.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            rule = f"cannot be written ({error.strerror})"
            raise ArgumentError("root", root, rule, "give a folder that can") from None
        with hold_lock(sets / ".lock"):  # between a set that makes room and one that begins
            self._check_room(sets, self._most_bytes(recipe.size))
            write_text(self.shelf.folder / MAKER, text)
            self._reader, descriptor = self.shelf.join()
            if not self.shelf.is_rendering():
                self.shelf.forgive()
        self._forget_processes()
        self._finalizer = weakref.finalize(self, _close, self._owner, self._processes, self._reader, descriptor)
        self._ensure_renderer()
        new = self._order.fresh * self._order.samples
        told = "endless: %d pairs an epoch, %d of them new in each, made into %s while they are read"
        log.info(told, pairs, new, self.shelf.folder)

    def __len__(self) -> int:
        return self._order.num_samples

    @property
    def order(self) -> Renewal:
        """Pairs come and go from epoch to epoch."""
        return self._order

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process reads under the name of this one, which ends the renderer.
        state = self.__dict__ | {"_open": OrderedDict(), "_processes": []}
        del state["_finalizer"]
        return state

    def close(self) -> None:
        """End the renderer, if this process started it, and need nothing any more. Shards stay for whoever goes on."""
        for shard in self._open.values():
            os.close(shard.descriptor)
        self._open.clear()
        if "_finalizer" in self.__dict__:
            self._finalizer()

    def key(self, index: int) -> str:
        """The pair's number in the set, counted from the first shard's first pair."""
        return self._key(*self._order.locate(0, range(len(self))[index]))

    def read(self, index: int) -> StereoSample:
        """One pair of epoch 0."""
        return self.read_at(0, index)

    def read_at(self, epoch: int, index: int) -> StereoSample:
        """One pair of an epoch; waits until it is made.

        Raises:
            DataError: it cannot be made, or its shard is damaged.
        """
        shard, position = self._order.locate(epoch, range(len(self))[index])
        self._advance(epoch)
        opened, name = self._opened(shard), f"{self.shelf.path(shard)}:{position:08d}"
        sample = read_pair(opened.descriptor, opened.members(position, self._members), name, self._codec)
        return replace(sample, key=self._key(shard, position))

    def _key(self, shard: int, position: int) -> str:
        return f"{shard * self._order.samples + position:08d}"

    def _forget_processes(self) -> None:
        self._open: OrderedDict[int, OpenShard] = OrderedDict()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._epoch, self._num_starts = -1, 0

    def _advance(self, epoch: int) -> None:
        """Say where the reader is, and let go of what it has left behind.

        The epoch before is kept: other workers may be a few batches behind.
        """
        if epoch <= self._epoch:
            return
        self._epoch = epoch
        first = epoch * self._order.fresh
        behind = max(0, first - self._order.fresh)
        self._reader.keep(behind, range(first, first + self._order.live), self.ahead)
        for shard in [shard for shard in self._open if shard < behind]:
            os.close(self._open.pop(shard).descriptor)

    def _opened(self, shard: int) -> OpenShard:
        opened = self._open.get(shard)
        if opened is None:
            while len(self._open) >= _MAX_OPEN:
                os.close(self._open.popitem(last=False)[1].descriptor)
            path, descriptor = self.shelf.path(shard), self._await(shard)
            try:
                opened = open_shard(descriptor, os.fstat(descriptor).st_size, path, self._members)
                if len(opened.keys) != self._order.samples:
                    rule = f"a shard of this set has {self._order.samples}"
                    raise DataError(path, f"{len(opened.keys)} pairs", rule, "delete it: it will be made again")
            except BaseException:
                os.close(descriptor)
                raise
            self._open[shard] = opened
        self._open.move_to_end(shard)
        return opened

    def _await(self, shard: int) -> int:
        """A descriptor of a shard, as soon as it is whole."""
        path, is_wanted = self.shelf.path(shard), False
        self._ensure_renderer()
        while True:
            try:
                descriptor = os.open(path, os.O_RDONLY)
                break
            except FileNotFoundError:
                pass
            # Said again and again: it might have been made and deleted before it could be opened.
            self._reader.want(shard)
            is_wanted = True
            failure = self.shelf.failure()
            if failure is not None:
                raise _refusal(self.shelf, failure)
            self._ensure_renderer()
            time.sleep(_POLL_SECONDS)
        if is_wanted:
            self._reader.forget(shard)
        self._num_starts = 0
        return descriptor

    def _ensure_renderer(self) -> None:
        """Start the renderer where none runs: the first one, or after one that was killed."""
        if self.shelf.failure() is not None or self.shelf.is_rendering():
            return
        if self._num_starts >= _MAX_STARTS:
            raise _refusal(self.shelf, f"its process ended {_MAX_STARTS} times without a shard")
        self._num_starts += 1
        self.shelf.announce_start()
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        # The maker is said here: a file could name any function.
        said = str(self.shelf.folder.resolve()), str(os.getpid()), str(self.limit_gb), self._maker
        with os.fdopen(open_anew(self.shelf.folder / LOG), "wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "stereo_exp.data.endless.renderer", *said],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | {"PYTHONPATH": path},
            )
        self._processes[:] = [each for each in self._processes if each.poll() is None] + [process]

    def _most_bytes(self, size: tuple[int, int]) -> int:
        """What the set can take at most, before anything is known of how well its pictures pack."""
        shards = self._order.live + self._order.fresh + self.ahead
        return min(int(self.limit_gb * _GB), shards * self._order.samples * size[0] * size[1] * _RAW_BYTES)

    def _check_room(self, sets: Path, needed: int) -> None:
        """See to it that `needed` bytes fit on the disk and, with the other sets, into the limit."""
        own = sum(self.shelf.shards().values())
        others = [Shelf(folder) for folder in sets.iterdir() if folder.is_dir() and folder != self.shelf.folder]
        sizes = {each: sum(each.shards().values()) for each in others}
        for other in sorted(others, key=lambda each: each.folder.stat().st_mtime):
            total, free = needed + sum(sizes.values()), shutil.disk_usage(sets).free + own
            if total <= self.limit_gb * _GB and needed <= free:
                return
            if not other.readers() and not other.is_rendering():
                log.info("dropped %s (%.1f GB): no run reads it", other.folder, sizes.pop(other) / _GB)
                shutil.rmtree(other.folder, ignore_errors=True)
        free = shutil.disk_usage(sets).free + own
        if needed > free:
            rule = f"{needed / _GB:.1f} GB may be needed in {sets}, {free / _GB:.1f} GB are free"
            fix = f"try {{limit_gb}}={max(free * 0.9 / _GB, 0.1):.1f}, or another disk"
            raise ArgumentError("limit_gb", self.limit_gb, rule, fix)


def _plan(new: int, reads: int, most: int) -> Renewal:
    """How `new` pairs an epoch are divided into shards: as few as can be of at most `most` pairs, all alike."""
    fresh = next(count for count in range(-(-new // most), new + 1) if new % count == 0)
    return Renewal(fresh * reads, fresh, new // fresh)


def _refusal(shelf: Shelf, failure: str) -> DataError:
    fix = f"see {shelf.folder / LOG}"
    if failure.startswith(NO_ROOM):
        fix = "allow more, free some, or draw fewer pairs an epoch"
    return DataError(shelf.folder, None, f"no shards are made there: {failure}", fix)


def _close(owner: int, processes: list[subprocess.Popen[bytes]], reader: Reader, descriptor: int) -> None:
    if os.getpid() != owner:
        return  # a forked copy; the process that it was forked from goes on reading
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    reader.leave()
    os.close(descriptor)
