"""Middlebury, all years: a folder of scenes, each in the style of its year."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo_exp.base import ArgumentError, DataError, UserError
from stereo_exp.data.source import StereoSource
from stereo_exp.data.sources.files import FilesSource, Layout, PairFiles
from stereo_exp.geometry import (
    Calibration,
    StereoSample,
    check_disparity,
    find_seen_by_both,
    read_disparity_png,
    read_middlebury_calib,
    read_pfm,
    zero_unknown,
)

# A Middlebury scene folder: its files by the year of the set, and what its integer truth is divided by.


_IMAGES = ("png", "ppm", "pgm")
_MAPS = ("png", "pgm")
_PFM = ("pfm",)

# 2005 and 2006: every full-size image has 1110 rows, and three sizes are published.
_SIZES_0506 = {1110: 1.0, 555: 2.0, 370: 3.0}
_FOLDERS_0506 = {"fullsize": 1.0, "halfsize": 2.0, "thirdsize": 3.0}
# 2003: Cones and Teddy, 450x375 px in quarter size.
_SIZES_2003 = {1500: 1.0, 750: 2.0, 375: 4.0}
_SCENES_2001 = ("barn1", "barn2", "bull", "map", "poster", "sawtooth", "venus")
_SCALE_2001, _SCALE_TSUKUBA = 8.0, 16.0


@dataclass(frozen=True)
class Style:
    """File names of one kind of scene, without suffix.

    Attributes:
        year: what to call it.
        left, right: the images.
        truth, right_truth: their disparity maps, by preference.
        suffixes: of the maps; PFM has no scale.
    """

    year: str
    left: str
    right: str
    truth: tuple[str, ...]
    right_truth: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = _MAPS


STYLES = (
    # 2014, 2021 and the benchmark made of them, MiddEval3.
    Style("2014", "im0", "im1", ("disp0GT", "disp0"), ("disp1GT", "disp1"), _PFM),
    Style("2005", "view1", "view5", ("disp1",), ("disp5",)),
    Style("2003", "im2", "im6", ("disp2",), ("disp6",)),
    Style("2003", "imL", "imR", ("disp2",), ("disp6",)),
    Style("2001", "im0", "im1", ("disp0",), ("disp1",)),  # Map, the only one of 2001 with two views
    Style("tsukuba", "scene1.row3.col3", "scene1.row3.col4", ("truedisp.row3.col3",)),
)


@dataclass(frozen=True)
class ScenePair(PairFiles):
    """The files of a scene; `year` is its style's."""

    year: str = "2014"


def find_scene(folder: Path) -> ScenePair | None:
    """The pair in a scene's folder, with `disparity` None where the images lie there without truth; else None."""
    for style in STYLES:
        left, right = (_first(folder, (name,), _IMAGES) for name in (style.left, style.right))
        truth = _first(folder, style.truth, style.suffixes)
        if left and right and truth:
            mask, calib = folder / "mask0nocc.png", folder / "calib.txt"
            return ScenePair(
                folder.resolve().name,
                left,
                right,
                truth,
                _first(folder, style.right_truth, style.suffixes),
                mask if mask.is_file() else None,
                calib if calib.is_file() else None,
                style.year,
            )
    for style in STYLES:
        left, right = (_first(folder, (name,), _IMAGES) for name in (style.left, style.right))
        if left and right:
            return ScenePair(folder.resolve().name, left, right, year=style.year)
    return None


def scale_of(pair: ScenePair, path: Path, height: int) -> float:
    """By what to divide the integers of a scene's disparity map.

    2005 and 2006 by the number of rows (1110, 555, 370: 1, 2, 3), else by a folder FullSize, HalfSize or
    ThirdSize; 2003 by the number of rows (1500, 750, 375: 1, 2, 4); 2001 by the scene's name (8, Tsukuba 16).

    Raises:
        DataError: nothing tells; the user has to say `scale`.
    """
    if pair.year == "tsukuba":
        return _SCALE_TSUKUBA
    if pair.year == "2005":
        folders = [_FOLDERS_0506[part.lower()] for part in path.parts if part.lower() in _FOLDERS_0506]
        scale = _SIZES_0506.get(height) or (folders[-1] if folders else None)
    elif pair.key.lower() in _SCENES_2001:
        scale = _SCALE_2001
    else:
        scale = _SIZES_2003.get(height)
    if scale is None:
        raise DataError(
            path,
            f"{height} rows",
            f"an image of this size and name is none of Middlebury's {pair.year} sets: its scale is not known",
            "say by what to divide the file's values",
        )
    return scale


def _first(folder: Path, names: tuple[str, ...], suffixes: tuple[str, ...]) -> Path | None:
    paths = (folder / f"{name}.{suffix}" for name in names for suffix in suffixes)
    return next((path for path in paths if path.is_file()), None)


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
    mask is derived from their consistency (`find_seen_by_both`). None where the right truth is missing too.
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
        return find_seen_by_both(disparity, zero_unknown(self.disparity(pair, pair.right_disparity, size)))

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
            raise ArgumentError(
                "root",
                root,
                f"holds several folders of scenes: {', '.join(names)}",
                f"choose one, e.g. {{root}}={root / names[0]}",
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


# The one real pair that needs no download: Middlebury 2014 Motorcycle, out of scikit-image's wheel.


# Quarter-size calibration, from the docstring of skimage.data.stereo_motorcycle.
CALIBRATION = Calibration(focal=994.978, baseline=0.193001, doffs=31.086, centre=(311.193, 254.877))

_INSTALL = "pip install stereo_exp[train] brings it"


class MotorcycleSource(StereoSource):
    """A data set of one pair, 741×500 px, disparity 7 to 60 px, 7 % of the pixels unknown.

    scikit-image marks unknown pixels with infinity (its docstring says NaN): both become 0. Its docstring has
    the views the other way round too; in fact left (x, y) matches right (x - d, y), as everywhere in this
    project.

    Raises:
        UserError: scikit-image is not installed.
    """

    def __init__(self) -> None:
        try:
            from skimage.data import stereo_motorcycle  # takes a while to import
        except ImportError:
            raise UserError("scikit-image", "missing", "it brings the Motorcycle pair", _INSTALL) from None
        self._left, self._right, disparity = stereo_motorcycle()
        self._disparity = np.where(np.isfinite(disparity), disparity, 0).astype(np.float32)

    def __len__(self) -> int:
        return 1

    def key(self, index: int) -> str:
        range(1)[index]  # an index out of range must not read as the only pair
        return "motorcycle"

    def read(self, index: int) -> StereoSample:
        return StereoSample(self.key(index), self._left, self._right, self._disparity, calibration=CALIBRATION)
