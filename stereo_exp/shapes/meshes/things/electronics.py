"""Screens, keyboards, loudspeakers, cameras, telephones."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe, build_ring
from stereo_exp.shapes.meshes.outlines import build_plate, draw_rectangle
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.stones import build_lump
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes, draw_helix

FORWARD = turn_about(0, np.pi / 2)
"""Turns an upright axis to −y."""


def _add_screen(kit: Kit, body: int, wide: float, low: float, thick: float, share: float = 0.58) -> float:
    """A flat screen with its rim, its lower edge at `low`; returns its height, metres."""
    high, rim = wide * share, kit.rng.uniform(0.006, 0.02)
    kit.add(body, build_boxes([0, thick / 2, low + high / 2], [wide, thick, high], 0.004))
    kit.add(
        kit.pick("screen", "screen", "print"),
        build_boxes([0, -0.001, low + high / 2], [wide - 2 * rim, 0.004, high - 2 * rim]),
    )
    kit.add(body, build_boxes([0, thick + 0.012, low + high * 0.4], [wide * 0.6, 0.03, high * 0.55], 0.012))
    return high


@register("floor", share=1.0, backed=True)
def build_television(kit: Kit) -> None:
    """A large screen on a low board, with a few boxes beneath."""
    rng = kit.rng
    board, body = kit.pick("wood", "paint"), kit.pick("plastic")
    wide, high, deep = rng.uniform(1.0, 1.8), rng.uniform(0.35, 0.55), rng.uniform(0.35, 0.45)
    kit.add(
        board,
        build_boxes([[0, 0, high - 0.015], [0, 0, 0.09]], [[wide, deep, 0.03], [wide, deep, 0.02]], 0.003, grain=True),
    )
    x = np.linspace(-0.5, 0.5, int(rng.integers(2, 5))) * (wide - 0.03)
    kit.add(
        board,
        build_boxes(
            np.column_stack([x, 0 * x, 0 * x + high / 2]), [0.025, deep - 0.004, high - 0.03], 0.002, grain=True
        ),
    )
    for i in range(int(rng.integers(1, 4))):
        size = [rng.uniform(0.2, 0.4), 0.25, rng.uniform(0.04, 0.1)]
        kit.add(
            kit.pick("plastic", "metal"), build_boxes([(i - 1) * wide * 0.3, -0.03, 0.1 + size[2] / 2], size, 0.003)
        )
    screen = wide * rng.uniform(0.6, 0.95)
    _add_screen(kit, body, screen, high + 0.06, 0.03)
    if rng.random() < 0.5:
        kit.add(
            body,
            build_boxes(
                [[0, 0.03, high + 0.06], [0, 0.02, high + 0.006]],
                [[0.08, 0.02, 0.12], [screen * 0.35, 0.2, 0.012]],
                0.003,
            ),
        )
    else:
        feet = np.array([[s * screen * 0.36, 0.02, high + 0.07] for s in (-1, 1)])
        kit.add(body, build_rods(feet, feet + np.array([0, -0.1, -0.065]), 0.007, 6))
        kit.add(body, build_rods(feet, feet + np.array([0, 0.1, -0.065]), 0.007, 6))


@register("surface", "air", share=1.5)
def build_monitor(kit: Kit) -> None:
    """A screen on a foot or an arm, of any tilt; some are upright."""
    rng = kit.rng
    body = kit.pick("plastic", "metal")
    wide, lift = rng.uniform(0.4, 0.75), rng.uniform(0.08, 0.2)
    share = 1.6 if rng.random() < 0.1 else rng.uniform(0.42, 0.66)
    if share > 1:
        wide *= 0.6
    with kit.move([0, 0, lift], turn_about(0, rng.uniform(-0.15, 0.02))):
        high = _add_screen(kit, body, wide, 0.0, rng.uniform(0.015, 0.04), share)
    neck = np.array([[0, 0.06, lift + high * 0.4], [0, 0.075, lift * 0.7], [0, 0.07, 0.01]])
    kit.add(body, build_tubes(smooth_points(neck, 8), 0.018, 8, flat=0.5, up=(1, 0, 0)))
    foot = draw_rectangle(wide * 0.42, 0.2, rng.choice([0.01, 0.05, 0.1]))
    kit.add(body, build_plate(foot, 0.012), [0, 0.05, 0])


@register("surface", "air", share=1.5)
def build_keyboard(kit: Kit) -> None:
    """Rows of keys on a board that rises to the back."""
    rng = kit.rng
    body, keys = kit.pick("plastic", "metal"), kit.pick("plastic", "print")
    pitch, rows, columns = 0.019, int(rng.choice([5, 6])), int(rng.choice([15, 18, 22]))
    with kit.move([0, 0, 0.008], turn_about(0, rng.uniform(0.02, 0.1))):
        wide, deep = pitch * columns, pitch * rows
        kit.add(body, build_boxes([0, 0, 0], [wide + 0.014, deep + 0.014, 0.014], 0.003))
        x, y = np.meshgrid((np.arange(columns) - (columns - 1) / 2) * pitch, (np.arange(rows) - (rows - 1) / 2) * pitch)
        sizes = np.tile([pitch * 0.86, pitch * 0.86, 0.008], (rows * columns, 1))
        shown = (y > -deep / 2 + pitch) | (np.abs(x) > 3.2 * pitch)
        at = np.stack([x, y, 0 * x + 0.009], axis=2)
        kit.add(keys, build_boxes(at[shown], sizes[shown.ravel()], taper=0.85))
        kit.add(keys, build_boxes([0, -(rows - 1) / 2 * pitch, 0.009], [6.2 * pitch, pitch * 0.86, 0.008], 0.001))


@register("surface", "air", share=1.5)
def build_laptop(kit: Kit) -> None:
    """An open laptop, or a closed one."""
    rng = kit.rng
    body, keys, screen = kit.pick("metal", "plastic"), kit.pick("plastic"), kit.pick("screen", "print")
    wide = rng.uniform(0.28, 0.38)
    deep, thick = wide * rng.uniform(0.62, 0.72), rng.uniform(0.012, 0.02)
    kit.add(body, build_plate(draw_rectangle(wide, deep, 0.012), thick))
    if rng.random() < 0.2:
        kit.add(body, build_plate(draw_rectangle(wide, deep, 0.012), 0.006), [0, 0, thick + 0.001])
        return
    pitch = wide / 16
    x, y = np.meshgrid((np.arange(14) - 6.5) * pitch, deep * 0.38 - np.arange(5) * pitch)
    at = np.stack([x, y, 0 * x + thick], axis=2).reshape(-1, 3)
    kit.add(keys, build_boxes(at, [pitch * 0.86, pitch * 0.86, 0.004]))
    kit.add(body, build_boxes([0, -deep * 0.3, thick], [wide * 0.32, deep * 0.26, 0.001]))
    with kit.move([0, deep / 2 - 0.004, thick], turn_about(0, np.pi / 2 - rng.uniform(0.05, 0.6))):
        kit.add(body, build_plate(draw_rectangle(wide, deep, 0.012), 0.006), [0, deep / 2, -0.006])
        kit.add(screen, build_boxes([0, deep / 2, 0.0], [wide - 0.02, deep - 0.025, 0.002]))
    kit.add(body, build_rods([-wide * 0.4, deep / 2, thick], [wide * 0.4, deep / 2, thick], 0.005, 8))


@register("surface", "floor", "air", share=1.2)
def build_loudspeaker(kit: Kit) -> None:
    """A box with one to three cones, small or as high as a chair."""
    rng = kit.rng
    body, cone, rim = kit.pick("wood", "plastic", "paint"), kit.pick("rubber", "paper"), kit.pick("metal", "rubber")
    wide = rng.uniform(0.12, 0.25)
    count = int(rng.integers(1, 4))
    high, deep = wide * (0.6 + 0.75 * count) * rng.uniform(0.9, 1.2), wide * rng.uniform(0.8, 1.3)
    kit.add(body, build_boxes([0, 0, high / 2], [wide, deep, high], 0.005, grain=True))
    for i in range(count):
        radius = wide * (0.42 if i == 0 else rng.uniform(0.15, 0.4))
        z = high * (i + 0.5) / count
        dish = [
            [0, 0.012],
            [radius * 0.3, 0.012],
            [radius * 0.35, 0.001],
            [radius * 0.85, 0.008],
            [radius * 0.95, 0.006],
        ]
        kit.add(
            cone,
            build_lathe(np.array([[0, -0.003], [radius * 0.95, -0.003], *dish[::-1]]), 28),
            [0, -deep / 2, z],
            FORWARD,
        )
        kit.add(rim, build_ring(radius * 0.97, radius * 0.06, 32, 8), [0, -deep / 2 - 0.002, z], FORWARD)


@register("surface", "air", share=1.0)
def build_camera(kit: Kit) -> None:
    """A camera with its lens; some on a small tripod."""
    rng = kit.rng
    body, lens = kit.pick("plastic", "metal", "leather"), kit.pick("metal", "rubber", "plastic")
    wide, high, deep = rng.uniform(0.1, 0.15), rng.uniform(0.065, 0.1), rng.uniform(0.03, 0.06)
    lift = 0.0
    if rng.random() < 0.4:
        lift = rng.uniform(0.12, 0.4)
        turn = np.arange(3) * 2 * np.pi / 3 + 0.5
        feet = np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1) * lift * 0.45
        kit.add(lens, build_rods(feet, [0, 0, lift], [[0.004, 0.006]], 6))
        kit.add(lens, build_cylinder(0.02, 0.02, 12), [0, 0, lift - 0.012])
    with kit.move([0, 0, lift]):
        kit.add(body, build_boxes([0, 0, high / 2], [wide, deep, high * 0.85], 0.006))
        kit.add(body, build_boxes([0, 0, high * 0.92], [wide * 0.35, deep * 0.8, high * 0.25], 0.006))
        radius, reach = high * rng.uniform(0.3, 0.46), rng.uniform(0.02, 0.09)
        front = [
            [0, 0],
            [radius, 0],
            [radius, reach * 0.5],
            [radius * 1.08, reach * 0.52],
            [radius * 1.08, reach],
            [radius * 0.8, reach],
            [radius * 0.7, reach * 0.8],
            [0, reach * 0.85],
        ]
        kit.add(lens, build_lathe(front, 28), [0, -deep / 2, high * 0.42], FORWARD)
        kit.add(lens, build_cylinder(0.006, 0.006, 12), [wide * 0.36, 0, high * 0.92])
        kit.add(lens, build_cylinder(0.01, 0.008, 16), [-wide * 0.36, 0, high * 0.92])


@register("surface", "air", share=1.0)
def build_telephone(kit: Kit) -> None:
    """A flat telephone, or an old one with a receiver and its coiled cord."""
    rng = kit.rng
    body = kit.pick("plastic", "plastic", "metal")
    if rng.random() < 0.5:
        wide = rng.uniform(0.065, 0.085)
        long = wide * rng.uniform(1.9, 2.2)
        turn = turn_about(2, rng.uniform(-1, 1)) @ (
            np.eye(3) if rng.random() < 0.6 else turn_about(0, rng.uniform(0.9, 1.3))
        )
        kit.add(body, build_plate(draw_rectangle(wide, long, 0.01), 0.008), turn=turn)
        kit.add(
            kit.pick("screen"),
            build_plate(draw_rectangle(wide - 0.006, long - 0.008, 0.008), 0.0012),
            turn @ [0, 0, 0.0078],
            turn,
        )
        return
    kit.add(body, build_boxes([0, 0, 0.04], [0.18, 0.2, 0.08], 0.02, taper=0.75))
    grip = smooth_points(
        np.array(
            [[-0.1, 0.04, 0.085], [-0.08, 0.04, 0.115], [0, 0.04, 0.125], [0.08, 0.04, 0.115], [0.1, 0.04, 0.085]]
        ),
        12,
    )
    kit.add(
        body,
        build_tubes(grip, [[0.024, 0.026, 0.019, 0.015, 0.014, 0.014, 0.014, 0.014, 0.015, 0.019, 0.026, 0.024]], 8),
    )
    cord = draw_helix(0.006, 0.005, 36, 8) @ turn_about(1, -np.pi / 2).T
    cord[:, 2] += -0.05 * np.sin(np.linspace(0, np.pi, len(cord))) + 0.06
    kit.add(kit.pick("rubber", "plastic"), build_tubes(cord, 0.0016, 4), [-0.1, 0.05, 0.0])
    x, y = np.meshgrid([-0.025, 0, 0.025], [-0.07, -0.045, -0.02, 0.0])
    keys = np.column_stack([x.ravel(), y.ravel(), np.full(12, 0.08)])
    kit.add(kit.pick("print", "plastic"), build_boxes(keys, [0.016, 0.014, 0.008], 0.001))


@register("surface", "air", share=0.8)
def build_mouse(kit: Kit) -> None:
    """A computer mouse, with its cable or without."""
    rng = kit.rng
    kit.add(kit.pick("plastic"), build_lump(rng, [0.031, 0.055, 0.034], 3, 0.0, 0, 0.1, 2.4))
    kit.add(kit.pick("rubber"), build_cylinder(0.011, 0.006, 14), [-0.003, -0.03, 0.028], turn_about(1, np.pi / 2))
    if rng.random() < 0.6:
        steps = np.column_stack([np.cumsum(rng.normal(0, 0.02, 7)), 0.05 + 0.05 * np.arange(7), np.full(7, 0.002)])
        steps[0] = [0, 0.045, 0.01]
        kit.add(kit.pick("rubber"), build_tubes(smooth_points(steps, 40), 0.0018, 5))


@register("surface", "air", share=0.8)
def build_headphones(kit: Kit) -> None:
    """Two cups on a bow."""
    rng = kit.rng
    body, pad = kit.pick("plastic", "metal"), kit.pick("leather", "fabric", "rubber")
    radius, reach = rng.uniform(0.03, 0.045), rng.uniform(0.075, 0.09)
    turn = np.linspace(-0.35, np.pi + 0.35, 24)
    bow = np.column_stack([reach * np.cos(turn), np.zeros(24), reach * np.sin(turn) + radius + 0.03])
    lean = turn_about(0, rng.choice([0.0, -1.45]))
    with kit.move([0, 0, 0], lean):
        kit.add(body, build_tubes(bow, 0.009, 8, flat=0.4))
        for side in (-1, 1):
            to_side = turn_about(1, side * np.pi / 2)
            kit.add(
                body,
                build_lathe([[0, 0], [radius, 0], [radius, 0.012], [radius * 0.7, 0.022], [0, 0.024]], 24),
                [side * reach, 0, radius],
                to_side,
            )
            kit.add(pad, build_ring(radius * 0.75, radius * 0.28, 24, 8), [side * (reach - 0.006), 0, radius], to_side)


@register("surface", "air", share=0.8)
def build_table_fan(kit: Kit) -> None:
    """Blades behind a guard of wires, on a foot."""
    _draft_fan(kit, kit.rng.uniform(0.06, 0.15))


@register("floor", share=0.8)
def build_fan(kit: Kit) -> None:
    """Blades behind a guard of wires, on a tall pole."""
    _draft_fan(kit, kit.rng.uniform(0.6, 0.9))


def _draft_fan(kit: Kit, pole: float) -> None:
    rng = kit.rng
    body, wire, blade = kit.pick("plastic", "metal"), kit.pick("metal"), kit.pick("plastic", "metal")
    radius = rng.uniform(0.12, 0.22)
    lift = radius + pole
    kit.add(
        body,
        build_lathe(
            [[0, 0], [radius * 0.8, 0], [radius * 0.8, 0.02], [0.03, 0.035], [0.014, 0.06], [0.014, lift], [0, lift]],
            28,
        ),
    )
    with kit.move([0, 0, lift], turn_about(0, rng.uniform(-0.2, 0.2)) @ FORWARD):
        kit.add(body, build_lathe([[0, -0.1], [0.04, -0.1], [0.045, -0.02], [0.02, 0.0], [0.02, 0.05], [0, 0.055]], 20))
        count = int(rng.integers(3, 6))
        outline = np.array(
            [
                [0.01, -0.012],
                [0.5 * radius, -0.3 * radius],
                [0.86 * radius, -0.22 * radius],
                [0.88 * radius, 0.1 * radius],
                [0.4 * radius, 0.12 * radius],
                [0.01, 0.012],
            ]
        )
        for angle in np.arange(count) * 2 * np.pi / count:
            kit.add(blade, build_plate(outline, 0.003), [0, 0, 0.02], turn_about(2, angle) @ turn_about(0, 0.35))
        spokes = int(rng.integers(24, 60))
        angle = np.arange(spokes) * 2 * np.pi / spokes
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        share = np.array([0.12, 0.5, 0.85, 1.0, 0.85, 0.5, 0.2])
        rise = np.array([0.085, 0.08, 0.06, 0.02, -0.03, -0.045, -0.05])
        paths = np.concatenate(
            [radius * share[None, :, None] * circle[:, None], np.broadcast_to(rise[None, :, None], (spokes, 7, 1))],
            axis=2,
        )
        kit.add(wire, build_tubes(paths, 0.001, 3))
        for s, z in zip(share[[0, 1, 3, 5]], rise[[0, 1, 3, 5]], strict=True):
            kit.add(wire, build_ring(radius * s, 0.0016, 32, 4), [0, 0, z])
        kit.add(body, build_balls([0, 0, 0.085], [radius * 0.13, radius * 0.13, 0.008], 2))
    if lift > 0.5:
        kit.add(body, build_rods([0, 0, 0], [0, 0, lift * 0.5], 0.02, 10))
    kit.add(body, build_boxes([0, -radius * 0.55, 0.02], [0.06, 0.03, 0.02], 0.003), turn=None)
    if rng.random() < 0.3:
        kit.add(wire, build_plate(draw_rectangle(0.05, 0.03, 0.01), 0.004), [0, 0, lift * 0.6], stand_upright())
