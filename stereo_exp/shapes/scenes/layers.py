"""Layers: slanted and curved surfaces with outlines of all kinds floating over a background.

Every scene has its own depth range, log-uniform at both ends, because that is how the depths of rooms and
streets are spread; the whole of 0.2-190 px is covered.
"""

from __future__ import annotations

import math

import numpy as np

from stereo_exp.shapes.item import Sheet
from stereo_exp.shapes.scene import Composition, Frame, log_mix, pick
from stereo_exp.shapes.shapes import Outline
from stereo_exp.shapes.surface import HIGHEST, LOWEST, STEEPEST, Extent, Surface
from stereo_exp.shapes.textures import sample_texture

FEWEST_OBJECTS, MOST_OBJECTS = 5, 25
_BACKDROP_PAINT = {"photo": 0.42, "noise": 0.36, "stripes": 0.1, "glyphs": 0.05, "flat": 0.07}
_OBJECT_PAINT = {"photo": 0.33, "noise": 0.27, "stripes": 0.13, "glyphs": 0.1, "flat": 0.17}
_OUTLINES = {"ellipse": 0.25, "box": 0.28, "star": 0.22, "bar": 0.15, "fence": 0.1}


def compose_layers(rng: np.random.Generator, frame: Frame) -> Composition:
    """A scene of 5-25 objects over a background."""
    height, width = frame.height, frame.width
    far, near = _depth_range(frame)
    scenery = _scenery(rng, height, width, far, near)
    count = int(rng.integers(FEWEST_OBJECTS, MOST_OBJECTS + 1))
    objects = [_object(rng, height, width, scenery[0].surface, near, closest=i == 0) for i in range(count)]
    # From far to near by the disparity in the middle, so that soft edges blend with what is behind them.
    # Depth itself is decided pixel by pixel.
    objects.sort(key=_middle)
    return Composition([*scenery, *objects], count)


def _depth_range(frame: Frame) -> tuple[float, float]:
    """(far, near) in pixels of disparity."""
    near = log_mix(0.07 * frame.limit, frame.limit, min(1.0, frame.near / 0.97) ** 0.8)
    # One scene in eight is open to the sky.
    far = log_mix(LOWEST, 0.25 * near, max(0.0, (frame.far - 0.12) / 0.88) ** 0.7)
    return far, near


def _scenery(rng: np.random.Generator, height: int, width: int, far: float, near: float) -> list[Sheet]:
    """The background, and often a floor or a side wall that runs towards the viewer."""
    reach = Extent(0.0, 0.0, width - 1 + HIGHEST, height - 1.0)  # all that either view can see
    depth = rng.choice([0.0, rng.uniform(0.05, 0.6)], p=[0.2, 0.8])
    form = _form(rng, height)
    background = form.fit(reach, far, far + depth * (near - far))
    if far == LOWEST:  # a steep background may not reach its far end, and the sky must
        background = Surface(a=LOWEST + 2e-3)
    items = [_scenery_item(rng, background, None, height, width)]
    if rng.random() < 0.4:
        horizon = height * rng.uniform(0.35, 0.75)
        bottom = far + rng.uniform(0.3, 0.9) * (near - far)
        middle = (width + HIGHEST) / 2
        floor = Outline("box", middle, (horizon + height) / 2, middle + 8, (height - horizon) / 2 + 2)
        surface = Surface(a=0.0, tilt=1.0).fit(floor.extent, far, bottom)
        items.append(_scenery_item(rng, surface, floor, height, width))
    if rng.random() < 0.25:
        corner = width * rng.uniform(0.15, 0.45)
        edge = far + rng.uniform(0.2, 0.8) * (near - far)
        wall = Outline("box", corner / 2, height / 2, corner / 2 + 1, height / 2 + 2)
        surface = Surface(a=0.0, b=-STEEPEST).fit(wall.extent, min(far + 0.02, edge), edge)
        items.append(_scenery_item(rng, surface, wall, height, width))
    return items


