"""The front door for Python: what `import stereo_exp` offers. Each function imports what it needs when it is called."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stereo_exp.base import tell_missing_extras
from stereo_exp.runtime import AUTO, StereoModel
from stereo_exp.suite.networks import find_named, open_network
from stereo_exp.suite.runs.context import RunContext, compose_run, open_log

if TYPE_CHECKING:
    from stereo_exp.data import StereoSource
    from stereo_exp.model import StereoNetwork


def load(
    network: str | Path = "release",
    engine: str = AUTO,
    device: str | None = None,
    threads: int | None = None,
    in_flight: int = 1,
) -> StereoModel:
    """A network that is ready to predict pairs.

    Args:
        network: `release`, the int8 weights that come with the package, or another of its releases (`release-slim`,
            `release-stereonetplus`); a checkpoint; the folder of a run; or a compiled folder.
        engine: `auto`, the fastest that is installed: of a compiled network `openvino` or `onnxruntime`, else `torch`;
            or one of these.
        device: where, as the engine calls it: `cpu` or `cuda` of torch; `CPU`, `GPU` or `NPU` of OpenVINO; `cpu`,
            `cuda`, `tensorrt`, `coreml` or `directml` of ONNX Runtime. None: of torch a GPU where there is one, of the
            others the processor.
        threads: CPU threads of all pairs in flight together; None takes every core that this process may use.
        in_flight: pairs of a sequence that are computed at once. One is fastest for a single pair, several give more
            pairs a second.

    Returns:
        A model: `model("left.png", "right.png")` is a `Prediction` with `disparity` (float32 H×W px), `confidence`
        (float32 H×W in 0…1) and `depth(focal=…, baseline=…)` (float32 H×W m).

    Raises:
        UserError: there is no such network, or the engine is not installed or does not take it; a `ValueError`.
    """
    with tell_missing_extras():
        return open_network(find_named(network, key="network"), engine, device, threads, in_flight)


def compose(overrides: Sequence[str] = ()) -> RunContext:
    """The configuration of a run, checked, as the command line composes it.

    Args:
        overrides: `key=value` and `group=option` each, as they are typed: `["stage=calib", "model.maxdisp=192"]`.

    Returns:
        The run to come: its `config`, typed, and its `dir`, which `run` makes.

    Raises:
        UserError: an unknown key or option, a value of the wrong type, or a broken rule.
    """
    return compose_run(list(overrides))


def run(context: RunContext) -> dict[str, Any]:
    """Do what a composed run says, and leave what the command line leaves: config, log, checkpoints, report.

    Args:
        context: from `compose`; each can be run once.

    Returns:
        The report, the same object as `report.json` in the run's folder: `task`, `stage`, `run_dir`, `epe` (px) and so
        on.

    Raises:
        UserError: what was asked for cannot be done.
        SystemExit: the task's check did not pass; what it says stands in the report under `failed`.
    """
    with tell_missing_extras():
        from stereo_exp.suite.tasks import dispatch

    with _logged(context.dir):
        context.write_config()
        return dispatch(context)


def create_network(name: str = "stereonetplus", maxdisp: int = 192, overrides: Sequence[str] = ()) -> StereoNetwork:
    """A network with random weights, drawn from torch's generator, to train or to take apart.

    Args:
        name: an option of the group `model`.
        maxdisp: its disparity range in px, a multiple of its coarsest volume's stride (StereoNetPlus: 32).
        overrides: more of its keys: `["model/backbone=mobilenetv2"]`.

    Returns:
        A `torch.nn.Module` in training mode. Called with two normalised views, float32 B×3×H×W
        (`stereo_exp.model.colour.normalize`; H and W multiples of its `multiple`), it gives a `StereoOutput`, whose
        `disparity` is float32 B×H×W px.

    Raises:
        UserError: no such network, or a value that it does not take.
    """
    with tell_missing_extras():
        from stereo_exp.suite.build import build_network

        composed = compose([f"model={name}", f"model.maxdisp={maxdisp}", "tracker=none", *overrides])
        return build_network(composed.config.model)


def open_dataset(
    name: str, root: str | Path | None = None, split: str = "test", overrides: Sequence[str] = ()
) -> StereoSource:
    """The pairs of a data set, with their truth: a sequence of `StereoSample`.

    Args:
        name: an option of the group `dataset`: `middlebury`, `sceneflow`, `eth3d`, `motorcycle`, `pairs`, …
        root: where it lies; None: what its YAML says, an environment variable for most.
        split: `train` or `test`.
        overrides: more of its keys: `["dataset.resolution=H"]`.

    Returns:
        A sequence: `for sample in …`, `len(…)`, `…[0]`. A sample has `left` and `right` (uint8 H×W×3 RGB), `disparity`
        (float32 H×W px, 0 where unknown; None without truth), `noc`, `calibration` and `key`.

    Raises:
        UserError: no such data set or split, or it is not there.
    """
    quoted = str(root).replace("'", "\\'")
    where = [] if root is None else [f"dataset.root='{quoted}'"]
    with tell_missing_extras():
        from stereo_exp.suite.datasets import open_split

        return open_split(compose([f"dataset={name}", "tracker=none", *where, *overrides]).config.dataset, split)


@contextmanager
def _logged(folder: Path) -> Iterator[None]:
    """What is logged in here also goes to the run's own log file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = open_log(folder)
    package = logging.getLogger("stereo_exp")
    level = package.level
    package.addHandler(file)
    package.setLevel(logging.INFO)
    try:
        yield
    finally:
        package.setLevel(level)
        package.removeHandler(file)
        file.close()
