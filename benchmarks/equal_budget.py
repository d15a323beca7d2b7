"""Two networks from random weights, the same pairs in the same order, the same augmentation and schedule.

    python benchmarks/equal_budget.py --root RUNS [--pairs 40000] [--write docs/network.md --json FILE --picture PNG]

Each trains by the entrypoint on 2,400 rendered pairs. It is evaluated on 60 held-out ones along the way, and at the end
on the real sets that lie in `--data`, at the size that it likes. Rate, optimiser and weight of the loss are what as
many trials found best for each (docs/log.md). Interrupted, it goes on where it was: type it again. With `--only` one
network is trained, to be joined by the other later. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from real.markdown import table
from real.output import add_output_options, page_text, today, write_report
from real.sets import RealSet, add_data_option, open_sets

from stereo_exp.base import Meter, exit_on_user_error, replacing
from stereo_exp.geometry import Rule, StereoMetrics
from stereo_exp.suite import Predictor, read_metrics

BLOCK = "equal_budget"
BATCH = 4
DATA = (
    "dataset=shapes dataset.num_train=2400 dataset.num_test=60 dataset.height=320 dataset.width=640 "
    "dataset.render_seed=41 dataset.scenes.layers=3 augment=realworld loader.crop=[192,384] "
    f"loader.batch_size={BATCH} optim.grad_clip=10 optim.ema_decay=0.998 seed=1"
)
NETWORKS = {
    "stereonetplus": "model=stereonetplus optim=adamw optim.lr=2e-3 loss.weight=10 loss.volumes=0.3",
    "quarternet": "model=quarternet optim=adamw optim.lr=2e-3 loss.weight=4 loss.volumes=1",
}
"""What each is trained with besides."""
EVALUATIONS = 16
RENDERED = "rendered, 60 held out"
METRICS = (("epe", "EPE, px", 1, 2), ("bad1", "bad-1, %", 100, 1), ("bad2", "bad-2, %", 100, 1))
# At a share of the other's EPE on rendered pairs of at most this.
GOAL = 0.6


def train(name: str, options: argparse.Namespace) -> Path:
    """The run's folder, once it is trained."""
    steps = options.pairs // BATCH
    epochs = options.pairs / 2400
    words = [
        *DATA.split(), *NETWORKS[name].split(), f"name={name}", f"root={options.root}", "tracker=none",
        f"dataset.root={options.root}/shapes", f"optim.steps={steps}", f"train.eval_every={epochs / EVALUATIONS:.6f}",
        "train.resume=auto", "eval.pictures=4", *options.words,
    ]  # fmt: skip
    command = [sys.executable, "-m", "stereo_exp", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Path(json.loads(done.stdout.splitlines()[-1])["run_dir"])


def evaluate(run: Path, sets: Sequence[RealSet]) -> dict[str, dict[str, float]]:
    """Set -> metrics of the run's best weights."""
    from stereo_exp.model import sizing_of
    from stereo_exp.suite import restore_model

    model, checkpoint = restore_model(run / "checkpoints" / "best.safetensors", torch.device("cpu"))
    predict = Predictor(model, torch.device("cpu"), Rule(sizing=sizing_of(checkpoint)))
    found = {}
    for each in sets:
        metrics = StereoMetrics(int(model.maxdisp))  # type: ignore[arg-type]
        with Meter(each.name, len(each)) as meter:
            for sample in each:
                metrics.update(predict(sample).disparity, sample.disparity, sample.noc)
                meter.advance(epe=f"{metrics.compute()['epe']:.3f}")
        found[each.name] = metrics.compute()
    report = json.loads((run / "report.json").read_text())
    return {RENDERED: {key: report[key] for key, *_ in METRICS}, **found}


def render(scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """The table in Markdown."""
    names = list(scores)
    head = ["", *(f"{label} {name}" for _, label, *_ in METRICS for name in names)]
    rows = []
    for each in next(iter(scores.values())):
        cells = [f"{scale * scores[name][each][key]:.{digits}f}" for key, _, scale, digits in METRICS for name in names]
        rows.append([each, *cells])
    return table(head, rows)


def draw(path: Path, runs: Mapping[str, Path]) -> None:
    """EPE on the held-out rendered pairs over pairs seen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    for name, run in runs.items():
        records = [r for r in read_metrics(run) if r.get("test/epe") is not None and r["step"] > 0]
        axes.plot([BATCH * r["step"] for r in records], [r["test/epe"] for r in records], marker="o", ms=3, label=name)
    axes.set(xlabel="pairs seen", ylabel="EPE on held-out rendered pairs, px", yscale="log")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def main() -> None:
    """Train, evaluate, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="where runs and rendered pairs are kept")
    parser.add_argument("--pairs", type=int, default=40000, help="that each network sees")
    parser.add_argument("--only", choices=NETWORKS, help="train this one alone, and stop")
    parser.add_argument("--picture", type=Path, help="draw the curves into this file")
    parser.add_argument("words", nargs="*", metavar="KEY=VALUE", help="for every training, e.g. machine.threads=1")
    add_data_option(parser)
    add_output_options(parser, BLOCK)
    options = parser.parse_args()
    with exit_on_user_error():
        if options.only:
            print(train(options.only, options))
            return
        runs = {name: train(name, options) for name in NETWORKS}
        sets, absent = open_sets(options.data)
        scores = {name: evaluate(run, sets) for name, run in runs.items()}
        if options.picture:
            draw(options.picture, runs)
        base, ours = (scores[name][RENDERED]["epe"] for name in NETWORKS)
        share = f"EPE on rendered pairs: {ours / base:.3f} of StereoNetPlus', {GOAL} wanted."
        report = {"pairs": options.pairs, "scores": scores, "absent": absent, "share": ours / base, **today()}
        write_report(options, BLOCK, report, page_text(report, render(scores)), share)


if __name__ == "__main__":
    main()
