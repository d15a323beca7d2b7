"""How long a device would need for each layer: the longer of computing and moving (Williams et al., CACM 2009).

A device is its `Figures`, described or measured. `write_report` counts a graph's layers, estimates, adds up, and leaves
`model.json` and `model.html`.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import onnx

from stereo_exp.base import write_text
from stereo_exp.deploy.report.layers import Layer, count_layers
from stereo_exp.deploy.report.page import render_page

JSON_FILE, PAGE_FILE = "model.json", "model.html"


@dataclass(frozen=True)
class Figures:
    """A device's peaks, in operations and bytes a second; a multiply-accumulate is two operations."""

    title: str
    """As the report shows it."""
    int8_ops: float
    float32_ops: float
    bandwidth: float
    """To and from memory."""

    def __post_init__(self) -> None:
        for name in ("int8_ops", "float32_ops", "bandwidth"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)}: must be above 0")


def describe_device(title: str, int8_tops: float, float32_gflops: float, bandwidth_gbs: float) -> Figures:
    """A device by the figures of its data sheet.

    Args:
        title: as the report shows it.
        int8_tops: 10^12 operations a second.
        float32_gflops: 10^9 operations a second.
        bandwidth_gbs: 10^9 bytes a second, to and from memory.

    Raises:
        ValueError: a figure is not above 0.
    """
    return Figures(title, int8_tops * 1e12, float32_gflops * 1e9, bandwidth_gbs * 1e9)


def measure_device(title: str) -> Figures:
    """This machine, measured in about a second, once a process; the number of its cores is added to the title."""
    return Figures(f"{title} ({os.cpu_count()} cores)", *_measure())


@cache
def _measure() -> tuple[float, float, float]:
    """int8 and float32 operations and bytes a second, best of several rounds, by torch on all its threads.

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
        2.0 * side**3 / _time_best(lambda: torch._int_mm(small, small)),
        2.0 * maps.numel() * kernels[0].numel() / _time_best(lambda: torch.conv2d(maps, kernels, padding=1)),
        # Read and written.
        2.0 * large.numel() / _time_best(lambda: target.copy_(large)),
    )


def _time_best(run: Callable[[], object], rounds: int = 8) -> float:
    run()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


def estimate_seconds(layer: Layer, figures: Figures) -> tuple[float, float]:
    """(computing, moving) of one layer. Element-wise work counts one operation for each output value."""
    is_integer = layer.bits_weight in range(1, 9) and layer.bits_in <= 8
    if layer.kind == "MatMul":
        is_integer = layer.bits_in <= 8
    operations = 2 * layer.macs or math.prod(layer.output)
    peak = figures.int8_ops if is_integer else figures.float32_ops
    return operations / peak, layer.bytes_moved / figures.bandwidth


def summarize(layers: Sequence[Layer], figures: Figures, facts: dict[str, Any]) -> dict[str, Any]:
    """`model`, `device`, `totals`, `parts` and `layers`, as JSON takes them. Times in ms, estimated."""
    rows = []
    for layer in layers:
        compute, memory = (1e3 * s for s in estimate_seconds(layer, figures))
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
        parts[name] = _add_up([row for row in rows if row["part"] == name])
    return {
        "model": facts,
        "device": asdict(figures),
        "totals": _add_up(rows),
        "parts": parts,
        "layers": rows,
    }


def _add_up(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "layers": len(rows),
        "macs": sum(row["macs"] for row in rows),
        "parameters": sum(row["parameters"] for row in rows),
        "bytes_moved": sum(row["bytes_moved"] for row in rows),
        "integer_macs": sum(row["macs"] for row in rows if row["bits_in"] <= 8),
        "ms": sum(row["ms"] for row in rows),
    }


def write_report(
    model: onnx.ModelProto, folder: Path, facts: dict[str, Any], size: tuple[int, int], figures: Figures
) -> dict[str, Any]:
    """Count a `full` form at one size and leave `model.json` and `model.html`; returns the totals.

    Args:
        facts: what the page's head says about the model: `name`, `stage`, and anything else; None is left out.
        size: height and width of the images.
        figures: the device that times are estimated for.
    """
    report = summarize(count_layers(model, size), figures, {**facts, "size": list(size)})
    write_text(folder / JSON_FILE, json.dumps(report, indent=1) + "\n")
    write_text(folder / PAGE_FILE, render_page(report))
    return report["totals"]
