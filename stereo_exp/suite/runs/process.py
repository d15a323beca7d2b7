"""This process among those that run together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Process:
    """This process among those of the run. Of one alone torch is not imported."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    """Among those of this machine."""
    local_size: int = 1
    """Processes of this machine."""
    joined: bool = False
    """Whether torch.distributed joins them, be it a single one."""

    @property
    def is_main(self) -> bool:
        """The one that logs, tracks and writes."""
        return self.rank == 0

    def all_true(self, flag: Tensor) -> bool:
        """Whether a one-element bool tensor is true in every process."""
        if self.joined:
            import torch
            from torch import distributed

            flag = flag.to(torch.int32)
            distributed.all_reduce(flag, distributed.ReduceOp.MIN)
        return bool(flag)

    def any_true(self, flag: Tensor) -> bool:
        """Whether a one-element bool tensor is true in some process."""
        return not self.all_true(~flag)

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the processes of a tensor of one shape, float64; without gradient."""
        import torch

        value = value.detach().to(torch.float64)
        if self.joined:
            from torch import distributed

            distributed.all_reduce(value)
        return value / self.world_size

    def total(self, values: np.ndarray, device: torch.device) -> np.ndarray:
        """The sum of every process's `values`, float64 and of one shape; `device` is where processes talk."""
        if not self.joined:
            return values
        import torch
        from torch import distributed

        summed = torch.from_numpy(values.copy()).to(device)
        distributed.all_reduce(summed)
        of_all: np.ndarray = summed.cpu().numpy()
        return of_all

    def barrier(self) -> None:
        """Wait until every process is here."""
        if self.joined:
            from torch import distributed

            distributed.barrier()

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Give every process rank 0's values."""
        if self.joined:
            from torch import distributed

            for tensor in tensors:
                distributed.broadcast(tensor, 0)
