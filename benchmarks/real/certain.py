"""Pairs of real cameras without truth, against what OpenCV's SGBM is certain of: rooms of an OAK-D, frames of KITTI.

A pixel counts where both views' disparities agree to 0.75 px, the best candidate beats the second by 15 %, and there is
some texture: on bare walls SGBM is certain of what it carried over from their edges. What a network makes of the other
pixels stays unknown, and nobody who is compared with SGBM itself must be compared here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from real.sets import RealSet
from stereo_exp.base import DataError, UserError
from stereo_exp.data import StereoSource
from stereo_exp.geometry import Sgbm, StereoSample, open_frames

ALIKE, UNIQUE, TEXTURE = 0.75, 15, 3.0
"""px, per cent, and grey levels a pixel along the row, somewhere in 5×5 px."""
ROOMS, SEQUENCE = "OAK-D rooms*", "KITTI sequence*"
_FRAMES = 7
"""Of the sequence, evenly spread."""


class CertainSource(StereoSource):
    """Pairs with what SGBM is certain of in place of a truth, 0 elsewhere; matched when first read, then kept.

    Args:
        pairs: key, left and right image of each.
    """

    def __init__(self, pairs: list[tuple[str, Path, Path]]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def key(self, index: int) -> str:
        """Its folder's or its frame's name."""
        return self.pairs[index][0]

    def read(self, index: int) -> StereoSample:
        """One pair. `DataError`: it cannot be read, or SGBM is certain of nothing in it."""
        return _read(*self.pairs[index])


@lru_cache(maxsize=64)
def _read(key: str, left: Path, right: Path) -> StereoSample:
    (sample,) = open_frames(str(left), str(right))
    disparity = find_certain(sample.left, sample.right)
    if not disparity.any():
        raise DataError(left, None, "shows nothing that SGBM is certain of", "give another pair")
    return replace(sample, key=key, disparity=disparity)


def find_certain(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Disparity where SGBM is certain, 0 elsewhere: float32 H×W px.

    Args:
        left, right: uint8 H×W×3 of a rectified pair.
    """
    found = Sgbm(unique=UNIQUE).match_both(left, right, tolerance=ALIKE)
    slope = np.abs(cv2.Sobel(left.mean(axis=2).astype(np.float32), cv2.CV_32F, 1, 0)) / 8
    textured = cv2.dilate(slope, np.ones((5, 5))) >= TEXTURE
    kept = found.known & (found.disparity > 0) & textured
    certain: np.ndarray = np.where(kept, found.disparity, np.float32(0))
    return certain


def open_certain(root: Path) -> tuple[list[RealSet], dict[str, str]]:
    """What lies below `root` in `oakd/PAIR/{left,right}.png` and `kitti_sequence/{left,right}/`, and why the others are
    left out."""
    rooms = [(path.parent.name, path, path.with_name("right.png")) for path in sorted(root.glob("oakd/*/left.png"))]
    frames = sorted((root / "kitti_sequence" / "left").glob("*.png"))
    chosen = [frames[round(number)] for number in np.linspace(0, len(frames) - 1, _FRAMES)] if frames else []
    sequence = [(path.stem, path, path.parents[1] / "right" / path.name) for path in chosen]
    found, absent = [], {}
    for name, pairs in ((ROOMS, rooms), (SEQUENCE, sequence)):
        if pairs:
            found.append(RealSet(name, (CertainSource(pairs),)))
        else:
            absent[name] = str(UserError("--data", root, "holds none of them", "give the folder above"))
    return found, absent
