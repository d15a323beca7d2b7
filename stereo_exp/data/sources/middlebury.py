"""Middlebury, all years: a folder of scenes, each in the style of its year."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stereo_exp.data.formats.calib import read_middlebury_calib
from stereo_exp.data.formats.disparity_png import read_disparity_png
from stereo_exp.data.formats.pfm import read_pfm
from stereo_exp.data.sample import Calibration, check_disparity, known_disparity
from stereo_exp.data.sources.files import FilesSource, PairFiles
from stereo_exp.data.sources.layout import Layout
from stereo_exp.data.sources.left_right import seen_by_both
from stereo_exp.data.sources.middlebury_styles import ScenePair, find_scene, scale_of
from stereo_exp.errors import UserError

LAYOUT = Layout(
    "middlebury",
    "Middlebury",
    "SCENE/{im0.png,im1.png,disp0GT.pfm or disp0.pfm,calib.txt} (MiddEval3, 2014, 2021), "
    "SCENE/{view1.png,view5.png,disp1.png} (2005, 2006) or SCENE/{im2.ppm,im6.ppm,disp2.pgm} (2001, 2003)",
    "vision.middlebury.edu/stereo, Datasets, or Evaluation v.3 with its training ground truth",
)


class MiddleburySource(FilesSource):
    """The scenes of a folder that have truth, whatever their year. A pair's key is its scene.

    Truth: PFM in px (2014, 2021, MiddEval3), or integers divided by the scale that `scale_of` finds.
    `noc`: where `mask0nocc.png` is 255 (MiddEval3). Sets without a mask have the truth of both views, and the
    mask is derived from their consistency (`seen_by_both`). None where the right truth is missing too.
    `calibration`: `calib.txt` where there is one. 2001 to 2006 have none in files.

    Args:
        root: a folder of scenes, a folder that holds one such folder (`MiddEval3` with `trainingQ` alone in
            it), or one scene.
        scale: divide integer truth by this, whatever the year.

    Raises:
        UserError: there is no such folder, it is laid out otherwise, there is no truth, or several folders of
            scenes below it leave a choice.
    """

    def __init__(self, root: Path, *, scale: float | None = None) -> None:
        LAYOUT.folder(root)
        self.scale = scale
        super().__init__(_find(root))

    def disparity(self, pair: PairFiles, path: Path, size: tuple[int, int]) -> np.ndarray:
        """A view's disparity map, px, of the size that is asked for."""
        if path.suffix == ".pfm":
            values = read_pfm(path)
        else:
            assert isinstance(pair, ScenePair)
            values = read_disparity_png(path, self.scale or scale_of(pair, path, size[0]))
        check_disparity(values, size, path)
        return values

    def noc(self, pair: PairFiles, disparity: np.ndarray) -> np.ndarray | None:
        if pair.noc is not None:
            return super().noc(pair, disparity)
        if pair.right_disparity is None:
            return None
        size = (disparity.shape[0], disparity.shape[1])
        return seen_by_both(disparity, known_disparity(self.disparity(pair, pair.right_disparity, size)))

    def calibration(self, pair: PairFiles) -> Calibration | None:
        return None if pair.calib is None else read_middlebury_calib(pair.calib)


def _find(root: Path) -> list[ScenePair]:
    """The pairs with truth: the root itself as a scene, the scenes in it, or those in the one folder of them."""
    scenes = _scenes([root]) or _scenes(_folders(root))
    if not any(pair.disparity for pair in scenes):
        below = {folder: _scenes(_folders(folder)) for folder in _folders(root)}
        known = {folder: found for folder, found in below.items() if any(pair.disparity for pair in found)}
        if len(known) > 1:
            names = [folder.name for folder in known]
            raise UserError(
                "dataset.root",
                root,
                f"holds several folders of scenes: {', '.join(names)}",
                f"choose one, e.g. dataset.root={root / names[0]}",
            )
        scenes = [pair for found in (known or below).values() for pair in found] or scenes
    if not scenes:
        raise LAYOUT.refusal(root)
    pairs = [pair for pair in scenes if pair.disparity]
    if not pairs:
        raise LAYOUT.refusal(root, f"has {len(scenes)} scenes but no truth for any, as the benchmark's test sets have")
    return pairs


def _scenes(folders: list[Path]) -> list[ScenePair]:
    return [pair for pair in map(find_scene, folders) if pair is not None]


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir())
