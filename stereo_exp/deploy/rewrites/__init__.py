"""Changes of the graph that leave every number as it is: one module for each, registered with its level.

A rewrite is a function from an `onnx_ir.Model`, which it changes, to how many places it changed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import onnx
import onnx_ir as ir

from stereo_exp.deploy.surgery import edit, swept

log = logging.getLogger(__name__)
ANY = ("onnxruntime", "openvino")


@dataclass(frozen=True)
class Rewrite:
    """An entry of the list below."""

    name: str
    """Of its module."""
    level: int
    """The lowest `compile.opt` that has it."""
    engines: tuple[str, ...] = ANY
    keeps_tensors: bool = True
    """Whether every quantised activation of the network is still there to be looked at."""

    def __call__(self, model: ir.Model) -> int:
        function: Callable[[ir.Model], int] = import_module(f"{__name__}.{self.name}").rewrite
        return function(model)


# In the order in which they run.
REWRITES = (
    Rewrite("unsigned", 0),
    Rewrite("input_sizes", 1),
    Rewrite("integer_input", 1),
    Rewrite("round_once", 1),
    Rewrite("integer_concat", 1),
    Rewrite("pixel_shuffle", 2),
    Rewrite("shuffle_last", 2),
    Rewrite("shuffle_behind_conv", 2, keeps_tensors=False),
    Rewrite("views_together", 2, keeps_tensors=False),
    Rewrite("integer_colours", 2, ("openvino",), keeps_tensors=False),
    Rewrite("integer_relu", 2, ("onnxruntime",)),
    Rewrite("integer_matmul", 3, ("onnxruntime",)),
)


def rewrite(
    model: onnx.ModelProto, engine: str, level: int, keep_tensors: bool = False
) -> tuple[onnx.ModelProto, dict[str, int]]:
    """`model` after all rewrites of a level for an engine, and how many places each changed.

    Args:
        keep_tensors: without those after which some quantised activation is missing.
    """
    changes: dict[str, int] = {}

    def run(edited: ir.Model) -> None:
        for entry in REWRITES:
            if entry.level <= level and engine in entry.engines and (entry.keeps_tensors or not keep_tensors):
                changes[entry.name] = entry(edited)
                # The next asks who else reads a value: not operators that nothing uses any more.
                swept(edited)

    return edit(model, run), changes
