"""Train float on shapes for 600 steps and draw the EPE on the test split over steps.

    python benchmarks/training_curve.py [--steps 600] [--out docs/images/training_curve.png]

Runs the entrypoint itself. The goal: at the end less than half of the EPE of step 20. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from real.command import run_module
from rich.console import Console
from rich.table import Table

from stereo_exp.base import exit_on_user_error, replacing
from stereo_exp.suite import read_metrics

EARLY_STEP = 20


def train(steps: int) -> dict[str, Any]:
    """The entrypoint's report; evaluates every 20 steps (a twelfth of an epoch of the default data)."""
    words = [
        "name=training_curve", f"optim.steps={steps}", "optim.warmup_steps=24",
        f"train.eval_every={EARLY_STEP / 240}", "train.log_every=5", "tracker=none", "eval.pictures=0",
    ]  # fmt: skip
    return run_module(words, is_shown=True)


def draw(path: Path, records: list[dict]) -> None:
    """Training EPE of single batches, test EPE of the averaged weights."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    for key, label, style in (
        ("train/epe", "training batch", {"lw": 0.7, "alpha": 0.6}),
        ("test/epe", "test split", {"lw": 1.8, "marker": "o", "ms": 3}),
    ):
        points = [(r["step"], r[key]) for r in records if r.get(key) is not None]
        axes.plot(*zip(*points, strict=True), label=label, **style)
    axes.set(xlabel="step (four 256×512 pairs each)", ylabel="EPE, px", yscale="log", title="float on shapes")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def main() -> None:
    """Train, draw, and compare the end with step 20."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--out", type=Path, default=Path("docs/images/training_curve.png"))
    options = parser.parse_args()
    with exit_on_user_error():
        report = train(options.steps)
    records = list(read_metrics(Path(report["run_dir"])))
    test = {r["step"]: r["test/epe"] for r in records if "test/epe" in r}
    draw(options.out, records)
    table = Table(title="EPE on the test split of shapes, px")
    for column in ("step", "EPE"):
        table.add_column(column, justify="right")
    for step in sorted({EARLY_STEP, *(s for s in test if s % 100 == 0), max(test)} & test.keys()):
        table.add_row(str(step), f"{test[step]:.3f}")
    Console().print(table)
    last = test[max(test)]
    summary = {
        "steps": max(test),
        f"epe_step_{EARLY_STEP}": test[EARLY_STEP],
        "epe_end": last,
        "ratio": last / test[EARLY_STEP],
        "seconds": report["seconds"],
    }
    print(json.dumps({k: round(v, 4) for k, v in summary.items()}))


if __name__ == "__main__":
    main()
