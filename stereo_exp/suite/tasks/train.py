"""`task=train`: the stage's trainer, then its evaluation."""

from __future__ import annotations

from typing import Any

from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.stages import STAGES


def run(context: RunContext) -> dict[str, Any]:
    """Train the stage that the config names; see `stereo_exp.suite.stages`."""
    return STAGES[context.config.stage](context)
