"""The photographs that lie in scikit-image's wheel, read without importing it and without any download.

Left out: `page.png`, whose colour profile makes libpng complain on standard error, and pictures that are no
photographs. The `motorcycle` pair of the same folder is a Middlebury stereo scene, hence evaluation data, and
is left alone.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from stereo_exp.errors import UserError

NAMES = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)
_LONGEST = 700  # pixels; larger photographs are halved until they fit, as their finest detail is mostly noise


def photograph(rng: np.random.Generator, level: int) -> np.ndarray:
    """A random photograph, halved `level` times: uint8 h×w grey or h×w×3 RGB. Do not write into it."""
    return load(NAMES[int(rng.integers(len(NAMES)))], level)


@lru_cache(maxsize=4 * len(NAMES))
def load(name: str, level: int) -> np.ndarray:
    """One of `NAMES`, halved `level` times; never to fewer than 64 pixels on a side.

    Raises:
        UserError: scikit-image is not installed, or its wheel lacks the file.
    """
    if level > 0:
        larger = load(name, level - 1)
        return larger if min(larger.shape[:2]) < 128 else cv2.pyrDown(larger)
    path = _folder() / name
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise UserError(path, None, "cannot be read", "reinstall scikit-image (pip install --force-reinstall)")
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    while max(image.shape[:2]) > _LONGEST:
        image = cv2.pyrDown(image)
    # Photographs are sharp to the pixel; a light blur keeps bilinear look-up alike in both views.
    return cv2.GaussianBlur(image, (0, 0), 0.7)


@lru_cache(maxsize=1)
def _folder() -> Path:
    found = importlib.util.find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        raise UserError("scikit-image", "missing", "shapes paints with its photographs", "pip install scikit-image")
    return Path(next(iter(found.submodule_search_locations))) / "data"
