"""Several pairs in tensors, and what became of those that could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from stereo_exp.data.sample import StereoSample
from stereo_exp.data.transforms import STRIDE, UNKNOWN, padded_size


@dataclass(frozen=True)
class StereoBatch:
    """B pairs, padded at the bottom and the right to one size that is a multiple of 32.

    Attributes:
        left, right: uint8 B×3×H×W, RGB; padding 0.
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

    def to(self, device: torch.device | str, non_blocking: bool = False) -> StereoBatch:
        """The batch with its tensors on a device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> StereoBatch:
        """The batch in page-locked memory; torch's DataLoader calls this."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, function) -> StereoBatch:  # type: ignore[no-untyped-def]
        tensors = {f.name: value for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)}
        return replace(self, **{name: function(tensor) for name, tensor in tensors.items()})


def first_pairs(batches: Iterable[StereoBatch], limit: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Left and right, uint8 1×3×H×W each, of the first `limit` pairs, padded as their batches are."""
    pairs = ((b.left[i : i + 1], b.right[i : i + 1]) for b in batches for i in range(len(b)))
    return islice(pairs, limit)


def collate(
    samples: Sequence[StereoSample],
    indices: Sequence[int],
    *,
    epoch: int = 0,
    skipped: Sequence[tuple[str, str]] = (),
) -> StereoBatch:
    """Put pairs into one batch, padded to the largest of them and on to a multiple of 32."""
    height, width = padded_size(
        (
            max((sample.size[0] for sample in samples), default=STRIDE),
            max((sample.size[1] for sample in samples), default=STRIDE),
        )
    )
    shape = (len(samples), height, width)
    left, right = (np.zeros((len(samples), 3, height, width), np.uint8) for _ in range(2))
    disparity, noc = np.full(shape, UNKNOWN, np.float32), np.zeros(shape, np.bool_)
    for row, sample in enumerate(samples):
        h, w = sample.size
        left[row, :, :h, :w] = sample.left.transpose(2, 0, 1)
        right[row, :, :h, :w] = sample.right.transpose(2, 0, 1)
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
