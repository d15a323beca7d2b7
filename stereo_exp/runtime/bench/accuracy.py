"""`bench.mode=accuracy`: the metrics of what the engine computes, with training's own definitions."""

from __future__ import annotations

from typing import Any

from stereo_exp.data.reading import read_pairs
from stereo_exp.data.sample import StereoSource
from stereo_exp.metrics import StereoMetrics
from stereo_exp.runtime.bench.load import Progress
from stereo_exp.runtime.model import StereoModel


def measure(
    model: StereoModel, source: StereoSource, progress: Progress, on_error: str = "raise", limit: int | None = None
) -> dict[str, Any]:
    """Every pair of a split once, as `stereo_exp.evaluate` does; see `StereoMetrics.compute`.

    Args:
        on_error: `raise` or `skip`, for a pair that cannot be read.
        limit: only the first so many pairs.

    Returns:
        The metrics; of a mixture also those of each data set, under `sets`.
    """
    maxdisp = model.manifest.model.maxdisp
    everything = StereoMetrics(maxdisp)
    by_set = {name: StereoMetrics(maxdisp) for name in source.names}
    for index, sample in enumerate(read_pairs(source, limit, on_error)):
        if sample is None:
            everything.num_skipped += 1
        else:
            found = model(sample.left, sample.right).disparity
            for metrics in (everything, *([by_set[source.set_of(index)]] if by_set else [])):
                metrics.update(found, sample.disparity, sample.noc)
        progress(1)
    scores: dict[str, Any] = dict(everything.compute())
    if by_set:
        scores["sets"] = {name: metrics.compute() for name, metrics in by_set.items()}
    return scores
