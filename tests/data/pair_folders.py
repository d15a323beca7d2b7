"""A small pair with exact truth and occlusions, written in the layout of each published set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stereo_exp.geometry.formats.disparity import write_disparity_png
from stereo_exp.geometry.formats.pfm import write_pfm

NEAR, FAR = 12, 4  # px; whole numbers, so that every scale can hold them


@dataclass(frozen=True)
class MadePair:
    """left, right: uint8 H×W; disparity of both views: float32 H×W, 0 in a corner; noc: bool H×W."""

    left: np.ndarray
    right: np.ndarray
    disparity: np.ndarray
    right_disparity: np.ndarray
    noc: np.ndarray


def made_pair(height: int = 40, width: int = 96, seed: int = 0) -> MadePair:
    """A near square in front of a far wall. The right view is noise, the left one is drawn from it."""
    rng = np.random.default_rng(seed)
    right = rng.integers(0, 256, (height, width), dtype=np.uint8)
    left = rng.integers(0, 256, (height, width), dtype=np.uint8)
    disparity, right_disparity = (np.full((height, width), FAR, np.float32) for _ in range(2))
    rows, start, stop = slice(height // 4, height // 2), width // 3, width // 2
    disparity[rows, start:stop] = NEAR
    right_disparity[rows, start - NEAR : stop - NEAR] = NEAR
    ys, xs = np.mgrid[:height, :width]
    landed = xs - disparity.astype(int)
    noc = landed >= 0
    # The wall behind the square, as the right camera sees it.
    noc[rows] &= (disparity[rows] == NEAR) | (landed[rows] < start - NEAR) | (landed[rows] >= stop - NEAR)
    left[noc] = right[ys[noc], landed[noc]]
    disparity[-2:, -2:] = 0
    noc &= disparity > 0
    return MadePair(left, right, disparity, right_disparity, noc)


def colour(grey: np.ndarray) -> np.ndarray:
    return np.stack([grey, 255 - grey, grey // 2], -1)


def write_image(path: Path, pixels: np.ndarray) -> None:
    """uint8 or uint16, H×W or H×W×3, by the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def write_kitti(
    root: Path, year: int = 2012, name: str = "000000_10", grey: bool = False, noc: bool = True
) -> MadePair:
    """`training/` below `root`."""
    pair, base = made_pair(), root / "training"
    views = ("image_0", "image_1") if grey else ("colored_0", "colored_1") if year == 2012 else ("image_2", "image_3")
    for view, pixels in zip(views, (pair.left, pair.right), strict=True):
        write_image(base / view / f"{name}.png", pixels if grey else colour(pixels))
    suffix = "" if year == 2012 else "_0"
    for folder in (f"disp_occ{suffix}", *([f"disp_noc{suffix}"] if noc else [])):
        (base / folder).mkdir(parents=True, exist_ok=True)
    write_disparity_png(base / f"disp_occ{suffix}" / f"{name}.png", pair.disparity)
    if noc:
        write_disparity_png(base / f"disp_noc{suffix}" / f"{name}.png", np.where(pair.noc, pair.disparity, 0))
    return pair


CALIB = "cam0=[700.5 0 300.25; 0 700.5 200; 0 0 1]\ncam1=[700.5 0 310.25; 0 700.5 200; 0 0 1]\ndoffs=10\nbaseline=60\n"


def write_pfm_scene(scene: Path, truth: Path, *, gt: str = "GT", mask: bool = True, right: bool = False) -> MadePair:
    """A scene of Middlebury 2014 or ETH3D, its truth in the same folder or another."""
    pair = made_pair()
    write_image(scene / "im0.png", pair.left)
    write_image(scene / "im1.png", pair.right)
    (scene / "calib.txt").write_text(CALIB)
    truth.mkdir(parents=True, exist_ok=True)
    write_pfm(truth / f"disp0{gt}.pfm", np.where(pair.disparity > 0, pair.disparity, np.inf))
    if right:
        write_pfm(truth / f"disp1{gt}.pfm", pair.right_disparity)
    if mask:
        known = np.where(pair.disparity > 0, 128, 0)
        write_image(truth / "mask0nocc.png", np.where(pair.noc, 255, known).astype(np.uint8))
    return pair


def write_integer_scene(scene: Path, names: tuple[str, ...], scale: float, height: int = 40) -> MadePair:
    """A scene with left, right, truth and optionally right truth as `names` say, truth times `scale` in 8 bits."""
    pair = made_pair(height)
    left, right, *maps = names
    for name, pixels in ((left, pair.left), (right, pair.right)):
        write_image(scene / name, pixels if name.endswith(".pgm") else colour(pixels))
    for name, values in zip(maps, (pair.disparity, pair.right_disparity), strict=False):
        write_image(scene / name, (values * scale).astype(np.uint8))
    return pair
