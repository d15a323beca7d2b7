"""The contact sheet: a row for each pair, small enough for a page."""

from pathlib import Path

import contact_sheet
import cv2
import numpy as np
import pytest
from real.sets import default_root

from stereo_exp.base.errors import UserError
from stereo_exp.geometry.prediction import Prediction


def test_the_sheet_shows_every_pair(tmp_path: Path) -> None:
    (scene,) = contact_sheet.load_scenes(tmp_path, ())
    truth = scene[0].disparity
    assert truth is not None
    found = Prediction(truth, np.full(truth.shape, 0.5, np.float32), np.ones(truth.shape, bool))
    sizes = []
    for rows in (1, 2):
        path = tmp_path / f"{rows}.jpg"
        contact_sheet.draw_sheet(path, [scene] * rows, [found] * rows, [truth] * rows)
        assert path.stat().st_size < 300_000
        picture = cv2.imread(str(path))
        sizes.append(picture.shape)
        # Turbo is colourful, the left view's half less so, the confidence grey.
        saturation = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)[60:160, :, 1].mean(axis=0)
        left, disparity, fine, confidence = (part.mean() for part in np.array_split(saturation, 4))
        assert min(disparity, fine) > left and min(disparity, fine) > 2 * confidence
    assert sizes[1][0] > 1.5 * sizes[0][0] and sizes[1][1] == sizes[0][1]


def test_pairs_come_with_their_calibration_or_are_named(real_data: Path) -> None:
    root = default_root()
    assert root.samefile(real_data)
    scenes = contact_sheet.load_scenes(root, contact_sheet.OAKD_PAIRS)
    assert [sample.key for sample, _ in scenes] == ["motorcycle", *contact_sheet.OAKD_PAIRS]
    assert all(calibration.baseline == pytest.approx(0.075) for _, calibration in scenes[1:])
    with pytest.raises(UserError, match="--pairs=nowhere"):
        contact_sheet.load_scenes(root, ["nowhere"])
