"""`python -m data_tools.check ROOT`: is this SceneFlow folder whole, readable, rectified and the right way round?

With `--model` another question: which pairs does a trained network fail on? See `data_tools.check.hard`.

The last line on standard output is one line of JSON. Exit code 0: nothing is wrong; 2: problems were found, or ROOT
holds no data set.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_tools.check.hard import check_model
from data_tools.check.lists import compare_lists, write_lists
from data_tools.check.pairs import Measured, check_pairs, choose
from data_tools.check.problems import Findings
from data_tools.check.report import compare_counts, print_findings, print_table, summary
from data_tools.check.tree import Tree, scan
from stereo_exp.base import EXIT_USER_ERROR, Meter, UserError, exit_on_user_error
from stereo_exp.data import RENDER_PASSES

# The whole check: names first, then the lists, then a look into some or all of the pairs.


@dataclass(frozen=True)
class CheckResult:
    """What was found.

    Attributes:
        tree: the pairs on disk.
        lists: what is to be said of each list file, by its name.
        measured: sums over the pairs that were looked into.
        findings: problems and notes.
    """

    tree: Tree
    lists: dict[str, str]
    measured: Measured
    findings: Findings


def check(
    root: Path,
    *,
    maxdisp: float = 192,
    render_pass: str = "finalpass",
    sample: int | None = 100,
    list_files: bool = False,
    force: bool = False,
    workers: int = 1,
) -> CheckResult:
    """Check the folder of a data set.

    Args:
        root: the folder with `FlyingThings3D`, `Driving` or `Monkaa` in it.
        maxdisp: px; the share of pixels whose disparity is this or more is measured.
        render_pass: `finalpass` or `cleanpass`.
        sample: how many pairs to decode, drawn by a hash of their names; None: all, 0: none. Names and sizes of the
            files are checked for every pair in any case.
        list_files: write the list files too; `force` replaces lists that say something else.
        workers: threads.

    Raises:
        UserError: `root` holds no such data set, or an argument is out of range.
    """
    if render_pass not in RENDER_PASSES:
        raise UserError("--render-pass", render_pass, f"must be one of {', '.join(RENDER_PASSES)}", "choose one")
    for key, value, least in (("--sample", sample or 0, 0), ("--workers", workers, 1)):
        if value < least:
            raise UserError(key, value, f"must be at least {least}", "give a whole number")
    if not (maxdisp > 0 and math.isfinite(maxdisp)):
        raise UserError(
            "--maxdisp", maxdisp, "must be a number greater than 0", "give model.maxdisp, 192 for SceneFlow"
        )
    findings = Findings()
    tree = scan(root, render_pass, findings)
    # Written before they are compared: what a replaced list said is of no interest any more.
    written = write_lists(tree, force, findings) if list_files else {}
    lists = compare_lists(tree, findings) | written
    compare_counts(tree, findings)
    pairs = choose(tree, sample)
    with Meter("check", len(pairs)) as meter:
        measured = check_pairs(tree, pairs, maxdisp, workers, findings, meter.advance)
    return CheckResult(tree, lists, measured, findings)


_SAMPLE = 100  # pairs
_EXIT_INTERRUPTED = 130  # as a shell reports SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_tools.check",
        description="Say what a folder in SceneFlow's layout holds, what is missing and what is wrong with it, and "
        "write its list files. Exit code 0: nothing is wrong, 2: something is.",
    )
    parser.add_argument("root", type=Path, help="the folder with FlyingThings3D, Driving or Monkaa in it")
    parser.add_argument("--maxdisp", type=float, default=192, help="px; default: %(default)s")
    parser.add_argument("--render-pass", default="finalpass", help="finalpass (default) or cleanpass")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--sample", type=int, metavar="N", help=f"pairs to decode (default: {_SAMPLE}; a model's: all)")
    chosen.add_argument("--all", action="store_true", help="decode every pair")
    parser.add_argument("--write-lists", action="store_true", help="write SceneFlow_<pass>_{train,test}.txt into ROOT")
    parser.add_argument("--force", action="store_true", help="let --write-lists replace lists that say something else")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="threads (default: one for each core)")
    parser.add_argument("--show", type=int, default=100, metavar="N", help="problems named of a kind; 0: all")
    model = parser.add_argument_group(
        "a trained network", "In place of all this, pairs that a network fails on are listed and drawn. Exit code 0."
    )
    model.add_argument("--model", type=Path, metavar="CHECKPOINT", help="of any stage; ROOT may hold shards, too")
    model.add_argument("--bad2", type=float, default=60, metavar="PERCENT", help="the limit (default: %(default)s)")
    model.add_argument("--split", choices=("train", "test"), default="train", help="default: %(default)s")
    model.add_argument("--out", type=Path, metavar="DIR", help="for the list and the sheet (default: ROOT)")
    model.add_argument("--device", default="cpu", help="of torch (default: %(default)s)")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; leaves with exit code 2 after problems and after a mistake of the user's."""
    options = _parser().parse_args(arguments)
    start = time.monotonic()
    if options.model is not None:
        _check_model(options, start)
        return
    with exit_on_user_error():
        try:
            result = check(
                options.root,
                maxdisp=options.maxdisp,
                render_pass=options.render_pass,
                sample=None if options.all else _SAMPLE if options.sample is None else options.sample,
                list_files=options.write_lists,
                force=options.force,
                workers=options.workers,
            )
        except KeyboardInterrupt:
            print("interrupted; --sample N looks into fewer pairs", file=sys.stderr)
            raise SystemExit(_EXIT_INTERRUPTED) from None
    print_table(result.tree, result.measured, result.lists, options.maxdisp)
    print_findings(result.findings, max(0, options.show))
    report = summary(result.tree, result.measured, result.findings, result.lists, options.maxdisp)
    print(json.dumps({**report, "seconds": round(time.monotonic() - start, 3)}, separators=(",", ":")))
    if result.findings.problems:
        raise SystemExit(EXIT_USER_ERROR)


def _check_model(options: argparse.Namespace, start: float) -> None:
    with exit_on_user_error():
        report = check_model(
            options.root,
            options.split,
            options.model,
            options.out or options.root,
            limit=options.bad2 / 100,
            sample=None if options.all else options.sample,
            device=options.device,
            meter=lambda count: Meter("model", count),
        )
    print(json.dumps({**report, "seconds": round(time.monotonic() - start, 3)}, separators=(",", ":")))


if __name__ == "__main__":
    main()
