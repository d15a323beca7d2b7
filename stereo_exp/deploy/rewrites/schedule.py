"""Which rewrites run, for which engine and from which level on, in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx
import onnx_ir as ir

from stereo_exp.deploy.rewrites.colours import (
    convert_in_bytes,
    join_views,
    read_input_sizes,
    round_once,
    take_integers,
)
from stereo_exp.deploy.rewrites.integers import clip_integers, make_unsigned, multiply_integers
from stereo_exp.deploy.rewrites.shuffles import shuffle_behind_conv, shuffle_last, shuffle_pixels
from stereo_exp.deploy.surgery import edit, sweep

ANY = ("onnxruntime", "openvino")


@dataclass(frozen=True)
class Rewrite:
    """An entry of the list below."""

    name: str
    """As reports have it."""
    change: Callable[[ir.Model], int]
    """Changes the graph and says in how many places."""
    level: int
    """The lowest `compile.opt` that has it."""
    engines: tuple[str, ...] = ANY
    keeps_tensors: bool = True
    """Whether every quantised activation of the network is still there to be looked at."""


# In the order in which they run.
REWRITES = (
    Rewrite("unsigned", make_unsigned, 0),
    Rewrite("input_sizes", read_input_sizes, 1),
    Rewrite("integer_input", take_integers, 1),
    Rewrite("round_once", round_once, 1),
    Rewrite("pixel_shuffle", shuffle_pixels, 2),
    Rewrite("shuffle_last", shuffle_last, 2),
    Rewrite("shuffle_behind_conv", shuffle_behind_conv, 2, keeps_tensors=False),
    Rewrite("views_together", join_views, 2, keeps_tensors=False),
    Rewrite("integer_colours", convert_in_bytes, 2, ("openvino",), keeps_tensors=False),
    Rewrite("integer_relu", clip_integers, 2, ("onnxruntime",)),
    Rewrite("integer_matmul", multiply_integers, 3, ("onnxruntime",)),
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
                changes[entry.name] = entry.change(edited)
                # The next asks who else reads a value: not operators that nothing uses any more.
                sweep(edited)

    return edit(model, run), changes
