"""The static performance report: what every layer costs, counted, and how long a described device would need."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import onnx

from stereo_exp.base.files import write_text
from stereo_exp.config.deploy import Device
from stereo_exp.deploy.report.layers import Layer, layers
from stereo_exp.deploy.report.page import page

# How long a device would need for a layer: the longer of computing and moving (Williams et al., CACM 2009).


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


# `model.json` and `model.html`: the static report's numbers, and a page that shows them.


JSON_FILE, PAGE_FILE = "model.json", "model.html"


def write_report(
    model: onnx.ModelProto, folder: Path, facts: dict[str, Any], size: tuple[int, int], device: Device
) -> dict[str, Any]:
    """Count a `full` form at one size and leave `model.json` and `model.html`; returns the totals.

    Args:
        facts: what the page's head says about the model.
    """
    figures = figures_of(device)
    report = summarise(layers(model, size), figures, {**facts, "size": list(size)})
    write_text(folder / JSON_FILE, json.dumps(report, indent=1) + "\n")
    write_text(folder / PAGE_FILE, page(report))
    return report["totals"]


def summarise(found: Sequence[Layer], figures: Figures, facts: dict[str, Any]) -> dict[str, Any]:
    """`model`, `device`, `totals`, `parts` and `layers`, as JSON takes them. Times in ms, estimated."""
    rows = []
    for layer in found:
        compute, memory = (1e3 * s for s in seconds(layer, figures))
        rows.append(
            {
                **asdict(layer),
                "bytes_moved": layer.bytes_moved,
                "compute_ms": compute,
                "memory_ms": memory,
                "ms": max(compute, memory),
                "bound": "compute" if compute >= memory else "memory",
            }
        )
    parts = {}
    for name in dict.fromkeys(row["part"] for row in rows):
        parts[name] = _totals([row for row in rows if row["part"] == name])
    return {
        "model": facts,
        "device": asdict(figures),
        "totals": _totals(rows),
        "parts": parts,
        "layers": rows,
    }


def _totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "layers": len(rows),
        "macs": sum(row["macs"] for row in rows),
        "parameters": sum(row["parameters"] for row in rows),
        "bytes_moved": sum(row["bytes_moved"] for row in rows),
        "integer_macs": sum(row["macs"] for row in rows if row["bits_in"] <= 8),
        "ms": sum(row["ms"] for row in rows),
    }
