"""A stage in space: puts walls, boxes, tubes and panels before a rig's cameras and paints them.

Everything is given in world metres (x right, y down, z ahead, the left camera at the origin). What would come
nearer than the scene's largest disparity, or behind the cameras, is left out: the methods return whether the
thing was placed.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from stereo_exp.shapes.item import Item, Sheet, Stain
from stereo_exp.shapes.paint import Atlas, PlanePaint
from stereo_exp.shapes.quadric import Finish, Quadric
from stereo_exp.shapes.scene import Composition
from stereo_exp.shapes.shapes import Polygon
from stereo_exp.shapes.solid import Solid
from stereo_exp.shapes.space import Rig, clip_polygon, cross, turn
from stereo_exp.shapes.stains import Shadow
from stereo_exp.shapes.surface import EDGE_ON, LOWEST, Surface
from stereo_exp.shapes.textures import Texture
from stereo_exp.shapes.wardrobe import Wardrobe

_MOST_SHADOWS = 7  # each costs a look at its surroundings
_SMALLEST = 0.8  # pixels of radius; smaller balls and tubes are left out
_CLOSEST = 0.02  # metres; nothing is placed nearer than this


class Stage:
    """Collects the items of one scene.

    Args:
        rng: the scene's generator.
        rig: the cameras.
        limit: largest disparity, pixels.
        wardrobe: the scene's paints.
        sun: unit vector towards the light, world.
        ambient: brightness in shade, 0..1.
    """

    def __init__(
        self, rng: np.random.Generator, rig: Rig, limit: float, wardrobe: Wardrobe, sun: np.ndarray, ambient: float
    ) -> None:
        self.rng, self.rig, self.limit, self.wardrobe = rng, rig, limit, wardrobe
        self.sun, self.ambient = sun, ambient
        self.backdrop: list[Item] = []
        self.objects: list[tuple[float, Item]] = []
        self.shadows: list[tuple[float, Shadow]] = []
        self.ground_y = 0.0

    def finish(self) -> Composition:
        """Everything from far to near; the first plane, which is the ground, gets the shadows."""
        items = list(self.backdrop)
        largest = [shadow for _, shadow in sorted(self.shadows, key=lambda entry: -entry[0])[:_MOST_SHADOWS]]
        for i, item in enumerate(items):
            if isinstance(item, Sheet) and isinstance(item.texture, PlanePaint):
                items[i] = replace(item, stains=(*item.stains, *largest))
                break
        # What would be farther than the set's least disparity vanishes in haze; behind everything else, it costs
        # nothing where there is no such thing.
        haze = Texture("flat", np.full((8, 8, 3), int(self.rng.integers(60, 220)), np.uint8), np.eye(2, 3) * 0.01)
        items.append(Sheet(Surface(a=LOWEST + 2e-3), haze, None))
        items += (item for _, item in sorted(self.objects, key=lambda entry: entry[0]))
        return Composition(items, len(self.objects))

    def spot(self, near: float, far: float) -> tuple[float, float]:
        """(x, z) of a place on the ground in sight of the left camera, at a depth between two."""
        z = math.exp(self.rng.uniform(math.log(min(near, 0.8 * far)), math.log(far)))
        column = self.rng.uniform(-0.05, 1.1) * self.rig.width
        return (column - self.rig.cx) / self.rig.focal * z, z

    def shade(self, normal: np.ndarray) -> float:
        """Brightness of a surface that faces along a world vector."""
        return self.ambient + (1 - self.ambient) * max(float(normal @ self.sun), 0.0)

    def paint(
        self, point: np.ndarray, axes: tuple[np.ndarray, np.ndarray], atlas: Atlas | None = None, metres: float = 0.0
    ) -> PlanePaint:
        """Paint for the plane through a world point along two world unit vectors.

        `metres` is what the tile's side spans; 0 takes about what its pixels deserve at the point's depth.
        """
        rng, rig = self.rng, self.rig
        atlas = atlas or self.wardrobe.atlas()
        depth = max(float(rig.to_camera(point)[2]), 0.2)
        density = atlas.side / metres if metres else rig.focal / depth * math.exp(rng.uniform(-0.6, 0.9))
        axes_c = rig.to_camera(np.stack(axes))
        normal = cross(axes_c[0], axes_c[1])
        # Print may stand on its head, but rather not.
        flip = 1 if rng.random() < 0.8 else -1
        offset = rng.uniform(0, 2 * atlas.side, 2)
        return PlanePaint(
            atlas,
            rig,
            axes_c[0] * density * flip,
            axes_c[1] * density,
            (float(offset[0]), float(offset[1])),
            abs(float(normal @ rig.to_camera(point))),
            self.wardrobe.tint(),
        )

    def plane(self, normal: np.ndarray, distance: float, atlas: Atlas, metres: float = 0.0, gloss: bool = True) -> None:
        """An endless wall, normal·P = distance in the world, seen from inside."""
        across = cross(normal, np.array([0.0, 0.0, 1.0] if abs(normal[2]) < 0.7 else [0.0, 1.0, 0.0]))
        across /= np.linalg.norm(across)
        up = cross(normal, across)
        # What stands in sight is on average somewhat farther than the nearest point of the plane.
        point = normal * distance
        paint = self.paint(point, (across, up), atlas, metres or atlas.side * distance * 2.0 / self.rig.focal)
        a, b, c = (v * self.rig.power / distance for v in self.rig.affine(self.rig.to_camera(normal)))
        width, height = self.rig.width, self.rig.height
        slopes = self.rng.normal(0, 0.3, 2)
        level = self.shade(-normal) * float(self.rng.uniform(0.85, 1.1))
        light = (level * (1 - (slopes[0] + slopes[1]) / 2), slopes[0] / width, slopes[1] / height)
        stains: tuple[Stain, ...] = self.wardrobe.glare(self.rig, paint) if gloss else ()
        self.backdrop.append(Sheet(Surface(a, b, c), paint, None, light, stains))

    def panel(
        self, corners: np.ndarray, atlas: Atlas | None = None, metres: float = 0.0, light: float | None = None
    ) -> bool:
        """A thin plate, n×3 coplanar corners of a convex polygon, seen from either side."""
        points = self.rig.to_camera(corners)
        if points[:, 2].min() < _CLOSEST:
            return False
        across = corners[1] - corners[0]
        across = across / np.linalg.norm(across)
        normal = cross(across, corners[-1] - corners[0])
        size = np.linalg.norm(normal)
        if size < 1e-12:
            return False
        normal /= size
        distance = float(normal @ corners[0])
        if abs(distance) < 1e-3 * float(points[0, 2]):
            return False  # edge-on
        a, b, c = (v * self.rig.power / distance for v in self.rig.affine(self.rig.to_camera(normal)))
        pixels = self.rig.project(points)
        reach = (-1.0, -1.0), (self.rig.width + self.limit, float(self.rig.height))
        seen = clip_polygon(pixels, *reach)
        if not len(seen) or abs(1 - b) < 2 * EDGE_ON:
            return False
        peak = float((a + b * seen[:, 0] + c * seen[:, 1]).max())
        if peak > self.limit:
            return False
        facing = normal if distance < 0 else -normal
        paint = self.paint(corners.mean(axis=0), (across, cross(normal, across)), atlas, metres)
        level = self.shade(facing) if light is None else light
        # Far corners of long polygons are cut off: their pixels would be imprecise in float32.
        outline = Polygon(clip_polygon(pixels, (-4096.0, -4096.0), (8192.0, 8192.0)))
        self._add(Sheet(Surface(a, b, c), paint, outline, (level, 0.0, 0.0)), points.mean(axis=0)[2])
        return True

    def rod(self, start: np.ndarray, end: np.ndarray, radius: float, atlas: Atlas | None = None) -> bool:
        """A thin rod between two points, as a strip that faces the cameras."""
        across = cross(end - start, (start + end) / 2)
        size = np.linalg.norm(across)
        if size < 1e-9:
            return False
        side = across / size * radius
        return self.panel(np.stack([start - side, end - side, end + side, start + side]), atlas)

    def box(
        self,
        foot: tuple[float, float, float],
        size: tuple[float, float, float],
        yaw: float = 0.0,
        atlases: list[Atlas] | None = None,
        metres: float = 0.0,
        tilt: tuple[float, float] = (0.0, 0.0),
    ) -> bool:
        """A box of (width, height, depth) that stands on the world point `foot`, its bottom's middle."""
        axes = turn(yaw, *tilt)
        half = np.array(size) / 2
        centre = np.array(foot) - axes[1] * half[1]
        signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], np.float64)
        corners = centre + (signs * half) @ axes
        vertices = self.rig.to_camera(corners)
        if vertices[:, 2].min() < _CLOSEST or not self._in_sight(vertices):
            return False
        atlases = atlases or [self.wardrobe.atlas() for _ in range(self.rng.choice([1, 2]))]
        normals, paints, lights = [], [], []
        reaches = np.zeros(6)
        for side in range(6):
            axis, sign = side // 2, 1.0 if side % 2 else -1.0
            normal = axes[axis] * sign
            point = centre + normal * half[axis]
            u, v = ((axes[2], axes[1]), (axes[0], axes[2]), (axes[0], axes[1]))[axis]
            normals.append(normal)
            reaches[side] = normal @ point
            # The right camera looks past the left one at some sides.
            seen = reaches[side] < max(0.0, float(self.rig.to_camera(normal)[0]) * self.rig.baseline)
            paints.append(self.paint(point, (u, v), atlases[axis % len(atlases)], metres) if seen else None)
            lights.append(self.shade(normal) * float(self.rng.uniform(0.9, 1.1)))
        solid = Solid(self.rig, self.rig.to_camera(np.array(normals)), reaches, vertices, tuple(paints), tuple(lights))
        # What is near enough at no corner needs no closer look.
        if self.rig.power > self.limit * vertices[:, 2].min() and solid.peak() > self.limit:
            return False
        self._add(solid, vertices[:, 2].mean())
        return True

    def ball(
        self, centre: np.ndarray, radii: tuple[float, float, float], yaw: float = 0.0, atlas: Atlas | None = None
    ) -> bool:
        """A ball or an egg."""
        return self._quadric(centre, turn(yaw), np.array(radii), tube=False, atlas=atlas)

    def tube(self, foot: np.ndarray, height: float, radius: float, tilt: tuple[float, float] = (0.0, 0.0)) -> bool:
        """A tube that stands on a world point."""
        axes = turn(self.rng.uniform(-math.pi, math.pi), *tilt)
        centre = foot - axes[1] * height / 2
        return self._quadric(centre, axes, np.array([radius, height / 2, radius]), tube=True)

    def _quadric(
        self, centre: np.ndarray, axes: np.ndarray, radii: np.ndarray, tube: bool, atlas: Atlas | None = None
    ) -> bool:
        rng, rig = self.rng, self.rig
        middle = rig.to_camera(centre)
        if middle[2] - radii.max() * math.sqrt(3) < _CLOSEST:
            return False
        ends = middle + np.array([[-1.0], [1.0]]) * radii.max()
        if not self._in_sight(ends) or self.rig.focal * radii.max() < _SMALLEST * middle[2]:
            return False
        finish = Finish(
            atlas or self.wardrobe.atlas(),
            rig.focal / float(middle[2]) * math.exp(rng.uniform(-0.3, 0.9)),
            tuple(rng.uniform(0, 512, 2).tolist()),
            self.wardrobe.tint(),
            rig.to_camera(self.sun),
            self.ambient,
            float(rng.uniform(30, 220)) if rng.random() < 0.45 else 0.0,
        )
        body = Quadric(rig, middle, rig.to_camera(axes), radii, tube, finish)
        if body.peak() > self.limit:
            return False
        self._add(body, middle[2])
        return True

    def shadow(self, x: float, z: float, radius_x: float, radius_z: float, strength: float | None = None) -> None:
        """A soft shadow on the ground around (x, z), drawn out away from the light."""
        drift = -self.sun[[0, 2]] * self.rng.uniform(0.0, 0.8) * max(radius_x, radius_z)
        strength = float(self.rng.uniform(0.1, 0.55)) if strength is None else strength
        centre = self.rig.to_camera(np.array([x + drift[0], self.ground_y, z + drift[1]]))
        axes = self.rig.to_camera(np.array([[1.0 / radius_x, 0, 0], [0, 0, 1.0 / radius_z]]))
        apparent = max(radius_x, radius_z) / max(float(centre[2]), 0.1)
        self.shadows.append((apparent, Shadow(self.rig, centre, axes, strength)))

    def _in_sight(self, points: np.ndarray) -> bool:
        """Whether the rectangle around the camera-frame points meets what either view shows."""
        pixels = self.rig.project(points)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        right = self.rig.width + self.limit
        return bool(high[0] > -2 and high[1] > -2 and low[0] < right and low[1] < self.rig.height + 1)

    def _add(self, item: Item, depth: float) -> None:
        self.objects.append((-float(depth), item))
