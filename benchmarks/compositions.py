"""Every backbone with every head, at its own widths, through the whole chain, from float to `task=align`.

    python benchmarks/compositions.py --root RUNS --write docs/network.md --json docs/results/compositions.json

Training is twenty steps on eight rendered pairs: enough for scales that mean something, not for depth. What counts is
that each composition goes through, and that its integers are the same in torch and on both engines. What a root holds
already is not run again, so an interrupted table goes on where it was: type it again. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from real.command import run_module
from real.markdown import table
from real.output import add_output_options, check_output_options, page_text, today, write_report

from stereo_exp.base import Meter, exit_on_user_error
from stereo_exp.config import conf_dir

BLOCK = "compositions"
DATA = (
    "tracker=none dataset=shapes dataset.num_train=8 dataset.num_test=2 dataset.height=96 dataset.width=192 "
    "loader.batch_size=2 loader.crop=[64,128] loader.workers=0 optim.steps=20 eval.pictures=0 machine.threads=1"
)
CHAIN = "-m stage=float,calib,qat,int_infer"
BEHIND = "-m task=compile,align stage=int_infer"
# What the quarter heads are written for; the others go with the published neck.
NECKS = {"quarter": "decoder", "quarter_light": "decoder", "quarter_tiny": "decoder_8"}


def list_compositions() -> list[tuple[str, str]]:
    """Every backbone with every head, by the names of the options."""
    backbones, heads = (
        sorted(f.stem for f in (conf_dir() / "model" / part).glob("*.yaml")) for part in ("backbone", "head")
    )
    return list(product(backbones, heads))


def pass_through(root: Path, backbone: str, head: str) -> dict[str, Any]:
    """One composition through the chain.

    Args:
        root: where its runs and the rendered pairs are kept.

    Returns:
        parameters, gmac, tensors, integers compared in torch, and for each engine the tensors that differ.

    Raises:
        UserError: a stage or a task failed.
    """
    name = f"{backbone}-{head}"
    parts = [f"model/backbone={backbone}", f"model/neck={NECKS.get(head, 'fpn')}", f"model/head={head}"]
    words = [*parts, *DATA.split(), f"name={name}", f"root={root}", f"dataset.root={root}/shapes"]
    found = _reports(root / name)
    if "int_infer" not in found:
        run_module([*CHAIN.split(), *words])
    if "align" not in found:
        run_module([*BEHIND.split(), *words])
    found = _reports(root / name)
    ints, compiled, aligned = found["int_infer"], found["compile"], found["align"]
    return {
        "parameters": compiled["parameters"],
        "gmac": compiled["gmac"],
        "tensors": aligned["by_engine"][0]["tensors"],
        "integers": ints["integers_compared"],
        "equal": ints["integers_equal"],
        "differing": {each["engine"]: each["differing"] for each in aligned["by_engine"]},
        "logits_equal": {
            each["engine"]: min(each["disparity_logits_equal"], each["superpixel_logits_equal"])
            for each in aligned["by_engine"]
        },
    }


def _reports(folder: Path) -> dict[str, dict[str, Any]]:
    """Task, or stage where it trained -> its newest report."""
    found = {}
    for path in sorted(folder.glob("sweep/*/*/report.json")):
        report = json.loads(path.read_text())
        found[report["stage"] if report["task"] == "train" else report["task"]] = report
    return found


def render(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The table in Markdown."""
    engines = list(next(iter(rows.values()))["differing"])
    head = ["backbone", "head", "parameters, M", "GMAC", "tensors", *(f"differ in {engine}" for engine in engines)]
    lines = []
    for name, row in rows.items():
        cells = [f"`{part}`" for part in name.split("-")]
        cells += [f"{row['parameters'] / 1e6:.2f}", f"{row['gmac']:.1f}", str(row["tensors"])]
        lines.append([*cells, *(str(row["differing"][engine]) for engine in engines)])
    return table(head, lines)


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="where runs are kept")
    add_output_options(parser, BLOCK)
    options = parser.parse_args()
    every = list_compositions()
    rows = {}
    with exit_on_user_error():
        check_output_options(options, BLOCK)
        with Meter("compositions", len(every)) as meter:
            for backbone, head in every:
                rows[f"{backbone}-{head}"] = pass_through(options.root.resolve(), backbone, head)
                meter.advance()
        report = {"compositions": rows, **today()}
        write_report(options, BLOCK, report, page_text(report, render(rows)))


if __name__ == "__main__":
    main()
