"""A network as MLflow's own model: saved with its signature, registered under a name, loaded by `mlflow.pyfunc`.

The saved folder holds the network's own file and names this module, which opens it by the front door: no code and no
pickle is stored. Whoever loads it needs this package.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from stereo_exp.base import VERSION

if TYPE_CHECKING:
    from stereo_exp.runtime import StereoModel

LEFT, RIGHT = "left", "right"
DISPARITY, CONFIDENCE = "disparity", "confidence"
_FOLDER = "model"
_EXISTS = "RESOURCE_ALREADY_EXISTS"


class ServedModel:
    """A network as `mlflow.pyfunc` calls it."""

    def __init__(self, model: StereoModel) -> None:
        self.model = model

    def predict(self, model_input: Mapping[str, np.ndarray], params: object = None) -> dict[str, np.ndarray]:
        """Predict a batch of rectified pairs.

        Args:
            model_input: `left` and `right`, uint8 N×H×W×3 RGB, any size, the same for both.
            params: there are none.

        Returns:
            `disparity`, float32 N×H×W px of the left image, and `confidence`, float32 N×H×W in 0…1.
        """
        found = self.model(np.asarray(model_input[LEFT]), np.asarray(model_input[RIGHT]))
        return {DISPARITY: found.disparity, CONFIDENCE: found.confidence}


def _load_pyfunc(data_path: str) -> ServedModel:
    """What MLflow calls with the path of the file or folder that was saved."""
    from stereo_exp.suite.door import load

    return ServedModel(load(data_path))


def save_pyfunc(network: Path, folder: Path, **facts: Any) -> None:
    """Make a folder that `mlflow.pyfunc.load_model` takes.

    Args:
        network: a checkpoint, or a compiled folder, which is opened without torch.
        folder: made.
        facts: `run_id` and `model_id`, where it belongs to a run.
    """
    import mlflow.pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    pixels, values = np.dtype(np.uint8), np.dtype(np.float32)
    inputs = Schema([TensorSpec(pixels, (-1, -1, -1, 3), name) for name in (LEFT, RIGHT)])
    outputs = Schema([TensorSpec(values, (-1, -1, -1), name) for name in (DISPARITY, CONFIDENCE)])
    package = "stereo_exp" if network.is_dir() else "stereo_exp[train]"
    with warnings.catch_warnings():
        # It asks for an example, which would be a pair of pictures in every model.
        warnings.filterwarnings("ignore", "(?s).*input example was not provided")
        mlflow.pyfunc.save_model(
            str(folder),
            loader_module=__name__,
            data_path=str(network),
            mlflow_model=Model(**facts),
            signature=ModelSignature(inputs, outputs),
            pip_requirements=[f"{package}=={VERSION}"],
        )


def register(client: Any, run_id: str, name: str, network: Path, tags: Mapping[str, str]) -> str:
    """Make a network of a run the next version of a registered model; done again for the same run and file, nothing.

    Args:
        client: of the store.
        name: of the registered model, made where there is none.
        tags: what is to be said of the version.

    Returns:
        The version.
    """
    for known in client.search_model_versions(f"run_id='{run_id}'"):
        if known.name == name and known.tags.get("file") == network.name:
            return str(known.version)
    run = client.get_run(run_id)
    made = client.create_logged_model(run.info.experiment_id, _FOLDER, run_id, model_type="stereo")
    try:
        with TemporaryDirectory() as place, _quiet():
            folder = Path(place) / _FOLDER
            save_pyfunc(network, folder, run_id=run_id, model_id=made.model_id)
            client.log_model_artifacts(made.model_id, str(folder))
        client.finalize_logged_model(made.model_id, "READY")
        _make_name(client, name)
        # Its folder, not `models:/…`, which MLflow would look up in whatever store is the process's own.
        version = client.create_model_version(
            name, made.artifact_location, run_id, {**tags, "file": network.name}, await_creation_for=0,
            model_id=made.model_id,
        )  # fmt: skip
    except Exception:
        with suppress(Exception):
            client.finalize_logged_model(made.model_id, "FAILED")
        raise
    return str(version.version)


def _make_name(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != _EXISTS:
            raise


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow compares what the saved model needs with what is installed, and complains of a checkout."""
    logger = logging.getLogger("mlflow.utils.requirements_utils")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
