"""Trainings of equal budget by the entrypoint, each scored on the same pairs: what benchmarks that compare them share.

A training is a command line. Interrupted, the same command goes on where it was; done, it returns at once.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from real.command import run_module
from real.markdown import table
from real.methods import open_predictor, score_set
from real.sets import RealSet, add_data_option
from stereo_exp.base import replacing
from stereo_exp.suite import read_metrics

REPORT = "report.json"
BATCH = 4
TRAINING = (
    f"augment=realworld loader.crop=[192,384] loader.batch_size={BATCH} optim.grad_clip=10 optim.ema_decay=0.998 "
    "tracker=none train.resume=auto eval.pictures=4"
)
"""Of every training."""
NETWORKS = {
    "stereonetplus": "model=stereonetplus optim=adamw optim.lr=1e-3 loss.weight=10 loss.volumes=1",
    "quarternet": "model=quarternet optim=adamw optim.lr=2e-3 loss.weight=4 loss.volumes=1",
}
"""What each is trained with besides: the rates and weights that as many trials found best (docs/log.md)."""
EVALUATIONS = 16
"""Along the way."""
METRICS = (("epe", "EPE, px", 1, 2), ("bad1", "bad-1, %", 100, 1), ("bad2", "bad-2, %", 100, 1))
Scores = dict[str, dict[str, float]]
"""Set -> metric -> value."""


def add_budget_options(parser: argparse.ArgumentParser, names: Sequence[str], what: str) -> None:
    """`--root`, `--pairs`, `--only`, `--picture`, further `KEY=VALUE`, and `--data`."""
    parser.add_argument("--root", type=Path, required=True, help="where runs and rendered pairs are kept")
    parser.add_argument("--pairs", type=int, default=40000, help="that each training sees (default: %(default)s)")
    parser.add_argument("--only", choices=names, help=f"{what} alone, and stop")
    parser.add_argument("--picture", type=Path, help="draw the curves into this file")
    parser.add_argument("words", nargs="*", metavar="KEY=VALUE", help="for every training, e.g. machine.threads=1")
    add_data_option(parser)


def budget_words(name: str, options: argparse.Namespace, num_train: int) -> list[str]:
    """How long a run trains, under which name, evaluated how often.

    Args:
        name: of the run.
        options: `root`, `pairs` and `words` count.
        num_train: pairs of its set.
    """
    epochs = options.pairs / num_train
    return [
        *TRAINING.split(), f"name={name}", f"root={options.root}", f"optim.steps={options.pairs // BATCH}",
        f"train.eval_every={epochs / EVALUATIONS:.6f}", *options.words,
    ]  # fmt: skip


def find_finished(words: Sequence[str]) -> Path | None:
    """The newest run that these very words were typed for and that came to its end; None: there is none.

    `train.resume=auto` goes on with what was interrupted; a run that is done it leaves, and begins anew.
    """
    typed = dict(word.split("=", 1) for word in words if word.startswith(("name=", "root=")))
    for report in sorted(Path(typed["root"]).glob(f"{typed['name']}/float/*/{REPORT}"), reverse=True):
        overrides = report.parent / ".hydra" / "overrides.yaml"
        if overrides.is_file() and sorted(yaml.safe_load(overrides.read_text())) == sorted(words):
            return report.parent
    return None


def train(words: Sequence[str]) -> Path:
    """The run's folder, once it is trained.

    Raises:
        UserError: the training failed.
    """
    if (finished := find_finished(words)) is not None:
        return finished
    return Path(run_module(words, is_shown=True)["run_dir"])


def evaluate(run: Path, sets: Sequence[RealSet]) -> Scores:
    """Set -> metrics of the run's best weights, at the size that the network likes."""
    predict, _ = open_predictor(run / "checkpoints" / "best.safetensors")
    return {each.name: score_set(predict, each) for each in sets}


def read_report(run: Path) -> dict[str, Any]:
    """What a run said at its end."""
    report: dict[str, Any] = json.loads((run / REPORT).read_text())
    return report


def render_scores(scores: Mapping[str, Scores], metrics: Sequence[tuple[str, str, int, int]] = METRICS) -> str:
    """A table in Markdown: a row for each set, for each metric a column for each training."""
    names = list(scores)
    head = ["", *(f"{label} {name}" for _, label, *_ in metrics for name in names)]
    rows = []
    for each in next(iter(scores.values())):
        cells = [f"{scale * scores[name][each][key]:.{digits}f}" for key, _, scale, digits in metrics for name in names]
        rows.append([each, *cells])
    return table(head, rows)


def draw_curves(path: Path, runs: Mapping[str, Path], label: str) -> None:
    """EPE on held-out rendered pairs over pairs seen; `label` says of which pairs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    for name, run in runs.items():
        records = [r for r in read_metrics(run) if r.get("test/epe") is not None and r["step"] > 0]
        axes.plot([BATCH * r["step"] for r in records], [r["test/epe"] for r in records], marker="o", ms=3, label=name)
    axes.set(xlabel="pairs seen", ylabel=label, yscale="log")
    # Whole numbers, not powers of ten: the curves span less than one.
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")
