"""Sampling the two cameras of a rig."""

from __future__ import annotations

import math

import numpy as np

from data_tools.render.photometry import Camera


def sample_cameras(rng: np.random.Generator) -> tuple[Camera, Camera]:
    """The two cameras of a rig: a third of the rigs are matched up to noise, the others differ."""
    matched = rng.random() < 0.33
    strength = 0.0 if matched else rng.uniform(0.3, 1.0)
    noise = float(rng.choice([0.0, rng.uniform(0.3, 1.5), rng.uniform(1.5, 5.0)], p=[0.25, 0.5, 0.25]))
    shot = float(rng.uniform(0.005, 0.08)) if noise and rng.random() < 0.6 else 0.0
    soft = int(rng.integers(0, 2)) if rng.random() < 0.2 else None  # one lens out of focus
    common_blur = float(rng.uniform(0.4, 1.1)) if rng.random() < 0.35 else 0.0
    shared, floor = _exposure(rng)
    grey, jpeg = bool(rng.random() < 0.08), int(rng.integers(45, 97)) if rng.random() < 0.2 else 0
    motion = (0.0, 0.0)
    if rng.random() < 0.08:
        length, angle = rng.uniform(1.0, 5.0), rng.uniform(0, math.pi)
        motion = (float(length * math.cos(angle)), float(length * math.sin(angle)))
    vignette = float(rng.uniform(0.05, 0.45)) if rng.random() < 0.3 else 0.0
    crooked = (0.0, 0.0)
    if rng.random() < 0.35:  # the right view's rows are not quite the left's
        crooked = (float(np.clip(rng.normal(0, 0.35), -0.9, 0.9)), float(np.clip(rng.normal(0, 1e-3), -2e-3, 2e-3)))
    veiled = rng.random() < 0.1 and not matched
    cameras = []
    for view in range(2):
        exposure = shared * (1 + strength * rng.uniform(-0.12, 0.12))
        balance = exposure * (1 + strength * rng.uniform(-0.05, 0.05, 3))
        veil = (float(rng.uniform(0, 1)), float(rng.uniform(0, 1)), float(rng.uniform(0, 60)))
        cameras.append(
            Camera(
                gain=(float(balance[0]), float(balance[1]), float(balance[2])),
                offset=float(floor + strength * rng.uniform(-6, 6)),
                gamma=float(np.exp(strength * rng.uniform(-0.15, 0.15))),
                blur=math.hypot(common_blur, float(rng.uniform(0.4, 1.0)) if view == soft else 0.0),
                noise=noise,
                shot=shot,
                seed=int(rng.integers(2**63)),
                tilt=crooked if view else (0.0, 0.0),
                motion=motion,
                vignette=vignette,
                veil=veil if veiled else (0.0, 0.0, 0.0),
                grey=grey,
                jpeg=jpeg,
            )
        )
    return cameras[0], cameras[1]


def _exposure(rng: np.random.Generator) -> tuple[float, float]:
    """(factor, grey levels added) that both cameras share: mostly ordinary, now and then dark, glaring or hazy."""
    kind = rng.random()
    if kind < 0.1:
        return float(rng.uniform(0.2, 0.55)), 0.0
    if kind < 0.18:
        return float(rng.uniform(1.3, 1.9)), 0.0
    if kind < 0.26:
        return float(rng.uniform(0.35, 0.7)), float(rng.uniform(25, 90))
    return float(1 + rng.uniform(-0.2, 0.2)), 0.0
