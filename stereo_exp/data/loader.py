"""From a source to batches: torch's DataLoader with our orders, our errors and our random numbers."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from stereo_exp.base import ArgumentError, DataError
from stereo_exp.data.augment import Augment
from stereo_exp.data.order import EvalBatches, Place, TrainBatches, sample_rng
from stereo_exp.data.source import StereoSource
from stereo_exp.data.workers import PATIENCE, begin_worker, read_batches
from stereo_exp.geometry import UNKNOWN, StereoSample, check_sample, pad_edges, round_up_size

# Several pairs in tensors, and what became of those that could not be read.


@dataclass(frozen=True)
class StereoBatch:
    """B pairs, padded at the bottom and the right to one size that a network takes.

    Attributes:
        left, right: uint8 B×3×H×W, RGB; padding repeats the edges, see `stereo_exp.geometry.images.pad_edges`.
        disparity: float32 B×H×W, px; 0 or less = unknown, padding -1. None: no pair of the batch has truth,
            which never happens in training.
        noc: bool B×H×W, true where not occluded. None unless every pair of the batch has it.
        keys: the pairs' names.
        sizes: (height, width) of each pair before padding: crop predictions to it before comparing.
        indices: of the pairs in the data set.
        epoch: of the first pair; 0 in evaluation.
        skipped: (key, reason) of pairs that on_error=skip left out. With all of them left out B is 0.
    """

    left: Tensor
    right: Tensor
    disparity: Tensor | None
    noc: Tensor | None
    keys: list[str]
    sizes: list[tuple[int, int]]
    indices: list[int]
    epoch: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.keys)

    def crop(self, i: int, values: Tensor) -> Tensor:
        """What of values B×…×H×W belongs to pair `i`, without its padding: …×H×W of its own size."""
        height, width = self.sizes[i]
        return values[i, ..., :height, :width]

    def sample(self, i: int) -> StereoSample:
        """Pair `i` as it was before padding, on the CPU; what the cameras were is not known any more."""
        left, right = (np.ascontiguousarray(self.crop(i, v).permute(1, 2, 0).numpy()) for v in (self.left, self.right))
        truth, noc = (None if v is None else self.crop(i, v).numpy() for v in (self.disparity, self.noc))
        return StereoSample(self.keys[i], left, right, truth, noc)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> StereoBatch:
        """The batch with its tensors on a device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> StereoBatch:
        """The batch in page-locked memory; torch's DataLoader calls this."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, function) -> StereoBatch:  # type: ignore[no-untyped-def]
        tensors = {f.name: value for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)}
        return replace(self, **{name: function(tensor) for name, tensor in tensors.items()})


def first_views(batches: Iterable[StereoBatch], limit: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Left and right, uint8 1×3×H×W each, of the first `limit` pairs, padded as their batches are."""
    pairs = ((b.left[i : i + 1], b.right[i : i + 1]) for b in batches for i in range(len(b)))
    return islice(pairs, limit)


def collate(
    samples: Sequence[StereoSample],
    indices: Sequence[int],
    *,
    multiple: int = 1,
    epoch: int = 0,
    skipped: Sequence[tuple[str, str]] = (),
) -> StereoBatch:
    """Put pairs into one batch, padded to the largest of them and on to a multiple of `multiple` both ways: of a
    network what it says itself."""
    height, width = (max((sample.size[axis] for sample in samples), default=1) for axis in (0, 1))
    height, width = round_up_size((height, width), multiple)
    shape = (len(samples), height, width)
    left, right = (np.empty((len(samples), 3, height, width), np.uint8) for _ in range(2))
    disparity, noc = np.full(shape, UNKNOWN, np.float32), np.zeros(shape, np.bool_)
    for row, sample in enumerate(samples):
        h, w = sample.size
        left[row] = pad_edges(sample.left, (height, width)).transpose(2, 0, 1)
        right[row] = pad_edges(sample.right, (height, width)).transpose(2, 0, 1)
        if sample.disparity is not None:
            disparity[row, :h, :w] = sample.disparity
        if sample.noc is not None:
            noc[row, :h, :w] = sample.noc
    no_truth = bool(samples) and all(sample.disparity is None for sample in samples)
    return StereoBatch(
        left=torch.from_numpy(left),
        right=torch.from_numpy(right),
        disparity=None if no_truth else torch.from_numpy(disparity),
        noc=torch.from_numpy(noc) if samples and all(s.noc is not None for s in samples) else None,
        keys=[sample.key for sample in samples],
        sizes=[sample.size for sample in samples],
        indices=list(indices),
        epoch=epoch,
        skipped=list(skipped),
    )


