"""What is compared: the float network, the integer network, and OpenCV's SGBM, each as a function of a pair."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from real.output import add_output_options
from real.sets import RealSet, add_data_option
from stereo_exp.base import CheckpointError, Meter
from stereo_exp.geometry import PlaceMetrics, Rule, Sgbm, StereoMetrics, StereoSample
from stereo_exp.model import Checkpoint, read_meta, sizing_of
from stereo_exp.runtime import sha256_of
from stereo_exp.suite import Predictor, restore_model
from stereo_exp.weights import PUBLISHED, RELEASE, RELEASES, resolve_checkpoint

Method = Callable[[StereoSample], np.ndarray]
"""A pair to its disparity, float32 H×W px."""
FLOAT, INT8, SGBM = "float", "int8", "SGBM"
REFINED = "int8, refined"
"""The integer network, corrected by semi-global matching (`infer.refine=true`)."""
AS_GIVEN = "int8, 1×"
"""The integer network without what the others do with small pairs: enlarge them (`infer.scale=1`)."""
STAGES = {FLOAT: "float", INT8: "int_infer"}
OPTIONS = {FLOAT: "--float", INT8: "--int"}


def comparison_options(description: str | None, block: str, limited: str) -> argparse.Namespace:
    """Of a command that compares the methods on real pairs; `limited` says what `--limit` counts."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_network_options(parser, tuple(STAGES))
    parser.add_argument("--threads", type=int, help="of torch and OpenCV; default: theirs")
    add_data_option(parser)
    parser.add_argument("--limit", type=int, metavar="N", help=f"only the first N {limited}; nothing is written then")
    add_output_options(parser, block)
    return parser.parse_args()


def add_network_options(parser: argparse.ArgumentParser, networks: Sequence[str]) -> None:
    """The checkpoints of `networks`, and where they run."""
    for name in networks:
        says = f"{STAGES[name]} checkpoint; default: {RELEASE}"
        parser.add_argument(OPTIONS[name], default=RELEASE, metavar="FILE", help=says)
    parser.add_argument("--network", choices=RELEASES, default=PUBLISHED, help=f"which one {RELEASE} means")
    parser.add_argument("--device", default="cpu", help="of the networks: cpu or cuda; everything else is on the CPU")


def load_network(
    given: str, method: str, device: str = "cpu", network: str = PUBLISHED
) -> tuple[Predictor, dict[str, Any]]:
    """The network of a checkpoint, and which one it is; see `find_network`."""
    path, facts = find_network(given, method, network)
    return open_predictor(path, device)[0], facts


def find_network(given: str, method: str, network: str = PUBLISHED) -> tuple[Path, dict[str, Any]]:
    """The file of a checkpoint, and which one it is: stage, step and SHA-256 of the file.

    Args:
        given: its path, or `release`.
        method: `FLOAT` or `INT8`, which the checkpoint must be of.
        network: which of the released ones `release` means.

    Raises:
        CheckpointError: there is none, or it is of another stage.
    """
    path = resolve_checkpoint(given, STAGES[method], OPTIONS[method], network)
    meta = read_meta(path)
    if meta["stage"] != STAGES[method]:
        raise CheckpointError(
            OPTIONS[method], path, f"is a {meta['stage']} checkpoint", f"give one of stage={STAGES[method]}"
        )
    return path, {"stage": meta["stage"], "step": meta["step"], "sha256": sha256_of(path)}


def open_predictor(path: Path, device: str = "cpu", **asked: Any) -> tuple[Predictor, Checkpoint]:
    """The network of a checkpoint, at the size that it likes.

    Args:
        asked: of `Rule`, besides.
    """
    model, checkpoint = restore_model(path, torch.device(device))
    return Predictor(model, torch.device(device), Rule(sizing=sizing_of(checkpoint), **asked)), checkpoint


def score_set(
    predict: Predictor, pairs: RealSet, limit: int | None = None, places: PlaceMetrics | None = None
) -> dict[str, Any]:
    """`StereoMetrics.compute` over a set.

    Args:
        limit: only so many pairs; None: all.
        places: takes in the same predictions.
    """
    metrics, count = StereoMetrics(predict.maxdisp), min(len(pairs), limit or len(pairs))
    with Meter(pairs.name, count) as meter:
        for sample in islice(pairs, count):
            found = predict(sample).disparity
            metrics.update(found, sample.disparity, sample.noc)
            if places is not None:
                places.update(found, sample)
            meter.advance(epe=f"{metrics.compute()['epe']:.3f}")
    return metrics.compute()


def load_methods(options: argparse.Namespace, wanted: Sequence[str]) -> tuple[dict[str, Method], int, dict[str, Any]]:
    """The wanted methods by name, the disparity (px) below which all search, and the checkpoints' facts.

    Raises:
        CheckpointError: a checkpoint is missing, of another stage, or the two differ in `model.maxdisp`.
    """
    if options.threads is not None:
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)
    floating, float_facts = load_network(options.float, FLOAT, options.device, options.network)
    integer, int_facts = load_network(options.int, INT8, options.device, options.network)
    if floating.maxdisp != integer.maxdisp:
        raise CheckpointError(
            "--int",
            options.int,
            f"has maxdisp {integer.maxdisp}, --float {floating.maxdisp}",
            "give two of one chain",
        )
    matcher = Sgbm(floating.maxdisp)
    fine = Predictor(integer.module, integer.device, replace(integer.rule, refine=True))
    as_given = Predictor(integer.module, integer.device)
    methods: dict[str, Method] = {
        FLOAT: lambda sample: floating(sample).disparity,
        INT8: lambda sample: integer(sample).disparity,
        REFINED: lambda sample: fine(sample).disparity,
        AS_GIVEN: lambda sample: as_given(sample).disparity,
        SGBM: lambda sample: matcher(sample.left, sample.right),
    }
    return {name: methods[name] for name in wanted}, floating.maxdisp, {FLOAT: float_facts, INT8: int_facts}
