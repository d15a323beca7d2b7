"""A Middlebury scene folder: its files by the year of the set, and what its integer truth is divided by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stereo_exp.data.sources.files import PairFiles
from stereo_exp.errors import DataError

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
        DataError: nothing tells; the user has to say `dataset.scale`.
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
            "say by what to divide the file's values, e.g. dataset.scale=4",
        )
    return scale


def _first(folder: Path, names: tuple[str, ...], suffixes: tuple[str, ...]) -> Path | None:
    paths = (folder / f"{name}.{suffix}" for name in names for suffix in suffixes)
    return next((path for path in paths if path.is_file()), None)
