"""Data sets by name: from a `dataset` config node and a split to a source of pairs."""

from __future__ import annotations

from stereo_exp.config.dataset import Dataset
from stereo_exp.data.sample import StereoSource
from stereo_exp.registry import Registry

DATASETS = Registry(
    "dataset",
    {
        "shapes": "stereo_exp.data.datasets.shapes:open_split",
        "sceneflow": "stereo_exp.data.datasets.sceneflow:open_split",
        "kitti2012": "stereo_exp.data.datasets.kitti:open_2012",
        "kitti2015": "stereo_exp.data.datasets.kitti:open_2015",
        "middlebury": "stereo_exp.data.datasets.middlebury:open_split",
        "eth3d": "stereo_exp.data.datasets.eth3d:open_split",
        "pairs": "stereo_exp.data.datasets.pairs:open_split",
        "mix": "stereo_exp.data.datasets.mix:open_split",
        "motorcycle": "stereo_exp.data.datasets.motorcycle:open_split",
    },
)


def open_dataset(config: Dataset, split: str) -> StereoSource:
    """The pairs of one split, `train` or `test`.

    Raises:
        UserError: the data set is not where the config says, or has no such split.
    """
    return DATASETS[config.name](config, split)
