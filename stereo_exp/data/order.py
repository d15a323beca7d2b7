"""Which pair comes when: orders drawn from (seed, epoch), shared out over ranks.

Nothing here knows of loader workers, so their number cannot change what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

# Keys the two uses of Philox apart: the same (seed, epoch) must not give both an order and a crop.
_ORDER_STREAM, _SAMPLE_STREAM, _MIX_STREAM = 0, 1, 2
_WORD = (1 << 64) - 1

Place = tuple[int, int]
"""(epoch, index of the pair in the data set)."""


class Part(NamedTuple):
    """One data set of a mixture: how many pairs it has, and how many of them an epoch of the mixture draws."""

    num_samples: int
    share: int


def epoch_order(num_samples: int, seed: int, epoch: int, part: int = 0) -> np.ndarray:
    """A permutation of range(num_samples), int64, that depends on the arguments only."""
    return _generator(seed, _ORDER_STREAM, epoch, part).permutation(num_samples)


def mixed_places(parts: Sequence[Part], seed: int, epoch: int) -> np.ndarray:
    """One epoch of a mixture: int64 Σ share × 2, each row (the part's own epoch, index in the parts put end to end).

    Every part is read as an endless sequence of its own epochs, from which each epoch of the mixture takes the next
    `share`: no pair of a part comes back before all others of it have been seen. The rows of all parts are shuffled.
    """
    rows = []
    offset = 0
    for number, part in enumerate(parts):
        own_epochs, positions = np.divmod(np.arange(epoch * part.share, (epoch + 1) * part.share), part.num_samples)
        indices = np.empty_like(positions)
        for own_epoch in np.unique(own_epochs):
            chosen = own_epochs == own_epoch
            indices[chosen] = epoch_order(part.num_samples, seed, int(own_epoch), number)[positions[chosen]]
        rows.append(np.stack((own_epochs, indices + offset), axis=1))
        offset += part.num_samples
    places = np.concatenate(rows)
    return places[_generator(seed, _MIX_STREAM, epoch, 0).permutation(len(places))]


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
        num_samples: pairs in an epoch, at least 1: those of the data set, or the shares of a mixture.
        batch_size: pairs in a batch of one rank.
        rank, world_size: this process, and how many there are.
        seed: of the orders.
        start_step, total_steps: global steps, the first to yield and the first not to.
        parts: of a mixture, see `mixed_places`; without them there is one data set.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        *,
        seed: int,
        total_steps: int,
        start_step: int = 0,
        rank: int = 0,
        world_size: int = 1,
        parts: Sequence[Part] = (),
    ) -> None:
        _check(num_samples, batch_size, rank, world_size)
        self.parts = tuple(parts)
        self.num_samples, self.batch_size = num_samples, batch_size
        self.seed, self.start_step, self.total_steps = seed, start_step, total_steps
        self.rank, self.world_size = rank, world_size

    def __len__(self) -> int:
        return max(0, self.total_steps - self.start_step)

    def __iter__(self) -> Iterator[list[Place]]:
        global_batch = self.batch_size * self.world_size
        steps = steps_per_epoch(self.num_samples, self.batch_size, self.world_size)
        # How far one epoch's first pair lies from the next one's, in the endless sequence of pairs.
        stride = steps * global_batch if self.num_samples >= global_batch else self.num_samples
        places: Sequence[Place] = ()
        places_epoch = -1
        for step in range(self.start_step, self.total_steps):
            first = step * global_batch + self.rank * self.batch_size
            batch: list[Place] = []
            for place in range(first, first + self.batch_size):
                epoch, position = divmod(place, stride)
                if epoch != places_epoch:
                    places, places_epoch = _Epoch(self, epoch), epoch
                batch.append(places[position])
            yield batch


class _Epoch(Sequence[Place]):
    """One epoch's places, in order; of a mixture's parts, with their own epochs. Eight bytes a pair, or sixteen."""

    def __init__(self, batches: TrainBatches, epoch: int) -> None:
        self.epoch, self.own_epochs = epoch, None
        if batches.parts:
            self.own_epochs, self.indices = mixed_places(batches.parts, batches.seed, epoch).T
        else:
            self.indices = epoch_order(batches.num_samples, batches.seed, epoch)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Place:  # type: ignore[override]
        epoch = self.epoch if self.own_epochs is None else int(self.own_epochs[position])
        return epoch, int(self.indices[position])


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
