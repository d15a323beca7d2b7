"""`stage=calib`: scales from calibration batches; nothing is trained."""

from __future__ import annotations

import logging
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from stereo_exp.base import VERSION, UserError
from stereo_exp.config import CalibScheme
from stereo_exp.geometry import Reliability
from stereo_exp.model import (
    BEST,
    GRAPH,
    RELIABILITY,
    Checkpoint,
    lineage_of,
    load_checkpoint,
    reliability_entry,
    reliability_of,
    save_checkpoint,
    sizing_entry,
    sizing_of,
)
from stereo_exp.quant import QuantisedStereoNet, describe
from stereo_exp.suite.build import build_rule, eval_facts, quantize_network
from stereo_exp.suite.evaluate import evaluate, find_failure, first_pairs, flatten
from stereo_exp.suite.networks import Predictor
from stereo_exp.suite.pictures import draw_noise, draw_test_pictures
from stereo_exp.suite.reliability import count_reliability, describe_reliability
from stereo_exp.suite.restore import restore
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.find import find_start
from stereo_exp.suite.runs.process import Process
from stereo_exp.suite.splits import Splits
from stereo_exp.suite.track.base import open_tracker
from stereo_exp.suite.train.device import choose

log = logging.getLogger(__name__)
# Pairs on which float and quantised tensors are compared, layer by layer.
_NOISE_PAIRS = 2
# Pairs, at most, on which it is counted what confidence is worth.
_RELIABILITY_PAIRS = 64


def train(context: RunContext) -> dict[str, Any]:
    """Calibrate, evaluate, measure every layer's noise; returns the report's part.

    Images are enough: where no test pair has truth, the metrics are NaN (null in the report).
    `layers`: see `layer_noise`; with `quant.sensitivity` also `sensitivity`, see `rank_layers`.

    Raises:
        UserError: `quant.sensitivity` without truth, or see `find_start` and `calibrate`.
    """

    start_path = find_start(context)
    assert start_path is not None
    return _calibrate(context, load_checkpoint(start_path))


def _calibrate(context: RunContext, start: Checkpoint) -> dict[str, Any]:
    from stereo_exp.quant import calibrate, layer_noise

    config, scheme = context.config, context.config.quant.stage
    assert isinstance(scheme, CalibScheme)
    device = choose(config.machine).device
    torch.manual_seed(config.seed)
    model = restore(start)
    splits = Splits(config, model.multiple, truth=False)
    if config.quant.sensitivity and not splits.test_has_truth:
        raise UserError(
            "quant.sensitivity",
            True,
            f"ranks layers by the EPE that they cost, and no test pair of dataset={config.dataset.name} has truth",
            "leave it out, or give the set's truth",
        )
    with open_tracker(context) as tracker:
        tracker.tag(init_from=str(start.path), parent_run=start.meta["run_id"])
        network = quantize_network(model, config.quant).to(device, memory_format=torch.channels_last)  # type: ignore
        graph = describe(network.trunk)
        batches = splits.calibration(scheme.batch_size, scheme.num_batches)
        pairs = calibrate(network, batches, min(scheme.num_batches, len(batches)))
        rule = build_rule(config.eval, sizing_of(start), as_given=True)
        scores, first = evaluate(network, splits, device, rule=rule, keep=config.eval.pictures)
        table = _count_reliability(context, network, splits, device, start)
        more = {GRAPH: graph} if table is None else {GRAPH: graph, RELIABILITY: table.to_json()}
        checkpoint = save(context, network.state_dict(), start, scores, tracker.run_id, **more)
        tracker.log(start.meta["step"], flatten(scores, "final"))
        layers = layer_noise(network, islice(splits.test(Process()), _NOISE_PAIRS))
        pictures = [draw_noise(context.dir / "pictures" / "layer_noise.png", layers)]
        shown = first_pairs(network, splits, device, config.eval.pictures, rule, first)
        pictures += draw_test_pictures(context, shown, network.maxdisp)
        for picture in pictures:
            tracker.artifact(picture)
        result = {
            "checkpoint": str(checkpoint),
            "init_from": str(start.path),
            "target": config.quant.target.name,
            "observer": config.quant.observer.name,
            "num_calibration_pairs": pairs,
            **eval_facts(rule),
            **describe_reliability(table, reliability_of(start)),
            **scores,
            **find_failure(scores, splits),
            "pictures": [str(p) for p in pictures],
            "layers": layers,
        }
        if config.quant.sensitivity:
            result["sensitivity"] = _rank(network, splits, config.quant.sensitivity_pairs)
    return result


def _count_reliability(
    context: RunContext, network: QuantisedStereoNet, splits: Splits, device: torch.device, start: Checkpoint
) -> Reliability | None:
    """What the confidence of the network is worth on the pairs that it was calibrated with, as far as they have truth:
    every second one enlarged, where it is small."""
    scheme, sizing = context.config.quant.stage, sizing_of(start)
    assert isinstance(scheme, CalibScheme)
    number = min(_RELIABILITY_PAIRS, scheme.batch_size * scheme.num_batches)
    batches = splits.calibration(scheme.batch_size, -(-number // scheme.batch_size))
    pairs = (batch.sample(i) for batch in batches for i in range(len(batch)))
    predictor = Predictor(network, device)
    name = f"dataset={context.config.dataset.name}, training pairs"
    found = count_reliability(predictor.maps, pairs, sizing, network.multiple, name, (False, True), number)
    if found is None:
        told = describe_reliability(None, reliability_of(start))["confidence_table"]
        log.warning("confidence: the pairs have no truth to count on; its table is %s", told)
    return found


def _rank(network: QuantisedStereoNet, splits: Splits, pairs: int) -> list[dict[str, Any]]:
    from stereo_exp.quant import rank_layers

    chosen, count = [], 0
    for batch in splits.test(Process()):
        chosen.append(batch)
        count += len(batch)
        if count >= pairs:
            break
    return rank_layers(network, chosen)


def save(
    context: RunContext,
    state: dict[str, torch.Tensor],
    start: Checkpoint,
    scores: dict[str, Any],
    run_id: str | None,
    **more: Any,
) -> Path:
    """Write a checkpoint of a stage that trains nothing: its step is that of the checkpoint it started from.

    Args:
        more: goes into its JSON too.
    """
    path = context.dir / BEST
    meta = {
        "stage": context.config.stage,
        "name": context.config.name,
        "step": start.meta["step"],
        "num_steps": start.meta["step"],
        "config": context.config_dict(),
        "run_id": run_id,
        "version": VERSION,
        "torch": torch.__version__,
        "scores": scores,
        "lineage": lineage_of(start),
        **sizing_entry(start),
        **reliability_entry(start),
        **more,
    }
    save_checkpoint(path, meta, {"model": state})
    return path
