"""Sampling a scene: what stands where, at which depth, in which paint.

Every scene has its own depth range, log-uniform at both ends, because that is how the depths of rooms and
streets are spread. The two ends of scene number i follow a low-discrepancy sequence in i, so that even a
small set covers 0.2-190 px. Everything else is drawn from a counter-based generator keyed by (seed, split,
index): a scene does not depend on how many there are or on who renders it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from data_tools.render.photometry import Camera, sample_cameras
from data_tools.render.shapes import Outline
from data_tools.render.surface import HIGHEST, LOWEST, STEEPEST, Extent, Surface
from data_tools.render.textures import Texture, sample_texture

SPLITS = ("TRAIN", "TEST")
FEWEST_OBJECTS, MOST_OBJECTS = 5, 25
_WIDTH_SHARE = 0.4  # no disparity exceeds this part of the width, or most of the picture would have no partner
_BACKDROP_PAINT = {"photo": 0.42, "noise": 0.36, "stripes": 0.1, "glyphs": 0.05, "flat": 0.07}
_OBJECT_PAINT = {"photo": 0.33, "noise": 0.27, "stripes": 0.13, "glyphs": 0.1, "flat": 0.17}
_OUTLINES = {"ellipse": 0.25, "box": 0.28, "star": 0.22, "bar": 0.15, "fence": 0.1}


@dataclass(frozen=True, eq=False)
class Item:
    """A painted surface with an outline; None is a backdrop without end.

    `light` is (level, slope in x, slope in y) of the brightness factor, slopes a pixel from the outline's
    centre.
    """

    surface: Surface
    texture: Texture
    outline: Outline | None
    light: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything needed to draw one pair. `items` run from far to near; height and width are pixels.

    `num_objects` of the items are objects; the rest are the background, a floor and a side wall.
    """

    height: int
    width: int
    items: tuple[Item, ...]
    num_objects: int
    cameras: tuple[Camera, Camera]


def largest_disparity(width: int) -> float:
    """The largest disparity in scenes of this width: 190 px from 475 px upwards, less in narrower ones."""
    return min(HIGHEST, _WIDTH_SHARE * width)


def sample_scene(seed: int, split: str, index: int, height: int, width: int) -> Scene:
    """Scene number `index` of a split; the same arguments give the same scene.

    Args:
        seed: of the whole set, at least 0.
        split: one of `SPLITS`; different splits never share a scene.
        index: at least 0.
        height, width: pixels.
    """
    branch = SPLITS.index(split)
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(branch, index))))
    far, near = _depth_range(seed, branch, index, width)
    scenery = _scenery(rng, height, width, far, near)
    count = int(rng.integers(FEWEST_OBJECTS, MOST_OBJECTS + 1))
    objects = [_object(rng, height, width, scenery[0].surface, near, closest=i == 0) for i in range(count)]
    # From far to near by the disparity in the middle, so that soft edges blend with what is behind them.
    # Depth itself is decided pixel by pixel.
    objects.sort(key=_middle)
    return Scene(height, width, (*scenery, *objects), count, sample_cameras(rng))


def _depth_range(seed: int, branch: int, index: int, width: int) -> tuple[float, float]:
    """(far, near) in pixels of disparity.

    The shifts come from the seed; the steps are those of the R2 sequence, the inverse powers of the plastic
    number (Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).
    """
    key = np.random.SeedSequence(seed, spawn_key=(branch,))
    shifts = np.random.Generator(np.random.Philox(key)).random(2)
    u, v = ((shifts + index * np.array([0.7548776662466927, 0.5698402909980532])) % 1.0).tolist()
    top = largest_disparity(width)
    near = _log_mix(0.07 * top, top, min(1.0, u / 0.97) ** 0.8)
    # One scene in eight is open to the sky.
    far = _log_mix(LOWEST, 0.25 * near, max(0.0, (v - 0.12) / 0.88) ** 0.7)
    return far, near


def _log_mix(low: float, high: float, share: float) -> float:
    return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))


