"""Light, paint and gloss of rendered pictures: what pen and paper say of simple scenes."""

import numpy as np
import pytest
from pen_and_paper import box, noise, quad, wall

# ruff: noqa: E402
for wheel in ("embreex", "numba"):
    pytest.importorskip(wheel, reason="extra [render]")

from stereo_exp.base import ArgumentError
from stereo_exp.shapes.meshes.backdrop import Backdrop
from stereo_exp.shapes.meshes.camera import StereoRig, look_at
from stereo_exp.shapes.meshes.caster import Caster
from stereo_exp.shapes.meshes.exposure import choose_exposure, develop, find_fault
from stereo_exp.shapes.meshes.grain import spread_numbers
from stereo_exp.shapes.meshes.irradiance import NUMBERS, gather_light
from stereo_exp.shapes.meshes.lights import Lamp, Sun, Window
from stereo_exp.shapes.meshes.material import Material
from stereo_exp.shapes.meshes.paints import GAMMA, Paint, look_up, pack_paints
from stereo_exp.shapes.meshes.render import render_pair
from stereo_exp.shapes.meshes.scene import MeshScene, Placed
from stereo_exp.shapes.meshes.surfaces import find_surface, smooth_normals

DARK = Backdrop((0, 0, 0), (0, 0, 0), (0, 0, 0))
FLOOR = quad((-20, -20, 0), (20, -20, 0), (20, 20, 0), (-20, 20, 0))


def light_at(scene: MeshScene, point, side: int = 32):
    """Mean light on a place of the floor, seen from above by many rays."""
    origin = np.array([point[0], point[1], point[2] + 0.5])
    directions = np.tile(np.array([[0.0, 0.0, -1.0]]), (side * side, 1))
    starts = np.broadcast_to(origin, directions.shape).astype(np.float32)
    surface = find_surface(
        scene.triangles, scene.caster.cast(starts, directions.astype(np.float32)), origin, directions
    )
    return gather_light(scene, surface, spread_numbers(side, side, NUMBERS, 0))


def test_a_sun_gives_its_light_by_the_cosine() -> None:
    scene = MeshScene([Placed(FLOOR, [Material()])], [Sun((0, 1, 1), (2.0, 1.0, 0.5), 0.001)], DARK)
    light = light_at(scene, (0, 0, 0))
    np.testing.assert_allclose(light.direct.mean(axis=0), np.array([2, 1, 0.5]) * np.sqrt(0.5), rtol=0.01)
    assert light.bounced.max() == 0


def test_a_lamp_gives_less_by_the_square_of_the_distance() -> None:
    scene = MeshScene([Placed(FLOOR, [Material()])], [Lamp((0, 0, 3.0), (9, 9, 9), 0.01)], DARK)
    np.testing.assert_allclose(light_at(scene, (0, 0, 0)).direct.mean(), 1.0, rtol=0.01)
    # Four metres aside: 5 m away, by a cosine of 3/5.
    np.testing.assert_allclose(light_at(scene, (4, 0, 0)).direct.mean(), 9 / 25 * 0.6, rtol=0.01)


def test_a_wide_window_gives_what_an_open_sky_does() -> None:
    # A pane of 40 m above a place fills nearly its whole sky: 1 − its rim's share.
    window = Window((0, 0, 1.0), (20.0, 0, 0), (0, -20.0, 0), (1, 1, 1))
    scene = MeshScene([Placed(FLOOR, [Material()])], [window], DARK)
    near = Window((0, 0, 40.0), (20.0, 0, 0), (0, -20.0, 0), (1, 1, 1))
    far = MeshScene([Placed(FLOOR, [Material()])], [near], DARK)
    # Point under the middle of a square (half side a = height / 2): form factor of four corner rectangles.
    a = 0.5
    one = (2 / (2 * np.pi)) * (a / np.sqrt(1 + a * a)) * np.arctan(a / np.sqrt(1 + a * a))
    np.testing.assert_allclose(light_at(far, (0, 0, 0)).direct.mean(), 4 * one, rtol=0.03)
    assert light_at(scene, (0, 0, 0)).direct.mean() < 1.5


