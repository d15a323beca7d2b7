"""One line of the log of a campaign: a candidate's weights on every visible real set, split by where the error lies.

    python benchmarks/campaign.py CHECKPOINT --name full-phase1 --pairs 100000 [--note "kept: ..."]
        [--log docs/results/campaign.json --write docs/log.md]

CHECKPOINT is best.safetensors of a run, or a release's name; nothing of the sets is trained on. The rule that picks a
candidate was written before the first run: the lowest score. A score is the mean over pairs, so that a set of one pair
has no more weight than its pair, of half log EPE / SGBM's EPE + half log bad-2 / SGBM's bad-2, as a ratio; SGBM's
figures are those of docs/results/accuracy.json. A line of the same weights replaces the one before. With `--fill`
hidden places take what lies behind (`infer.fill=true`); that is a line of its own. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from real.markdown import check_block, table, write_block
from real.methods import SGBM, open_predictor, score_set
from real.output import read_json, today
from real.sets import RealSet, add_data_option, open_sets

from stereo_exp.base import UserError, exit_on_user_error, write_text
from stereo_exp.geometry import PLACES, PlaceMetrics
from stereo_exp.runtime import sha256_of
from stereo_exp.suite import Predictor
from stereo_exp.weights import FURTHEST_RELEASE, resolve_checkpoint

BLOCK = "campaign"
PLACED = "Middlebury 2005/2006"
"""The set whose error the table splits by place: the only one of many pairs with dense truth."""

_MEASURE = "run benchmarks/accuracy.py --json"


def main() -> None:
    """Evaluate, compare, write."""
    options = _options()
    with exit_on_user_error():
        if options.write is not None:
            check_block(options.write, BLOCK)
        references = read_references(options.accuracy)
        lines = read_log(options.log)
        line = measure(options, references)
        lines = [each for each in lines if _identity(each) != _identity(line)] + [line]
        print(render(lines) + "\n")
        if options.log is not None:
            write_text(options.log, json.dumps(lines, indent=1) + "\n")
        if options.write is not None:
            write_block(options.write, BLOCK, render(lines))
    print(json.dumps(line))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="a file, or the name of a release")
    parser.add_argument("--name", required=True, help="of the candidate")
    parser.add_argument("--pairs", type=int, required=True, help="that it has seen in training")
    parser.add_argument("--fill", action="store_true", help="as infer.fill=true predicts")
    parser.add_argument("--note", default="", help="what was decided, and why")
    parser.add_argument("--log", type=Path, metavar="FILE", help="JSON of all lines; this one is added")
    parser.add_argument("--write", type=Path, metavar="PAGE", help=f"page with <!-- {BLOCK} --> and <!-- /{BLOCK} -->")
    parser.add_argument("--accuracy", type=Path, default=Path("docs/results/accuracy.json"), metavar="FILE",
                        help="where SGBM's figures stand (default: %(default)s)")  # fmt: skip
    parser.add_argument("--device", default="cpu", help="of the network: cpu or cuda")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N pairs of each set, for trying")
    add_data_option(parser)
    options = parser.parse_args()
    if options.limit is not None and (options.log or options.write):
        parser.error("--limit: a part of the pairs is for trying only; leave it out to write")
    return options


def read_references(path: Path) -> dict[str, dict[str, float]]:
    """Set -> SGBM's scores, as benchmarks/accuracy.py left them.

    Raises:
        UserError: they cannot be read.
    """
    found = read_json("--accuracy", path, _MEASURE)
    try:
        return {name: scores[SGBM] for name, scores in found["sets"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError("--accuracy", path, f"lacks {error}", _MEASURE) from None


def read_log(path: Path | None) -> list[dict[str, Any]]:
    """The lines so far; none where there is no file yet.

    Raises:
        UserError: the file holds something else.
    """
    if path is None or not path.exists():
        return []
    fix = "give the file that this command wrote"
    lines: list[dict[str, Any]] = read_json("--log", path, fix, list)
    if not all(isinstance(line, dict) and "sha256" in line for line in lines):
        raise UserError("--log", path, "is no list of candidates", fix)
    return lines


def _identity(line: Mapping[str, Any]) -> tuple[str, bool]:
    return line["sha256"], line.get("filled", False)


def measure(options: argparse.Namespace, references: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """A line of the log."""
    path = resolve_checkpoint(options.checkpoint, FURTHEST_RELEASE, "checkpoint")
    predict, checkpoint = open_predictor(path, options.device, fill=options.fill)
    sets, absent = open_sets(options.data)
    scores = {each.name: evaluate(predict, each, options.limit) for each in sets}
    return {
        "name": options.name, "pairs_seen": options.pairs, "note": options.note, "stage": checkpoint.meta["stage"],
        "sha256": sha256_of(path), "filled": options.fill, "commit": checkpoint.meta.get("commit"),
        "score": score(scores, references),
        "sets": scores, "absent": absent, **today(),
    }  # fmt: skip


def evaluate(predict: Predictor, pairs: RealSet, limit: int | None) -> dict[str, Any]:
    """`StereoMetrics.compute` and `places`, over a set."""
    places = PlaceMetrics(predict.maxdisp)
    return {**score_set(predict, pairs, limit, places), "places": places.compute()}


def score(scores: Mapping[str, Mapping[str, Any]], references: Mapping[str, Mapping[str, float]]) -> float:
    """The rule, see above; below 1: ahead of SGBM on the whole. Sets without a reference do not count.

    Raises:
        UserError: none has one.
    """
    known = [name for name in scores if name in references]
    if not known:
        raise UserError("--data", None, "holds no set that SGBM was measured on", _MEASURE)
    weights = [scores[name]["n_images"] for name in known]
    logs = [
        sum(math.log(max(scores[name][key], 1e-6) / references[name][key]) for key in ("epe", "bad2")) / 2
        for name in known
    ]
    return math.exp(sum(w * each for w, each in zip(weights, logs, strict=True)) / sum(weights))


def _label(line: Mapping[str, Any]) -> str:
    return f"{line['name']}, {line['stage']}{', filled' * line.get('filled', False)}"


def render(lines: Sequence[Mapping[str, Any]]) -> str:
    """Two tables in Markdown: what every candidate scored, and where its error lies."""
    names = list(dict.fromkeys(name for line in lines for name in line["sets"]))
    head = ["date", "candidate", "pairs seen", "score", *names]
    rows = []
    for line in lines:
        cells = [
            f"{line['sets'][n]['epe']:.2f} / {100 * line['sets'][n]['bad2']:.1f}" if n in line["sets"] else "–"
            for n in names
        ]
        label = _label(line)
        rows.append([line["date"], label, f"{line['pairs_seen']:,}", f"{line['score']:.3f}", *cells])
    shares = []
    for line in lines:
        if PLACED in line["sets"]:
            places = line["sets"][PLACED]["places"]
            cells = [f"{100 * places[p]['error_share']:.0f} %, {places[p]['epe']:.1f} px" for p in PLACES]
            shares.append([_label(line), *cells])
    notes = [f"- {_label(line)}: {line['note']}" for line in lines if line["note"]]
    parts = [table(head, rows)]
    if shares:
        parts += [f"Where the error on {PLACED} lies, as a share of it, and its mean there:"]
        parts += [table(["candidate", *PLACES], shares)]
    return "\n\n".join([*parts, *(["\n".join(notes)] if notes else [])])


if __name__ == "__main__":
    main()
