"""How each view's camera falsifies the picture: lens, mounting, exposure, sensor and compression.

Real pairs never agree in colour to the last digit, and a network that trusts them to would fail on real
cameras. The differences are kept moderate: the same surface stays recognisable by its colour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from stereo_exp.shapes.paint import grain_of


@dataclass(frozen=True)
class Camera:
    """One view's camera.

    Args:
        gain: factor of each channel (exposure and white balance).
        offset: grey levels of 0..255 added to every channel.
        gamma: exponent upon the 0..1 value.
        blur: standard deviation of the lens's blur in pixels; 0 is none.
        noise: standard deviation of the sensor's read noise in grey levels.
        shot: variance of the shot noise in grey levels for each grey level of signal.
        seed: of the noise.
        tilt: (shift, slope) of a mount out of true: rows move down by shift + slope·(x − width/2), pixels.
        motion: (x, y) pixels that the picture moved during the exposure.
        vignette: share of the light that is lost in the corners.
        veil: (x, y, grey levels) of stray light around a place in 0..1 of the picture.
        grey: a camera without colours.
        jpeg: quality of a JPEG on the way, 1..100; 0 is none.
    """

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: float = 0.0
    gamma: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    shot: float = 0.0
    seed: int = 0
    tilt: tuple[float, float] = (0.0, 0.0)
    motion: tuple[float, float] = (0.0, 0.0)
    vignette: float = 0.0
    veil: tuple[float, float, float] = (0.0, 0.0, 0.0)
    grey: bool = False
    jpeg: int = 0

    def expose(self, radiance: np.ndarray) -> np.ndarray:
        """The picture that the camera makes of H×W×3 float32 radiance in 0..255: uint8 of the same shape."""
        image = self._seen(radiance)
        # A table on 8-bit values is ten times cheaper than a power for every pixel.
        levels = quantize(image)
        if self.grey:
            levels = cv2.cvtColor(cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        table = 255 * (np.arange(256) / 255) ** self.gamma
        tables = np.clip(table[:, None] * np.array(self.gain) + self.offset, 0, 255).astype(np.float32)
        if self.noise == 0 and self.shot == 0:
            exposed = cv2.LUT(levels, quantize(tables)[None])
        else:
            signal = cv2.LUT(levels, tables[None])
            grain = grain_of(signal.shape, self.seed)
            if self.grey:
                grain = np.broadcast_to(grain[..., :1], grain.shape)
            spread = np.sqrt(np.float32(self.noise**2) + np.float32(self.shot) * tables)
            exposed = quantize(cv2.LUT(levels, spread[None]) * grain + signal)
        if self.jpeg:
            # The order of the channels matters to the codec, which keeps brightness better than colour.
            code = cv2.imencode(".jpg", exposed[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])[1]
            decoded = cv2.imdecode(code, cv2.IMREAD_COLOR)
            assert decoded is not None  # it was encoded a line ago
            exposed = np.ascontiguousarray(decoded[..., ::-1])
        return exposed

    def _seen(self, radiance: np.ndarray) -> np.ndarray:
        """The light that falls on the sensor."""
        height, width = radiance.shape[:2]
        image = radiance
        shift, slope = self.tilt
        if shift or slope:
            matrix = np.array([[1, 0, 0], [slope, 1, shift - slope * width / 2]], np.float64)
            image = cv2.warpAffine(
                image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            )
        if self.blur:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        if any(self.motion):
            image = cv2.filter2D(image, -1, _streak(self.motion))
        if self.vignette:
            image = image * _wide((height, width), 0.5, 0.5, -self.vignette)[..., None]
        x, y, strength = self.veil
        if strength:
            image = image + np.float32(strength) * _wide((height, width), x, y, -1.0)[..., None]
        return image


def quantize(values: np.ndarray) -> np.ndarray:
    """Round and clip 0..255 values to uint8."""
    levels: np.ndarray = cv2.convertScaleAbs(np.maximum(values, 0))
    return levels


def _wide(size: tuple[int, int], x: float, y: float, depth: float) -> np.ndarray:
    """1 at a place in 0..1 of the picture, falling (or rising) smoothly by `depth` half a diagonal away; float32."""
    rows, columns = np.linspace(0, 1, 24, dtype=np.float32)[:, None] - y, np.linspace(0, 1, 32, dtype=np.float32) - x
    field: np.ndarray = (1 + depth * np.minimum((rows * rows + columns * columns) * 2, 1)).astype(np.float32)
    return cv2.resize(field, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)


def _streak(motion: tuple[float, float]) -> np.ndarray:
    """The kernel of a straight motion, (x, y) pixels."""
    reach = max(math.ceil(max(abs(motion[0]), abs(motion[1])) / 2), 1)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for share in np.linspace(-0.5, 0.5, 9):
        x, y = reach + share * motion[0], reach + share * motion[1]
        column, row = int(x), int(y)
        for j, part_y in ((row, 1 - (y - row)), (row + 1, y - row)):
            for i, part_x in ((column, 1 - (x - column)), (column + 1, x - column)):
                if i <= 2 * reach and j <= 2 * reach:
                    kernel[j, i] += part_x * part_y
    weights: np.ndarray = kernel / kernel.sum()
    return weights


# Sampling the two cameras of a rig.


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
