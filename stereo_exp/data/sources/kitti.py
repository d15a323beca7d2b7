"""KITTI 2012 and 2015 as they unpack: `training/` with a folder for each camera and each truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo_exp.base import ArgumentError, UserError
from stereo_exp.data.sources.files import FilesSource, Layout, PairFiles, mask_of_size
from stereo_exp.geometry import Calibration, read_disparity_png, read_kitti_calib

_SPLIT = "training"


@dataclass(frozen=True)
class Edition:
    """What the two editions call things.

    Attributes:
        layout: for errors.
        views: folders of the left and the right colour images.
        truth, noc: folders of the truth, with and without what the right camera does not see.
        calib: folder of the calibration files, which are a download of their own.
    """

    layout: Layout
    views: tuple[str, str]
    truth: str
    noc: str
    calib: str


KITTI2012 = Edition(
    Layout(
        "kitti2012",
        "KITTI 2012",
        "training/{colored_0,colored_1,disp_occ,disp_noc}/000000_10.png, and calib/000000.txt if you like",
        "cvlibs.net, KITTI Vision Benchmark Suite, Stereo Evaluation 2012: data_stereo_flow.zip",
    ),
    ("colored_0", "colored_1"),
    "disp_occ",
    "disp_noc",
    "calib",
)
KITTI2015 = Edition(
    Layout(
        "kitti2015",
        "KITTI 2015",
        "training/{image_2,image_3,disp_occ_0,disp_noc_0}/000000_10.png, and calib_cam_to_cam/000000.txt if you like",
        "cvlibs.net, KITTI Vision Benchmark Suite, Stereo Evaluation 2015: data_scene_flow.zip",
    ),
    ("image_2", "image_3"),
    "disp_occ_0",
    "disp_noc_0",
    "calib_cam_to_cam",
)
# The grey cameras 0 and 1; only the 2012 edition has their images.
_GREY_VIEWS = ("image_0", "image_1")


class KittiSource(FilesSource):
    """The training pairs of KITTI, which are those with truth; about a third of the pixels has one.

    Calibration comes from the files of `calib/` or `calib_cam_to_cam/` and from nowhere else: without them it
    is None. `noc` is where `disp_noc` has a value. A pair's key is its file name without suffix, `000000_10`.

    Args:
        root: the folder that holds `training`, or `training` itself.
        edition: `KITTI2012` or `KITTI2015`.
        grey: the grey cameras' images, `image_0` and `image_1`, in place of the colour ones.

    Raises:
        UserError: there is no such folder, or it is laid out otherwise.
    """

    def __init__(self, root: Path, edition: Edition, *, grey: bool = False) -> None:
        layout, (left, right) = edition.layout, _GREY_VIEWS if grey else edition.views
        layout.folder(root)
        base = next((f for f in (root, root / _SPLIT) if (f / edition.truth).is_dir()), None)
        if base is None:
            raise layout.refusal(root)
        for view in (left, right):
            if not (base / view).is_dir():
                raise _no_images(base, view, layout, grey)
        names = sorted(path.name for path in (base / edition.truth).glob("*.png") if not path.name.startswith("."))
        if not names:
            raise layout.refusal(root, f"{edition.truth} holds no PNG files")
        has_noc, has_calib = (base / edition.noc).is_dir(), (base / edition.calib).is_dir()
        self.cameras = (0, 1) if grey else (2, 3)
        super().__init__(
            [
                PairFiles(
                    Path(name).stem,
                    base / left / name,
                    base / right / name,
                    base / edition.truth / name,
                    noc=base / edition.noc / name if has_noc else None,
                    # Truth and images are of frame 10 of a scene, calibration is of the scene.
                    calib=base / edition.calib / f"{Path(name).stem.split('_')[0]}.txt" if has_calib else None,
                )
                for name in names
            ]
        )

    def disparity(self, pair: PairFiles, path: Path, size: tuple[int, int]) -> np.ndarray:
        return read_disparity_png(path)

    def noc(self, pair: PairFiles, disparity: np.ndarray) -> np.ndarray | None:
        if pair.noc is None:
            return None
        return mask_of_size(read_disparity_png(pair.noc), disparity.shape, pair.noc) > 0

    def calibration(self, pair: PairFiles) -> Calibration | None:
        if pair.calib is None:
            return None
        return read_kitti_calib(pair.calib, left=self.cameras[0], right=self.cameras[1])


def _no_images(base: Path, view: str, layout: Layout, grey: bool) -> UserError:
    if not grey and (base / _GREY_VIEWS[0]).is_dir() and layout is KITTI2012.layout:
        return ArgumentError("grey", False, f"{base} has the grey images only, no {view}", "add {grey}=True")
    return layout.refusal(base, f"there is truth but no folder {view}")
