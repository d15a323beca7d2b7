"""Which pair comes when: an epoch's order shared out over steps and ranks.

Nothing here knows of loader workers, so their number cannot change what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

# The order of an epoch's pairs: all of them shuffled, shard after shard, or a mixture of several data sets.
#
# Each is drawn from (seed, epoch) alone, so that nothing of it needs to be stored: a resumed run draws it again.


# Keys the uses of Philox apart: the same (seed, epoch) must not give both an order and a crop.
_ORDER_STREAM, _SAMPLE_STREAM, _MIX_STREAM = 0, 1, 2
_WORD = (1 << 64) - 1

Place = tuple[int, int]
"""(epoch, index of the pair in the data set)."""


class Places(Sequence[Place]):
    """One epoch's places, in order; of a mixture's parts, with their own epochs. Eight bytes a pair, or sixteen."""

    def __init__(self, epoch: int, indices: np.ndarray, own_epochs: np.ndarray | None = None) -> None:
        self.epoch, self.indices, self.own_epochs = epoch, indices, own_epochs

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Place:  # type: ignore[override]
        epoch = self.epoch if self.own_epochs is None else int(self.own_epochs[position])
        return epoch, int(self.indices[position])


class Order(Protocol):
    """How the epochs of a source are drawn."""

    @property
    def num_samples(self) -> int:
        """Pairs in an epoch."""
        ...

    def places(self, seed: int, epoch: int) -> Places:
        """What an epoch visits, in order; a function of the arguments alone."""
        ...


@dataclass(frozen=True)
class Shuffle:
    """Every pair once an epoch, all of them shuffled."""

    num_samples: int

    def indices(self, seed: int, epoch: int, part: int = 0) -> np.ndarray:
        """A permutation of range(num_samples), int64; `part` tells the data sets of a mixture apart."""
        return _generator(seed, _ORDER_STREAM, epoch, part).permutation(self.num_samples)

    def places(self, seed: int, epoch: int) -> Places:
        return Places(epoch, self.indices(seed, epoch))


@dataclass(frozen=True)
class ShardShuffle:
    """Every pair once an epoch, shard after shard in random order, the pairs of about `window` shards mixed.

    A pair comes at its shard's turn plus a random part of the window: at any time pairs of at most window + 1 shards
    are drawn, and a shard whose last pair is drawn does not return in that epoch. New shards come one at a time, not
    a whole window at once, so that fetching them is spread evenly.

    Attributes:
        sizes: pairs of each shard, in the order of their indices.
        window: shards, at least 1; 1 draws one shard after the other.
    """

    sizes: tuple[int, ...]
    window: int

    @property
    def num_samples(self) -> int:
        return sum(self.sizes)

    def indices(self, seed: int, epoch: int, part: int = 0) -> np.ndarray:
        """As of `Shuffle`; 1.2 s and 0.3 GB for ten million pairs."""
        generator = _generator(seed, _ORDER_STREAM, epoch, part)
        turns = np.empty(len(self.sizes))
        turns[generator.permutation(len(self.sizes))] = np.arange(len(self.sizes))
        when = generator.random(self.num_samples)
        when *= self.window
        when += np.repeat(turns, self.sizes)
        return np.argsort(when, kind="stable")  # a stable sort is the same on every processor

    def places(self, seed: int, epoch: int) -> Places:
        return Places(epoch, self.indices(seed, epoch))


@dataclass(frozen=True)
class Renewal:
    """Every pair of an epoch once; from one epoch to the next, some shards give way to new ones.

    Epoch e has the shards e · fresh … e · fresh + live − 1: each is drawn in live / fresh epochs, one after the other,
    and never again. Shard k takes the place k mod live among the indices of pairs, from the one that went; so an index
    names a pair together with its epoch.

    All pairs of an epoch are shuffled, but new shards come one after the other, so that whoever makes them has time: of
    n new ones, the j-th (from 0 on) after about j / n of the old pairs. In epoch 0 all are new: they come shard after
    shard, about `window` mixed.

    Attributes:
        live: shards of an epoch.
        fresh: of them, those that no earlier epoch had; divides `live`.
        samples: pairs of a shard.
        window: shards, at least 1.
    """

    live: int
    fresh: int
    samples: int
    window: int = 4

    @property
    def num_samples(self) -> int:
        return self.live * self.samples

    def locate(self, epoch: int, index: int) -> tuple[int, int]:
        """The shard, and which of its pairs, that `index` names in an epoch."""
        place, position = divmod(index, self.samples)
        first = epoch * self.fresh
        return first + (place - first) % self.live, position

    def indices(self, seed: int, epoch: int, part: int = 0) -> np.ndarray:
        """As of `Shuffle`."""
        generator = _generator(seed, _ORDER_STREAM, epoch, part)
        first = epoch * self.fresh
        # In the order of the places: how old a shard is, counted from the epoch's oldest.
        ages = (np.arange(self.live) - first) % self.live
        when = generator.random((self.live, self.samples))
        if epoch == 0:
            when = ages[:, None] + self.window * when
        else:
            starts = np.maximum(ages - (self.live - self.fresh), 0)[:, None] / self.fresh
            when = starts + (1 - starts) * when
        return np.argsort(when, axis=None, kind="stable")

    def places(self, seed: int, epoch: int) -> Places:
        return Places(epoch, self.indices(seed, epoch))


OneSet = Shuffle | ShardShuffle | Renewal
"""The orders of a single data set, which a mixture can draw from."""


class Part(NamedTuple):
    """One data set of a mixture: its own order, and how many pairs an epoch of the mixture draws from it."""

    order: OneSet
    share: int


@dataclass(frozen=True)
class Mixture:
    """Several data sets, their pairs end to end.

    Every part is read as an endless sequence of its own epochs, from which each epoch of the mixture takes the next
    `share`: no pair of a part comes back before all others of it have been seen. The draws of all parts are shuffled;
    those of a part whose shards are to stay together keep their sequence.
    """

    parts: tuple[Part, ...]

    @property
    def num_samples(self) -> int:
        return sum(part.share for part in self.parts)

    def places(self, seed: int, epoch: int) -> Places:
        """The epoch of a place is the part's own: with it, its crop and augmentations do not repeat either."""
        shuffled = _generator(seed, _MIX_STREAM, epoch, 0).permutation(self.num_samples)
        own_epochs, indices = np.empty_like(shuffled), np.empty_like(shuffled)
        first = offset = 0
        for number, part in enumerate(self.parts):
            turns = shuffled - first
            mine = np.flatnonzero((turns >= 0) & (turns < part.share))
            turns = turns[mine] if isinstance(part.order, Shuffle) else np.arange(part.share)
            own_epochs[mine], positions = np.divmod(turns + epoch * part.share, part.order.num_samples)
            for own_epoch in np.unique(own_epochs[mine]):
                of_epoch = own_epochs[mine] == own_epoch
                drawn = part.order.indices(seed, int(own_epoch), number)
                indices[mine[of_epoch]] = drawn[positions[of_epoch]] + offset
            first, offset = first + part.share, offset + part.order.num_samples
        return Places(epoch, indices, own_epochs)


