"""`task=infer`: pairs in, disparity, depth, point clouds and pictures out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from signal import SIGINT
from typing import Any

from stereo_exp.base import Meter, hold_signals
from stereo_exp.config import Infer, Root
from stereo_exp.geometry import (
    Calibration,
    LeftOut,
    Output,
    RectifiedFrames,
    Result,
    Rule,
    Scale,
    SequenceWriter,
    StereoSample,
    TemporalFilter,
    Watch,
    encode_camera,
    example_pair,
    open_frames,
    read_calibration,
)
from stereo_exp.runtime import StereoModel
from stereo_exp.suite.build import build_rule
from stereo_exp.suite.networks import choose_network, network_facts, open_network
from stereo_exp.suite.runs.context import OwnFiles, RunContext
from stereo_exp.suite.track.base import open_tracker

log = logging.getLogger(__name__)
_NO_CALIBRATION = (
    "no depth: focal length and baseline are not known\n(infer.calib=FILE, or infer.focal= in px, infer.baseline= in m)"
)


def run(context: RunContext) -> dict[str, Any]:
    """Predict what `infer.left` and `infer.right` name; without them that is the pair that comes along."""
    config = context.config
    if config.infer.rerun:
        # Before a network is loaded and pairs are predicted: it may not be installed.
        import_module("rerun")
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


class Example:
    """The pair that comes along, as a source."""

    is_sequence = is_live = False
    rate = cameras = None

    def __init__(self) -> None:
        self.left_out = LeftOut()

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[StereoSample]:
        yield example_pair()


class Pairs(RectifiedFrames):
    """The pairs that the config names, rectified where the calibration says how.

    Raises:
        UserError: there is nothing there, a file is damaged, the views differ in size, the calibration cannot be read.
    """

    def __init__(self, config: Infer) -> None:
        self.config = config
        frames: Any = Example()
        if config.left is not None:
            topics = None if config.topics is None else (config.topics[0], config.topics[1])
            frames = open_frames(config.left, config.right, config.layout, topics)
        cameras: Any = None
        if config.calib is not None:
            cameras = read_calibration(config.calib, config.calib_unit)
        elif config.focal is not None and config.baseline is not None:
            cameras = Calibration(config.focal, config.baseline, config.doffs)
        super().__init__(frames, cameras, config.rectify, config.max_frames, config.check)
        self.is_sequence: bool = frames.is_sequence


def _predicted(pairs: Pairs, model: StereoModel, rule: Rule, config: Root) -> Iterator[Result]:
    temporal = config.temporal
    steady = TemporalFilter(temporal.weight, temporal.change, temporal.jump) if temporal.filter else None
    watch = Watch()
    for index, sample in enumerate(pairs):
        seen = rule.choose_size(sample.size, model.manifest.multiple, model.manifest.size)
        if index == 0 and config.infer.scale is None and seen != sample.size:
            told = "%s: enlarged to %dx%d, because it is small; infer.scale=1 leaves it as it is"
            log.info(told, sample.key, seen[1], seen[0])
        prediction = model.predict(sample.left, sample.right, rule)
        result = Result.of(sample, prediction, pairs.calibration, pairs.was_rectified, steady)
        watch(result)
        yield result


def _output(out: OwnFiles, pairs: Pairs) -> Output:
    config = pairs.config
    return Output(
        out.folder,
        config.points,
        config.max_depth,
        config.every,
        None if config.limits is None else Scale(config.limits[0], config.limits[1]),
        pairs.frames.rate,
        no_depth=_NO_CALIBRATION,
        view=config.view,
        rerun=config.rerun,
        expected_error=config.expected_error,
        claim=out.claim,
    )


def _write_pair(out: OwnFiles, results: Iterator[Result], pairs: Pairs) -> dict[str, Any]:
    (result,) = results
    files = _output(out, pairs).write_pair(result)
    height, width = result.sample.size
    part: dict[str, Any] = {"pair": result.sample.key, "height": height, "width": width, **result.summary()}
    part["files"] = {k: str(v) for k, v in files.items()}
    # What is there to look at stands in the table for people, too.
    part |= {what: str(files[what]) for what in ("picture", "view", "recording") if what in files}
    return {**part, **_source_facts(pairs)}


def _write_sequence(out: OwnFiles, results: Iterator[Result], pairs: Pairs, config: Root) -> dict[str, Any]:
    stop = None
    with Meter("infer", len(pairs)) as meter, SequenceWriter(_output(out, pairs), config.temporal.change) as writer:
        try:
            for result in results:
                with hold_signals():
                    writer.add(result)
                meter.advance()
        except KeyboardInterrupt as asked:
            if not writer.count:
                raise
            log.info("interrupted after %d pairs", writer.count)
            # Ctrl-C is the usual way to stop cameras; whoever else stops us is told that we were.
            stop = asked if getattr(asked, "number", SIGINT) != SIGINT else None
    if stop is not None:
        raise stop
    return {"out": str(out.folder), **writer.facts(), **_source_facts(pairs)}


def _source_facts(pairs: Pairs) -> dict[str, Any]:
    """What a report says of the pairs' source: cameras, rate, what was left out."""
    facts: dict[str, Any] = {}
    if pairs.calibration is not None:
        facts["camera"] = json.loads(encode_camera(pairs.calibration))
    if pairs.is_sequence:
        left_out = pairs.frames.left_out
        facts |= {"rate": pairs.frames.rate, "unpaired": left_out.unpaired, "dropped": left_out.dropped}
    return facts
