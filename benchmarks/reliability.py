"""Whether confidence is what it says: the released networks' tables, made and measured.

    python benchmarks/reliability.py --fit                                # make the tables of the released weights
    python benchmarks/reliability.py --write docs/results/confidence.md --json docs/results/confidence.json
    python benchmarks/reliability.py --network slim --write docs/results/confidence.md --json FILE

`--fit` renders pairs of `dataset=shapes` that no network was trained on, large and small ones, counts how often each
network is right by how sure it is, and writes `stereo_exp/weights/reliability.json` and the compiled folders'
manifests. Without it other rendered pairs and every real pair with truth below DIR are predicted as `task=infer` does,
and confidence is compared with truth; nothing of the real pairs goes into a table. All pixels with truth count, those
beyond the networks' range too. Prints Markdown tables and the goals, then one line of JSON; `--pictures DIR` draws a
reliability diagram of every row.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from real.markdown import table
from real.output import add_output_options, check_output_options, name_block, page_text, today, write_report
from real.sets import add_data_option, open_sets

from stereo_exp import load
from stereo_exp.base import Meter, exit_on_user_error, write_bytes, write_text
from stereo_exp.geometry import (
    RIGHT_PX,
    THRESHOLDS,
    ConfidenceMetrics,
    Reliability,
    Rule,
    StereoSample,
    draw_reliability,
    encode_png,
)
from stereo_exp.runtime import MANIFEST, StereoModel, read_manifest, sha256_of
from stereo_exp.shapes import WEIGHTS, render_scene, sample_scene
from stereo_exp.suite import count_reliability
from stereo_exp.weights import (
    FOLDER,
    FURTHEST_RELEASE,
    PUBLISHED,
    RELEASES,
    RELIABILITY,
    find_name,
    locate_compiled,
    read_reliability,
)

BLOCK = "confidence"
SIZES = ((544, 960), (384, 480))
"""Height and width of the rendered pairs, as the networks like them and small ones, which are enlarged."""
FIT_SEED, HELD_OUT_SEED = 2611, 2612
"""Of the scenes; no network was trained on either."""
RENDERED = "rendered, held out"
STAGES = {"float": "float", "int_infer": "int8"}
MOST_ECE = {RENDERED: 0.03}
MOST_REAL_ECE, MIN_PAIRS = 0.10, 2
MOST_BROKEN = 0.05
"""By how much the share of right pixels, of those kept at a threshold, may lie below what was promised."""


def main() -> None:
    """Fit, or measure, print, write."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with exit_on_user_error():
        if options.fit:
            fit(options.pairs, list(RELEASES) if options.network is None else [options.network])
            return
        options.network = options.network or PUBLISHED
        check_output_options(options, name_block(BLOCK, options.network))
        report = measure(options)
        text = page_text(report, render(report), render_thresholds(report))
        write_report(options, name_block(BLOCK, options.network), report, text, render_goals(report))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="make the tables of the released networks")
    parser.add_argument("--network", choices=RELEASES, help=f"fit: this one alone; measured: default {PUBLISHED}")
    parser.add_argument("--pairs", type=int, default=32, metavar="N", help="rendered pairs of each of two sizes")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="folder for diagrams")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N pairs of each set, for trying")
    add_data_option(parser)
    add_output_options(parser, BLOCK)
    return parser.parse_args()


def rendered_pairs(seed: int, count: int) -> Iterator[StereoSample]:
    """`count` pairs of each size, in turn, each drawn when it is asked for."""
    for index in range(count):
        for height, width in SIZES:
            pair = render_scene(sample_scene(seed, "TEST", index, height, width, WEIGHTS))
            yield StereoSample(f"{index:04d}", pair.left, pair.right, pair.disparity_left)


def open_release(network: str, stage: str) -> StereoModel:
    """A released network: the integers compiled, the floats in torch."""
    return load(find_name(network) if stage == FURTHEST_RELEASE else FOLDER / RELEASES[network][stage])


def fit(count: int, networks: Sequence[str]) -> None:
    """Make the tables of released networks, and put each where it is read as soon as it is there."""
    pairs = list(rendered_pairs(FIT_SEED, count))
    origin = f"rendered scenes of {' and '.join(f'{height}x{width}' for height, width in SIZES)}"
    for network in networks:
        for stage in reversed(RELEASES[network]):
            with open_release(network, stage) as model:
                sizing, multiple = model.manifest.sizing, model.manifest.multiple
                found = count_reliability(model.maps, pairs, sizing, multiple, origin, total=len(pairs))
            assert found is not None
            _put(network, stage, found)


