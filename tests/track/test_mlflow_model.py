"""The end of a chain as a registered model of a real MLflow store, which `mlflow.pyfunc.load_model` opens."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import run_in_process

import stereo_exp as se
from stereo_exp.base.errors import UserError
from stereo_exp.geometry.formats.image import read_rgb
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.track.base import open_tracker
from stereo_exp.suite.track.place import _register, _tags
from stereo_exp.weights import find_compiled_release

mlflow = pytest.importorskip("mlflow")
pyfunc = pytest.importorskip("mlflow.pyfunc")
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402

MakeContext = Callable[..., RunContext]
OLD = Path(__file__).parents[1] / "checkpoints"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for the module: making its tables takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture
def client(store: str) -> Any:
    return MlflowClient(tracking_uri=store)


@pytest.fixture
def as_default(store: str) -> Iterator[None]:
    """The store is the one in which MLflow's own functions look."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store)
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture
def end_chain(make_context: MakeContext, store: str) -> Callable[..., tuple[RunContext, str]]:
    """Track a run of `stage=int_infer` that leaves a small network; returns it and its id."""

    def end(*words: str, network: str = "best.safetensors", times: int = 1) -> tuple[RunContext, str]:
        context = make_context("tracker=mlflow", f"tracker.uri={store}", "stage=int_infer", *words)
        shutil.copy(OLD / "int_infer.safetensors", context.dir / "best.safetensors")
        with open_tracker(context) as tracker:
            for _ in range(times):
                tracker.register(context.dir / network, stage="int_infer", epe=1.5, dataset=None)
        assert tracker.run_id is not None
        return context, tracker.run_id

    return end


def versions(client: Any, name: str) -> list[Any]:
    return sorted(client.search_model_versions(f"name='{name}'"), key=lambda version: int(version.version))


def views() -> tuple[np.ndarray, np.ndarray]:
    return tuple(read_rgb(OLD / f"{view}.png") for view in ("left", "right"))  # type: ignore[return-value]


def test_it_predicts_what_the_front_door_does(
    end_chain: Callable[..., tuple[RunContext, str]], client: Any, as_default: None
) -> None:
    context, run_id = end_chain("name=first")
    (version,) = versions(client, "first")
    assert (version.run_id, version.tags["stage"], version.tags["epe"]) == (run_id, "int_infer", "1.5")
    assert "dataset" not in version.tags
    # Of the chain nothing is needed but what the store has.
    left, right = views()
    wanted = se.load(context.dir / "best.safetensors")(left, right)
    shutil.rmtree(context.dir)
    model = pyfunc.load_model(f"models:/first/{version.version}")
    signature = model.metadata.signature
    assert [(each.name, each.type, each.shape) for each in signature.inputs] == [
        (name, np.dtype(np.uint8), (-1, -1, -1, 3)) for name in ("left", "right")
    ]
    assert [each.name for each in signature.outputs] == ["disparity", "confidence"]
    found = model.predict({"left": np.stack([left, right]), "right": np.stack([right, left])})
    assert found.keys() == {"disparity", "confidence"}
    for name, values in found.items():
        assert (values.dtype, values.shape) == (np.float32, (2, *left.shape[:2]))
        np.testing.assert_array_equal(values[0], getattr(wanted, name))
    assert wanted.disparity.std() > 0.1
    with pytest.raises(MlflowException):
        model.predict({"left": left[None].astype(np.float32), "right": right[None]})
    with pytest.raises(MlflowException):
        model.predict({"left": left[None]})


def test_each_run_is_a_version_once(end_chain: Callable[..., tuple[RunContext, str]], client: Any) -> None:
    runs = [end_chain("name=second", "tracker.model=shared", times=2)[1] for _ in range(2)]
    found = versions(client, "shared")
    assert [(str(each.version), each.run_id) for each in found] == [("1", runs[0]), ("2", runs[1])]
    assert versions(client, "second") == []
    models = client.search_logged_models([client.get_experiment_by_name("second").experiment_id])
    assert {(each.source_run_id, str(each.status)) for each in models} == {(run, "READY") for run in runs}


def test_null_registers_none(end_chain: Callable[..., tuple[RunContext, str]], client: Any) -> None:
    before = len(client.search_registered_models())
    _, run_id = end_chain("name=third", "tracker.model=null")
    assert len(client.search_registered_models()) == before
    assert client.get_run(run_id).info.status == "FINISHED"


def test_what_cannot_be_registered_costs_a_warning(
    end_chain: Callable[..., tuple[RunContext, str]], client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    context, run_id = end_chain("name=fourth", network="gone.safetensors")
    assert versions(client, "fourth") == []
    assert f"{context.dir / 'gone.safetensors'} is not there to be kept" in caplog.text
    assert client.get_run(run_id).info.status == "FINISHED"


def test_a_name_that_mlflow_does_not_take_is_refused(make_context: MakeContext) -> None:
    with pytest.raises(UserError, match=r"tracker\.model=a/b: .*without / and :"):
        make_context("tracker=mlflow", "tracker.model=a/b")


def test_sync_registers_what_the_store_lacks(
    end_chain: Callable[..., tuple[RunContext, str]], client: Any, store: str
) -> None:
    context, run_id = end_chain("name=fifth", network="gone.safetensors")
    report = {"task": "train", "stage": "int_infer", "epe": 2.5, "checkpoint": "/elsewhere/best.safetensors"}
    (context.dir / "report.json").write_text(json.dumps(report))
    for _ in range(2):
        run_in_process("task=sync", f"root={context.config.root}", f"tracker.uri={store}", f"sync.run={context.dir}")
        (version,) = versions(client, "fifth")
    assert (version.run_id, version.tags["epe"]) == (run_id, "2.5")


def test_sync_asks_the_checkpoint_what_a_compiled_network_was_trained_on(tmp_path: Path) -> None:
    """Not the config of the run that compiled it, which trained nothing."""
    known = {"stage": "int_infer", "epe": 7.165302441935637, "dataset": "shapes"}
    assert _tags({"task": "compile"}, OLD / "int_infer.safetensors") == known
    assert _tags({"epe": 2.5}, OLD / "int_infer.safetensors") == {**known, "epe": 2.5}
    assert _tags({"stage": "qat", "epe": 2.5}, tmp_path / "gone.safetensors") == {"stage": "qat", "epe": 2.5}


def test_a_report_that_is_none_registers_nothing(make_context: MakeContext) -> None:
    context = make_context("tracker=mlflow", "tracker.uri=sqlite:///nowhere.db")
    for text in ("[]", "{", '"train"'):
        (context.dir / "report.json").write_text(text)
        _register(context, None, "run")  # type: ignore[arg-type]


@pytest.mark.long
def test_a_compiled_folder_is_a_model_too(make_context: MakeContext, store: str, client: Any, as_default: None) -> None:
    context = make_context("tracker=mlflow", f"tracker.uri={store}", "task=compile", "name=sixth")
    with open_tracker(context) as tracker:
        tracker.register(find_compiled_release())
    left, right = views()
    model = pyfunc.load_model("models:/sixth/1")
    found = model.predict({"left": left[None], "right": right[None]})
    np.testing.assert_array_equal(found["disparity"][0], se.load("release")(left, right).disparity)
    requirements = Path(pyfunc.get_model_dependencies("models:/sixth/1")).read_text().split()
    assert [each for each in requirements if each.startswith("stereo_exp")] == [f"stereo_exp=={se.__version__}"]
