"""`task=eval`: the metrics of a network on the test split."""

from __future__ import annotations

from functools import partial
from typing import Any

from stereo_exp.model import read_meta
from stereo_exp.suite.build import build_rule, eval_facts
from stereo_exp.suite.evaluate import evaluate, find_failure, first_pairs, flatten, sequence_stability
from stereo_exp.suite.networks import Chosen, TorchEngine, choose_network, network_facts, open_network
from stereo_exp.suite.pictures import draw_confidence, draw_test_pictures
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.launch import launch
from stereo_exp.suite.runs.process import Process
from stereo_exp.suite.splits import Splits
from stereo_exp.suite.track.base import open_tracker


def run(context: RunContext) -> dict[str, Any]:
    """Evaluate; returns the network, the metrics and the pictures."""
    chosen = choose_network(context)
    return launch(partial(_evaluate, chosen=chosen), context.at(chosen.stage))


def _evaluate(context: RunContext, process: Process, chosen: Chosen) -> dict[str, Any]:
    import torch

    config, engine = context.config, context.config.engine
    asked = engine.name, engine.device, engine.threads
    model = open_network(chosen, *asked, machine=config.machine, process=process)
    # In torch itself, pairs that the rule takes as they are go through the network in batches.
    is_torch = isinstance(model.engine, TorchEngine)
    network = model.engine.model if is_torch else model  # type: ignore[attr-defined]
    device = model.engine.device if is_torch else torch.device("cpu")  # type: ignore[attr-defined]
    splits = Splits(config, model.manifest.multiple, training=False)
    meta: dict[str, Any] = {} if chosen.checkpoint is None else read_meta(chosen.checkpoint)
    with open_tracker(context, process.is_main) as tracker:
        tracker.tag(checkpoint=str(chosen.checkpoint), parent_run=meta.get("run_id"))
        rule = build_rule(config.eval, model.manifest.sizing, reliability=model.manifest.reliability)
        scores, first = evaluate(network, splits, device, process, rule, config.eval.pictures, config.eval.places)
        facts = {**network_facts(chosen, model), "dataset": config.dataset.name}
        result: dict[str, Any] = {**facts, **eval_facts(rule), **scores, **find_failure(scores, splits)}
        if rule.reliability is not None:
            result["confidence_table"] = rule.reliability.origin
        if process.is_main:
            tracker.log(meta.get("step", 0), flatten(scores, "test"))
            shown = first_pairs(network, splits, device, config.eval.pictures, rule, first)
            pictures = [*draw_test_pictures(context, shown, model.maxdisp), *draw_confidence(context, scores)]
            for picture in pictures:
                tracker.artifact(picture)
            result["pictures"] = [str(p) for p in pictures]
            if config.eval.stability:
                result["stability"] = sequence_stability(network, splits, device, config.temporal, rule)
    return result