def test_open_ground_gets_the_whole_sky_and_a_corner_half_of_it() -> None:
    sky = Backdrop((1, 1, 1), (1, 1, 1), (0, 0, 0))
    black = Material(tint=(0.0, 0.0, 0.0))
    open_ = MeshScene([Placed(FLOOR, [black])], [], sky)
    np.testing.assert_allclose(light_at(open_, (0, 0, 0)).bounced.mean(), 1.0, atol=0.01)
    side = quad((0, -20, 0), (0, 20, 0), (0, 20, 20), (0, -20, 20))
    corner = MeshScene([Placed(FLOOR, [black]), Placed(side, [black])], [], sky)
    np.testing.assert_allclose(light_at(corner, (0.01, 0, 0)).bounced.mean(), 0.5, atol=0.03)


def test_indoors_the_sky_comes_through_windows_alone() -> None:
    sky = Backdrop((1, 1, 1), (1, 1, 1), (0, 0, 0))
    scene = MeshScene([Placed(FLOOR, [Material()])], [], sky, indoors=True)
    assert light_at(scene, (0, 0, 0)).bounced.max() == 0


def test_a_red_wall_lends_its_colour() -> None:
    red = Material(tint=(0.8, 0.1, 0.1))
    side = quad((0, -9, 0), (0, 9, 0), (0, 9, 9), (0, -9, 9))
    scene = MeshScene([Placed(FLOOR, [Material()]), Placed(side, [red])], [Sun((1, 0, 0.6), (1, 1, 1))], DARK)
    bounced = light_at(scene, (0.3, 0, 0)).bounced.mean(axis=0)
    assert bounced[0] > 0.1
    np.testing.assert_allclose(bounced[1] / bounced[0], 0.1 / 0.8, rtol=1e-3)


def test_a_box_casts_a_shadow_with_a_soft_edge() -> None:
    thing = box((-0.5, 3.0, 1.0), (0.5, 4.0, 1.2))
    scene = MeshScene([Placed(FLOOR, [Material()]), Placed(thing, [Material()])], [Sun((0, 0, 1), (1, 1, 1), 0.1)],
                      Backdrop((0.1,) * 3, (0.1,) * 3, (0.1,) * 3))  # fmt: skip
    rig = look_at(np.array([0, -1.0, 3.5]), np.array([0, 3.5, 0.0]), focal=400, baseline=0.1)
    pair = render_pair(scene, rig, 120, 240)
    grey = pair.left.mean(axis=2)
    x, y, _ = rig.resize(240).project(np.array([[0, 3.3, 0.0], [1.8, 3.3, 0.0]]), 120).T
    shadow, sunny = (grey[round(b), round(a)] for a, b in zip(x, y, strict=True))
    assert shadow < 0.6 * sunny
    between = grey[round(y[0]), round(x[0]) : round(x[1])]
    assert ((between > shadow + 8) & (between < sunny - 8)).sum() >= 2


def test_paint_alone_needs_no_light() -> None:
    scene = MeshScene([Placed(wall(4.0), [Material(Paint(noise(3), 2.0), metal=True)])], [], DARK)
    rig = StereoRig(200, 0.1, 80)
    assert render_pair(scene, rig, 40, 80).left.max() == 0
    flat = render_pair(scene, rig, 40, 80, lit=False)
    assert flat.left.std() > 10
    other = render_pair(scene, rig, 40, 80, lit=False, seed=9)
    np.testing.assert_array_equal(flat.left, other.left)


def test_metal_and_gloss_show_their_surroundings_and_chalk_does_not() -> None:
    # Behind the cameras a sign glows red.
    sign, glowing = quad((1, -3, -1), (-1, -3, -1), (-1, -3, 1), (1, -3, 1)), Material(tint=(0,) * 3, glow=(5.0, 0, 0))
    grey = Backdrop((0.2,) * 3, (0.2,) * 3, (0.2,) * 3)
    reds = {}
    for name, material in {
        "chalk": Material(tint=(0.5,) * 3), "metal": Material(tint=(0.9,) * 3, metal=True, roughness=0.2)
    }.items():  # fmt: skip
        scene = MeshScene([Placed(wall(4.0), [material]), Placed(sign, [glowing])], [Sun((0, -1, 1), (1, 1, 1))], grey)
        middle = render_pair(scene, StereoRig(200, 0.1, 80), 40, 80).left[20, 40].astype(float)
        reds[name] = middle[0] / max(middle[1], 1)
    assert reds["chalk"] < 1.2
    assert reds["metal"] > 2
    with pytest.raises(ArgumentError, match="roughness"):
        Material(metal=True, roughness=0.05)
    with pytest.raises(ArgumentError, match="gloss"):
        Material(gloss=0.5)


