"""How each view's camera falsifies the colours: exposure, gamma, white balance, blur and noise.

Real pairs never agree in colour to the last digit, and a network that trusts them to would fail on real
cameras. The differences are kept moderate: the same surface stays recognisable by its colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Camera:
    """One view's response.

    Args:
        gain: factor of each channel (exposure and white balance).
        offset: grey levels of 0..255 added to every channel.
        gamma: exponent upon the 0..1 value.
        blur: standard deviation of the lens's blur in pixels; 0 is none.
        noise: standard deviation of the sensor's noise in grey levels.
        seed: of the noise.
    """

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: float = 0.0
    gamma: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    seed: int = 0

    def expose(self, radiance: np.ndarray) -> np.ndarray:
        """The picture that the camera makes of H×W×3 float32 radiance in 0..255: uint8 of the same shape."""
        image = cv2.GaussianBlur(radiance, (0, 0), self.blur) if self.blur else radiance
        # A table on 8-bit values is ten times cheaper than a power for every pixel.
        levels = quantise(image)
        table = 255 * (np.arange(256) / 255) ** self.gamma
        tables = np.clip(table[:, None] * np.array(self.gain) + self.offset, 0, 255).astype(np.float32)
        if self.noise == 0:
            return cv2.LUT(levels, quantise(tables)[None])
        exposed = cv2.LUT(levels, tables[None])
        rng = np.random.Generator(np.random.Philox(self.seed))
        exposed += np.float32(self.noise) * rng.standard_normal(exposed.shape, dtype=np.float32)
        return quantise(exposed)


def quantise(values: np.ndarray) -> np.ndarray:
    """Round and clip 0..255 values to uint8."""
    return cv2.convertScaleAbs(np.maximum(values, 0))


def sample_cameras(rng: np.random.Generator) -> tuple[Camera, Camera]:
    """The two cameras of a rig: a third of the rigs are matched up to noise, the others differ."""
    matched = rng.random() < 0.33
    strength = 0.0 if matched else rng.uniform(0.3, 1.0)
    noise = float(rng.choice([0.0, rng.uniform(0.3, 1.5), rng.uniform(1.5, 4.0)], p=[0.25, 0.5, 0.25]))
    soft = int(rng.integers(0, 2)) if rng.random() < 0.25 else None  # one lens out of focus
    shared = 1 + rng.uniform(-0.12, 0.12)  # the scene's exposure, the same in both
    cameras = []
    for view in range(2):
        exposure = shared * (1 + strength * rng.uniform(-0.1, 0.1))
        balance = 1 + strength * rng.uniform(-0.04, 0.04, 3)
        cameras.append(
            Camera(
                gain=(
                    float(exposure * balance[0]),
                    float(exposure * balance[1]),
                    float(exposure * balance[2]),
                ),
                offset=float(strength * rng.uniform(-6, 6)),
                gamma=float(np.exp(strength * rng.uniform(-0.12, 0.12))),
                blur=float(rng.uniform(0.4, 1.0)) if view == soft else 0.0,
                noise=noise,
                seed=int(rng.integers(2**63)),
            )
        )
    return cameras[0], cameras[1]
