"""Which network a command means, and what computes it: the fastest engine that is installed, unless one is named.

Importing this takes no torch: a compiled network needs none.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stereo_exp.base import ArgumentError, CheckpointError, UserError
from stereo_exp.geometry import AS_GIVEN, Prediction, Rule, Sizing, StereoSample
from stereo_exp.runtime import (
    AUTO,
    ENGINES,
    FULL,
    MANIFEST,
    MAPS,
    Manifest,
    ModelEntry,
    OperatorTime,
    StereoModel,
    choose_engine,
    is_installed,
    list_compiled_engines,
    load_engine,
    read_manifest,
    with_reliability,
)
from stereo_exp.suite.runs.folders import COMPILED_FOLDER, find_compiled_of
from stereo_exp.suite.runs.process import Process
from stereo_exp.weights import FURTHEST_RELEASE, NAMES, RELEASE, find_compiled_release, find_name, find_release

if TYPE_CHECKING:
    import torch
    from torch import nn

    from stereo_exp.config import Machine
    from stereo_exp.suite.runs.context import RunContext

log = logging.getLogger(__name__)
TORCH = "torch"
_INSTALL = 'pip install "stereo_exp[train]"'


@dataclass(frozen=True)
class Chosen:
    """A network at one stage, in the forms in which it is there."""

    name: str
    """As people know it: of a release its name, else the file or folder."""
    stage: str
    checkpoint: Path | None = None
    compiled: Manifest | None = None
    why: str = ""
    """Why this one, where nobody named it."""


def choose_network(context: RunContext, release_first: bool = False) -> Chosen:
    """The network of a command that predicts: `checkpoint=` where given, else of the own chain, else the release.

    At the stage that was asked for, else at its furthest.

    Args:
        release_first: the own chain counts only where one is named.

    Raises:
        CheckpointError: there is none (with the command that makes one), or another network was asked for.
    """
    given, stage = context.config.checkpoint, context.asked_stage
    if release_first and given is None and not context.names_a_chain():
        return replace(find_named(RELEASE, stage), why="neither checkpoint= nor name= was given")
    if given is not None and not context.names_a_network():
        return find_named(given, stage)
    from stereo_exp.suite.runs.find import find_checkpoint

    found = find_checkpoint(context)
    if found.release is not None:
        return replace(find_named(found.release, found.stage), why=found.why)
    return Chosen(str(found.path), found.stage, found.path, find_compiled_of(context, found.path), found.why)


def find_named(named: str | Path, stage: str | None = None, key: str = "checkpoint") -> Chosen:
    """The network of that name: a release, a checkpoint, the folder of a run, or a compiled folder.

    Args:
        stage: None takes the furthest that there is.
        key: what says `named`, for messages.

    Raises:
        CheckpointError: there is nothing, or not of that stage.
    """
    if str(named) in NAMES:
        network, stage = NAMES[str(named)], stage or FURTHEST_RELEASE
        path = find_release(stage, key, network)
        compiled = (
            read_manifest(find_compiled_release(network), check_files=False) if stage == FURTHEST_RELEASE else None
        )
        return Chosen(find_name(network), stage, path, compiled)
    path = Path(named)
    if path.is_dir() and any((path / each).is_file() for each in (MANIFEST, f"{COMPILED_FOLDER}/{MANIFEST}")):
        manifest = read_manifest(path, check_files=False)
        origin = Path(manifest.model.checkpoint)
        found = Chosen(str(path), manifest.model.stage, origin if origin.is_file() else None, manifest)
    else:
        _check_torch(f"{key}={path}, a checkpoint,")
        from stereo_exp.model import BEST, locate_newest, read_meta

        if path.is_dir():
            folder, path = path, locate_newest(path)
            if not path.is_file():
                rule = f"has neither {MANIFEST}, {COMPILED_FOLDER}/{MANIFEST} nor {BEST}"
                raise CheckpointError(key, folder, rule, f"give a run's folder, a checkpoint, or {', '.join(NAMES)}")
        if not path.exists() and len(path.parts) == 1 and not path.suffix:
            rule = f"is neither a file, a folder nor one of {', '.join(NAMES)}"
            raise CheckpointError(key, path, rule, f"try {key}={RELEASE}")
        found = Chosen(str(path), str(read_meta(path)["stage"]), path)
    if stage is not None and stage != found.stage:
        rule = f"{found.name} is of stage {found.stage}"
        raise CheckpointError("stage", stage, rule, f"leave stage= out, or give {key} another file")
    return found


def open_network(
    chosen: Chosen,
    engine: str = AUTO,
    device: str | None = None,
    threads: int | None = None,
    in_flight: int = 1,
    machine: Machine | None = None,
    process: Process = Process(),  # noqa: B008 (immutable)
) -> StereoModel:
    """A chosen network on the engine that computes it; one line of the log names both and says why.

    Args:
        engine: `auto`, the first that is installed of those that it is compiled for, else torch; `torch`; or an engine
            that it is compiled for.
        device: what the engine calls it; None: of torch a GPU where there is one, of the others the processor.
        threads: CPU threads of all pairs in flight together; None takes every core that this process may use.
        in_flight: pairs that are computed at once in sequences.
        machine: of a run: where torch computes, unless `device` says it.
        process: this one among the run's; only the first one logs.

    Raises:
        UserError: the engine is not installed, or the network is not there in its form.
    """
    name, why = _choose_engine(chosen, engine, device)
    because = f" ({chosen.why})" if chosen.why else ""
    if process.is_main:
        log.info("network %s, stage %s%s; engine %s: %s", chosen.name, chosen.stage, because, name, why)
    if name != TORCH:
        assert chosen.compiled is not None
        loaded = load_engine(chosen.compiled, FULL, name, threads, in_flight, device=device)
        return StereoModel.of_engine(with_reliability(chosen.compiled), loaded, in_flight)
    if machine is not None and device is None:
        _check_torch(f"engine={TORCH}")
        from stereo_exp.suite.train.device import choose

        device = str(choose(machine, process).device)
    return _open_torch(chosen, device, threads, in_flight)


def network_facts(chosen: Chosen, model: StereoModel) -> dict[str, str | int | None]:
    """What a report says of the network and what computed it."""
    return {
        "stage": chosen.stage,
        "network": chosen.name,
        "checkpoint": None if chosen.checkpoint is None else str(chosen.checkpoint),
        "engine": f"{model.engine.name} {model.engine.version}",
        "threads": model.engine.threads,
    }


def _choose_engine(chosen: Chosen, engine: str, device: str | None) -> tuple[str, str]:
    """The engine's name, and why it is that."""
    if engine == TORCH:
        return TORCH, "as asked"
    if engine != AUTO:
        if engine not in ENGINES:
            rule = f"must be one of {', '.join((AUTO, TORCH, *ENGINES))}"
            raise ArgumentError("engine", engine, rule, f"try {{engine}}={AUTO}")
        if chosen.compiled is None:
            rule = f"{chosen.name} (stage {chosen.stage}) is not compiled"
            command = f"python -m stereo_exp task=compile checkpoint={chosen.checkpoint}"
            fix = f"compile it with: {command}, or take {{engine}}={TORCH}"
            raise ArgumentError("engine", engine, rule, fix)
        return engine, "as asked"
    if chosen.compiled is None:
        return TORCH, "it is not compiled; task=compile makes it several times as fast"
    if device is not None and device.startswith("cuda"):
        return TORCH, f"it computes on {device}"
    there = list_compiled_engines(chosen.compiled)
    if there and not any(map(is_installed, there)):
        missing = f"none of {', '.join(there)} is installed"
        if chosen.checkpoint is not None and find_spec(TORCH) is not None:
            return TORCH, missing
        raise ArgumentError("engine", engine, missing, f"pip install {there[0]}")
    return choose_engine(
        chosen.compiled, AUTO, device
    ), f"the fastest that is installed of {', '.join((*there, TORCH))}"


