"""Pictures of a scene of meshes from both cameras of a rig, with exact truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.camera import StereoRig
from stereo_exp.shapes.meshes.caster import Hits
from stereo_exp.shapes.meshes.exposure import choose_exposure, develop
from stereo_exp.shapes.meshes.gloss import NUMBERS as GLOSS_NUMBERS
from stereo_exp.shapes.meshes.gloss import find_glossy, reflect_light
from stereo_exp.shapes.meshes.grain import spread_numbers
from stereo_exp.shapes.meshes.irradiance import NUMBERS, Light, constant_light, gather_light
from stereo_exp.shapes.meshes.scene import MeshScene
from stereo_exp.shapes.meshes.shade import PLACES, Frame, color_pixels, find_busy
from stereo_exp.shapes.meshes.smooth import Sheet, smooth_light, smooth_two
from stereo_exp.shapes.meshes.surfaces import Surface, find_surface

_DIRECT_LEVELS, _BOUNCED_LEVELS, _SHINE_LEVELS = 3, 6, 3
_SAME = 0.02  # share of depth within which a place seen from the left is the one seen from the right
_HIDDEN = 0.05  # px by which something must stand out to hide what lies behind it


class MeshPair(NamedTuple):
    """A rendered scene.

    Images are uint8 H×W×3 RGB. `disparity_left` is float32 H×W, px: the left pixel (x, y) matches the right x − d;
    `disparity_right` the right pixel x with the left x + d. `occlusion` is bool H×W: where the right camera does not
    see what the left pixel shows, as something stands before it or it lies beyond the picture.
    """

    left: np.ndarray
    right: np.ndarray
    disparity_left: np.ndarray
    disparity_right: np.ndarray
    occlusion: np.ndarray


class Truth(NamedTuple):
    """Disparity of both views and occlusion, as `MeshPair` has them."""

    disparity_left: np.ndarray
    disparity_right: np.ndarray
    occlusion: np.ndarray


def render_pair(
    scene: MeshScene, rig: StereoRig, height: int, width: int, *, key: float = 0.18, seed: int = 0, lit: bool = True
) -> MeshPair:
    """Both views of a scene, and what is true of them.

    Args:
        scene: what to look at.
        rig: from where; fitted to `width`.
        height, width: px.
        key: where the middle of the picture's light comes to lie, 0..1.
        seed: of the light's random numbers.
        lit: False gives each surface its paint in even light, without shadow or gloss.

    Returns:
        The pair. The same arguments give the same bytes on one kind of processor.
    """
    if height < 1 or width < 1:
        raise ArgumentError("height", f"{height}x{width}", "must be 1 px or more", "320x640 is the usual size")
    rig = rig.resize(width)
    views = _look(scene, rig, height)
    truth = _measure(*views)
    lights = _light(*views, seed) if lit else [_even(view) for view in views]
    pictures = [view.color(light, shine) for view, (light, shine) in zip(views, lights, strict=True)]
    exposure = choose_exposure(pictures[0], key)
    left, right = (develop(picture, exposure).reshape(height, width, 3) for picture in pictures)
    return MeshPair(left, right, *truth)


def measure_pair(scene: MeshScene, rig: StereoRig, height: int, width: int) -> Truth:
    """What is true of a pair, without its pictures: a tenth of the time."""
    return _measure(*_look(scene, rig.resize(width), height))


class _View:
    """One camera's view: what the middle of each pixel sees."""

    def __init__(self, scene: MeshScene, rig: StereoRig, height: int, right: bool) -> None:
        self.scene, self.rig, self.height, self.width = scene, rig, height, rig.width
        self.eye = rig.eye(right)
        rows, columns = np.divmod(np.arange(height * rig.width), rig.width)
        self.columns, self.rows = columns.astype(np.float64), rows.astype(np.float64)
        directions = rig.directions(self.columns, self.rows, height)
        self.surface = find_surface(scene.triangles, self.cast(directions), self.eye, directions)
        self.place_backdrop(0.0)

    def place_backdrop(self, far: float) -> None:
        """How far away the backdrop is, metres along the optical axis."""
        rig = self.rig
        self.frame = Frame(self.height, self.width, rig.focal, self.eye, rig.axes, far, rig.eye())

    def cast(self, directions: np.ndarray) -> Hits:
        origins = np.broadcast_to(self.eye.astype(np.float32), directions.shape)
        return self.scene.caster.cast(origins, directions.astype(np.float32))

    @property
    def depth(self) -> np.ndarray:
        """Of each pixel, the backdrop's where nothing else is: float64 n, metres."""
        depth: np.ndarray = np.where(self.surface.faces < 0, self.frame.far, self.surface.depth)
        return depth

    def spread(self, groups: np.ndarray) -> Sheet:
        """Its pixels as what light is smoothed over."""
        return Sheet(self.height, self.width, self.rig.focal, self.surface, groups)

    def color(self, light: np.ndarray, shine: np.ndarray) -> np.ndarray:
        """Light of the pixels, float32 n×3, from the light on them and what they reflect."""
        scene = self.scene
        busy = np.flatnonzero(find_busy(scene.triangles, self.surface, self.frame))
        numbers = np.full(len(self.columns), -1, np.int32)
        numbers[busy] = np.arange(len(busy))
        x = (self.columns[busy, None] + PLACES[:, 0]).ravel()
        y = (self.rows[busy, None] + PLACES[:, 1]).ravel()
        hits = self.cast(self.rig.directions(x, y, self.height))
        return color_pixels(
            scene.triangles, scene.looks, scene.texels, scene.behind, self.frame, self.surface, light, shine, numbers,
            hits, PLACES,
        )  # fmt: skip


