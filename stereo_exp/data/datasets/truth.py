"""Which sets can be trained on: those with truth. To calibrate, or to look at predictions, images are enough."""

from __future__ import annotations

from stereo_exp.config.dataset import Dataset, Mix, Pairs
from stereo_exp.data.sample import StereoSource
from stereo_exp.data.sources.mix import MixSource
from stereo_exp.errors import UserError, keys_below


def require_truth(config: Dataset, source: StereoSource) -> None:
    """Refuse to train on a set, or on a part of a mixture, none of whose pairs has truth.

    Args:
        config: what `source` was opened from.

    Raises:
        UserError: so it is; told with the key that names the truth.
    """
    if isinstance(config, Mix) and isinstance(source, MixSource):
        for name, part in config.parts.items():
            with keys_below("dataset", f"dataset.parts.{name}"):
                require_truth(part, source.parts[name])
    elif not source.has_truth:
        key, value, fix = "dataset.disparity", None, "dataset.disparity=disparity/*.pfm"
        if isinstance(config, Pairs) and config.csv is not None:
            key, value, fix = "dataset.csv", config.csv, "a column `disparity`"
        raise UserError(
            key,
            value,
            "there is no truth to train on",
            f"add {fix}; without, stage=calib calibrates and task=eval shows predictions",
        )