def _form(rng: np.random.Generator, height: float, y0: float = 0.0) -> Surface:
    """A random slanted or curved form, still without scale: `Surface.fit` gives it one."""
    slant_x, slant_y = rng.normal(0, 1 / 300), rng.normal(0, 1 / max(height, 8))
    bend = rng.normal(0, 3 / max(height, 8) ** 2) if rng.random() < 0.45 else 0.0
    wave = rng.uniform(0.05, 0.3) if rng.random() < 0.25 else 0.0
    return Surface(
        a=0.0,
        b=float(np.clip(slant_x, -STEEPEST, STEEPEST)),
        tilt=float(slant_y),
        bend=float(bend),
        wave=float(wave),
        period=float(rng.uniform(0.4, 1.5) * max(height, 8)),
        phase=float(rng.uniform(0, 2 * math.pi)),
        y0=y0,
    )


def _scenery_item(
    rng: np.random.Generator, surface: Surface, outline: Outline | None, height: int, width: int
) -> Sheet:
    texture = sample_texture(rng, pick(rng, _BACKDROP_PAINT), (width / 2, height / 2), width + HIGHEST / 2)
    light = (rng.uniform(0.75, 1.1), rng.normal(0, 0.15) / width, rng.normal(0, 0.15) / height)
    return Sheet(surface, texture, outline, light)


def _object(
    rng: np.random.Generator, height: int, width: int, background: Surface, near: float, closest: bool
) -> Sheet:
    """One object in front of the background; the closest one of a scene touches its near end."""
    y = rng.uniform(-0.05, 1.05) * height
    if closest:
        x, middle = rng.uniform(0.35, 0.95) * width, near
    else:
        x = rng.uniform(-0.05, 1.05) * width
        # The background is only bounded where it can be seen; a centre beyond that takes its nearest point.
        seen_x, seen_y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
        behind = min(background.at(seen_x, seen_y) * 1.03 + 0.05, near)
        share = rng.random()
        middle = rng.choice([log_mix(behind, near, share), behind + share**1.5 * (near - behind)])
        # Half of the objects stand where the right view sees them rather than where the left one does.
        x += middle * float(rng.random() < 0.5)
    outline = _outline(rng, float(x), float(y), height, closeness=math.sqrt(middle / near))
    half_span = middle * rng.choice([0.0, rng.uniform(0.01, 0.1), rng.uniform(0.1, 0.3)], p=[0.2, 0.45, 0.35])
    box = outline.extent
    low, high = max(middle - half_span, LOWEST), min(middle + half_span, near)
    surface = _form(rng, box.bottom - box.top, y0=float(y)).fit(box, min(low, high), high)
    size = max(box.right - box.left, box.bottom - box.top)
    texture = sample_texture(rng, pick(rng, _OBJECT_PAINT), (float(x), float(y)), size)
    light = (rng.uniform(0.65, 1.15), rng.normal(0, 0.2) / size, rng.normal(0, 0.2) / size)
    return Sheet(surface, texture, outline, light)


def _outline(rng: np.random.Generator, x: float, y: float, height: int, closeness: float) -> Outline:
    """A random outline; near things are larger (`closeness` 0..1), as in perspective, but not strictly."""
    kind = pick(rng, _OUTLINES)
    scale = height * (0.4 + 0.6 * closeness)
    radius = max(log_mix(0.06, 0.34, rng.random()) * scale, 2.5)
    aspect = math.exp(rng.normal(0, 0.35))
    half_width, half_height = radius * aspect, radius / aspect
    angle = rng.uniform(-math.pi, math.pi) if rng.random() < 0.6 else 0.0
    thin = max(height / 256, 0.5)  # thin things are about as thin as at 256 rows, and never below a pixel
    if kind == "bar":
        half_width, half_height = rng.uniform(1.2, 4.0) * thin, rng.uniform(0.15, 0.6) * height
        angle = rng.normal(0, 0.5) + rng.choice([0.0, math.pi / 2])
    pitch = max(rng.uniform(8, 28) * thin, 5.0)
    if kind == "fence":
        half_width, half_height = radius * rng.uniform(1.2, 2.2), radius
        angle = rng.normal(0, 0.15)
    return Outline(
        kind,
        x,
        y,
        float(half_width),
        float(half_height),
        angle=float(angle),
        points=int(rng.integers(3, 10)),
        depth=float(rng.uniform(0.1, 0.55)),
        pitch=float(pitch),
        slat=float(max(pitch * rng.uniform(0.15, 0.4), 1.5)),
    )


def _middle(item: Sheet) -> float:
    outline = item.outline
    assert outline is not None  # only objects are sorted
    return item.surface.at(outline.x, outline.y)