def _open_torch(chosen: Chosen, device: str | None, threads: int | None, in_flight: int) -> StereoModel:
    if chosen.checkpoint is None:
        rule = f"{chosen.name} is compiled, and its checkpoint is not there"
        raise ArgumentError("engine", TORCH, rule, f"take {{engine}}={AUTO}")
    _check_torch(f"engine={TORCH}")
    import torch

    from stereo_exp.model import reliability_of, sizing_of
    from stereo_exp.suite.restore import restore_model
    from stereo_exp.suite.train.device import keep_float32

    if device is not None and device.startswith("cuda") and not torch.cuda.is_available():
        raise ArgumentError("device", device, "torch sees no CUDA device here", "try {device}=cpu")
    if threads is not None:
        torch.set_num_threads(threads)
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    keep_float32()
    network, checkpoint = restore_model(chosen.checkpoint, where)
    manifest = _uncompiled(network, sizing_of(checkpoint), chosen.name, chosen.stage, str(chosen.checkpoint))
    manifest = with_reliability(replace(manifest, reliability=reliability_of(checkpoint)))
    return StereoModel.of_engine(manifest, TorchEngine(network, where), in_flight)


def _check_torch(what: str) -> None:
    if find_spec(TORCH) is None:
        raise UserError(TORCH, None, f"is not installed, and {what} needs it", _INSTALL)


