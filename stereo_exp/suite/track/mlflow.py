"""MLflow: one run for each Hydra job, all jobs of a name in one experiment."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stereo_exp.base import UserError, write_text
from stereo_exp.suite.runs.context import CONFIG_FILE
from stereo_exp.suite.track.base import Tracker

if TYPE_CHECKING:
    from stereo_exp.suite.runs.context import RunContext


# The client caps a batch at 1,000 metrics and 100 params; a flush every few seconds keeps the UI live.
_BATCH_METRICS, _BATCH_PARAMS, _FLUSH_SECONDS = 500, 100, 5.0
# The UI shows params in a narrow column, and stores differ in the length they take.
_LONG_PARAM = 250
_LONG_PARAMS_FILE = "long_params.txt"


class MLflowRun(Tracker):
    """An MLflow run, opened at once and closed by `finish`.

    Raises:
        UserError: MLflow is not installed, or the tracking store cannot be opened.
    """

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        try:
            from mlflow.tracking import MlflowClient
        except ImportError:
            raise UserError(
                "tracker", "mlflow", "MLflow is not installed", "pip install mlflow, or use tracker=none"
            ) from None
        for noisy in ("alembic", "mlflow.store.db.utils"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        config: Any = context.config.tracker
        try:
            self._client = self._open_store(MlflowClient, config.uri)
            experiment = self._experiment(config.experiment)
            run = self._client.create_run(experiment, run_name=_run_name(context), tags=_tags(context))
        except UserError:
            raise
        except Exception as error:
            # MLflow raises whatever its backend does; to the user it is one thing.
            raise UserError(
                "tracker.uri",
                config.uri,
                f"the store cannot be opened ({error})",
                "give another store or tracker=none",
            ) from error
        self.run_id = run.info.run_id
        self._metrics: list[Any] = []
        self._flushed = time.monotonic()
        self._log_params()

    def _open_store(self, client: Any, uri: str) -> Any:
        """A client of a store that exists: only one process at a time may create its tables."""
        if not uri.startswith("sqlite:///"):
            return client(tracking_uri=uri)
        from filelock import FileLock

        database = Path(uri.removeprefix("sqlite:///"))
        database.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{database}.lock"):
            made = client(tracking_uri=uri)
            made.search_experiments(max_results=1)
            return made

    def _experiment(self, name: str) -> str:
        from filelock import FileLock

        root = Path(self.context.config.root)
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".mlflow-experiment.lock"):
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
                return found.experiment_id
            # A server decides for itself where artifacts go; a local store would put them into the working folder.
            local = self.context.config.tracker.uri.startswith("sqlite:")  # type: ignore[attr-defined]
            location = (root.resolve() / "mlruns" / name).as_uri() if local else None
            return self._client.create_experiment(name, artifact_location=location)

    def _log_params(self) -> None:
        from mlflow.entities import Param

        flat = {key: str(value) for key, value in _flatten(self.context.config_dict())}
        short = [Param(k, v) for k, v in flat.items() if len(v) <= _LONG_PARAM]
        for start in range(0, len(short), _BATCH_PARAMS):
            self._client.log_batch(self.run_id, params=short[start : start + _BATCH_PARAMS])
        long = {k: v for k, v in flat.items() if len(v) > _LONG_PARAM}
        if long:
            path = self.context.dir / _LONG_PARAMS_FILE
            write_text(path, "".join(f"{k}: {v}\n" for k, v in long.items()))
            self.artifact(path)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._metrics += [Metric(k, float(v), now, step) for k, v in values.items() if v is not None]
        if len(self._metrics) >= _BATCH_METRICS or time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self._flush()

    def _flush(self) -> None:
        for start in range(0, len(self._metrics), _BATCH_METRICS):
            self._client.log_batch(self.run_id, metrics=self._metrics[start : start + _BATCH_METRICS])
        self._metrics = []
        self._flushed = time.monotonic()

    def tag(self, **tags: str | None) -> None:
        for key, value in tags.items():
            if value is not None:
                self._client.set_tag(self.run_id, f"stereo_exp.{key}", value)

    def artifact(self, path: Path) -> None:
        self._client.log_artifact(self.run_id, str(path))

    def finish(self, status: str) -> None:
        self._flush()
        # Not report.json: it is written after the trackers are closed.
        if (self.context.dir / CONFIG_FILE).is_file():
            self.artifact(self.context.dir / CONFIG_FILE)
        self._client.set_terminated(self.run_id, status)


def _run_name(context: RunContext) -> str:
    config = context.config
    return f"{config.task}-{config.stage}-{context.dir.name}"


def _tags(context: RunContext) -> dict[str, str]:
    config = context.config
    return {
        "stereo_exp.task": config.task,
        "stereo_exp.stage": config.stage,
        "stereo_exp.run_dir": str(context.dir),
        "stereo_exp.overrides": " ".join(context.overrides),
    }


def _flatten(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
