"""A fresh install, two images, no run: the released weights see depth in a real pair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from in_process import Outcome

from stereo_exp.data.sources.middlebury import MotorcycleSource
from stereo_exp.weights import FOLDER, PUBLISHED, RELEASES

Cli = Callable[..., Outcome]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], np.ndarray]:
    """Motorcycle at half size: the arguments that name it, and its truth in px, infinite where unknown."""
    sample, folder = MotorcycleSource().read(0), tmp_path_factory.mktemp("pair")
    height, width = (side // 2 for side in sample.size)
    words = []
    for view in ("left", "right"):
        image = cv2.resize(getattr(sample, view)[:, :, ::-1], (width, height), interpolation=cv2.INTER_AREA)
        assert cv2.imwrite(str(folder / f"{view}.png"), image)
        words.append(f"infer.{view}={folder / view}.png")
    assert sample.disparity is not None
    return words, sample.disparity[1 : 2 * height : 2, 1 : 2 * width : 2] / 2


# Of the integer network the trunk is exported first, which takes longer than everything else.
@pytest.mark.parametrize("stage", ["float", pytest.param("int_infer", marks=pytest.mark.long)])
def test_two_images_without_any_run(cli: Cli, pair: tuple[list[str], np.ndarray], tmp_path: Path, stage: str) -> None:
    words, truth = pair
    report = cli("task=infer", *words, f"stage={stage}", "infer.out=res", "tracker=none", "machine.threads=1").report
    assert report["checkpoint"] == str(FOLDER / RELEASES[PUBLISHED][stage])
    (log,) = tmp_path.glob("outputs/stereonetplus/*/*/stereo_exp.log")
    told = f"network release-stereonetplus, stage {stage} (neither checkpoint= nor name= was given); engine "
    assert told in log.read_text().splitlines()[0]
    found = cv2.imread(str(tmp_path / "res" / "disparity.png"), cv2.IMREAD_UNCHANGED) / 256
    known = np.isfinite(truth) & (truth > 0)
    error = np.abs(found - truth)[known].mean()
    # Better than the best that can be said without looking at the images.
    assert error < np.abs(truth[known] - np.median(truth[known])).mean() / 2
