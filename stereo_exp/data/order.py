"""Which pair comes when: an epoch's order shared out over steps and ranks.

Nothing here knows of loader workers, so their number cannot change what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stereo_exp.data.shuffle import Order, Place


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
