"""At which size a pair is predicted, whether it is refined or checked: the same for eval, infer, bench, the runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import DISPARITY, SIZE, SMALL, Network, views

from stereo_exp.deploy.folder import Options, build
from stereo_exp.geometry.formats.pfm import read_pfm
from stereo_exp.geometry.metrics import StereoMetrics
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.geometry.sizing import AS_GIVEN, Rule, Sizing
from stereo_exp.model.checkpoint import load_checkpoint, save_checkpoint
from stereo_exp.runtime import StereoModel
from stereo_exp.suite.evaluate import evaluate, predict_split
from stereo_exp.suite.networks import Predictor
from stereo_exp.suite.restore import load_source, restore_model
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.splits import Splits
from stereo_exp.suite.tasks import dispatch

Make = Callable[..., RunContext]
LIKED = {"pixels": 80 * 150, "least": 1.1, "most": 1.8}
"""What the weights of these tests like: 50×90 px enlarged to about 80×150."""


@pytest.fixture(scope="module")
def liked(tmp_path_factory: pytest.TempPathFactory, floating: Network) -> Path:
    """A checkpoint with a size of its own, and beside it the compiled model of it."""
    folder = tmp_path_factory.mktemp("liked")
    checkpoint = load_checkpoint(floating.path)
    path = folder / "best.safetensors"
    save_checkpoint(path, checkpoint.meta | {"sizing": LIKED}, {"model": checkpoint.part("model")})
    build(load_source(path), folder / "compiled", Options(["onnxruntime"], 2, None, None), floating.exported)
    return path


def run(make: Make, path: Path, task: str, *more: str) -> dict[str, Any]:
    return dispatch(make(*SMALL, f"task={task}", "stage=float", f"checkpoint={path}", "machine.threads=1", *more))


@pytest.mark.parametrize(
    "asked",
    [{}, {"scale": 1.5}, {"scale": 1}, {"refine": "true"}, {"left_right": "true"}],
    ids=lambda asked: next(iter(asked.items()), ("rule",))[0] + str(next(iter(asked.values()), "")),
)
def test_eval_infer_bench_and_the_runtime_agree(
    make_context: Make, liked: Path, pairs: list[str], tmp_path: Path, asked: dict[str, Any]
) -> None:
    evaluated = run(make_context, liked, "eval", *pairs, *(f"eval.{k}={v}" for k, v in asked.items()))
    compiled = f"bench.model={liked.parent / 'compiled'}", "bench.mode=accuracy", "engine.threads=1"
    benched = run(make_context, liked, "bench", *compiled, *pairs, *(f"eval.{k}={v}" for k, v in asked.items()))
    metrics = StereoMetrics(evaluated_maxdisp(liked), checked="left_right" in asked)
    root = next(word for word in pairs if word.startswith("dataset.root=")).partition("=")[2]
    for i in range(2):
        words = (f"infer.left={root}/left{i}.png", f"infer.right={root}/right{i}.png", "infer.check=false")
        out = tmp_path / str(i)
        run(make_context, liked, "infer", *words, f"infer.out={out}", *(f"infer.{k}={v}" for k, v in asked.items()))
        disparity = read_pfm(out / "disparity.pfm")
        trusted = np.isfinite(disparity)
        if "left_right" in asked:
            assert not trusted.all(), "the left border has no match"
            # The maps leave out what is not trusted; the main figures do not.
            disparity = Predictor(*model_of(liked), Rule(sizing=Sizing(**LIKED)))(sample(i)).disparity
        metrics.update(disparity, np.full(SIZE, DISPARITY, np.float32), trusted=trusted)
    wanted = metrics.compute()
    for report in (evaluated, benched):
        found = {key: report[key] for key in wanted}
        # Engines and torch round differently, files hold what they hold.
        assert found == pytest.approx(wanted, abs=2e-3)
        assert report["eval_scale"] == asked.get("scale")
        assert report.get("sizing") == (None if "scale" in asked else LIKED)
    assert ("trusted" in evaluated) == ("left_right" in asked)


def evaluated_maxdisp(path: Path) -> int:
    return int(load_checkpoint(path).meta["config"]["model"]["maxdisp"])


def model_of(path: Path) -> tuple[torch.nn.Module, torch.device]:
    device = torch.device("cpu")
    return restore_model(path, device)[0], device


def sample(i: int) -> StereoSample:
    return StereoSample(str(i), *(np.ascontiguousarray(view) for view in views(i)))


def test_the_rule_changes_what_comes_out(make_context: Make, liked: Path, floating: Network, pairs: list[str]) -> None:
    by_rule, as_given = (run(make_context, liked, "eval", *pairs, *more)["epe"] for more in ([], ["eval.scale=1"]))
    defaults = run(make_context, floating.path, "eval", *pairs)["epe"]
    assert len({by_rule, as_given, defaults}) == 3


def test_a_compiled_model_enlarges_by_its_own_weights_rule(liked: Path) -> None:
    with StereoModel(liked.parent / "compiled", threads=1) as model:
        assert model.manifest.sizing == Sizing(**LIKED)
        assert model.enlargement(SIZE) == Sizing(**LIKED).choose_size(SIZE, model.manifest.multiple)[1] / SIZE[1]


def splits_of(make_context: Make, pairs: list[str], *more: str) -> Splits:
    config = make_context(*SMALL, *pairs, *more).config
    return Splits(config, config.model.multiple, training=False)


@pytest.mark.parametrize("batch", [1, 2])
def test_batches_of_pairs_as_they_are_give_what_single_pairs_do(
    make_context: Make, liked: Path, pairs: list[str], batch: int
) -> None:
    model, device = model_of(liked)
    splits = splits_of(make_context, pairs, f"loader.eval_batch_size={batch}")
    model.train()
    found = [seen for seen in predict_split(model, splits, device) if seen is not None]
    assert model.training, "as it was found"
    model.eval()
    assert [seen.index for seen in found] == [0, 1]
    for seen in found:
        alone = Predictor(model, device, AS_GIVEN)(seen.sample)
        np.testing.assert_allclose(seen.disparity, alone.disparity, atol=1e-3)
        assert seen.trusted is None
        np.testing.assert_array_equal(seen.sample.left, views(seen.index)[0])
        assert (seen.sample.disparity == DISPARITY).all()


def test_the_first_pairs_are_kept_and_the_loop_can_be_left(make_context: Make, liked: Path, pairs: list[str]) -> None:
    model, device = model_of(liked)
    splits = splits_of(make_context, pairs)
    scores, first = evaluate(model, splits, device, keep=1)
    assert scores["n_images"] == 2
    assert [seen.index for seen in first] == [0]
    (alone,) = predict_split(model, splits, device, limit=1)
    assert alone is not None
    np.testing.assert_array_equal(alone.disparity, first[0].disparity)


def test_trusted_pixels_are_scored_apart() -> None:
    metrics = StereoMetrics(64, checked=True)
    truth = np.full((2, 4), 10.0, np.float32)
    truth[0, 0] = 0
    found = np.where(np.arange(4) < 2, 10.5, 20.0)[None].repeat(2, axis=0)
    metrics.update(found, truth, trusted=np.arange(4)[None].repeat(2, axis=0) < 3)
    scores = metrics.compute()
    assert scores["trusted"] == pytest.approx(5 / 7)
    assert scores["epe_trusted"] == pytest.approx((3 * 0.5 + 2 * 10) / 5)
    assert scores["epe"] == pytest.approx((3 * 0.5 + 4 * 10) / 7)
    assert "trusted" not in StereoMetrics(64).compute()
    nothing = StereoMetrics(64, checked=True)
    nothing.update(found, truth, trusted=np.zeros((2, 4), bool))
    assert (nothing.compute()["trusted"], nothing.compute()["n_images"]) == (0, 1)
    assert np.isnan(nothing.compute()["epe_trusted"])
