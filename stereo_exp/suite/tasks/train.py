"""`task=train`: the stage's trainer, then its evaluation."""

from __future__ import annotations

from typing import Any

from stereo_exp.config.schema import STAGES
from stereo_exp.suite.runs.context import RunContext


def run(context: RunContext) -> dict[str, Any]:
    """Train the stage that the config names; see `stereo_exp.suite.stages`."""
    return STAGES[context.config.stage].load()(context)
