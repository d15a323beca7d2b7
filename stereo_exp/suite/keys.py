"""From a library's argument to the key that users type: the one table, and the errors told again by it.

Libraries raise about their own arguments (`ArgumentError`) and mend nothing that only the command line has. Here stands
which key an argument's value came from, and what to type where a library can only say what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from typing import Any

from stereo_exp.base import GROUPS, RESTORE_OR_SKIP, ArgumentError, UserError

DATASET = "dataset"
"""The scope of what is opened from a `dataset` node; the other scopes are the tasks."""


def _below(node: str, *names: str) -> dict[str, str]:
    """Arguments that have their keys' own names."""
    return {name: f"{node}.{name}" for name in names}


KEYS: dict[str, dict[str, str]] = {
    DATASET: {
        "name": "dataset",
        **_below("dataset", "root", "left", "right", "disparity", "grey", "render_pass", "height", "width", "scenes"),
        **_below("dataset", "leave_out", "lit", "floaters"),
        # Of the renderer, which gets `dataset=shapes` in its own words.
        "train": "dataset.num_train",
        "test": "dataset.num_test",
        "seed": "dataset.render_seed",
        "workers": "dataset.render_workers",
        "out": "dataset.root",
        # Of an endless set.
        "pairs": "dataset.num_train",
        "reads": "dataset.reads",
        "limit_gb": "dataset.disk_gb",
    },
    "infer": {
        **_below("infer", "left", "right", "scale", "layout", "topics", "rectify", "out"),
        "rig": "infer.calib",
        "path": "infer.calib",
        "unit": "infer.calib_unit",
    },
    "export": {"engine": "task", "pairs": "export.parity_pairs"},
    "compile": {"engine": "compile.engines", "engines": "compile.engines", "size": "compile.size"},
    "align": {"engine": "align.engines", "engines": "align.engines", "size": "compile.size"},
    "bench": _below("bench", "in_flight", "cores"),
}
"""Scope -> argument -> key."""

EVERYWHERE = {
    "source": "dataset",
    "batches": "dataset",
    "on_error": "dataset.on_error",
    # Whose tensors are silent: the network that calibration starts from.
    "network": "init_from",
    # Whose units are narrowed.
    "wide": "init_from",
    "target": "quant/target",
    "engine": "engine",
    **_below("engine", "device", "threads"),
    "lift": "quant.lift",
    **_below("quant.target", "weight_bits", "activation_bits"),
}
"""Argument -> key, whatever the scope."""

FIXES = {
    RESTORE_OR_SKIP: f"{RESTORE_OR_SKIP} with dataset.on_error=skip",
    "give a 16-bit map, or its scale": "give a 16-bit map, or add e.g. dataset.scale=4 (dataset=pairs, middlebury)",
    "say by what to divide the file's values": "say by what to divide the file's values, e.g. dataset.scale=4",
    "make the cache larger, or use fewer workers": "raise dataset.cache_gb, or use fewer loader.workers",
    "allow more, free some, or draw fewer pairs an epoch": (
        "raise dataset.disk_gb, free some, or lower dataset.num_train"
    ),
    "add {grey}=True": "add {grey}=true",
    "give another calibration file": "give infer.calib another file",
    "convert it, or give focal length and baseline": "convert it, or give infer.focal and infer.baseline",
    "take a power of two for the channels, or {target}=affine": (
        "take a power of two for model.neck.channels, or {target}=affine"
    ),
    "pip install torchao, or stay with float networks": "pip install torchao, or stay with stage=float",
    "take the float network": "add stage=float",
    'pip install "stereo_exp[onnxruntime]", or compare no pairs': (
        'pip install "stereo_exp[onnxruntime]", or export.parity_pairs=0'
    ),
    "compile for that engine": "compile with compile.engines=[{value}]",
    "give the folder that was compiled": "give the folder that task=compile made (<run_dir>/compiled)",
    "compile again, or copy the folder again": "compile again with task=compile, or copy the folder again",
    "compile again on this machine, or install the engine's version that the manifest names": (
        "compile again with task=compile on this machine, or install the engine's version that the manifest names"
    ),
}
"""What a library says to do -> what to type for it. `{value}`: the refused one; other braces as in `ArgumentError`."""


def retell(error: UserError, scope: str, config: Any = None) -> UserError:
    """A library's error by the keys of the config; itself where it names none.

    Errors about files keep their paths, and their fix becomes one that can be typed.

    Args:
        scope: what was being done: a task, or `DATASET`.
        config: of the run. An error about all of a node, without a value, is told with the option chosen there.
    """
    if not isinstance(error, ArgumentError):
        fix = FIXES.get(error.fix)
        return error if fix is None else type(error)(error.key, error.value, error.rule, fix)
    keys = EVERYWHERE | KEYS.get(scope, {})
    rule, said = error.wording
    fix = FIXES[said].replace("{value}", str(error.value)) if said in FIXES else said
    key, value = keys.get(error.key, error.key), _as_typed(error.value)
    if value is None and config is not None and key in GROUPS:
        value = _chosen(config, key)
    return ArgumentError(error.key, value, rule, fix).rename(lambda name: keys.get(name, name))


@contextmanager
def by_key(scope: str, config: Any = None) -> Iterator[None]:
    """What libraries raise in here goes through `retell`."""
    try:
        yield
    except UserError as error:
        again = retell(error, scope, config)
        if again is error:
            raise
        raise again from None


def _as_typed(value: object) -> object:
    """A Python value as it stands in a config."""
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value == "None" else value


def _chosen(config: Any, group: str) -> str:
    """The option of a group in a bound config."""
    node = reduce(getattr, group.split("/"), config)
    return getattr(node, "name", node)