def test_paint_lies_where_its_coordinates_say() -> None:
    tile = np.zeros((2, 2, 3), np.uint8)
    tile[0, 0], tile[0, 1], tile[1, 0], tile[1, 1] = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
    texels = pack_paints([Paint(tile, mirrored=False)])
    # v grows upwards: the tile's first row is on top.
    for u, v, wanted in (
        (0.25, 0.75, (1, 0, 0)),
        (0.75, 0.75, (0, 1, 0)),
        (0.25, 0.25, (0, 0, 1)),
        (2.75, -2.75, (1, 1, 1)),
    ):
        np.testing.assert_allclose(look_up(texels, 0, u, v, 1e-3), wanted, atol=1e-6)
    folded = pack_paints([Paint(tile, mirrored=True)])
    np.testing.assert_allclose(look_up(folded, 0, 1.25, 0.75, 1e-3), (0, 1, 0), atol=1e-6)


def test_far_paint_is_its_mean_light() -> None:
    tile = noise(1, 64)
    light = ((tile / 255.0) ** GAMMA).mean(axis=(0, 1))
    texels = pack_paints([Paint(np.full((1, 1, 3), 9, np.uint8)), Paint(tile)])
    np.testing.assert_allclose(look_up(texels, 1, 0.3, 0.3, 1.0), light, rtol=0.05)
    near = [look_up(texels, 1, (x + 0.5) / 64, 1 - 0.5 / 64, 1 / 256) for x in range(64)]
    np.testing.assert_allclose(near, (tile[0] / 255.0) ** GAMMA, atol=1e-5)


def test_round_things_are_smooth_and_boxes_have_edges() -> None:
    cube = box((0, 0, 0), (1, 1, 1))
    corners = cube.vertices[cube.faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    normals = smooth_normals(corners, np.zeros(len(corners), np.int32))
    np.testing.assert_allclose(normals, np.repeat(flat[:, None], 3, axis=1), atol=1e-6)
    # A prism of 36 sides: its corners look away from the axis.
    angles = np.linspace(0, 2 * np.pi, 37)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    strips = [[(*ring[k], 0), (*ring[k + 1], 0), (*ring[k + 1], 1)] for k in range(36)]
    strips += [[(*ring[k], 0), (*ring[k + 1], 1), (*ring[k], 1)] for k in range(36)]
    prism = np.array(strips, np.float32)
    out = smooth_normals(prism, np.zeros(len(prism), np.int32))
    # Both triangles of a side weigh alike, so a corner of three triangles leans by a third of 10 degrees at most.
    cos = np.einsum("fcx,fcx->fc", out[..., :2], prism[..., :2])
    assert cos.min() > np.cos(np.radians(4))


def test_rays_end_where_they_should() -> None:
    mesh = wall(2.0, 1.0)
    caster = Caster(mesh.vertices, mesh.faces)
    origins = np.zeros((3, 3), np.float32)
    directions = np.array([[0, 1, 0], [0, 0.5, 0.1], [1, 0.1, 0]], np.float32)
    hits = caster.cast(origins, directions)
    assert hits.faces[2] == -1
    assert (hits.faces[:2] >= 0).all()
    np.testing.assert_allclose(hits.distance[:2], [2, 4], rtol=1e-6)
    np.testing.assert_array_equal(caster.find_blocked(origins, directions, 3.0), [True, False, False])
    with pytest.raises(ArgumentError, match="triangle"):
        Caster(mesh.vertices, mesh.faces[:0])


def test_exposure_meets_its_key_and_bad_pictures_are_told() -> None:
    light = np.random.default_rng(0).uniform(0.1, 0.3, (5000, 3)).astype(np.float32)
    for key in (0.1, 0.25):
        picture = develop(light, choose_exposure(light, key))
        assert abs(np.median(picture) - 255 * key ** (1 / GAMMA)) < 4
    steps = develop(np.linspace(0, 6, 500, dtype=np.float32)[:, None].repeat(3, 1), 1.0)[:, 0].astype(int)
    assert (np.diff(steps) >= 0).all()
    assert steps[0] == 0
    assert steps[-1] == 255
    assert find_fault(noise(2)) is None
    assert find_fault(np.zeros((20, 20, 3), np.uint8)) == "nearly black"
    assert find_fault(np.full((20, 20, 3), 255, np.uint8)) == "burnt out"
    assert find_fault(np.full((20, 20, 3), 128, np.uint8)) == "empty"
