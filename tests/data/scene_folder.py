"""Stereo pairs made on the spot, in SceneFlow's layout, and ways to damage the second of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.formats.pfm import write_pfm

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


def spoil_truncated(root):
    path = root / scene_names(1)[0]
    path.write_bytes(path.read_bytes()[:-30])


def spoil_missing(root):
    (root / scene_names(1)[1]).unlink()


def spoil_header(root):
    (root / scene_names(1)[2]).write_bytes(b"PX\n30 20\n-1\n")


def spoil_truth_size(root):
    write_pfm(root / scene_names(1)[2], np.ones((20, 31), np.float32))


def spoil_channels(root):
    write_pfm(root / scene_names(1)[2], np.ones((20, 30, 3), np.float32))


def spoil_views(root):
    (root / scene_names(1)[1]).write_bytes(encode_png(np.zeros((21, 30, 3), np.uint8)))


def spoil_nan(root):
    values = np.ones((20, 30), np.float32)
    values[3, 3] = np.nan
    write_pfm(root / scene_names(1)[2], values)


SPOILS = {
    spoil_truncated: "truncated PNG",
    spoil_missing: "cannot be read",
    spoil_header: "PFM begins with",
    spoil_truth_size: "=31x20: must be as large as the left image, 30x20",
    spoil_channels: "one channel",
    spoil_views: "=30x21: must be as large as the left image, 30x20",
    spoil_nan: "NaN in 1 of 600 pixels",
}
