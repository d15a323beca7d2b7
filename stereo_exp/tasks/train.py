"""`task=train`: the stage's trainer, then its evaluation."""

from __future__ import annotations

from typing import Any

from stereo_exp.run.context import RunContext
from stereo_exp.stages import STAGES


def run(context: RunContext) -> dict[str, Any]:
    """Train the stage that the config names; see `stereo_exp.stages`."""
    return STAGES[context.config.stage](context)
