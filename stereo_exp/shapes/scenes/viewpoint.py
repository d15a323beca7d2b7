"""Where the cameras of a scene in space stand, and where its light comes from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stereo_exp.shapes.scene import Frame
from stereo_exp.shapes.space import Rig, rotation
from stereo_exp.shapes.surface import EDGE_ON

_FARTHEST = 15.0  # metres to the nearest visible point of any wall or ground
Wall = tuple[np.ndarray, float]  # world normal and distance of normal·P = distance


def rig_for(
    rng: np.random.Generator, frame: Frame, walls: list[Wall], near: float, pitch: tuple[float, float] = (0.0, 0.03)
) -> Rig:
    """A rig with the baseline at which the walls' largest disparity in either view is `near` pixels.

    Args:
        rng: the scene's generator.
        frame: the picture.
        walls: all planes; where they are seen the largest disparity wins.
        near: pixels.
        pitch: mean and standard deviation of the angle at which the cameras look down, radians.
    """
    height, width = frame.height, frame.width
    focal = width * float(np.exp(rng.uniform(np.log(0.7), np.log(1.9))))
    # Crops of larger pictures have their principal point away from the middle.
    cx = width * float(0.5 + rng.uniform(-0.25, 0.25) * (rng.random() < 0.5))
    cy = height * float(0.5 + rng.uniform(-0.2, 0.2) * (rng.random() < 0.5))
    down, roll = float(rng.normal(*pitch)), float(rng.normal(0, 0.02))
    left = 0.0
    while left < 1 / _FARTHEST:  # looks up so far that hardly any ground is in sight
        rig = Rig(height, width, focal, cx, cy, rotation(down, roll))
        planes = np.array([np.array(rig.affine(rig.to_camera(normal))) / distance for normal, distance in walls])
        corners = rig.corners()
        left = float((planes[:, :1] + planes[:, 1:2] * corners[:, 0] + planes[:, 2:] * corners[:, 1]).max())
        down += 0.03
    power = near / left
    for _ in range(60):  # the right view may see nearer parts of a right wall than the left view does
        b = planes[:, 1:2] * power
        right = power * (planes[:, :1] + planes[:, 1:2] * corners[:, 0] + planes[:, 2:] * corners[:, 1]) / (1 - b)
        if (b < 0.9 - EDGE_ON).all() and float(right.max()) <= near:
            break
        power *= 0.95
    return replace(rig, baseline=power / focal)


def sunlight(rng: np.random.Generator, indoors: bool) -> tuple[np.ndarray, float]:
    """(unit vector towards the light, brightness in shade)."""
    direction = np.array([rng.normal(0, 0.6), -rng.uniform(0.4, 1.0), rng.normal(-0.3, 0.5)])
    return direction / np.linalg.norm(direction), float(rng.uniform(0.55, 0.9) if indoors else rng.uniform(0.3, 0.75))
