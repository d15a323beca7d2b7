"""Cars, vans, bicycles, scooters, trailers, carts; true to size and as toys."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe, build_ring
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.sheets import build_sheet
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes, make_mesh, map_box
from stereo_exp.shapes.meshes.things.kit import Kit, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.thin import add_spoked_wheel
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes

SIDEWAYS = turn_about(0, np.pi / 2)
"""Turns an upright axle to −y; a vehicle drives along x."""


def build_hull(
    x: np.ndarray, low: np.ndarray, high: np.ndarray, half: np.ndarray, tuck: np.ndarray, power: float = 5.0
) -> Mesh:
    """A body drawn over stations along x, its section a rounded square.

    Args:
        x: k, metres.
        low: k, height of the underside, metres.
        high: k, height of the top, metres.
        half: k, half its width, metres.
        tuck: k, how much narrower the top is, share.
        power: 2 for an ellipse as section, more for a squarer one.
    """
    a = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    c, s = np.cos(a), np.sin(a)
    y = np.sign(c) * np.abs(c) ** (2 / power)
    z = np.sign(s) * np.abs(s) ** (2 / power)
    narrow = 1 - tuck[:, None] * np.maximum(z, 0)
    rows = np.stack(
        np.broadcast_arrays(
            x[:, None], half[:, None] * y * narrow, (low + high)[:, None] / 2 + (high - low)[:, None] / 2 * z
        ),
        axis=2,
    )
    count, k = len(a), len(x)
    i = np.arange(k - 1)[:, None] * count
    j, following = np.arange(count), (np.arange(count) + 1) % count
    quads = np.stack([i + j, i + following, i + count + following, i + count + j], axis=-1).reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    ends = np.stack([rows[0].mean(axis=0), rows[-1].mean(axis=0)])
    first, last = rows[0], rows[-1]
    base = k * count
    lids = np.concatenate([
        np.stack([0 * j + base, base + 2 + following, base + 2 + j], axis=1),
        np.stack([0 * j + base + 1, base + 2 + count + j, base + 2 + count + following], axis=1),
    ])  # fmt: skip
    vertices = np.concatenate([rows.reshape(-1, 3), ends, first, last])
    # Seen along +x the ring turns counter-clockwise: its quads look inwards as numbered.
    faces = np.concatenate([faces[:, ::-1], lids[:, ::-1]])
    corners = vertices[faces]
    volume = np.einsum("fi,fi->", np.cross(corners[:, 0], corners[:, 1]), corners[:, 2])
    faces = faces if volume > 0 else faces[:, ::-1]
    return make_mesh(vertices, faces, map_box(vertices, faces))


def _add_car_wheel(
    kit: Kit, tire: int, rim: int, radius: float, wide: float, at: np.ndarray, side: int, spokes: int
) -> None:
    """A wheel at a point, its face to `side` (−1: −y)."""
    turn = SIDEWAYS if side < 0 else turn_about(0, -np.pi / 2)
    with kit.move(at, turn):
        line = [
            [radius * 0.62, -wide / 2],
            [radius * 0.93, -wide / 2],
            [radius, -wide * 0.36],
            [radius, wide * 0.36],
            [radius * 0.93, wide / 2],
            [radius * 0.62, wide / 2],
        ]
        kit.add(tire, build_lathe(line, 28, closed=True))
        kit.add(
            rim,
            build_lathe(
                [
                    [0, -wide * 0.3],
                    [radius * 0.63, -wide * 0.3],
                    [radius * 0.63, wide * 0.4],
                    [radius * 0.55, wide * 0.42],
                    [radius * 0.5, wide * 0.1],
                    [0, wide * 0.12],
                ],
                28,
            ),
        )
        kit.add(rim, build_cylinder(radius * 0.14, wide * 0.34, 14), [0, 0, 0])
        for a in np.arange(spokes) * 2 * np.pi / spokes:
            spoke = build_boxes([radius * 0.33, 0, wide * 0.25], [radius * 0.5, radius * 0.12, wide * 0.2])
            kit.add(rim, spoke, turn=turn_about(2, a))


def draft_car(kit: Kit) -> None:
    """A car of full size along x, its front at +x: body, cabin, glass, wheels, lamps, mirrors, plates."""
    rng = kit.rng
    paint, glass, dark = kit.pick("paint"), kit.pick("screen"), kit.pick("rubber")
    tire, rim, lamp = kit.pick("rubber"), kit.pick("metal", "plastic"), kit.pick("ceramic")
    style = str(rng.choice(["small", "saloon", "estate", "van"]))
    long = {"small": 3.6, "saloon": 4.5, "estate": 4.6, "van": 4.9}[style] * rng.uniform(0.95, 1.05)
    half, belt, roof = rng.uniform(0.82, 0.92), rng.uniform(0.85, 1.0), rng.uniform(1.4, 1.5)
    if style == "van":
        belt, roof = 1.15, rng.uniform(1.8, 2.0)
    nose, tail = long / 2, -long / 2
    hood = belt - rng.uniform(0.03, 0.15)
    share = np.array([0, 0.02, 0.08, 0.3, 0.6, 0.78, 0.94, 0.985, 1.0])
    x = tail + long * share
    rear = belt if style != "saloon" else belt - 0.02
    high = np.array([rear - 0.3, rear - 0.08, rear, belt, belt, hood + 0.04, hood - 0.06, hood - 0.2, hood - 0.35])
    low = np.array([0.45, 0.32, 0.25, 0.2, 0.2, 0.2, 0.25, 0.3, 0.38])
    wide = half * np.array([0.86, 0.94, 0.98, 1, 1, 1, 0.96, 0.9, 0.8])
    kit.add(paint, build_hull(x, low, high, wide, np.full(9, 0.06), 7))
    back, front = {"small": (0.02, 0.68), "saloon": (0.14, 0.7), "estate": (0.02, 0.7), "van": (0.01, 0.82)}[style]
    slope = {"small": 0.1, "saloon": 0.16, "estate": 0.07, "van": 0.02}[style]
    stations = tail + long * np.array(
        [back, back + slope * 0.5, back + slope, (back + front) / 2, front - 0.16, front - 0.06, front]
    )
    tops = belt + (roof - belt) * np.array([0.0, 0.62, 0.96, 1.0, 0.97, 0.6, 0.0])
    cabin = half * np.array([0.9, 0.93, 0.95, 0.95, 0.94, 0.93, 0.92])
    kit.add(glass, build_hull(stations, np.full(7, belt - 0.15), tops + 0.001, cabin, np.full(7, 0.2), 7))
    # The roof and the posts lie over the glass.
    cap = slice(2, 5)
    kit.add(
        paint,
        build_hull(
            stations[cap] + [-0.03, 0, 0.06], tops[cap] - 0.07, tops[cap] + 0.02, cabin[cap] * 0.82, np.full(3, 0.04), 5
        ),
    )
    for share_x in (back + slope * 0.7, (back + front) / 2, front - 0.1):
        at = tail + long * share_x
        top = float(np.interp(at, stations, tops))
        lean = 0.0 if share_x < front - 0.1 else -0.18
        for side in (-1, 1):
            kit.add(
                paint,
                build_rods(
                    [at - lean * 0.5, side * half * 0.945, belt - 0.04],
                    [at + lean * 0.4, side * half * 0.775, top - 0.02],
                    0.04,
                    4,
                ),
            )
    radius, tread = rng.uniform(0.29, 0.35), rng.uniform(0.18, 0.23)
    spokes = int(rng.choice([5, 6, 7, 10]))
    for axle in (tail + 0.19 * long, tail + 0.81 * long):
        for side in (-1, 1):
            y = side * (half - tread * 0.42)
            kit.add(
                dark,
                build_cylinder(radius * 1.16, tread * 0.6, 28),
                [axle, side * (half * 1.004) - (tread * 0.6 if side > 0 else 0), radius * 1.05],
                turn_about(0, -np.pi / 2),
            )
            _add_car_wheel(kit, tire, rim, radius, tread, np.array([axle, y + side * 0.02, radius]), side, spokes)
    for side in (-1, 1):
        kit.add(lamp, build_balls([nose - 0.12, side * half * 0.68, hood - 0.2], [0.14, 0.16, 0.08], 2))
        kit.add(
            kit.pick("plastic"), build_boxes([tail + 0.05, side * half * 0.72, rear - 0.22], [0.12, 0.28, 0.16], 0.02)
        )
        mirror = [tail + long * (front - 0.07), side * (half + 0.06), belt + 0.06]
        kit.add(paint, build_boxes(mirror, [0.1, 0.17, 0.13], 0.03))
        for door in (0.42, 0.6):
            kit.add(rim, build_boxes([tail + long * door, side * half * 1.0, belt - 0.14], [0.14, 0.03, 0.025], 0.006))
    kit.add(dark, build_boxes([nose - 0.06, 0, 0.52], [0.12, half * 1.1, 0.14], 0.02))
    kit.add(dark, build_boxes([[nose - 0.1, 0, 0.36], [tail + 0.1, 0, 0.4]], [0.24, half * 1.75, 0.12], 0.03))
    kit.add(kit.pick("print"), build_boxes([[nose - 0.0, 0, 0.42], [tail + 0.0, 0, 0.6]], [0.03, 0.5, 0.11]))


@register("ground", share=2.0)
def build_car(kit: Kit) -> None:
    """A parked car, 3.4-5.1 m long."""
    draft_car(kit)


@register("surface", "floor", "air", share=1.5)
def build_toy_car(kit: Kit) -> None:
    """A car or a van at a scale of 1:60 to 1:12."""
    inner = Kit(kit.rng)
    draft_car(inner)
    made = inner.finish("car", ("ground",))
    kit.put(made, turn=turn_about(2, kit.rng.uniform(-3, 3)), scale=1 / kit.rng.uniform(12, 60))


@register("ground", "floor", "air", share=1.5)
def build_bicycle(kit: Kit) -> None:
    """Frame tubes, two spoked wheels, saddle, bars, cranks, chain line; some with basket, mudguards, stand."""
    rng = kit.rng
    frame, wire, tire = kit.pick("paint", "metal"), kit.pick("metal"), kit.pick("rubber")
    rim, saddle = kit.pick("metal", "paint"), kit.pick("leather", "rubber")
    radius = rng.uniform(0.29, 0.36)
    base, tube = radius * rng.uniform(2.9, 3.2), rng.uniform(0.013, 0.019)
    rear, front = np.array([-base * 0.45, 0, radius]), np.array([base * 0.55, 0, radius])
    crank, seat = np.array([-base * 0.04, 0, radius * 0.85]), np.array([-base * 0.18, 0, rng.uniform(0.72, 0.85)])
    head, neck = front + np.array([-0.19, 0, 0.36]), front + np.array([-0.145, 0, 0.25])
    top = seat + 0.92 * (crank - seat) * 0.12
    dip = rng.uniform(0.0, 0.28)
    starts = [crank, neck, head - [0, 0, 0.02]]
    ends = [seat, crank, top - np.array([0, 0, dip])]
    kit.add(frame, build_rods(starts, ends, [[tube], [tube * 1.15], [tube]], 10))
    kit.add(frame, build_rods(neck - [0, 0, 0.02], head + np.array([-0.015, 0, 0.03]), tube * 1.2, 10))
    for side in (-0.055, 0.055):
        shift = np.array([0, side, 0])
        kit.add(
            frame,
            build_rods(
                [rear + shift, rear + shift, front + shift * 0.9],
                [crank + shift * 0.4, top + shift * 0.3, neck + shift * 0.6],
                tube * 0.55,
                6,
            ),
        )
    add_spoked_wheel(kit, rim, wire, tire, radius, SIDEWAYS, rear)
    add_spoked_wheel(kit, rim, wire, tire, radius, SIDEWAYS, front)
    kit.add(wire, build_rods(seat, seat + (seat - crank) * 0.18, tube * 0.8, 8))
    place = seat + (seat - crank) * 0.2
    x = np.linspace(-0.13, 0.15, 8)
    half = np.interp(x, [-0.13, -0.08, 0.0, 0.15], [0.06, 0.075, 0.035, 0.02])
    v = np.linspace(-1, 1, 7)
    grid = np.stack(
        [np.broadcast_to(x[:, None], (8, 7)), -half[:, None] * v, 0.02 - 0.03 * v**2 + 0 * x[:, None]], axis=2
    )
    kit.add(saddle, build_sheet(grid, 0.015), place)
    grip = head + np.array([-0.03, 0, rng.uniform(0.05, 0.14)])
    kit.add(wire, build_rods(head, grip, tube * 0.9, 8))
    reach = rng.uniform(0.24, 0.32)
    if rng.random() < 0.3:
        bar = np.array(
            [
                [0, 0, 0],
                [0.01, reach * 0.6, 0],
                [0.07, reach * 0.7, 0],
                [0.1, reach * 0.7, -0.06],
                [0.05, reach * 0.72, -0.12],
                [0, reach * 0.72, -0.12],
            ]
        )
    else:
        bar = np.array(
            [
                [0, 0, 0],
                [0.02, reach * 0.4, 0.01],
                [-0.03 - rng.uniform(0, 0.1), reach * 0.85, 0.02],
                [-0.12, reach, 0.01],
            ]
        )
    half_bar = smooth_points(bar, 14)
    kit.add(wire, build_tubes(np.concatenate([(half_bar * [1, -1, 1])[::-1][:-1], half_bar]) + grip, 0.011, 8))
    kit.add(
        wire,
        build_lathe([[0.075, -0.002], [0.09, -0.002], [0.09, 0.002], [0.075, 0.002]], 28, closed=True),
        crank + np.array([0, -0.045, 0]),
        SIDEWAYS,
    )
    a = rng.uniform(0, 6)
    for side in (-1, 1):
        arm = 0.17 * side * np.array([np.cos(a), 0, np.sin(a)])
        low = crank + np.array([0, side * 0.07, 0])
        kit.add(wire, build_rods(low, low + arm, 0.009, 6))
        kit.add(tire, build_boxes(low + arm + np.array([0, side * 0.05, 0]), [0.09, 0.07, 0.02], 0.004))
    for z in (-0.04, 0.04):
        kit.add(
            wire, build_rods(rear + np.array([0, -0.045, z * 0.8]), crank + np.array([0, -0.045, z * 2]), 0.0025, 4)
        )
    kit.add(wire, build_rods(crank, crank + np.array([-0.12, 0.14, -radius * 0.85]), 0.007, 6))
    if rng.random() < 0.5:
        for hub in (rear, front):
            t = np.linspace(0.3, 2.6, 18)
            arc = hub + (radius + 0.025) * np.stack([-np.cos(t), 0 * t, np.sin(t)], axis=1)
            kit.add(frame, build_tubes(arc, 0.024, 6, flat=0.2, up=(0, 1, 0)))
    cable = smooth_points(
        np.stack(
            [
                grip + np.array([0.02, 0.1, 0]),
                head + np.array([0.1, 0.02, 0.02]),
                neck + np.array([0.05, 0.02, 0]),
                crank + np.array([0.1, 0, 0.05]),
            ]
        ),
        16,
    )
    kit.add(tire, build_tubes(cable, 0.0025, 4))


@register("ground", "floor", share=0.8)
def build_cart(kit: Kit) -> None:
    """A hand cart, a wheelbarrow or a pram-like trolley on two to four wheels."""
    rng = kit.rng
    tray, metal, tire = kit.pick("wood", "metal", "plastic", "wicker"), kit.pick("metal", "wood"), kit.pick("rubber")
    long, wide, deep = rng.uniform(0.6, 1.0), rng.uniform(0.4, 0.6), rng.uniform(0.18, 0.35)
    lift = rng.uniform(0.3, 0.42)
    thick = 0.02
    flare = rng.uniform(0, 0.25)
    kit.add(tray, build_boxes([0, 0, lift], [long, wide, thick], 0.003, grain=True))
    for side in (-1, 1):
        kit.add(
            tray,
            build_boxes([0, 0, deep / 2], [long, thick, deep], 0.003, grain=True),
            [0, side * wide / 2, lift],
            turn_about(0, -side * flare),
        )
        kit.add(
            tray,
            build_boxes([0, 0, deep / 2], [thick, wide, deep], 0.003, grain=True),
            [side * long / 2, 0, lift],
            turn_about(1, side * flare),
        )
        bar = np.array(
            [
                [-long * 0.5, side * wide * 0.4, lift - 0.02],
                [long * 0.4, side * wide * 0.4, lift - 0.02],
                [long * 0.9, side * wide * 0.38, lift + 0.25],
                [long * 1.05, side * wide * 0.38, lift + 0.28],
            ]
        )
        kit.add(metal, build_tubes(smooth_points(bar, 14), 0.015, 8))
        kit.add(metal, build_rods([long * 0.3, side * wide * 0.4, 0], [long * 0.25, side * wide * 0.4, lift], 0.014, 6))
    radius = lift * rng.uniform(0.6, 0.85)
    wheels = [(-long * 0.45, 0.0)] if rng.random() < 0.4 else [(-long * 0.2, -wide * 0.62), (-long * 0.2, wide * 0.62)]
    for x, y in wheels:
        if rng.random() < 0.5:
            add_spoked_wheel(kit, metal, metal, tire, radius, SIDEWAYS, np.array([x, y, radius]))
        else:
            kit.add(tire, build_ring(radius * 0.85, radius * 0.15, 30, 8), [x, y, radius], SIDEWAYS)
            kit.add(metal, build_cylinder(radius * 0.75, 0.03, 24), [x, y + 0.015, radius], SIDEWAYS)
    kit.add(metal, build_rods([wheels[0][0], -wide * 0.6, radius], [wheels[0][0], wide * 0.6, radius], 0.01, 8))