def _look(scene: MeshScene, rig: StereoRig, height: int) -> tuple[_View, _View]:
    """Both views, with the backdrop behind all that either sees."""
    views = _View(scene, rig, height, False), _View(scene, rig, height, True)
    far = rig.power / (scene.backdrop.disparity * rig.width / 640)
    for view in views:
        seen = view.surface.depth[view.surface.faces >= 0]
        far = max(far, 1.01 * float(seen.max(initial=0.0)))
    for view in views:
        view.place_backdrop(far)
    return views


def _measure(left: _View, right: _View) -> Truth:
    rig, scene, shape = left.rig, left.scene, (left.height, left.width)
    disparity = [rig.power / view.depth for view in (left, right)]
    # The right camera looks along the ray to the very place that the left pixel shows.
    column = left.columns - disparity[0]
    directions = rig.directions(column, left.rows, left.height)
    hits = right.cast(directions)
    depth = find_surface(scene.triangles, hits, right.eye, directions).depth
    nearer = rig.power / np.where(hits.faces < 0, left.frame.far, depth) > disparity[0] + _HIDDEN
    hidden = (nearer & (hits.faces != left.surface.faces)) | (column < 0)
    maps = [each.astype(np.float32).reshape(shape) for each in disparity]
    return Truth(maps[0], maps[1], hidden.reshape(shape))


def _light(left: _View, right: _View, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Light on both views' pixels, and what they reflect.

    What both cameras see is lit once: light does not depend on who looks, and what noise is left in it would otherwise
    differ by view.
    """
    scene = left.scene
    numbers = spread_numbers(left.height, left.width, NUMBERS + GLOSS_NUMBERS, seed)
    first = gather_light(scene, left.surface, numbers[:, :NUMBERS])
    constant = constant_light(first, left.surface.faces >= 0)
    partner = _partners(left, right)
    own = np.flatnonzero((partner < 0) & (right.surface.faces >= 0))
    second = first.take(np.maximum(partner, 0))
    alone = gather_light(scene, Surface(*(field[own] for field in right.surface)), numbers[own, :NUMBERS])
    for whole, part in zip(second, alone, strict=True):
        whole[own] = part
    level = None
    lit = []
    for view, light in ((left, first), (right, second)):
        smoothed = _smooth(view, light, constant)
        if level is None:
            seen = view.surface.faces >= 0
            level = smoothed[seen].mean(axis=0) if seen.any() else np.zeros(3, np.float32)
        lit.append((smoothed, _shine(view, light, level, numbers[:, NUMBERS:])))
    return lit


def _smooth(view: _View, light: Light, constant: np.ndarray) -> np.ndarray:
    groups = np.where(view.surface.faces >= 0, 0, -1).astype(np.int32)
    around = light.bounced + light.returned * constant
    return smooth_two(light.direct, around, view.spread(groups), (_DIRECT_LEVELS, _BOUNCED_LEVELS))


def _shine(view: _View, light: Light, level: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    shine = np.zeros((len(view.columns), 3), np.float32)
    groups = find_glossy(view.scene, view.surface)
    rows = np.flatnonzero(groups >= 0)
    if not len(rows):
        return shine
    surface = Surface(*(field[rows] for field in view.surface))
    shade = (light.direct[rows].sum(axis=1) > 0).astype(np.float32)
    shine[rows] = reflect_light(view.scene, surface, view.eye, level, shade, numbers[rows])
    return smooth_light(shine, view.spread(groups), _SHINE_LEVELS)


def _partners(left: _View, right: _View) -> np.ndarray:
    """The left pixel that sees what each right one sees, −1 where none does: int64 n."""
    x = right.columns + right.rig.power / right.depth
    column = np.rint(x).astype(np.int64)
    inside = (column < left.width) & (right.surface.faces >= 0)
    place = np.where(inside, right.rows.astype(np.int64) * left.width + column, 0)
    near = np.abs(left.depth[place] - right.depth) < _SAME * right.depth
    alike = np.einsum("ij,ij->i", left.surface.normals[place], right.surface.normals) > 0.9
    return np.where(inside & near & alike & (left.surface.faces[place] >= 0), place, -1)


def _even(view: _View) -> tuple[np.ndarray, np.ndarray]:
    light = np.ones((len(view.columns), 3), np.float32)
    return light, np.where(_metal(view)[:, None], light, np.float32(0))


def _metal(view: _View) -> np.ndarray:
    material = view.scene.triangles.materials[np.maximum(view.surface.faces, 0)]
    metal: np.ndarray = view.scene.looks.metal[material] & (view.surface.faces >= 0)
    return metal
