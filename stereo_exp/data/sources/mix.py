"""Several data sets as one: their pairs end to end, and how many of each an epoch draws."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

from stereo_exp.data.order import Mixture, OneSet, Part, Shuffle
from stereo_exp.data.source import StereoSource
from stereo_exp.geometry import StereoSample


class MixSource(StereoSource):
    """The pairs of several sources, one after the other; `parts` has them by name.

    Args:
        sources: by name, each with at least one pair.
        weights: relative shares of an epoch's pairs, by name, 1 where left out; empty: every pair once an epoch.
    """

    def __init__(self, sources: Mapping[str, StereoSource], weights: Mapping[str, float]) -> None:
        self.names, self.parts = tuple(sources), dict(sources)
        self._sources = list(sources.values())
        self._ends = list(accumulate(len(s) for s in self._sources))
        sizes = [float(len(s)) for s in self._sources]
        wanted = [float(weights.get(name, 1.0)) for name in self.names] if weights else sizes
        total = sum(sizes)
        self._shares = [max(1, round(total * weight / sum(wanted))) for weight in wanted]

    def __len__(self) -> int:
        return self._ends[-1]

    @property
    def order(self) -> Mixture:
        """Every part in its own order, as often as the weights say."""
        return Mixture(tuple(map(Part, map(_own_order, self._sources), self._shares)))

    @property
    def has_truth(self) -> bool:
        """Whether any part has."""
        return any(source.has_truth for source in self._sources)

    def set_of(self, index: int) -> str:
        """The name of the data set that a pair belongs to."""
        return self.names[self._locate(index)[0]]

    def key(self, index: int) -> str:
        """The set's name and the pair's key in it."""
        part, position = self._locate(index)
        return f"{self.names[part]}/{self._sources[part].key(position)}"

    def read(self, index: int) -> StereoSample:
        """One pair. `DataError`: see its source."""
        part, position = self._locate(index)
        return self._sources[part].read(position)

    def read_at(self, epoch: int, index: int) -> StereoSample:
        """One pair as the part's own epoch has it."""
        part, position = self._locate(index)
        return self._sources[part].read_at(epoch, position)

    def close(self) -> None:
        """Close every part."""
        for source in self._sources:
            source.close()

    def _locate(self, index: int) -> tuple[int, int]:
        index = range(len(self))[index]
        part = bisect_right(self._ends, index)
        return part, index - (self._ends[part - 1] if part else 0)


def _own_order(source: StereoSource) -> OneSet:
    order = source.order
    return order if isinstance(order, OneSet) else Shuffle(len(source))  # of a mixture in a mixture
