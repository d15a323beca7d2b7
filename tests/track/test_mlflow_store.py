"""What a run leaves in a real MLflow store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow_runs import EPE, record

from stereo_exp.base.errors import UserError
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.track import mlflow as ours
from stereo_exp.suite.track.base import open_tracker

mlflow = pytest.importorskip("mlflow")
from mlflow.tracking import MlflowClient  # noqa: E402

MakeContext = Callable[..., RunContext]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for the module: making its tables takes seconds."""
    return tmp_path_factory.mktemp("store") / "deep" / "mlflow.db"


@pytest.fixture
def client(store: Path) -> Any:
    return MlflowClient(tracking_uri=f"sqlite:///{store}")


@pytest.fixture
def tracked(make_context: MakeContext, store: Path) -> MakeContext:
    """A run tracked in the store."""
    return lambda *overrides: make_context("tracker=mlflow", f"tracker.uri=sqlite:///{store}", *overrides)


def test_metrics_params_tags_and_artifacts(tracked: MakeContext, client: Any, tmp_path: Path) -> None:
    context = tracked("name=first", "stage=qat", "optim.lr=0.25")
    run = client.get_run(record(context))
    history = client.get_metric_history(run.info.run_id, "test/epe")
    assert [(m.step, m.value) for m in history] == EPE
    assert run.data.params["optim.lr"] == "0.25"
    assert "optim.lr=0.25" in run.info.run_name
    (given,) = run.inputs.dataset_inputs
    assert given.dataset.name == "shapes"
    assert {tag.key: tag.value for tag in given.tags} == {"mlflow.data.context": "training"}
    assert run.data.params["model.backbone.name"] == "mixvargenet"
    tags = {k.removeprefix("stereo_exp."): v for k, v in run.data.tags.items() if k.startswith("stereo_exp.")}
    assert (tags["task"], tags["stage"], tags["parent_run"]) == ("train", "qat", "abc")
    assert tags["run_dir"] == str(context.dir)
    assert "optim.lr=0.25" in tags["overrides"].split()
    assert "nothing" not in tags
    assert run.info.status == "FINISHED"
    assert run.info.end_time >= run.info.start_time
    assert run.info.artifact_uri.startswith((tmp_path / "mlruns" / "first").as_uri())
    assert {a.path for a in client.list_artifacts(run.info.run_id)} == {"config.yaml", "picture.png"}
    assert client.get_experiment(run.info.experiment_id).name == "first"


def test_every_key_of_the_configuration_is_a_param(tracked: MakeContext, client: Any) -> None:
    context = tracked("name=first", "augment=flip")
    params = client.get_run(record(context)).data.params
    flat = dict(ours._flatten(context.config_dict()))
    assert params == {k: str(v) for k, v in flat.items()}
    assert params["augment.vertical_flip.probability"] == "0.5"


def test_long_param_goes_to_an_artifact(tracked: MakeContext, client: Any, tmp_path: Path) -> None:
    long = "x" * 2000
    run_id = record(tracked("name=first", f"dataset.root={long}", "train.resume=short"))
    params = client.get_run(run_id).data.params
    assert "dataset.root" not in params
    assert params["train.resume"] == "short"
    text = Path(client.download_artifacts(run_id, "long_params.txt", str(tmp_path))).read_text()
    assert text == f"dataset.root: {long}\n"


def test_more_metrics_than_a_batch_takes(tracked: MakeContext, client: Any) -> None:
    context = tracked("name=first")
    with open_tracker(context) as tracker:
        for step in range(ours._BATCH_METRICS + 5):
            tracker.log(step, {"a": float(step), "b": -float(step)})
        run_id = tracker.run_id
    for name, sign in (("a", 1), ("b", -1)):
        history = client.get_metric_history(run_id, name)
        assert [(m.step, m.value) for m in history] == [(s, sign * s) for s in range(ours._BATCH_METRICS + 5)]


def test_not_a_number_does_not_end_the_run(tracked: MakeContext, client: Any) -> None:
    with open_tracker(tracked("name=first")) as tracker:
        tracker.log(1, {"a": float("nan"), "b": float("inf"), "c": 1.0})
        run_id = tracker.run_id
    assert client.get_run(run_id).data.metrics["c"] == 1.0


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError, "FAILED"), (UserError, "FAILED"), (KeyboardInterrupt, "KILLED")]
)
def test_status_of_a_run_that_broke(tracked: MakeContext, client: Any, error: type[BaseException], status: str) -> None:
    arguments = ("key", 1, "rule", "fix") if error is UserError else ()
    with pytest.raises(error), open_tracker(tracked("name=first")) as tracker:
        tracker.log(1, {"a": 1.0})
        run_id = tracker.run_id
        raise error(*arguments)
    run = client.get_run(run_id)
    assert (run.info.status, run.data.metrics) == (status, {"a": 1.0})


def test_runs_of_a_name_share_an_experiment(tracked: MakeContext, client: Any) -> None:
    runs = [client.get_run(record(tracked(*o))) for o in (["name=x"], ["name=x", "stage=qat"], ["name=y"])]
    first, second, other = (r.info.experiment_id for r in runs)
    assert first == second != other
    assert len({r.info.run_name for r in runs[:2]}) == 2


def test_deleted_experiment_is_told(tracked: MakeContext, client: Any) -> None:
    run = client.get_run(record(tracked("name=gone")))
    client.delete_experiment(run.info.experiment_id)
    with pytest.raises(UserError, match=r"tracker\.experiment=gone.*restore"):
        record(tracked("name=gone"))


_RECORD = """
import sys
from pathlib import Path
from composing import composed
from mlflow_runs import record
from stereo_exp.config import bind
from stereo_exp.suite.runs.context import RunContext
root, job = sys.argv[1:]
run_dir = Path(root) / job
run_dir.mkdir()
context = RunContext(bind(composed("name=race", f"root={root}")), run_dir)
sys.stdin.readline()
print(record(context))
"""


@pytest.mark.long
def test_two_processes_make_the_store_at_once(tmp_path: Path) -> None:
    paths = os.pathsep.join(p for p in sys.path if p)
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", _RECORD, str(tmp_path), f"job{job}"],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for job in range(2)
    ]
    try:
        for job in jobs:
            assert job.stdin is not None
            job.stdin.write("go\n")
            job.stdin.flush()
        ends = [job.communicate(timeout=60) for job in jobs]
    finally:
        for job in jobs:
            job.kill()
    assert [job.returncode for job in jobs] == [0, 0], ends
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    runs = [client.get_run(out.splitlines()[-1]) for out, _ in ends]
    assert len({r.info.run_id for r in runs}) == 2
    assert len({r.info.experiment_id for r in runs}) == 1
    assert [e.name for e in client.search_experiments() if e.name != "Default"] == ["race"]