def _scenery(rng: np.random.Generator, height: int, width: int, far: float, near: float) -> list[Item]:
    """The background, and often a floor or a side wall that runs towards the viewer."""
    reach = Extent(0.0, 0.0, width - 1 + HIGHEST, height - 1.0)  # all that either view can see
    depth = rng.choice([0.0, rng.uniform(0.05, 0.6)], p=[0.2, 0.8])
    form = _form(rng, height)
    background = form.fitted(reach, far, far + depth * (near - far))
    if far == LOWEST:  # a steep background may not reach its far end, and the sky must
        background = Surface(a=LOWEST + 2e-3)
    items = [_scenery_item(rng, background, None, height, width)]
    if rng.random() < 0.4:
        horizon = height * rng.uniform(0.35, 0.75)
        bottom = far + rng.uniform(0.3, 0.9) * (near - far)
        middle = (width + HIGHEST) / 2
        floor = Outline("box", middle, (horizon + height) / 2, middle + 8, (height - horizon) / 2 + 2)
        surface = Surface(a=0.0, tilt=1.0).fitted(floor.extent, far, bottom)
        items.append(_scenery_item(rng, surface, floor, height, width))
    if rng.random() < 0.25:
        corner = width * rng.uniform(0.15, 0.45)
        edge = far + rng.uniform(0.2, 0.8) * (near - far)
        wall = Outline("box", corner / 2, height / 2, corner / 2 + 1, height / 2 + 2)
        surface = Surface(a=0.0, b=-STEEPEST).fitted(wall.extent, min(far + 0.02, edge), edge)
        items.append(_scenery_item(rng, surface, wall, height, width))
    return items


def _form(rng: np.random.Generator, height: float, y0: float = 0.0) -> Surface:
    """A random slanted or curved form, still without scale: `Surface.fitted` gives it one."""
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


def _scenery_item(rng: np.random.Generator, surface: Surface, outline: Outline | None, height: int, width: int) -> Item:
    texture = sample_texture(rng, _pick(rng, _BACKDROP_PAINT), (width / 2, height / 2), width + HIGHEST / 2)
    light = (rng.uniform(0.75, 1.1), rng.normal(0, 0.15) / width, rng.normal(0, 0.15) / height)
    return Item(surface, texture, outline, light)


def _object(rng: np.random.Generator, height: int, width: int, background: Surface, near: float, closest: bool) -> Item:
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
        middle = rng.choice([_log_mix(behind, near, share), behind + share**1.5 * (near - behind)])
        # Half of the objects stand where the right view sees them rather than where the left one does.
        x += middle * float(rng.random() < 0.5)
    outline = _outline(rng, float(x), float(y), height, closeness=math.sqrt(middle / near))
    half_span = middle * rng.choice([0.0, rng.uniform(0.01, 0.1), rng.uniform(0.1, 0.3)], p=[0.2, 0.45, 0.35])
    box = outline.extent
    low, high = max(middle - half_span, LOWEST), min(middle + half_span, near)
    surface = _form(rng, box.bottom - box.top, y0=float(y)).fitted(box, min(low, high), high)
    size = max(box.right - box.left, box.bottom - box.top)
    texture = sample_texture(rng, _pick(rng, _OBJECT_PAINT), (float(x), float(y)), size)
    light = (rng.uniform(0.65, 1.15), rng.normal(0, 0.2) / size, rng.normal(0, 0.2) / size)
    return Item(surface, texture, outline, light)


def _outline(rng: np.random.Generator, x: float, y: float, height: int, closeness: float) -> Outline:
    """A random outline; near things are larger (`closeness` 0..1), as in perspective, but not strictly."""
    kind = _pick(rng, _OUTLINES)
    scale = height * (0.4 + 0.6 * closeness)
    radius = max(_log_mix(0.06, 0.34, rng.random()) * scale, 2.5)
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


def _pick(rng: np.random.Generator, chances: dict[str, float]) -> str:
    return str(rng.choice(list(chances), p=list(chances.values())))


def _middle(item: Item) -> float:
    outline = item.outline
    assert outline is not None  # only objects are sorted
    return item.surface.at(outline.x, outline.y)
