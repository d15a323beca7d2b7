"""How far off the released networks and OpenCV's SGBM are on real pairs and SceneFlow.

    python benchmarks/accuracy.py [--float FILE --int FILE] [--data DIR]
    python benchmarks/accuracy.py --write docs/results/accuracy.md --json docs/results/accuracy.json
    python benchmarks/accuracy.py --network slim --write docs/results/accuracy.md --json docs/results/accuracy_slim.json

Every pair with truth under DIR, in px of its own size, all pixels with 0 < truth < maxdisp; nothing of it was trained
on. The networks see pairs as `task=infer` shows them: enlarged where they are small. The integer one is also corrected
by semi-global matching (`infer.refine=true`), and for the JSON run without enlarging (`infer.scale=1`). SGBM: MODE_HH,
as many candidates as the networks have, blocks of 3×3, left-right check, holes filled from the background. Prints a
Markdown table and the goals, then one line of JSON.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Mapping
from typing import Any

from real.markdown import table
from real.methods import AS_GIVEN, FLOAT, INT8, REFINED, SGBM, Method, comparison_options, load_methods
from real.output import check_output_options, name_block, page_text, today, write_report
from real.sets import RealSet, open_sets

from stereo_exp.base import Meter, exit_on_user_error
from stereo_exp.geometry import StereoMetrics

BLOCK = "accuracy"
METHODS = (FLOAT, INT8, REFINED, SGBM)
"""The table's; in JSON also `AS_GIVEN`."""
MAX_RATIO, MIN_PAIRS = 1.007, 4
"""What quantisation may cost, as int8 EPE / float EPE, on sets of at least so many pairs."""
BAD2_SETS = ("Middlebury 2005/2006", "SceneFlow")
"""Where int8 is also to be better than SGBM in bad-2."""


def main() -> None:
    """Measure, print, write."""
    options = comparison_options(__doc__, BLOCK, "pairs of each set")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with exit_on_user_error():
        check_output_options(options, name_block(BLOCK, options.network))
        report = measure(options)
        text = page_text(report, render(report))
        write_report(options, name_block(BLOCK, options.network), report, text, render_goals(report))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures: `sets` by name and method, what is `absent` and why, the checkpoints, the machine."""
    sets, absent = open_sets(options.data)
    for name, reason in absent.items():
        logging.warning("left out: %s (%s)", name, reason)
    methods, maxdisp, checkpoints = load_methods(options, (*METHODS, AS_GIVEN))
    results = {found.name: _measure_set(found, methods, maxdisp, options.limit) for found in sets}
    return {"maxdisp": maxdisp, "sets": results, "absent": absent, "checkpoints": checkpoints, **today()}


def _measure_set(pairs: RealSet, methods: Mapping[str, Method], maxdisp: int, limit: int | None) -> dict[str, Any]:
    metrics = {name: StereoMetrics(maxdisp) for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    count = min(len(pairs), limit or len(pairs))
    with Meter(pairs.name, count) as meter:
        for _, sample in zip(range(count), pairs, strict=False):
            for name, method in methods.items():
                begin = time.perf_counter()
                disparity = method(sample)
                seconds[name] += time.perf_counter() - begin
                metrics[name].update(disparity, sample.disparity, sample.noc)
            meter.advance(**{name: f"{of.compute()['epe']:.3f}" for name, of in metrics.items()})
    scores = {name: of.compute() | {"seconds_per_pair": seconds[name] / count} for name, of in metrics.items()}
    return {"pairs": count, **scores, "int8_over_float": scores[INT8]["epe"] / scores[FLOAT]["epe"]}


def render(report: Mapping[str, Any]) -> str:
    """The table in Markdown; the lowest figure of each set and metric in bold."""
    head = ["", "pairs", *(f"{what} {m}" for what in ("EPE, px:", "bad-2, %:", "D1, %:") for m in METHODS)]
    rows = [_row(name, scores) for name, scores in report["sets"].items()]
    return table([*head, "EPE int8 / float"], rows)


def _row(name: str, scores: Mapping[str, Any]) -> list[str]:
    cells = [name, str(scores["pairs"])]
    for key, scale, digits in (("epe", 1, 2), ("bad2", 100, 1), ("d1", 100, 1)):
        values = [f"{scale * scores[method][key]:.{digits}f}" for method in METHODS]
        best = min(values, key=float)
        cells += [f"**{value}**" if value == best else value for value in values]
    ratio = f"{scores['int8_over_float']:.4f}"
    # Of a single pair the ratio says little.
    return [*cells, ratio if scores["pairs"] >= MIN_PAIRS else f"({ratio})"]


def goals(report: Mapping[str, Any]) -> list[tuple[str, str, float, float]]:
    """What is to be reached: (goal, set, upper bound, found)."""
    found = []
    for name, scores in report["sets"].items():
        for method in (INT8, REFINED):
            found.append((f"EPE {method}, px, below SGBM's", name, scores[SGBM]["epe"], scores[method]["epe"]))
            if name in BAD2_SETS:
                bound, value = scores[SGBM]["bad2"], scores[method]["bad2"]
                found.append((f"bad-2 {method}, share, below SGBM's", name, bound, value))
        if scores["pairs"] >= MIN_PAIRS:
            found.append(("EPE int8 / float", name, MAX_RATIO, scores["int8_over_float"]))
    return found


def render_goals(report: Mapping[str, Any]) -> str:
    """The goals as a table in Markdown."""
    rows = [
        [goal, name, f"{bound:.4f}", f"{value:.4f}", "yes" if value <= bound else "no"]
        for goal, name, bound, value in goals(report)
    ]
    return table(["goal", "set", "at most", "found", "met"], rows)


if __name__ == "__main__":
    main()
