"""Where the files of a set lie: SceneFlow's own folders, as its download unpacks them.

    DIR/SceneFlow_finalpass_train.txt, DIR/SceneFlow_finalpass_test.txt
    DIR/FlyingThings3D/frames_finalpass/TRAIN/A/0000/{left,right}/0006.png
    DIR/FlyingThings3D/disparity/TRAIN/A/0000/{left,right}/0006.pfm
    DIR/shapes.json

A line of a list names the left image, the right image and the left disparity, relative to DIR and split by
spaces.
"""

from __future__ import annotations

from typing import NamedTuple

PARAMETERS = "shapes.json"
LISTS = {"TRAIN": "SceneFlow_finalpass_train.txt", "TEST": "SceneFlow_finalpass_test.txt"}
ROOT = "FlyingThings3D"
_FRAME = "0006"  # the first frame that FlyingThings3D has for every scene


class PairPaths(NamedTuple):
    """The four files of a pair, relative to the set's folder, with forward slashes."""

    left: str
    right: str
    disparity_left: str
    disparity_right: str

    @property
    def line(self) -> str:
        """The pair's line in the list file, without its end."""
        return f"{self.left} {self.right} {self.disparity_left}"


def pair_paths(split: str, index: int) -> PairPaths:
    """The files of scene `index` of a split; numbers beyond 9999 simply grow longer."""
    scene = f"{split}/A/{index:04d}"
    frames, disparity = f"{ROOT}/frames_finalpass/{scene}", f"{ROOT}/disparity/{scene}"
    return PairPaths(
        f"{frames}/left/{_FRAME}.png",
        f"{frames}/right/{_FRAME}.png",
        f"{disparity}/left/{_FRAME}.pfm",
        f"{disparity}/right/{_FRAME}.pfm",
    )
