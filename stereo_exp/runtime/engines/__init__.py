"""Engines that run compiled models, one file each; found by name, imported when they are needed."""

from __future__ import annotations

import logging
from importlib import import_module
from importlib.util import find_spec

from stereo_exp.base import ArgumentError, UserError, count_cores, declare
from stereo_exp.runtime.engines.base import Engine, OperatorTime
from stereo_exp.runtime.manifest import FULL, Manifest, check_file

__all__ = [
    "AUTO",
    "ENGINES",
    "Engine",
    "OperatorTime",
    "choose_engine",
    "is_installed",
    "list_compiled_engines",
    "load_engine",
    "usable_threads",
]

log = logging.getLogger(__name__)
AUTO = "auto"
# The first that is there wins: OpenVINO has the faster int8 kernels on CPUs.
ENGINES = declare(
    "engine",
    openvino="stereo_exp.runtime.engines.openvino:OpenVinoEngine",
    onnxruntime="stereo_exp.runtime.engines.onnxruntime:OnnxRuntimeEngine",
    executorch="stereo_exp.runtime.engines.executorch:ExecuTorchEngine",
    litert="stereo_exp.runtime.engines.litert:LiteRtEngine",
    ncnn="stereo_exp.runtime.engines.ncnn:NcnnEngine",
)
# Engine -> the package that brings it and what that is imported as, where these are not the engine's name.
_PACKAGES = {"litert": ("ai-edge-litert", "ai_edge_litert")}


def choose_engine(manifest: Manifest, name: str = AUTO, device: str | None = None) -> str:
    """The engine to use: the one named, or with `auto` the first that is installed and that the folder is for.

    Args:
        device: `auto` leaves out engines that do not find it here.

    Raises:
        UserError: there is no such engine, it is not installed, or the folder was not compiled for it; or with `auto`
            none of them finds the device.
    """
    if name != AUTO:
        if name not in ENGINES:
            rule = f"must be one of {AUTO}, {', '.join(ENGINES)}"
            raise ArgumentError("engine", name, rule, f"try {{engine}}={AUTO}")
        if not manifest.engines.get(name):
            manifest.file(name, FULL)
        _check_installed(name)
        return name
    compiled = list_compiled_engines(manifest)
    if not compiled:
        raise UserError(manifest.folder, None, "was compiled for no engine that runs here", "compile it again")
    installed = [engine for engine in compiled if is_installed(engine)]
    if not installed:
        _check_installed(compiled[0])
        raise AssertionError("an engine is installed that was not found")
    return installed[0] if device is None else _with_device(installed, device)


def _with_device(engines: list[str], device: str) -> str:
    found = {name: import_module(f"{__name__}.{name}").list_devices() for name in engines if ENGINES[name].is_ours}
    for name, devices in found.items():
        kinds = {part for each in devices for part in (each.lower(), each.partition(".")[0].lower())}
        if {device.lower(), device.lower().partition(":")[0], device.lower().removesuffix(".0")} & kinds:
            return name
    there = "; ".join(f"{name} {', '.join(devices)}" for name, devices in found.items())
    raise ArgumentError(
        "device", device, f"no engine finds it here ({there})", "take one of these, or leave {device} out"
    )


def list_compiled_engines(manifest: Manifest) -> list[str]:
    """The engines that a folder was compiled for, the faster first.

    Those of plug-ins stand behind, though they are loaded before this is imported.
    """
    by_speed = sorted(ENGINES, key=lambda engine: not ENGINES[engine].is_ours)
    return [engine for engine in by_speed if manifest.engines.get(engine)]


def load_engine(
    manifest: Manifest,
    form: str = FULL,
    engine: str = AUTO,
    threads: int | None = None,
    in_flight: int = 1,
    profiling: bool = False,
    device: str | None = None,
) -> Engine:
    """A form of a compiled folder, loaded and ready to run; its checksum is compared first.

    Args:
        form: `full`, `trunk` or `align`.
        threads: CPU threads of all that is in flight together; None takes every core that this process may use.
        in_flight: pairs that may be computed at once.
        profiling: measure every operator; slower.
        device: what the engine calls it: CPU, GPU or NPU of OpenVINO; cpu, cuda, tensorrt, coreml or directml of ONNX
            Runtime; None: the processor.

    Raises:
        UserError: see `choose_engine`; the file is missing, was changed, or the engine refuses it.
    """
    name = choose_engine(manifest, engine, device)
    path = manifest.file(name, form)
    check_file(manifest.folder, manifest.engines[name][form])
    # Engines from outside need not know devices.
    where = {} if device is None else {"device": device}
    loaded: Engine = ENGINES[name].load()(
        path, manifest.input.names, usable_threads(threads), in_flight, profiling, **where
    )
    return loaded


def usable_threads(threads: int | None) -> int:
    """`threads`, but no more than the cores that this process may use: more would only wait for each other.

    Raises:
        UserError: fewer than 1.
    """
    cores = count_cores()
    if threads is None:
        return cores
    if threads < 1:
        raise ArgumentError("threads", threads, "must be at least 1", f"try {{threads}}={cores}")
    if threads > cores:
        log.warning("threads=%d: this process may use %d cores; taking %d threads", threads, cores, cores)
    return min(threads, cores)


def is_installed(name: str) -> bool:
    """Whether an engine can be loaded here."""
    if not ENGINES[name].is_ours:
        return True  # its own constructor tells what it misses
    try:
        return find_spec(_PACKAGES.get(name, (name, name))[1]) is not None
    except ImportError:
        return False


def _check_installed(name: str) -> None:
    if not is_installed(name):
        package = _PACKAGES.get(name, (name, name))[0]
        raise ArgumentError("engine", name, "is not installed", f"pip install {package} (the extra stereo_exp[{name}])")
