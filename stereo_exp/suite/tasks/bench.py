"""`task=bench`: how fast and how right a compiled model is on this machine. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from stereo_exp.base import Meter
from stereo_exp.config import Bench
from stereo_exp.runtime import (
    Load,
    Manifest,
    Progress,
    StereoModel,
    by_type,
    describe,
    measure_fps,
    measure_latency,
    measure_perf,
    pin_cores,
    write_profile,
)
from stereo_exp.suite.build import build_rule, eval_facts, network_size
from stereo_exp.suite.evaluate import Scores, Seen
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.folders import find_compiled
from stereo_exp.suite.track.base import open_tracker

Result = dict[str, Any]


def run(context: RunContext) -> Result:
    """Measure; returns the report's part."""
    config = context.config.bench
    manifest = find_compiled(context, "bench.model", config.model)
    size = manifest.size or network_size("bench.size", config.size, manifest.multiple)
    engine = context.config.engine
    load = Load(manifest, engine.name, engine.threads, size, config.frames, config.warm_up, engine.device)
    with open_tracker(context) as tracker, pin_cores(config.cores):
        facts = {
            "stage": manifest.model.stage,
            "mode": config.mode,
            "model": str(manifest.folder),
            **_host(config, manifest),
        }
        result = facts | _MODES[config.mode](context, load)
        numbers = {k: v for k, v in result.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
        tracker.tag(compiled=str(manifest.folder), device=str(facts["device"]))
        tracker.log(0, {f"bench/{key}": value for key, value in numbers.items()})
        for file in result.get("files", ()):
            tracker.artifact(context.dir / file)
    return result


def _host(config: Bench, manifest: Manifest) -> Result:
    return {
        **describe(),
        "pinned_to": config.cores,
        "compiled_with": manifest.versions,
        "target": manifest.model.target,
        "opt": manifest.opt,
    }


def _perf(context: RunContext, load: Load) -> Result:
    with _meter("perf", 2 * (load.warm_up + load.frames)) as progress:
        found = measure_perf(load, progress)
    host = describe()
    heading = [f"{load.manifest.folder}", f"{host['device']}, {host['cores']} cores, {host['system']}", _frames(load)]
    files = write_profile(context.dir, found, heading)
    return {
        "engine": found.engine,
        "threads": found.threads,
        **_size(load),
        "ms": found.median,
        "ms_min": min(found.milliseconds),
        "ms_max": max(found.milliseconds),
        "fps": 1e3 * _batch(load) / found.median,
        "operators": by_type(found.operators),
        "files": [file.name for file in files],
    }


def _fps(context: RunContext, load: Load) -> Result:
    in_flight = context.config.bench.in_flight
    with _meter("fps", load.warm_up + load.frames) as progress:
        found = measure_fps(load, in_flight, progress)
    return {
        "engine": found.engine,
        "threads": found.threads,
        **_size(load),
        "in_flight": in_flight,
        "fps": found.median,
        "fps_min": min(found.rounds),
        "fps_max": max(found.rounds),
    }


def _latency(context: RunContext, load: Load) -> Result:
    with _meter("latency", load.warm_up + load.frames) as progress:
        found = measure_latency(load, progress)
    forms = found.percentiles()
    return {
        "engine": found.engine,
        "threads": found.threads,
        **_size(load),
        **{f"{form}_ms_{p}": value for form, values in forms.items() for p, value in values.items()},
        "post_ms": found.post_ms,
        "post_share": found.post_share,
    }


def _accuracy(context: RunContext, load: Load) -> Result:
    from stereo_exp.data import num_pairs, read_pairs
    from stereo_exp.suite.datasets import open_split

    config = context.config
    source = open_split(config.dataset, "test")
    count = num_pairs(source, config.bench.pairs)
    rule = build_rule(config.eval, load.manifest.sizing)
    scores = Scores(load.manifest.model.maxdisp, source.names, source.set_of, rule.left_right)
    with (
        StereoModel(load.manifest.folder, load.engine, load.threads, device=load.device) as model,
        _meter("accuracy", count) as progress,
    ):
        for index, sample in enumerate(read_pairs(source, count, config.dataset.on_error)):
            if sample is None:
                scores.skip()
            else:
                found = model.predict(sample.left, sample.right, rule)
                scores.add(Seen(index, sample, found.disparity, found.trusted))
            progress(1)
    return {
        "engine": f"{model.engine.name} {model.engine.version}",
        "threads": model.engine.threads,
        "dataset": config.dataset.name,
        **eval_facts(rule),
        **scores.compute(),
        "checkpoint_epe": load.manifest.model.epe,
    }


_MODES: dict[str, Callable[[RunContext, Load], Result]] = {
    "perf": _perf,
    "fps": _fps,
    "latency": _latency,
    "accuracy": _accuracy,
}


@contextmanager
def _meter(title: str, total: int) -> Iterator[Progress]:
    with Meter(title, total) as meter:
        yield meter.advance


def _size(load: Load) -> Result:
    return {"height": load.size[0], "width": load.size[1], "batch": _batch(load), "frames": load.frames}


def _batch(load: Load) -> int:
    return load.manifest.batch or 1


def _frames(load: Load) -> str:
    return f"{load.frames} frames of {load.size[0]}x{load.size[1]} after {load.warm_up} that do not count"
