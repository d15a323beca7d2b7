"""The process that makes the shards of an endless set: `python -m stereo_exp.data.endless.renderer FOLDER PARENT GB
MAKER`.

It runs at the lowest priority, makes what readers wait for, then what they will need, and deletes what nobody does. It
ends with the process that started it, and when nobody reads.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2

from stereo_exp.base import UserError, die_with_parent, parse_json
from stereo_exp.data.endless.shelf import MAKER, Needs, Shelf
from stereo_exp.data.shards.write import write_samples
from stereo_exp.geometry import StereoSample

Maker = Callable[[Mapping[str, Any], int, int], Iterator[StereoSample]]
"""(parameters, seed, number of pairs) -> the pairs: a function of its arguments alone, with exact truth."""

NO_ROOM = "no room: "
"""How the failure begins that a larger `limit_gb` mends."""
_GB = 10**9
_POLL_SECONDS = 0.1
_LOCK_SECONDS = 2.0
# Left free on the disk beside the shard that comes next.
_SPARE_BYTES = 1 << 28


def main(arguments: Sequence[str]) -> None:
    """Serve the readers of FOLDER with at most GB of shards that MAKER makes, while PARENT lives."""
    folder, parent, limit_gb = Path(arguments[0]), int(arguments[1]), float(arguments[2])
    die_with_parent(parent)
    os.nice(19)
    # Ctrl-C goes to all processes of a terminal; the parent's end will do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)  # beside a training, which wants the other cores
    shelf = Shelf(folder)
    if shelf.lock_rendering(_LOCK_SECONDS) is None:
        return
    shelf.clean()
    try:
        content = parse_json((folder / MAKER).read_bytes())
        module, _, attribute = arguments[3].partition(":")
        maker: Maker = getattr(import_module(module), attribute)
        limit, codec = int(limit_gb * _GB), content.get("codec", "png")
        Renderer(shelf, maker, content["parameters"], content["samples"], limit, codec).serve()
    except Exception as error:
        traceback.print_exc()
        told = str(error) if isinstance(error, UserError | OSError) else f"{type(error).__name__}: {error}"
        shelf.fail(" ".join(told.split()))
        raise SystemExit(1) from None


class Renderer:
    """Makes and deletes shards.

    Args:
        samples: pairs of a shard.
        limit: bytes that all shards together may take.
        codec: of the images, by name.
    """

    def __init__(
        self,
        shelf: Shelf,
        maker: Maker,
        parameters: Mapping[str, Any],
        samples: int,
        limit: int,
        codec: str = "png",
    ) -> None:
        self.shelf, self.maker, self.parameters, self.samples = shelf, maker, parameters, samples
        self.limit, self.codec = limit, codec
        self._largest = max(shelf.shards().values(), default=0)

    def serve(self) -> None:
        """Until nobody reads.

        Raises:
            OSError: the disk is full, or `limit` is less than what is needed at one time.
        """
        while needs := self.shelf.readers():
            have = self._drop_unneeded(needs)
            shard = next_shard(needs, have)
            if shard is None or not self._make_room(shard, needs, have):
                time.sleep(_POLL_SECONDS)
                continue
            pairs = self._counted(self.maker(self.parameters, shard, self.samples))
            self._largest = max(self._largest, write_samples(self.shelf.path(shard), pairs, self.codec))
            self._check_limit(needs)

    def _counted(self, pairs: Iterator[StereoSample]) -> Iterator[StereoSample]:
        number = 0
        for pair in pairs:
            number += 1
            yield pair
        if number != self.samples:
            raise ValueError(f"the maker gave {number} pairs in place of {self.samples}")

    def _drop_unneeded(self, needs: Sequence[Needs]) -> dict[int, int]:
        """Delete what nobody needs, if all have said what they do; what is left, with its bytes."""
        have = self.shelf.shards()
        if not any(each.is_silent for each in needs):
            for shard in [shard for shard in have if not any(each.include(shard) for each in needs)]:
                self.shelf.drop(shard)
                del have[shard]
        return have

    def _make_room(self, shard: int, needs: Sequence[Needs], have: dict[int, int]) -> bool:
        """Whether a shard can be made now; what is not needed now gives way to what is."""
        if self._fits(sum(have.values())):
            return True
        if not any(each.press(shard) for each in needs):
            return False
        spare = [other for other in have if not any(each.press(other) for each in needs)]
        oldest_live = min((each.live.start for each in needs if each.live), default=0)
        # What lies behind all goes first, then what is needed last.
        for victim in sorted(spare, key=lambda other: (other >= oldest_live, -other)):
            self.shelf.drop(victim)
            del have[victim]
            if self._fits(sum(have.values())):
                return True
        raise self._refusal(needs)

    def _fits(self, taken: int) -> bool:
        return taken + self._largest <= self.limit and _free(self.shelf.folder) > self._largest + _SPARE_BYTES

    def _check_limit(self, needs: Sequence[Needs]) -> None:
        """Tell at the first shard, not when the last one is made, that all of them will not fit."""
        if len(_pressing(needs)) * self._largest > self.limit:
            raise self._refusal(needs)

    def _refusal(self, needs: Sequence[Needs]) -> OSError:
        return OSError(
            f"{NO_ROOM}{len(_pressing(needs))} shards of {self._largest / 1e6:.3g} MB are drawn at one time, "
            f"{self.limit / _GB:g} GB are allowed and {_free(self.shelf.folder) / _GB:.1f} GB free"
        )


def next_shard(needs: Sequence[Needs], have: Mapping[int, int]) -> int | None:
    """The shard to make next: one that is waited for, else the nearest ahead of any reader."""
    waited = {shard for each in needs for shard in each.wants if shard not in have}
    if waited:
        return min(waited)
    missing = [(s - each.ahead.start, s) for each in needs if (s := _first_missing(each, have)) is not None]
    return min(missing)[1] if missing else None


def _first_missing(needs: Needs, have: Mapping[int, int]) -> int | None:
    return next((shard for shard in needs.ahead if shard not in have), None)


def _pressing(needs: Sequence[Needs]) -> set[int]:
    return {shard for each in needs for shard in (*each.live, *each.wants)}


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


if __name__ == "__main__":
    main(sys.argv[1:])
