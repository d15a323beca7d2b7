"""`task=bench` on a real compiled folder: every mode, on every engine, also where torch cannot be imported."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matcher import ENGINES, MAXDISP, shifted_pair, write_matcher

from stereo_exp.base.errors import UserError
from stereo_exp.config.deploy import MODES
from stereo_exp.config.deploy import RUN_ENGINES as ENGINE_NAMES
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.formats.pfm import write_pfm
from stereo_exp.runtime.bench import device_name, pin_cores
from stereo_exp.runtime.engines import AUTO
from stereo_exp.runtime.engines import ENGINES as REGISTERED
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.runs.folders import find_compiled
from stereo_exp.suite.tasks import dispatch

Make = Callable[..., RunContext]
QUICK = ("task=bench", "bench.frames=4", "bench.warm_up=1", "bench.size=[32,64]", "engine.threads=1")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pairs 40×90 of 4, 9 and 100 px; the last has no truth below maxdisp."""
    root = tmp_path_factory.mktemp("pairs")
    for name in ("left", "right", "disparity"):
        (root / name).mkdir()
    for i, disparity in enumerate((4, 9, 100)):
        for name, view in zip(("left", "right"), shifted_pair(40, 90, min(disparity, 20), seed=i), strict=True):
            (root / name / f"{i}.png").write_bytes(encode_png(view))
        write_pfm(root / "disparity" / f"{i}.pfm", np.full((40, 90), disparity, np.float32))
    return root


def of_pairs(root: Path) -> list[str]:
    patterns = ("left=left/*.png", "right=right/*.png", "disparity=disparity/*.pfm")
    return ["dataset=pairs", f"dataset.root={root}", *(f"dataset.{p}" for p in patterns)]


def test_config_names_every_engine() -> None:
    assert set(ENGINE_NAMES) == {AUTO, *REGISTERED}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", MODES)
def test_every_mode(make_context: Make, compiled: Path, pairs: Path, mode: str, engine: str) -> None:
    settings = [*QUICK, f"bench.mode={mode}", f"engine={engine}", f"bench.model={compiled}"]
    context = make_context(*settings, *of_pairs(pairs))
    report = dispatch(context)
    assert json.loads((context.dir / "report.json").read_text()) == report
    assert report["engine"].startswith(engine)
    assert report["device"] == device_name() != ""
    assert report["threads"] == 1
    assert {"python", "numpy", "opencv"} <= set(report["versions"])
    if mode == "perf":
        check_profile(context, report)
    elif mode == "fps":
        assert 0 < report["fps_min"] <= report["fps"] <= report["fps_max"]
        assert report["in_flight"] == 2
    elif mode == "latency":
        for form in ("full", "trunk"):
            assert 0 < report[f"{form}_ms_p50"] <= report[f"{form}_ms_p90"] <= report[f"{form}_ms_p99"]
        assert report["post_share"] == pytest.approx(report["post_ms"] / report["full_ms_p50"])
    else:
        # The matcher is right to a few hundredths where it can see, wrong in a strip at the left edge.
        assert report["epe"] < 1
        assert (report["n_images"], report["n_skipped"]) == (2, 1)


def check_profile(context: RunContext, report: dict) -> None:
    with (context.dir / "profile.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1, abs=1e-3)
    times = [float(row["ms"]) for row in rows]
    assert times == sorted(times, reverse=True)
    kinds = {row["type"] for row in rows}
    assert any("Softmax" in kind for kind in kinds), kinds
    assert sum(o["ms"] for o in report["operators"]) == pytest.approx(sum(times), rel=0.05, abs=0.01)
    assert report["ms_min"] <= report["ms"] <= report["ms_max"]
    log = (context.dir / "profile.log").read_text()
    assert report["device"] in log
    assert log.count("frame ") >= 4


def test_accuracy_is_what_task_eval_defines(make_context: Make, compiled: Path, pairs: Path) -> None:
    from stereo_exp.geometry.metrics import StereoMetrics
    from stereo_exp.runtime import StereoModel
    from stereo_exp.suite.datasets import open_split

    context = make_context(*QUICK, "bench.mode=accuracy", f"bench.model={compiled}", *of_pairs(pairs))
    report = dispatch(context)
    metrics, model = StereoMetrics(MAXDISP), StereoModel(compiled, threads=1)
    source = open_split(context.config.dataset, "test")
    for sample in map(source.read, range(len(source))):
        metrics.update(model(sample.left, sample.right, scale=None).disparity, sample.disparity)
    wanted = metrics.compute()
    assert {key: report[key] for key in wanted} == wanted


def test_unreadable_pairs_are_skipped_and_counted(make_context: Make, compiled: Path, pairs: Path) -> None:
    broken = pairs.parent / "broken"
    subprocess.run(["cp", "-r", pairs, broken], check=True)
    (broken / "left" / "0.png").write_bytes(b"no image")
    settings = [*QUICK, "bench.mode=accuracy", f"bench.model={compiled}", *of_pairs(broken)]
    report = dispatch(make_context(*settings, "dataset.on_error=skip"))
    assert (report["n_images"], report["n_skipped"]) == (1, 2)
    with pytest.raises(UserError, match=r"0\.png"):
        dispatch(make_context(*settings))


def test_the_newest_compiled_model_of_the_name_is_found(make_context: Make) -> None:
    settings = ("task=bench", "stage=int_infer", "name=mine")
    context = make_context(*settings)
    with pytest.raises(UserError, match="python -m stereo_exp task=compile stage=int_infer name=mine"):
        find_compiled(context, "bench.model", None)
    folders = []
    for age, name in ((100, "old"), (50, "new")):
        run = make_context(*settings, folder=f"int_infer/{name}").dir
        folders.append(write_matcher(run / "compiled", ("onnxruntime",)))
        os.utime(run / "run.json", (2e9 - age, 2e9 - age))
    assert find_compiled(context, "bench.model", None).folder == folders[1]
    # A range that is typed must be the model's.
    with pytest.raises(UserError, match=r"for model\.maxdisp=192, only for 32"):
        find_compiled(make_context(*settings, "model.maxdisp=192"), "bench.model", None)
    fitting = make_context(*settings, "model.maxdisp=32")
    assert find_compiled(fitting, "bench.model", None).folder == folders[1]
    # A folder that is named is taken as it is.
    assert find_compiled(context, "bench.model", str(folders[0])).folder == folders[0]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinities")
def test_pinning_holds_inside_and_ends() -> None:
    before = os.sched_getaffinity(0)
    core = max(before)
    with pin_cores([core]):
        assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == before
    with pytest.raises(UserError, match="may use the cores"), pin_cores([10**6]):
        pass
    with pytest.raises(UserError, match="may use the cores"), pin_cores([]):
        pass


_WITHOUT_TORCH = """
import sys
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchao"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Guard())
from stereo_exp.__main__ import main
main()
"""


@pytest.mark.parametrize("mode", MODES)
def test_the_command_runs_without_torch(tmp_path: Path, compiled: Path, pairs: Path, mode: str) -> None:
    words = [*QUICK, f"bench.mode={mode}", f"bench.model={compiled}", "tracker=none", *of_pairs(pairs)]
    command = [sys.executable, "-c", _WITHOUT_TORCH, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["task"], report["mode"]) == ("bench", mode)
