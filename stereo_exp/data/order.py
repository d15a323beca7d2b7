"""Which pair comes when: orders drawn from (seed, epoch), shared out over ranks.

Nothing here knows of loader workers, so their number cannot change what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Keys the two uses of Philox apart: the same (seed, epoch) must not give both an order and a crop.
_ORDER_STREAM, _SAMPLE_STREAM = 0, 1
_WORD = (1 << 64) - 1

Place = tuple[int, int]
"""(epoch, index of the pair in the data set)."""


def epoch_order(num_samples: int, seed: int, epoch: int) -> np.ndarray:
    """A permutation of range(num_samples), int64, that depends on the arguments only."""
    return _generator(seed, _ORDER_STREAM, epoch, 0).permutation(num_samples)


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
        num_samples: pairs in the data set, at least 1.
        batch_size: pairs in a batch of one rank.
        rank, world_size: this process, and how many there are.
        seed: of the orders.
        start_step, total_steps: global steps, the first to yield and the first not to.
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
    ) -> None:
        _check(num_samples, batch_size, rank, world_size)
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
        order, order_epoch = np.empty(0, np.int64), -1
        for step in range(self.start_step, self.total_steps):
            first = step * global_batch + self.rank * self.batch_size
            batch: list[Place] = []
            for place in range(first, first + self.batch_size):
                epoch, position = divmod(place, stride)
                if epoch != order_epoch:
                    order, order_epoch = epoch_order(self.num_samples, self.seed, epoch), epoch
                batch.append((epoch, int(order[position])))
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
