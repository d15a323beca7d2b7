"""The whole check: names first, then the lists, then a look into some or all of the pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from data_tools.check.lists import compare_lists, write_lists
from data_tools.check.pairs import Measured, check_pairs, choose
from data_tools.check.problems import Findings
from data_tools.check.report import compare_counts
from data_tools.check.tree import Tree, scan
from stereo_exp.data.sources.pair_list import RENDER_PASSES
from stereo_exp.errors import UserError
from stereo_exp.progress import Meter


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
