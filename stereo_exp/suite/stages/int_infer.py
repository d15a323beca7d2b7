"""`stage=int_infer`: the integer network, converted, proved and evaluated; nothing is trained."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from stereo_exp.base import Meter
from stereo_exp.config import IntScheme
from stereo_exp.data import first_views
from stereo_exp.geometry import example_pair, periodic_share
from stereo_exp.model import Checkpoint, lineage_of, load_checkpoint, normalize, read_meta, sizing_of
from stereo_exp.quant import QuantisedStereoNet
from stereo_exp.suite.build import build_rule, build_target, eval_facts
from stereo_exp.suite.evaluate import Seen, evaluate, find_failure, first_pairs, flatten
from stereo_exp.suite.networks import Predictor
from stereo_exp.suite.pictures import draw_against_float, draw_test_pictures
from stereo_exp.suite.restore import restore, restore_model
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.find import find_start
from stereo_exp.suite.runs.process import Process
from stereo_exp.suite.splits import Splits
from stereo_exp.suite.stages.calib import save
from stereo_exp.suite.track.base import network_tags, open_tracker
from stereo_exp.suite.train.device import choose

log = logging.getLogger(__name__)
_CHECKERBOARD_PAIRS = 4
_LINK = ("stage", "epe", "dataset", "against_float", "checkpoint")


def train(context: RunContext) -> dict[str, Any]:
    """Convert, prove, evaluate; returns the report's part.

    `chain`: the stages that led here with their EPE, each on the data set that it was trained with. For exact targets
    `integers_equal`: the share of all quantised values and outputs that the independent integer evaluator computes
    alike. Where the float checkpoint is still there, `checkerboard`: see `periodic_share`, of integer minus float
    disparity, the mean over the first test pairs; and, with `eval.pictures`, `px_from_float`: the mean absolute
    difference on the pair that `px_from_float_pair` names.

    Raises:
        UserError: of an exact target, float32 might round a sum.
    """

    start_path = find_start(context)
    assert start_path is not None
    return _convert(context, load_checkpoint(start_path))


def compare_with_float(chain: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The links with `against_float`: their EPE through that of the float network that was quantised last; None where
    that was measured on another data set."""
    base = last_float(chain)
    links = []
    for link in chain:
        # Checkpoints from before this was written down do not say which data set it was.
        comparable = base["epe"] and link["epe"] is not None and base.get("dataset") in (None, link.get("dataset"))
        links.append({**link, "against_float": link["epe"] / base["epe"] if comparable else None})
    return links


def last_float(chain: list[dict[str, Any]]) -> dict[str, Any]:
    """The float network that was quantised: before it there may be others that it went on from."""
    return next((link for link in reversed(chain) if link["stage"] == "float"), chain[0])


def _convert(context: RunContext, start: Checkpoint) -> dict[str, Any]:
    from stereo_exp.model import GRAPH
    from stereo_exp.quant import convert, describe, integer_state, prove

    config, scheme = context.config, context.config.quant.stage
    assert isinstance(scheme, IntScheme)
    device = choose(config.machine).device
    prepared = restore(start)
    graph = {GRAPH: describe(prepared.trunk)}
    splits = Splits(config, prepared.multiple, training=False)
    target = build_target(config.quant.target)
    result: dict[str, Any] = {"init_from": str(start.path), "target": config.quant.target.name}
    with open_tracker(context) as tracker:
        tracker.tag(init_from=str(start.path), parent_run=start.meta["run_id"])
        if target.exact:
            prove(prepared.trunk, start.path)
            log.info("proved: no sum takes more than the 24 bits of a float32, which carries every integer exactly")
        network = convert(prepared)
        if target.exact and scheme.verify_pairs:
            result |= _verify(network, splits, scheme.verify_pairs)
        network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        rule = build_rule(config.eval, sizing_of(start), as_given=True)
        wanted = max(config.eval.pictures, _CHECKERBOARD_PAIRS)
        scores, first = evaluate(network, splits, device, rule=rule, keep=wanted)
        checkpoint = save(context, integer_state(prepared), start, scores, tracker.run_id, **graph)
        tracker.log(start.meta["step"], flatten(scores, "final"))
        tracker.register(checkpoint, **network_tags(read_meta(checkpoint)))
        shown = first_pairs(network, splits, device, config.eval.pictures, rule, first)
        pictures = draw_test_pictures(context, shown, network.maxdisp)
        lineage = lineage_of(start)
        floating = Path(last_float(lineage)["checkpoint"])
        if floating.is_file():
            original, _ = restore_model(floating, device)
            compared = first_pairs(network, splits, device, _CHECKERBOARD_PAIRS, rule, first)
            cell = network.regression.stride
            result["checkerboard"] = _checkerboard(compared, Predictor(original, device, rule), cell)
            if config.eval.pictures:
                path, sample = context.dir / "pictures" / "int_against_float.png", example_pair()
                picture, difference = draw_against_float(path, sample, network, original, device)
                pictures.append(picture)
                result |= {"px_from_float": float(abs(difference).mean()), "px_from_float_pair": sample.key}
        for picture in pictures:
            tracker.artifact(picture)
    chain = compare_with_float([*lineage, {"stage": "int_infer", "epe": scores["epe"], "dataset": config.dataset.name}])
    return {
        "checkpoint": str(checkpoint),
        **result,
        **eval_facts(rule),
        **scores,
        **find_failure(scores, splits),
        "pictures": [str(p) for p in pictures],
        "chain": [{key: link.get(key) for key in _LINK} for link in chain],
    }


def _checkerboard(pairs: Iterable[Seen], original: Predictor, cell: int) -> float | None:
    """The share of the differences that repeats every `cell` px; None: all pairs are smaller."""
    differences = (seen.disparity - original(seen.sample).disparity for seen in pairs)
    shares = [periodic_share(each, cell) for each in differences if min(each.shape) >= cell]
    return sum(shares) / len(shares) if shares else None


def _verify(network: QuantisedStereoNet, splits: Splits, pairs: int) -> dict[str, Any]:
    from stereo_exp.quant import compare

    equal = total = count = 0
    first: str | None = None
    with Meter("verify integers", pairs) as meter:
        for left, right in first_views(splits.test(Process()), pairs):
            for name, same, values in compare(network.trunk, normalize(left), normalize(right)):
                equal, total = equal + same, total + values
                first = first or (name if same < values else None)
            count += 1
            meter.advance(equal=f"{100 * equal / total:.4f} %")
    if first is not None:
        log.warning("integers differ from the independent evaluator's, first in %s", first)
    return {
        "integers_equal": equal / total if total else None,
        "integers_compared": total,
        "first_difference": first,
        "verified_pairs": count,
    }
