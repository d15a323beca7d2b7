"""How long a device would need for a layer: the longer of computing and moving (Williams et al., CACM 2009)."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache

from stereo_exp.config.deploy import Device
from stereo_exp.deploy.report.layers import Layer


@dataclass(frozen=True)
class Figures:
    """A device's peaks, in operations and bytes a second."""

    title: str
    int8_ops: float
    float32_ops: float
    bandwidth: float


def figures_of(device: Device) -> Figures:
    """A described device's figures, or this machine's, measured."""
    if device.int8_tops is None or device.float32_gflops is None or device.bandwidth_gbs is None:
        int8, float32, bandwidth = _measured()
        return Figures(f"{device.title} ({os.cpu_count()} cores)", int8, float32, bandwidth)
    return Figures(device.title, device.int8_tops * 1e12, device.float32_gflops * 1e9, device.bandwidth_gbs * 1e9)


def seconds(layer: Layer, figures: Figures) -> tuple[float, float]:
    """(computing, moving) of one layer. Element-wise work counts one operation for each output value."""
    is_integer = layer.bits_weight in range(1, 9) and layer.bits_in <= 8
    if layer.kind == "MatMul":
        is_integer = layer.bits_in <= 8
    values = 1
    for length in layer.output:
        values *= length
    operations = 2 * layer.macs or values
    peak = figures.int8_ops if is_integer else figures.float32_ops
    return operations / peak, layer.bytes_moved / figures.bandwidth


@cache
def _measured() -> tuple[float, float, float]:
    """int8 and float32 multiplications and copies of this machine, best of several, by torch on all its threads.

    In float32 a convolution: MKL's matrix product takes twice as long on some processors as oneDNN's convolution.
    """
    import torch

    side, channels, rows = 1024, 128, 64
    small = torch.randint(-8, 8, (side, side), dtype=torch.int8)
    maps = torch.randn(2, channels, rows, rows).to(memory_format=torch.channels_last)
    kernels = torch.randn(channels, channels, 3, 3).to(memory_format=torch.channels_last)
    large = torch.empty(64 * 1024 * 1024, dtype=torch.uint8)
    target = torch.empty_like(large)
    return (
        2.0 * side**3 / _best(lambda: torch._int_mm(small, small)),
        2.0 * maps.numel() * kernels[0].numel() / _best(lambda: torch.conv2d(maps, kernels, padding=1)),
        # Read and written.
        2.0 * large.numel() / _best(lambda: target.copy_(large)),
    )


def _best(run, rounds: int = 8) -> float:  # type: ignore[no-untyped-def]
    run()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)