def _uncompiled(
    network: nn.Module, sizing: Sizing, name: str = "network", stage: str = "", checkpoint: str = ""
) -> Manifest:
    """What a network in torch says of itself."""
    maxdisp, multiple = int(network.maxdisp), int(network.multiple)  # type: ignore[arg-type]
    entry = ModelEntry(name, stage, None, maxdisp, checkpoint)
    return Manifest(entry, size=None, batch=None, opt=0, engines={}, multiple=multiple, sizing=sizing)


class TorchEngine:
    """A network in torch as an engine of `StereoModel`; see `stereo_exp.runtime.engines.Engine`.

    Args:
        model: in evaluation mode, on `device`.
    """

    name = TORCH
    outputs: tuple[str, ...] = MAPS

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        import torch

        self.model, self.device = model, device
        self.version, self.threads = torch.__version__.partition("+")[0], torch.get_num_threads()

    def run(self, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
        """uint8 B×H×W×3, twice, to disparity and confidence, float32 B×H×W."""
        import torch

        from stereo_exp.model import full_confidence, full_disparity, normalize

        with torch.no_grad():
            views = (torch.from_numpy(view).permute(0, 3, 1, 2).contiguous() for view in (left, right))
            output = self.model(*(normalize(view.to(self.device)) for view in views))
            return [each.cpu().numpy() for each in (full_disparity(output), full_confidence(output))]

    def profile(self, left: np.ndarray, right: np.ndarray, warm_up: int, runs: int) -> list[OperatorTime]:
        """Not here: compiled models are profiled."""
        raise NotImplementedError("torch.profiler profiles networks in torch")


class Predictor:
    """A network on pairs of any size, one at a time.

    Args:
        model: a module, in evaluation mode on `device`, that says its `maxdisp` and `multiple`; or a model on an engine
            of its own.
        rule: how pairs are predicted.
    """

    def __init__(self, model: nn.Module | StereoModel, device: torch.device, rule: Rule = AS_GIVEN) -> None:
        self.rule, self.device = rule, device
        self.module: nn.Module | None = None
        """For batches of pairs that the rule takes as they are; None: the engine takes one pair at a time."""
        if isinstance(model, StereoModel):
            self._stereo = model
        else:
            self.module = model
            self._stereo = StereoModel.of_engine(_uncompiled(model, rule.sizing), TorchEngine(model, device))

    @property
    def multiple(self) -> int:
        """Of what the network's heights and widths are multiples, px."""
        return self._stereo.manifest.multiple

    def takes_whole(self, size: tuple[int, int]) -> bool:
        """Whether `module` itself gives all that is asked of a pair of (height, width)."""
        return self.module is not None and self.rule.is_plain(size, self.multiple)

    @property
    def maxdisp(self) -> int:
        """The network's range, px."""
        return self._stereo.maxdisp

    def maps(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the network says of two views H×W×3 as they are: disparity in px and its own sureness, float32 H×W."""
        return self._stereo.maps(left, right)

    def __call__(self, sample: StereoSample) -> Prediction:
        """Predict one pair; its truth, if any, is not looked at."""
        return self._stereo.predict(sample.left, sample.right, self.rule)