def sample_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random numbers of one pair in one epoch: its crop and augmentations draw from here."""
    return _generator(seed, _SAMPLE_STREAM, epoch, index)


def _generator(seed: int, stream: int, epoch: int, index: int) -> np.random.Generator:
    # Philox counts up from its lowest word: with epoch and index in the highest two, streams never meet.
    counter = np.array([0, 0, index, epoch], np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=np.array([seed & _WORD, stream], np.uint64)))


def steps_per_epoch(num_samples: int, batch_size: int, world_size: int = 1) -> int:
    """Global steps in one epoch, at least 1; the pairs that do not fill a last global batch are left out."""
    return max(1, num_samples // (batch_size * world_size))


class TrainBatches:
    """One rank's batches for global steps start_step .. total_steps - 1, without a pause between epochs.

    Step t takes the next batch_size · world_size pairs of its epoch's order; each rank takes a consecutive
    part of them, so that 2 ranks of 8 see together what 1 rank of 16 sees. A run resumed at start_step draws
    exactly the batches that the unbroken run would have drawn.

    A data set smaller than one global batch is read over and over as one endless sequence of epochs, from
    which each step takes the next global batch: no pair comes back before all others have been seen.

    Args:
        order: of the source's epochs, each of at least one pair.
        batch_size: pairs in a batch of one rank.
        rank, world_size: this process, and how many there are.
        seed: of the orders.
        start_step, total_steps: global steps, the first to yield and the first not to.
    """

    def __init__(
        self,
        order: Order,
        batch_size: int,
        *,
        seed: int,
        total_steps: int,
        start_step: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        _check(order.num_samples, batch_size, rank, world_size)
        self.order, self.batch_size = order, batch_size
        self.seed, self.start_step, self.total_steps = seed, start_step, total_steps
        self.rank, self.world_size = rank, world_size

    def __len__(self) -> int:
        return max(0, self.total_steps - self.start_step)

    def __iter__(self) -> Iterator[list[Place]]:
        global_batch = self.batch_size * self.world_size
        num_samples = self.order.num_samples
        steps = steps_per_epoch(num_samples, self.batch_size, self.world_size)
        # How far one epoch's first pair lies from the next one's, in the endless sequence of pairs.
        stride = steps * global_batch if num_samples >= global_batch else num_samples
        places: Sequence[Place] = ()
        places_epoch = -1
        for step in range(self.start_step, self.total_steps):
            first = step * global_batch + self.rank * self.batch_size
            batch: list[Place] = []
            for place in range(first, first + self.batch_size):
                epoch, position = divmod(place, stride)
                if epoch != places_epoch:
                    places, places_epoch = self.order.places(self.seed, epoch), epoch
                batch.append(places[position])
            yield batch


class EvalBatches:
    """One rank's batches for evaluation: every pair exactly once over all ranks, in the order of the data
    set.

    Rank r has the pairs [n·r/w, n·(r+1)/w); nothing is added to make ranks even, so that they may differ by
    one batch, and a rank may have none.
    """

    def __init__(self, num_samples: int, batch_size: int, *, rank: int = 0, world_size: int = 1) -> None:
        _check(num_samples, batch_size, rank, world_size)
        self.batch_size = batch_size
        self.first = num_samples * rank // world_size
        self.end = num_samples * (rank + 1) // world_size

    def __len__(self) -> int:
        return -(-(self.end - self.first) // self.batch_size)

    def __iter__(self) -> Iterator[list[Place]]:
        for start in range(self.first, self.end, self.batch_size):
            yield [(0, index) for index in range(start, min(start + self.batch_size, self.end))]


def _check(num_samples: int, batch_size: int, rank: int, world_size: int) -> None:
    if num_samples < 1 or batch_size < 1 or not 0 <= rank < world_size:
        raise ValueError(
            f"need num_samples >= 1, batch_size >= 1 and 0 <= rank < world_size, not "
            f"{num_samples=}, {batch_size=}, {rank=}, {world_size=}"
        )
