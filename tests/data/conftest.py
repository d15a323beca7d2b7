"""Stereo pairs made on the spot, in SceneFlow's layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stereo_exp.data.formats import encode_png, write_pfm

Names = tuple[str, str, str]


def scene_names(number: int) -> Names:
    """Relative paths of left, right and disparity of one pair."""
    name = f"{number:04d}"
    return (
        f"Flying/frames_finalpass/TRAIN/{name}/left/a.png",
        f"Flying/frames_finalpass/TRAIN/{name}/right/a.png",
        f"Flying/disparity/TRAIN/{name}/left/a.pfm",
    )


def write_scene(root: Path, number: int, size: tuple[int, int]) -> Names:
    """One pair of noise; pixel (0, 0) tells the number, pixel (0, 1) of the truth is unknown (inf)."""
    rng = np.random.default_rng(number)
    left, right = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    left[0, 0] = number
    disparity = rng.uniform(1, 50, size).astype(np.float32)
    disparity[0, 1] = np.inf
    names = scene_names(number)
    for name, image in zip(names, (left, right), strict=False):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encode_png(image))
    write_pfm(root / names[2], disparity)
    return names


@pytest.fixture
def make_scenes(tmp_path: Path) -> Callable[..., Path]:
    """make_scenes(sizes, folder="scenes", split="train") -> root of a data set with one pair of each size."""

    def make(sizes: list[tuple[int, int]], folder: str = "scenes", split: str = "train") -> Path:
        root = tmp_path / folder
        lines = [" ".join(write_scene(root, number, size)) for number, size in enumerate(sizes)]
        (root / f"SceneFlow_finalpass_{split}.txt").write_text("\n".join(lines) + "\n")
        return root

    return make
