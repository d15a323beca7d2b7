"""The numeric stages of a network, each with its trainer; declared in `stereo_exp.config.schema`."""

from __future__ import annotations

from typing import Any

from stereo_exp.config import STAGES
from stereo_exp.suite.runs.context import RunContext

__all__ = ["run"]


def run(context: RunContext) -> dict[str, Any]:
    """`task=train`: the trainer of the stage that the config names, then its evaluation."""
    return STAGES[context.config.stage].load()(context)
