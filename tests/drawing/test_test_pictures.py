"""What a run draws of its test split: true names, one scale for truth and prediction, the truth's gaps marked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stereo_exp.geometry.pair import StereoSample
from stereo_exp.suite.evaluate import Seen
from stereo_exp.suite.pictures import draw_test_pictures, name_pair


@dataclass
class Names:
    name: str


@dataclass
class Config:
    dataset: Names


@dataclass
class Run:
    dir: Path
    config: Config


def draw(folder: Path, key: str, dataset: str, truth: np.ndarray | None) -> Path:
    left = np.full((64, 96, 3), 90, np.uint8)
    seen = Seen(0, StereoSample(key, left, left, truth), np.full((64, 96), 12, np.float32))
    run = Run(folder, Config(Names(dataset)))
    (file,) = draw_test_pictures(run, [seen], 64)  # type: ignore[arg-type]
    return file


def test_rendered_scenes_are_not_called_after_another_set(tmp_path: Path) -> None:
    key = "FlyingThings3D/frames_finalpass/TEST/A/0003/left/0006"
    assert name_pair(key, "shapes") == "shapes/TEST/A/0003/left/0006"
    assert name_pair(key, "sceneflow") == key
    assert draw(tmp_path, key, "shapes", None).name == "00_shapes_TEST_A_0003_left_0006.png"


def test_where_there_is_no_truth_error_and_truth_are_hatched(tmp_path: Path) -> None:
    truth = np.full((64, 96), 10, np.float32)
    truth[:32] = 0
    whole, half = (cv2.imread(str(draw(tmp_path / str(i), "a", "eth3d", t))) for i, t in enumerate((truth + 1, truth)))
    light = [(np.ptp(picture, axis=-1) == 0) & (picture[..., 0] == 232) for picture in (whole, half)]
    # Half of two panels of four, three quarters of a hatch being ground.
    assert light[0].sum() < 0.01 * light[0].size
    assert 0.1 < light[1].mean() < 0.25
