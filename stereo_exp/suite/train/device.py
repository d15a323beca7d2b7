"""Where a run computes and in which precision; every automatic choice comes with its reason."""

from __future__ import annotations

import logging
from typing import NamedTuple

import torch

from stereo_exp.base import UserError
from stereo_exp.config import Machine
from stereo_exp.suite.runs.process import Process

log = logging.getLogger(__name__)


class Compute(NamedTuple):
    """A device and the dtype of its autocast (None: float32 throughout)."""

    device: torch.device
    autocast: torch.dtype | None

    def precision(self) -> torch.autocast:
        """The autocast context of a training step's forward pass."""
        return torch.autocast(
            self.device.type, dtype=self.autocast or torch.bfloat16, enabled=self.autocast is not None
        )


def choose(config: Machine, process: Process = Process()) -> Compute:  # noqa: B008 (immutable)
    """Device and precision for a process of the run; the first one logs why.

    Raises:
        UserError: CUDA asked for where there is none, or more processes than GPUs.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    has_cuda = torch.cuda.is_available()
    if config.device == "cuda" and not has_cuda:
        raise UserError("machine.device", "cuda", "torch sees no CUDA device here", "use machine.device=cpu")
    use_cuda = has_cuda and config.device != "cpu"
    if use_cuda and process.local_size > torch.cuda.device_count():
        raise UserError(
            "machine.processes",
            process.local_size,
            f"there are {torch.cuda.device_count()} GPUs here, and each process takes one",
            f"use machine.processes={torch.cuda.device_count()}",
        )
    device = torch.device("cuda", process.local_rank) if use_cuda else torch.device("cpu")
    if use_cuda:
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
        keep_float32()
    dtype, reason = _autocast(config.precision, device)
    if process.is_main:
        name = torch.cuda.get_device_name(device) if use_cuda else f"CPU, {torch.get_num_threads()} threads"
        log.info("device %s (%s); %s", device, name, reason)
    return Compute(device, dtype)


def keep_float32() -> None:
    """Convolutions in float32 are that on GPUs, too: TF32's 10 bits are 0.1 px of 192. Training's autocast is not
    touched."""
    torch.backends.cudnn.allow_tf32 = False


def _autocast(precision: str, device: torch.device) -> tuple[torch.dtype | None, str]:
    if precision == "fp32":
        return None, "float32, as asked"
    if precision == "bf16":
        return torch.bfloat16, "bf16 autocast, as asked"
    if device.type == "cuda":
        if torch.cuda.get_device_capability(device) >= (8, 0):
            return torch.bfloat16, "bf16 autocast: the GPU has bf16 tensor cores"
        return None, "float32: the GPU has no bf16 tensor cores"
    # torch offers no public name for these; a version without them simply stays in float32.
    for probe, unit in (("_is_amx_tile_supported", "AMX"), ("_is_avx512_bf16_supported", "AVX512-BF16")):
        if getattr(torch.cpu, probe, lambda: False)():
            return torch.bfloat16, f"bf16 autocast: the CPU has {unit}"
    return None, "float32: the CPU has no bf16 instructions"
