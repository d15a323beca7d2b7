"""Two networks from random weights, the same pairs in the same order, the same augmentation and schedule.

    python benchmarks/equal_budget.py --root RUNS [--pairs 40000] [--write docs/network.md --json FILE --picture PNG]

Each trains by the entrypoint on 2,400 rendered pairs. It is evaluated on 60 held-out ones along the way, and at the end
on the real sets that lie in `--data`, at the size that it likes. Rate, optimiser and weight of the loss are what as
many trials found best for each (docs/log.md). Interrupted, it goes on where it was: type it again. With `--only` one
network is trained, to be joined by the other later. The last line is JSON.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from real.budget import (
    METRICS,
    NETWORKS,
    Scores,
    add_budget_options,
    budget_words,
    draw_curves,
    evaluate,
    read_report,
    render_scores,
    train,
)
from real.output import add_output_options, check_output_options, page_text, today, write_report
from real.sets import open_sets

from stereo_exp.base import exit_on_user_error

BLOCK = "equal_budget"
NUM_TRAIN = 2400
DATA = (
    f"dataset=shapes dataset.num_train={NUM_TRAIN} dataset.num_test=60 dataset.height=320 dataset.width=640 "
    "dataset.render_seed=41 dataset.scenes.layers=3 seed=1"
)
RENDERED = "rendered, 60 held out"
# At a share of the other's EPE on rendered pairs of at most this.
GOAL = 0.6


def train_network(name: str, options: argparse.Namespace) -> Path:
    """The run's folder, once it is trained."""
    words = [*DATA.split(), *NETWORKS[name].split(), f"dataset.root={options.root}/shapes"]
    return train([*words, *budget_words(name, options, NUM_TRAIN)])


def score(run: Path) -> Scores:
    """What the run's own report says of the held-out pairs."""
    report = read_report(run)
    return {RENDERED: {key: report[key] for key, *_ in METRICS}}


def main() -> None:
    """Train, evaluate, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_budget_options(parser, tuple(NETWORKS), "train this network")
    add_output_options(parser, BLOCK)
    options = parser.parse_args()
    with exit_on_user_error():
        check_output_options(options, BLOCK)
        if options.only:
            print(train_network(options.only, options))
            return
        runs = {name: train_network(name, options) for name in NETWORKS}
        sets, absent = open_sets(options.data)
        scores = {name: {**score(run), **evaluate(run, sets)} for name, run in runs.items()}
        if options.picture:
            draw_curves(options.picture, runs, "EPE on held-out rendered pairs, px")
        base, ours = (scores[name][RENDERED]["epe"] for name in NETWORKS)
        share = f"EPE on rendered pairs: {ours / base:.3f} of StereoNetPlus', {GOAL} wanted."
        report = {"pairs": options.pairs, "scores": scores, "absent": absent, "share": ours / base, **today()}
        write_report(options, BLOCK, report, page_text(report, render_scores(scores)), share)


if __name__ == "__main__":
    main()
