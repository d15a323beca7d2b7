"""Runs of the kind that the tracker records, for the tests of its store and of its user interface."""

from __future__ import annotations

from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.track.base import open_tracker

EPE = [(step, 20.0 / step) for step in range(1, 8)]


def record(context: RunContext) -> str:
    """A run with EPE over steps, tags and a picture; returns its id."""
    picture = context.dir / "picture.png"
    picture.write_bytes(b"\x89PNG")
    with open_tracker(context) as tracker:
        for step, epe in EPE:
            tracker.log(step, {"test/epe": epe, "train/loss": 2 * epe})
        tracker.tag(parent_run="abc", nothing=None)
        tracker.artifact(picture)
        assert tracker.run_id is not None
        return tracker.run_id
