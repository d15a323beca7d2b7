"""Where a run's numbers go: always `metrics.jsonl` in its folder, and a tracker chosen by name."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from stereo_exp.registry import Registry
from stereo_exp.track.base import Tracker, Trackers

if TYPE_CHECKING:
    from stereo_exp.run.context import RunContext

TRACKERS = Registry(
    "tracker",
    {
        "mlflow": "stereo_exp.track.mlflow:MLflowRun",
        "none": "stereo_exp.track.base:Tracker",
    },
)


def open_tracker(context: RunContext, is_main: bool = True) -> AbstractContextManager[Tracker]:
    """The trackers of a run, as a context manager; processes other than the main one get one that does nothing."""
    if not is_main:
        return Tracker(context)
    from stereo_exp.track.jsonl import JsonLines

    return Trackers(context, [JsonLines(context), TRACKERS[context.config.tracker.name](context)])
