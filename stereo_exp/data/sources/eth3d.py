"""ETH3D's low-resolution two-view benchmark: a folder for each scene, grey images, truth from a laser scanner."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stereo_exp.data.sources.files import FilesSource, Layout, PairFiles
from stereo_exp.geometry import Calibration, read_middlebury_calib, read_pfm

LAYOUT = Layout(
    "eth3d",
    "ETH3D two-view",
    "two_view_training/SCENE/{im0.png,im1.png,calib.txt} and two_view_training_gt/SCENE/{disp0GT.pfm,mask0nocc.png}, "
    "or all of a scene in one folder",
    "eth3d.net, Datasets, low-res two-view: two_view_training.7z and two_view_training_gt.7z",
)
_SCENES, _TRUTH = "two_view_training", "two_view_training_gt"


class Eth3dSource(FilesSource):
    """The training pairs of ETH3D that have truth. A pair's key is its scene.

    Truth is infinite where it is unknown; `noc` is where `mask0nocc.png` is 255.

    Args:
        root: the folder that holds `two_view_training`, or `two_view_training` itself. Truth may stand in the
            scenes' own folders or, as the second download has it, in `two_view_training_gt` beside them.

    Raises:
        UserError: there is no such folder, it is laid out otherwise, or there is no truth.
    """

    def __init__(self, root: Path) -> None:
        LAYOUT.folder(root)
        base = root / _SCENES if (root / _SCENES).is_dir() else root
        scenes = sorted(f.parent for f in base.glob("*/im0.png") if (f.parent / "im1.png").is_file())
        if not scenes:
            raise LAYOUT.refusal(root)
        # A relative root such as "." has a name and a neighbour only once it is resolved.
        beside = base.resolve().parent / _TRUTH
        places = [(scene, next((p for p in (scene, beside / scene.name) if _has_truth(p)), None)) for scene in scenes]
        pairs = [_pair(scene, truth) for scene, truth in places if truth is not None]
        if not pairs:
            raise LAYOUT.refusal(root, f"has {len(scenes)} scenes but no disp0GT.pfm in any")
        super().__init__(pairs)

    def disparity(self, pair: PairFiles, path: Path, size: tuple[int, int]) -> np.ndarray:
        return read_pfm(path)

    def calibration(self, pair: PairFiles) -> Calibration | None:
        return None if pair.calib is None else read_middlebury_calib(pair.calib)


def _has_truth(folder: Path) -> bool:
    return (folder / "disp0GT.pfm").is_file()


def _pair(scene: Path, truth: Path) -> PairFiles:
    mask, calib = truth / "mask0nocc.png", scene / "calib.txt"
    return PairFiles(
        scene.name,
        scene / "im0.png",
        scene / "im1.png",
        truth / "disp0GT.pfm",
        noc=mask if mask.is_file() else None,
        calib=calib if calib.is_file() else None,
    )
