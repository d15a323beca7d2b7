"""MLflow: one run for each Hydra job, all jobs of a name in one experiment."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stereo_exp.base import UserError, mask, write_text
from stereo_exp.suite.runs.context import CONFIG_FILE
from stereo_exp.suite.track.base import Tracker
from stereo_exp.suite.track.database import check_schema, quote_path, read_inode
from stereo_exp.suite.track.place import keep_place, read_place
from stereo_exp.suite.track.sender import Refused, Sender

if TYPE_CHECKING:
    from stereo_exp.suite.runs.context import RunContext

log = logging.getLogger(__name__)
# The client caps a batch at 1,000 metrics and 100 params.
_BATCH_METRICS, _BATCH_PARAMS = 500, 100
# The UI shows params in a narrow column, and stores differ in the length they take.
_LONG_PARAM = 250
_LONG_NAME = 120
_LONG_PARAMS_FILE = "long_params.txt"
# How long a run waits for its store at its start, and at its end; of a batch system that kills, less.
_START_SECONDS, _END_SECONDS, _KILLED_SECONDS = 15.0, 20.0, 3.0
# What no repetition mends.
_REFUSALS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "BAD_REQUEST")


class MLflowRun(Tracker):
    """An MLflow run, opened at the start and closed by `finish`. A thread of its own talks to the store.

    What the store does not take, now or ever, costs a warning: `metrics.jsonl` has the numbers, and `task=sync` brings
    them over. At its start a run waits for the store for some seconds, so that its first checkpoint can name its run.

    Raises:
        UserError: MLflow is not installed, or the experiment was deleted.
    """

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self.store = Store(context.config.tracker.uri)  # type: ignore[attr-defined]
        self._known: dict[str, set[int]] | None = None
        """Of a run that goes on under its id: the steps that the store has, by metric."""
        self._sender = Sender(self._send, f"MLflow ({self.store.uri})")
        self._sender.put(self._begin)
        left = self._sender.wait(_START_SECONDS)
        if isinstance(self._sender.error, UserError):
            raise self._sender.error
        if left and self._sender.error is None:
            log.warning("%s has not answered in %.0f s; going on without waiting", self.store.uri, _START_SECONDS)

    def _begin(self) -> None:
        # Tried again, it goes on with the run that was opened before the store went away.
        if self.run_id is None:
            if self.context.restarted and (run_id := self.store.go_on(self.context)) is not None:
                self._known = {}
                self.run_id = run_id
                return
            self.run_id = self.store.begin(self.context)
        self.store.describe(self.run_id, self.context)

    def _send(self, records: list[tuple[str, float, int, int]]) -> None:
        if self._known is not None:
            for key in {record[0] for record in records} - self._known.keys():
                self._known[key] = self.store.list_steps(self._id, key)
            records = [record for record in records if record[3] not in self._known[record[0]]]
        self.store.log(self._id, records)

    @property
    def _id(self) -> str:
        if self.run_id is None:
            raise Refused("the run was never opened")
        return self.run_id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        self._sender.add([(key, float(value), now, step) for key, value in values.items() if value is not None])

    def tag(self, **tags: str | None) -> None:
        kept = {key: value for key, value in tags.items() if value is not None}
        self._sender.put(lambda: self.store.tag(self._id, kept))

    def artifact(self, path: Path) -> None:
        self._sender.put(lambda: self.store.keep(self._id, path))

    def register(self, network: Path, **tags: str | float | None) -> None:
        name = self.context.config.tracker.model  # type: ignore[attr-defined]
        if name is not None:
            self._sender.put(lambda: self.store.register(self._id, name, network, tags))

    def end_other(self, run_id: str | None) -> None:
        def end() -> None:
            if run_id is not None and run_id != self._id:
                self.store.end_if_running(run_id, "KILLED")

        self._sender.put(end)

    def finish(self, status: str) -> None:
        # Not report.json: it is written after the trackers are closed.
        if (self.context.dir / CONFIG_FILE).is_file():
            self.artifact(self.context.dir / CONFIG_FILE)
        self._sender.put(lambda: self.store.end(self._id, status))
        if self._sender.close(_KILLED_SECONDS if status == "KILLED" else _END_SECONDS):
            command = f"python -m stereo_exp task=sync sync.run={self.context.dir}"
            log.warning("MLflow has not taken everything of this run; bring it over with: %s", command)


class Store:
    """A tracking store; each method asks it once and raises whatever it does.

    Args:
        uri: a database or a server.

    Raises:
        UserError: MLflow is not installed.
    """

    def __init__(self, uri: str) -> None:
        # We try again ourselves, and tell of it once; these are read when MLflow is imported or asked.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        try:
            from mlflow.tracking import MlflowClient
        except ImportError:
            raise UserError(
                "tracker", "mlflow", "MLflow is not installed", "pip install mlflow, or use tracker=none"
            ) from None
        for noisy in ("alembic", "mlflow.store.db.utils", "urllib3.connectionpool"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        self.uri, self._make = uri, MlflowClient
        self._made: Any = None
        self._database = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
        self._inode: int | None = None

    @property
    def _client(self) -> Any:
        """The client, of a store that is there: a database that somebody took away would be written to all the same,
        where nobody finds it."""
        if self._database is None:
            self._made = self._made or self._make(tracking_uri=self.uri)
            return self._made
        if self._made is not None and self._inode != read_inode(self._database):
            engine = getattr(getattr(self._made._tracking_client, "store", None), "engine", None)
            if engine is not None:
                engine.dispose()
            self._inode = read_inode(self._database)
            if self._inode is None:
                raise FileNotFoundError(f"{self._database} is gone")
        if self._made is None:
            self._made = self._open_database(self._database)
            self._inode = read_inode(self._database)
        return self._made

    def _open_database(self, database: Path) -> Any:
        """A client of a database that exists: only one process at a time may create its tables."""
        from filelock import FileLock

        database.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{database}.lock", timeout=_START_SECONDS):
            check_schema(database)
            with quote_path(database) as path:
                made = self._make(tracking_uri=f"sqlite:///{path}")
                made.search_experiments(max_results=1)
            return made

    def begin(self, context: RunContext) -> str:
        """Open a run with its tags; returns its id, which the run's folder keeps as well."""
        client = self._client
        experiment = self._experiment(context)
        run_id: str = client.create_run(experiment, run_name=_run_name(context), tags=_tags(context)).info.run_id
        keep_place(context.dir, self.uri, run_id)
        return run_id

    def describe(self, run_id: str, context: RunContext) -> None:
        """Record a run's params and its data set; again: nothing more."""
        self._log_params(run_id, context)
        self._log_dataset(run_id, context)

    def go_on(self, context: RunContext) -> str | None:
        """Open the run that the folder names again; returns its id, None where this store has no such run."""
        place = read_place(context.dir)
        run_id = place.get("run_id")
        if place.get("uri") != mask(self.uri) or not isinstance(run_id, str) or not self.has(run_id):
            return None
        self._ask(methodcaller("update_run", run_id, status="RUNNING"))
        keep_place(context.dir, self.uri, run_id)
        return run_id

    def _experiment(self, context: RunContext) -> str:
        from filelock import FileLock

        # A run that nobody tracked has none.
        name = getattr(context.config.tracker, "experiment", context.config.name)
        root = Path(context.config.root)
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".mlflow-experiment.lock", timeout=_START_SECONDS):
            found = self._client.get_experiment_by_name(name)
            if found is not None and found.lifecycle_stage == "deleted":
                raise UserError(
                    "tracker.experiment",
                    name,
                    "was deleted in MLflow",
                    f"restore it (mlflow experiments restore -x {found.experiment_id}), "
                    "give another tracker.experiment, or use tracker=none",
                )
            if found is not None:
                return str(found.experiment_id)
            # A server decides for itself where artifacts go; a local store would put them into the working folder.
            local = self.uri.startswith("sqlite:")
            location = (root.resolve() / "mlruns" / name).as_uri() if local else None
            return str(self._client.create_experiment(name, artifact_location=location))

    def _log_dataset(self, run_id: str, context: RunContext) -> None:
        """The data set as MLflow's own entity: its name, its settings as the source, and a digest of them."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        settings = json.dumps(context.config_dict()["dataset"], sort_keys=True, default=str)
        digest = hashlib.sha256(settings.encode()).hexdigest()[:8]
        name, use = context.config.dataset.name, "training" if context.config.task == "train" else "evaluation"
        entity = Dataset(name=name, digest=digest, source_type="stereo_exp", source=settings)
        tags = [InputTag("mlflow.data.context", use)]
        self._client.log_inputs(run_id, datasets=[DatasetInput(dataset=entity, tags=tags)])

    def _log_params(self, run_id: str, context: RunContext) -> None:
        from mlflow.entities import Param

        flat = {key: str(value) for key, value in _flatten(context.config_dict())}
        short = [Param(k, v) for k, v in flat.items() if len(v) <= _LONG_PARAM]
        for start in range(0, len(short), _BATCH_PARAMS):
            self._client.log_batch(run_id, params=short[start : start + _BATCH_PARAMS])
        long = {k: v for k, v in flat.items() if len(v) > _LONG_PARAM}
        if long:
            path = context.dir / _LONG_PARAMS_FILE
            write_text(path, "".join(f"{k}: {v}\n" for k, v in long.items()))
            self.keep(run_id, path)

    def log(self, run_id: str, records: list[tuple[str, float, int, int]]) -> None:
        """Records: name, value, ms since 1970, step. The store knows those that it has already by all four."""
        from mlflow.entities import Metric

        metrics = [Metric(*record) for record in records]
        for start in range(0, len(metrics), _BATCH_METRICS):
            batch = metrics[start : start + _BATCH_METRICS]
            self._ask(methodcaller("log_batch", run_id, metrics=batch))

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Say something about a run as a whole."""
        for key, value in tags.items():
            self._ask(methodcaller("set_tag", run_id, f"stereo_exp.{key}", value))

    def keep(self, run_id: str, path: Path) -> None:
        """Copy a file to the run's artifacts."""
        if not path.is_file():
            raise Refused(f"{path} is not there to be kept")
        self._ask(methodcaller("log_artifact", run_id, str(path)))

    def register(self, run_id: str, name: str, network: Path, tags: Mapping[str, Any]) -> None:
        """Make a run's network the next version of a registered model; see `stereo_exp.suite.track.pyfunc`."""
        from stereo_exp.suite.track.pyfunc import register

        if not network.exists():
            raise Refused(f"{network} is not there to be kept")
        said = {key: str(value) for key, value in tags.items() if value is not None}
        self._ask(lambda client: register(client, run_id, name, network, said))

    def end(self, run_id: str, status: str) -> None:
        """The run is over."""
        self._ask(methodcaller("set_terminated", run_id, status))

    def end_if_running(self, run_id: str, status: str) -> None:
        """A run that was killed could not say so itself."""
        if self._ask(methodcaller("get_run", run_id)).info.status == "RUNNING":
            self.end(run_id, status)

    def has(self, run_id: str) -> bool:
        """Whether the store knows the run."""
        try:
            return self._ask(methodcaller("get_run", run_id)) is not None
        except Refused:
            return False

    def list_runs(self, experiment: str) -> list[Any]:
        """The runs of an experiment, oldest first.

        Raises:
            UserError: there is no such experiment.
        """
        found = self._ask(methodcaller("get_experiment_by_name", experiment))
        if found is None:
            names = sorted(each.name for each in self._client.search_experiments())
            fix = f"give one of {', '.join(names)}"
            raise UserError("report.experiment", experiment, f"is no experiment of {self.uri}", fix)
        runs: list[Any] = []
        token = None
        while True:
            page = self._client.search_runs([found.experiment_id], page_token=token, order_by=["start_time ASC"])
            runs += page
            token = page.token
            if not token:
                return runs

    def read_metric(self, run_id: str, key: str) -> list[tuple[int, float]]:
        """A metric's values by step."""
        history = self._ask(methodcaller("get_metric_history", run_id, key))
        return sorted((metric.step, float(metric.value)) for metric in history)

    def list_steps(self, run_id: str, key: str) -> set[int]:
        """The steps of which a metric is recorded."""
        return {metric.step for metric in self._ask(methodcaller("get_metric_history", run_id, key))}

    def list_kept(self, run_id: str) -> set[str]:
        """Names of a run's artifacts."""
        return {each.path for each in self._ask(methodcaller("list_artifacts", run_id))}

    def _ask(self, what: Callable[[Any], Any]) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return what(self._client)
        except MlflowException as error:
            if error.error_code in _REFUSALS:
                raise Refused(str(error)) from error
            raise


def _run_name(context: RunContext) -> str:
    """Task, stage, what tells it from the other runs, and its folder."""
    config, typed = context.config, " ".join(context.list_differing())
    shown = typed if len(typed) <= _LONG_NAME else f"{typed[: _LONG_NAME - 1]}…"
    return " ".join(filter(None, (f"{config.task}-{config.stage}", shown, context.dir.name)))


def _tags(context: RunContext) -> dict[str, str]:
    config = context.config
    return {
        "stereo_exp.task": config.task,
        "stereo_exp.stage": config.stage,
        "stereo_exp.run_dir": str(context.dir),
        "stereo_exp.overrides": mask(" ".join(context.overrides)),
    }


def _flatten(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