_PREFETCH = 2


@dataclass(frozen=True)
class _Failure:
    """A pair that could not be read. It travels as a value: raised inside a worker, torch would wrap its one
    line into a traceback of many."""

    key: str
    error: DataError


class _Pairs(Dataset[StereoSample | _Failure]):
    """Reads one pair; with `training` also crops and augments it, by random numbers of its own."""

    def __init__(
        self,
        source: StereoSource,
        *,
        training: bool = False,
        seed: int = 0,
        crop: tuple[int, int] | None = None,
        augment: Augment | None = None,
    ) -> None:
        self.source, self.training, self.seed, self.crop = source, training, seed, crop
        self.augment = augment or Augment()

    def __getitem__(self, place: Place) -> tuple[Place, StereoSample | _Failure]:  # type: ignore[override]
        epoch, index = place
        try:
            sample = check_sample(self.source.read_at(epoch, index))
            if self.training and sample.disparity is None:
                raise DataError(sample.key, None, "has no disparity to train on", "train on another data set")
        except DataError as error:
            return place, _Failure(self._key(index), error)
        if self.training:
            sample = self.augment(sample, sample_rng(self.seed, epoch, index), self.crop)
        return place, sample

    def _key(self, index: int) -> str:
        try:
            return self.source.key(index)
        except DataError:  # a shard that cannot be opened has no keys to give
            return f"#{index}"


@dataclass(frozen=True)
class _Collate:
    """Failures out, the rest into batches; or the first failure's error, for the main process to raise."""

    on_error: str
    split_sizes: bool
    multiple: int

    def __call__(self, items: list[tuple[Place, StereoSample | _Failure]]) -> list[StereoBatch] | DataError:
        epoch, skipped = items[0][0][0], []
        groups: dict[tuple[int, int], list[tuple[StereoSample, int]]] = {}
        for (_, index), item in items:
            if isinstance(item, StereoSample):
                size = round_up_size(item.size, self.multiple) if self.split_sizes else (0, 0)
                groups.setdefault(size, []).append((item, index))
            elif self.on_error == "raise":
                return item.error
            else:
                skipped.append((item.key, str(item.error)))
        batches: list[StereoBatch] = []
        for group in groups.values() or [[]]:
            samples, indices = [sample for sample, _ in group], [index for _, index in group]
            told = () if batches else skipped
            batches.append(collate(samples, indices, multiple=self.multiple, epoch=epoch, skipped=told))
        return batches


class StereoLoader:
    """Iterates over `StereoBatch`es; with on_error=raise a pair's `DataError` is raised here, as it was.

    Batches, crops and the batch at which an error is raised do not depend on the number of workers.

    Args:
        patience: seconds without a batch from workers after which an `ArgumentError` says who stands still.
    """

    def __init__(self, loader: DataLoader[Any], patience: float = PATIENCE) -> None:
        self._loader, self._patience = loader, patience

    def __len__(self) -> int:
        """Batches; there can be more of them with `split_sizes`."""
        return len(self._loader)

    def __iter__(self) -> Generator[StereoBatch, None, None]:
        with closing(read_batches(self._loader, self._patience)) as batches:
            for item in batches:
                if isinstance(item, DataError):
                    raise item
                yield from item