def _put(network: str, stage: str, found: Reliability) -> None:
    """A table into the file of all of them, and into the manifest of the compiled integers."""
    tables = json.loads(RELIABILITY.read_text()) if RELIABILITY.exists() else {}
    entry = {"checkpoint_sha256": sha256_of(FOLDER / RELEASES[network][stage]), **found.to_json()}
    tables.setdefault(network, {})[stage] = entry
    write_text(RELIABILITY, json.dumps(tables, indent=1, sort_keys=True) + "\n")
    if stage == FURTHEST_RELEASE:
        path = locate_compiled(FOLDER, network) / MANIFEST
        write_text(path, replace(read_manifest(path), reliability=found).to_json())
    print(f"{network}, {stage}: written")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures: `sets` by name and row, what is `absent` and why, the checkpoints, the machine."""
    sets, absent = open_sets(options.data)
    for name, reason in absent.items():
        logging.warning("left out: %s (%s)", name, reason)
    found: dict[str, Collection[StereoSample]] = {RENDERED: list(rendered_pairs(HELD_OUT_SEED, options.pairs))}
    found |= {each.name: list(each) for each in sets}
    results: dict[str, dict[str, Any]] = {name: {"pairs": len(pairs)} for name, pairs in found.items()}
    checkpoints: dict[str, Any] = {}
    for stage, label in STAGES.items():
        facts = read_reliability(options.network, stage)
        if facts is None:
            logging.warning("left out: %s (no table yet; --fit makes one)", label)
            continue
        with open_release(options.network, stage) as model:
            rules = {label: Rule(sizing=model.manifest.sizing, reliability=Reliability.from_json(facts))}
            if stage == FURTHEST_RELEASE:
                rules[f"{label}, refined"] = replace(rules[label], refine=True)
            for name, pairs in found.items():
                results[name] |= _measure(model, rules, pairs, min(len(pairs), options.limit or len(pairs)), name)
        checkpoints[label] = {"sha256": sha256_of(FOLDER / RELEASES[options.network][stage])}
    if options.pictures is not None:
        _draw(results, options.pictures)
    return {"sets": results, "absent": absent, "checkpoints": checkpoints, **today()}


def _measure(
    model: StereoModel, rules: Mapping[str, Rule], pairs: Iterable[StereoSample], count: int, name: str
) -> dict[str, Any]:
    metrics = {row: ConfidenceMetrics() for row in rules}
    with Meter(name, count) as meter:
        for _, sample in zip(range(count), pairs, strict=False):
            for row, rule in rules.items():
                found = model.predict(sample.left, sample.right, rule)
                assert sample.disparity is not None
                metrics[row].update(found.confidence, found.disparity, sample.disparity, found.expected_error)
            meter.advance(1, **{row: f"{of.compute()['ece']:.3f}" for row, of in metrics.items()})
    return {row: of.compute() for row, of in metrics.items()}


def _rows(report: Mapping[str, Any]) -> Iterator[tuple[str, int, str, Mapping[str, Any]]]:
    """Set, its pairs, row, scores."""
    for name, rows in report["sets"].items():
        for row, scores in rows.items():
            if row != "pairs":
                yield name, rows["pairs"], row, scores


def render(report: Mapping[str, Any]) -> str:
    """Calibration in Markdown."""
    head = ["", "pairs", "", "ECE", "mean confidence, %", "within 2 px, %", "expected error, px", "error, px"]
    rows = [
        [name, str(pairs), row, f"{s['ece']:.3f}", f"{100 * s['mean']:.1f}", f"{100 * s['right']:.1f}",
         f"{s['expected_error_px']:.2f}", f"{s['error_px']:.2f}"]
        for name, pairs, row, s in _rows(report)
    ]  # fmt: skip
    return table(head, rows)


def render_thresholds(report: Mapping[str, Any]) -> str:
    """What is kept and found at each threshold, in Markdown."""
    columns = [(f"{at:g}", what) for at in THRESHOLDS for what in ("kept", "right", "found")]
    rows = []
    for name, _, row, scores in _rows(report):
        cells = [scores["thresholds"][at].get(what) for at, what in columns]
        rows.append([name, row, *("–" if cell is None else f"{100 * cell:.1f}" for cell in cells)])
    head = ["", "", *(f"≥ {at}: {what}, %" for at, what in columns)]
    return table(head, rows)


def render_goals(report: Mapping[str, Any]) -> str:
    """The goals as a table in Markdown."""
    rows = []
    for name, pairs, row, scores in _rows(report):
        bound = MOST_ECE.get(name, MOST_REAL_ECE)
        if pairs >= MIN_PAIRS:
            rows.append([f"ECE, {row}", name, f"{bound:.2f}", f"{scores['ece']:.3f}", _met(scores["ece"] <= bound)])
        for at, found in scores["thresholds"].items():
            if "right" in found:
                missing = found["promised"] - found["right"]
                goal = f"kept at {at}: right below promised by, {row}"
                rows.append([goal, name, f"{MOST_BROKEN:.2f}", f"{missing:.3f}", _met(missing <= MOST_BROKEN)])
    return table(["goal", "set", "at most", "found", "met"], rows)


def _met(is_met: bool) -> str:
    return "yes" if is_met else "no"


def _draw(results: Mapping[str, Any], folder: Path) -> None:
    """A diagram of every row; in `reliability.png` those of sets of several pairs, a method below another."""
    folder.mkdir(parents=True, exist_ok=True)
    sheet: dict[str, list[np.ndarray]] = {}
    for name, pairs, row, scores in _rows({"sets": results}):
        file = re.sub(r"\W+", "_", f"{name}_{row}").strip("_").lower()
        picture = draw_reliability(scores["bins"], f"{name}, {row}: ECE {scores['ece']:.3f}", RIGHT_PX)
        write_bytes(folder / f"{file}.png", encode_png(picture, compression=6))
        if pairs >= MIN_PAIRS:
            sheet.setdefault(row, []).append(picture)
    whole = np.vstack([np.hstack(pictures) for pictures in sheet.values()])
    write_bytes(folder / "reliability.png", encode_png(whole, compression=9))


if __name__ == "__main__":
    main()
