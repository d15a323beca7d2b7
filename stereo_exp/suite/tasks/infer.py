"""`task=infer`: pairs in, disparity, depth, point clouds and pictures out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from signal import SIGINT
from typing import Any

import numpy as np

from stereo_exp.base import Meter, UserError, hold_signals
from stereo_exp.config import Infer, Root
from stereo_exp.geometry import (
    Calibration,
    Film,
    Rectifier,
    Rig,
    Rule,
    Stability,
    StereoSample,
    TemporalFilter,
    disparity_limits,
    example_pair,
    open_frames,
    pair_geometry,
    read_calibration,
)
from stereo_exp.runtime import StereoModel
from stereo_exp.suite.build import build_rule
from stereo_exp.suite.networks import choose_network, network_facts, open_network
from stereo_exp.suite.predict import Result, with_depth, write_frame, write_one
from stereo_exp.suite.runs.context import OwnFiles, RunContext
from stereo_exp.suite.track.base import open_tracker

log = logging.getLogger(__name__)


def run(context: RunContext) -> dict[str, Any]:
    """Predict what `infer.left` and `infer.right` name; without them that is the pair that comes along."""
    config = context.config
    pairs = Pairs(config.infer)
    chosen = choose_network(context, release_first=True)
    engine = config.engine
    model = open_network(chosen, engine.name, engine.device, engine.threads, machine=config.machine)
    rule = build_rule(config.infer, model.manifest.sizing)
    folder, key = (Path(config.infer.out), "infer.out") if config.infer.out else (context.dir, "hydra.run.dir")
    out = OwnFiles(folder, key, config.overwrite)
    results = _predicted(pairs, model, rule, config)
    with open_tracker(context) as tracker:
        tracker.tag(checkpoint=str(chosen.checkpoint), parent_run=_run_of(chosen.checkpoint, config))
        part = _write_sequence(out, results, pairs, config) if pairs.is_sequence else _write_pair(out, results, pairs)
        tracker.artifact(Path(part["picture"]))
    return {**network_facts(chosen, model), **part}


def _run_of(checkpoint: Path | None, config: Root) -> str | None:
    """The run that made a checkpoint, where somebody keeps track; reading it takes torch."""
    if checkpoint is None or config.tracker.name == "none":
        return None
    from stereo_exp.model import read_meta

    run: str | None = read_meta(checkpoint)["run_id"]
    return run


class Pairs:
    """The pairs that the config names, rectified where the calibration says how.

    Raises:
        UserError: there is nothing there, a file is damaged, the views differ in size, the calibration cannot be read.
    """

    def __init__(self, config: Infer) -> None:
        self.config = config
        self.calibration: Calibration | None = None
        """Of the pairs as they are handed out; of a rig, once the first has been."""
        self._rectifier: Rectifier | None = None
        if config.left is None:
            self._frames: Any = [example_pair()]
            self.calibration, self.is_sequence = self._frames[0].calibration, False
        else:
            self._frames = open_frames(config.left, config.right)
            self.is_sequence = self._frames.is_sequence
        if config.calib is not None:
            found = read_calibration(Path(config.calib), config.calib_unit)
            if isinstance(found, Rig):
                self._rectifier = Rectifier(found)
            else:
                self.calibration = found
        elif config.focal is not None and config.baseline is not None:
            self.calibration = Calibration(config.focal, config.baseline, config.doffs)

    def __len__(self) -> int:
        """How many; 0 where nobody knows."""
        limit = self.config.max_frames
        return min(len(self._frames), limit) if limit else len(self._frames)

    def __iter__(self) -> Iterator[StereoSample]:
        size: tuple[int, int] | None = None
        for index, raw in enumerate(islice(self._frames, self.config.max_frames)):
            size = size or raw.size
            if raw.size != size:
                found = f"{raw.size[1]}x{raw.size[0]}"
                raise UserError("infer.left", found, "the images differ in size", "sort them")
            sample = raw
            if self._rectifier is not None:
                left, right = self._rectifier(raw.left, raw.right)
                sample, self.calibration = replace(raw, left=left, right=right), self._rectifier.calibration
            if index == 0 and self.config.check:
                for alarm in pair_geometry(sample.left, sample.right).alarms():
                    log.warning("%s: %s", sample.key, alarm)
            yield sample


def _predicted(pairs: Pairs, model: StereoModel, rule: Rule, config: Root) -> Iterator[Result]:
    temporal = config.temporal
    steady = TemporalFilter(temporal.weight, temporal.change, temporal.jump) if temporal.filter else None
    for index, sample in enumerate(pairs):
        seen = rule.choose_size(sample.size, model.manifest.multiple, model.manifest.size)
        if index == 0 and config.infer.scale is None and seen != sample.size:
            told = "%s: enlarged to %dx%d, because it is small; infer.scale=1 leaves it as it is"
            log.info(told, sample.key, seen[1], seen[0])
        prediction = model.predict(sample.left, sample.right, rule)
        disparity = prediction.disparity if steady is None else steady(sample.left, prediction.disparity)
        yield with_depth(sample, disparity, prediction.confidence, prediction.trusted, pairs.calibration)


def _write_pair(out: OwnFiles, results: Iterator[Result], pairs: Pairs) -> dict[str, Any]:
    (result,) = results
    limits = _limits(pairs.config, result)
    files = write_one(out, result, pairs.calibration, pairs.config, limits)
    height, width = result.sample.size
    part: dict[str, Any] = {"pair": result.sample.key, "height": height, "width": width, **_summary(result)}
    part["files"] = {k: str(v) for k, v in files.items()}
    part["picture"] = str(files["picture"])
    return part


def _write_sequence(out: OwnFiles, results: Iterator[Result], pairs: Pairs, config: Root) -> dict[str, Any]:
    stability = Stability(config.temporal.change)
    part: dict[str, Any] = {"out": str(out.folder)}
    path = out.claim("disparity.mp4")
    count, stop = 0, None
    with Meter("infer", len(pairs)) as meter, ExitStack() as stack:
        film: Film | None = None
        try:
            for result in results:
                if film is None:
                    limits = _limits(pairs.config, result)
                    film = stack.enter_context(Film(path, limits))
                    files = write_one(out, result, pairs.calibration, pairs.config, limits, "first/")
                    part |= {"pair": result.sample.key, **_summary(result), "picture": str(files["picture"])}
                with hold_signals():
                    write_frame(out, result, pairs.calibration, pairs.config)
                    film.add(result.sample.left, result.disparity)
                    count += 1
                stability.update(result.sample.left, result.disparity)
                meter.advance()
        except KeyboardInterrupt as asked:
            if not count:
                raise
            log.info("interrupted after %d pairs", count)
            # Ctrl-C is the usual way to stop cameras; whoever else stops us is told that we were.
            stop = asked if getattr(asked, "number", SIGINT) != SIGINT else None
    if stop is not None:
        raise stop
    return {**part, "num_pairs": count, "film": str(path), "stability": stability.compute()}


def _limits(config: Infer, result: Result) -> tuple[float, float]:
    if config.limits is not None:
        return config.limits[0], config.limits[1]
    return disparity_limits(result.disparity)


def _summary(result: Result) -> dict[str, float]:
    """Figures over what is trusted."""
    known = result.disparity[np.isfinite(result.disparity)]
    summary = {"trusted": known.size / result.disparity.size}
    if known.size:
        summary |= {"disparity_min": float(known.min()), "disparity_max": float(known.max())}
    if result.depth is not None and known.size:
        summary["depth_median"] = float(np.median(result.depth[np.isfinite(result.disparity)]))
    return summary