def train_loader(
    source: StereoSource,
    *,
    batch_size: int,
    total_steps: int,
    seed: int,
    crop: tuple[int, int] | None = (256, 512),
    multiple: int = 1,
    augment: Augment | None = None,
    on_error: str = "raise",
    workers: int = 0,
    rank: int = 0,
    world_size: int = 1,
    start_step: int = 0,
    pin_memory: bool = False,
    patience: float = PATIENCE,
) -> StereoLoader:
    """Batches for global steps start_step .. total_steps - 1; see `TrainBatches` for their order.

    Args:
        source: pairs with truth, drawn in its `order`.
        batch_size: pairs in a batch of this rank.
        total_steps: the run's global steps; the loader ends there.
        seed: of order, crops and augmentations.
        crop: height and width of the window; None takes whole images.
        multiple: of what the network's heights and widths are multiples, px: what is smaller is padded on to it.
        augment: around the crop; None for none.
        on_error: `raise` or `skip`, for a pair that cannot be read.
        workers: processes that read ahead; 0 reads in this one.
        rank, world_size: this process, and how many train together.
        start_step: where a resumed run goes on.
        pin_memory: hand batches out in page-locked memory.
        patience: see `StereoLoader`.
    """
    _check_source(source)
    batches = TrainBatches(
        source.order,
        batch_size,
        seed=seed,
        total_steps=total_steps,
        start_step=start_step,
        rank=rank,
        world_size=world_size,
    )
    pairs = _Pairs(source, training=True, seed=seed, crop=crop, augment=augment)
    return _loader(pairs, batches, _Collate(on_error, False, multiple), workers, pin_memory, patience)


def eval_loader(
    source: StereoSource,
    *,
    batch_size: int,
    multiple: int = 1,
    on_error: str = "raise",
    workers: int = 0,
    rank: int = 0,
    world_size: int = 1,
    pin_memory: bool = False,
    split_sizes: bool = False,
    limit: int | None = None,
    patience: float = PATIENCE,
) -> StereoLoader:
    """Every pair once over all ranks, whole, in order; arguments as in `train_loader`. Can be iterated again.

    Args:
        split_sizes: what becomes of a batch of several image sizes. False pads all to the largest: what the
            network sees of a pair, and so its error, then depends on its neighbours in the batch. True hands
            out several batches, each of one padded size: no pair is padded further than to the network's
            `multiple`, and the result is the same for every batch size and number of ranks.
        limit: only the first so many pairs.
    """
    _check_source(source)
    count = len(source) if limit is None else min(limit, len(source))
    batches = EvalBatches(count, batch_size, rank=rank, world_size=world_size)
    return _loader(_Pairs(source), batches, _Collate(on_error, split_sizes, multiple), workers, pin_memory, patience)


def _check_source(source: StereoSource) -> None:
    if len(source) == 0:
        raise ArgumentError("source", None, "holds no pairs", "choose another split or folder")


def _loader(
    pairs: _Pairs,
    batches: TrainBatches | EvalBatches,
    collate_fn: _Collate,
    workers: int,
    pin_memory: bool,
    patience: float,
) -> StereoLoader:
    if collate_fn.on_error not in ("raise", "skip"):
        raise ArgumentError("on_error", collate_fn.on_error, "must be one of raise, skip", "choose one")
    return StereoLoader(
        DataLoader(
            pairs,
            batch_sampler=batches,
            collate_fn=collate_fn,
            num_workers=workers,
            pin_memory=pin_memory,
            worker_init_fn=begin_worker if workers else None,
            # Training is one long iteration; evaluation's workers would only sit in memory beside training's.
            persistent_workers=False,
            prefetch_factor=_PREFETCH if workers else None,
            # Without one of its own, the loader would draw from torch's global generator.
            generator=torch.Generator(),
        ),
        patience,
    )
