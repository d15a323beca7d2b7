"""The cost volume as one matrix product and a shear, against a loop over disparities: forward and backward.

    python benchmarks/cost_volume.py [--repeats 20] [--threads 2]

Both run in turn in one process; the table shows medians and their ratio, the last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from stereo_exp.model import correlation_volume


def loop_over_disparities(left: Tensor, right: Tensor, num_disparities: int) -> Tensor:
    """The definition as most repositories write it: slice, multiply, mean, assign."""
    batch, _, height, width = left.shape
    volume = left.new_zeros(batch, num_disparities, height, width)
    for d in range(num_disparities):
        volume[:, d, :, d:] = (left[..., d:] * right[..., : width - d]).mean(1)
    return volume


def seconds(volume: Callable[..., Tensor], maps: list[tuple[Tensor, Tensor, int]], backward: bool) -> float:
    """One pass over the three scales."""
    begin = time.perf_counter()
    for left, right, num_disparities in maps:
        out = volume(left, right, num_disparities)
        if backward:
            out.sum().backward()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def main() -> None:
    """Measure at 544×960 (one pair, forward) and 256×512 (four pairs, forward and backward)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    table = Table(title=f"cost volumes at 1/8, 1/16, 1/32 ({device}, {options.threads} threads)")
    for column in ("case", "loop, ms", "product and shear, ms", "ratio"):
        table.add_column(column, justify="right")
    report = {}
    for case, (batch, height, width), backward in (
        ("544x960 forward", (1, 544, 960), False),
        ("4 × 256x512 forward and backward", (4, 256, 512), True),
    ):
        maps = []
        for scale, num_disparities in ((8, 24), (16, 12), (32, 6)):
            shape = (batch, 16, height // scale, width // scale)
            left, right = (torch.randn(shape, device=device, requires_grad=backward) for _ in range(2))
            maps.append((left, right, num_disparities))
        times: dict[str, list[float]] = {"loop": [], "shear": []}
        for _ in range(options.repeats + 2):
            times["loop"].append(seconds(loop_over_disparities, maps, backward))
            times["shear"].append(seconds(correlation_volume, maps, backward))
        loop, shear = (1e3 * statistics.median(t[2:]) for t in times.values())
        table.add_row(case, f"{loop:.2f}", f"{shear:.2f}", f"{loop / shear:.1f}")
        report[case] = {
            "loop_ms": round(loop, 3),
            "shear_ms": round(shear, 3),
            "ratio": round(loop / shear, 2),
        }
    Console().print(table)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
