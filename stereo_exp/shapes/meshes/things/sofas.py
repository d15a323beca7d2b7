"""Sofas, armchairs, poufs, deck chairs, beds."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_lathe
from stereo_exp.shapes.meshes.sheets import build_sheet, ripple
from stereo_exp.shapes.meshes.solids import build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.softness import build_cushion
from stereo_exp.shapes.meshes.things.stones import build_lump
from stereo_exp.shapes.meshes.tubes import build_rods


def _add_sofa(kit: Kit, seats: int, wide: float) -> None:
    """Base, back, arms, cushions, feet; one seat makes an armchair."""
    rng = kit.rng
    cloth, feet = kit.pick("fabric", "fabric", "leather"), kit.pick("wood", "metal")
    seat, deep, arm = rng.uniform(0.36, 0.46), rng.uniform(0.75, 0.98), rng.uniform(0.08, 0.24)
    leg, thick = rng.uniform(0.03, 0.16), rng.uniform(0.1, 0.18)
    back = rng.uniform(0.7, 0.95)
    inner = wide - 2 * arm
    base = seat - thick
    kit.add(cloth, build_boxes([0, 0, (leg + base) / 2], [wide - 0.02, deep, base - leg], 0.02))
    kit.add(
        cloth, build_boxes([0, deep / 2 - 0.08, (leg + back) / 2], [wide - 0.04, 0.16, back - leg], 0.035), turn=None
    )
    arm_high = rng.uniform(0.52, 0.68)
    for side in (-1, 1):
        x = side * (wide - arm) / 2
        if rng.random() < 1.0 and arm < 0.14:
            kit.add(cloth, build_boxes([x, 0, (leg + arm_high) / 2], [arm, deep, arm_high - leg], 0.025))
        else:
            t = np.linspace(0, np.pi, 9)
            section = np.concatenate(
                [
                    [[arm / 2, leg]],
                    np.column_stack([arm / 2 * np.cos(t), arm_high - arm / 2 + arm / 2 * np.sin(t)]),
                    [[-arm / 2, leg]],
                ]
            )
            y = np.linspace(-deep / 2, deep / 2 - 0.05, 4)
            grid = np.stack(
                [
                    np.broadcast_to(section[:, :1] + x, (11, 4)),
                    np.broadcast_to(y, (11, 4)),
                    np.broadcast_to(section[:, 1:], (11, 4)),
                ],
                axis=2,
            )
            kit.add(cloth, build_sheet(grid[::-1], 0.02, sink=True))
            kit.add(
                cloth,
                build_boxes(
                    [x, -deep / 2 + 0.02, (leg + arm_high) / 2 - 0.02], [arm - 0.01, 0.03, arm_high - leg - 0.05], 0.01
                ),
            )
    each = inner / seats
    puff = rng.uniform(0.0, 0.5)
    for i in range(seats):
        x = -inner / 2 + (i + 0.5) * each
        kit.add(cloth, build_cushion(rng, each * 0.99, deep - 0.17, thick * 1.15, puff, 10), [x, -0.08, base])
        lean = turn_about(0, np.pi / 2 - 0.22)
        high = back - seat + rng.uniform(-0.02, 0.06)
        kit.add(
            cloth,
            build_cushion(rng, each * 0.97, high, rng.uniform(0.13, 0.2), puff + 0.2, 10),
            [x, deep / 2 - 0.16, seat + high / 2 + 0.02],
            lean,
        )
    corners = np.array([[sx * (wide / 2 - 0.07), sy * (deep / 2 - 0.07), 0] for sx in (-1, 1) for sy in (-1, 1)])
    kit.add(
        feet, build_rods(corners, corners + np.array([0, 0, leg + 0.01]), [[0.014, 0.024]], int(rng.choice([4, 10])))
    )
    for _ in range(int(rng.integers(0, seats + 1))):
        size = rng.uniform(0.32, 0.48)
        pillow = build_cushion(rng, size, size * rng.uniform(0.6, 1), 0.13, 0.9, 10)
        turn = turn_about(2, rng.normal(0, 0.3)) @ turn_about(0, rng.uniform(1.1, 1.4))
        kit.add(kit.pick("fabric"), pillow, [rng.uniform(-0.4, 0.4) * inner, deep / 2 - 0.33, seat + size * 0.36], turn)
    if rng.random() < 0.25:
        _throw_blanket(kit, rng.uniform(-0.35, 0.35) * inner, deep, seat, back)


def _throw_blanket(kit: Kit, x: float, deep: float, seat: float, back: float) -> None:
    """A cloth over the back, down over the seat."""
    rng = kit.rng
    rear, front = deep / 2, -deep / 2
    line = np.array(
        [[rear + 0.02, back * 0.5], [rear + 0.03, back - 0.02], [rear - 0.08, back + 0.035], [rear - 0.22, back - 0.02],
         [rear - 0.42, seat + 0.12], [0, seat + 0.06], [front + 0.04, seat + 0.05], [front - 0.03, seat - 0.04],
         [front - 0.03, seat - 0.2]]
    )  # fmt: skip
    path = smooth_points(line, 26)
    across = np.linspace(-0.5, 0.5, 10) * rng.uniform(0.3, 0.55)
    sway = 0.02 * ripple((26, 10), rng, 5, 2)
    grid = np.stack([x + across + sway, path[:, :1] + 0.4 * sway, path[:, 1:] + 0.3 * np.abs(sway)], axis=2)
    kit.add(kit.pick("fabric"), build_sheet(grid[:, ::-1], 0.008))


@register("floor", share=2.5, backed=True)
def build_sofa(kit: Kit) -> None:
    """Two to four seats."""
    seats = int(kit.rng.integers(2, 5))
    _add_sofa(kit, seats, seats * kit.rng.uniform(0.5, 0.65) + 0.35)


@register("floor", "air", share=2.0)
def build_armchair(kit: Kit) -> None:
    """One seat between arms; or a padded seat in an open wooden frame."""
    rng = kit.rng
    if rng.random() < 0.55:
        _add_sofa(kit, 1, rng.uniform(0.75, 1.0))
        return
    frame, cloth = kit.pick("wood", "metal"), kit.pick("fabric", "leather")
    wide, deep, seat, back = (
        rng.uniform(0.6, 0.72),
        rng.uniform(0.62, 0.75),
        rng.uniform(0.34, 0.42),
        rng.uniform(0.75, 1.0),
    )
    tilt = turn_about(0, -0.12)
    kit.add(
        cloth, build_cushion(rng, wide - 0.1, deep - 0.08, 0.14, 0.3), [0, -0.02, seat - 0.06], turn_about(0, -0.08)
    )
    high = back - seat
    kit.add(
        cloth,
        build_cushion(rng, wide - 0.1, high + 0.08, 0.14, 0.4),
        [0, deep / 2 - 0.02, seat + high / 2],
        turn_about(0, np.pi / 2 - 0.3),
    )
    x = wide / 2
    for side in (-x, x):
        front, rear = np.array([side, -deep / 2, 0]), np.array([side, deep / 2 + 0.08, 0])
        kit.add(
            frame,
            build_rods(
                [front, rear], [[side, -deep / 2 + 0.03, 0.58], [side, deep / 2 - 0.06, 0.54]], [[0.014, 0.02]], 8
            ),
        )
        kit.add(
            frame, build_boxes([side, 0, 0.57], [0.06, deep + 0.06, 0.025], 0.008, turn_about(0, -0.05), grain=True)
        )
        kit.add(frame, build_rods([side, -deep / 2 + 0.02, seat - 0.05], [side, deep / 2 + 0.02, seat - 0.1], 0.016, 6))
    bars = np.array(
        [[-x, -deep / 2 + 0.02, seat - 0.06], [-x, deep / 2 + 0.04, seat - 0.11], [-x, deep / 2 + 0.0, 0.5]]
    )
    kit.add(frame, build_rods(bars, bars * [-1, 1, 1], 0.013, 8))
    posts = np.linspace(-0.38, 0.38, int(rng.integers(3, 7))) * wide
    low = np.column_stack([posts, 0 * posts + deep / 2 - 0.02, 0 * posts + seat - 0.08])
    kit.add(frame, build_rods(low, low + (tilt @ [0, 0.08, high + 0.1]), 0.01, 6))


@register("floor", "air", share=0.8)
def build_pouf(kit: Kit) -> None:
    """A round or square pouf, or a bean bag."""
    rng = kit.rng
    slot = kit.pick("fabric", "leather", "wicker")
    style, radius = rng.choice(["round", "square", "bag"]), rng.uniform(0.2, 0.32)
    height = rng.uniform(0.28, 0.45)
    if style == "round":
        line = smooth_points(
            np.array(
                [[radius * 0.9, 0], [radius * 1.04, height * 0.4], [radius, height * 0.85], [radius * 0.8, height]]
            ),
            14,
        )
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        seams = 1 - 0.03 * np.abs(np.cos(angle * 4)) ** 12
        kit.add(
            slot,
            build_lathe(
                np.concatenate([[[0, 0]], line, [[radius * 0.4, height + 0.015], [0, height + 0.018]]]), 40, seams
            ),
        )
    elif style == "square":
        kit.add(slot, build_cushion(rng, radius * 2, radius * 2, height, 0.05, 12))
    else:
        kit.add(slot, build_lump(rng, [radius * 1.5, radius * 1.4, radius * 1.1], 3, 0.06, 0, 0.45, 2.4))


@register("ground", "floor", "air", share=1.2)
def build_deck_chair(kit: Kit) -> None:
    """A garden chair of slats with broad arms and a fanned back, or a cloth hung in a folding frame."""
    rng = kit.rng
    wood = kit.pick("wood", "wood", "paint", "plastic")
    wide = rng.uniform(0.5, 0.62)
    if rng.random() < 0.4:
        low, high = np.array([0, -0.55, 0.3]), np.array([0, 0.5, rng.uniform(0.8, 1.0)])
        for side in (-wide / 2, wide / 2):
            x = np.array([side, 0, 0])
            kit.add(
                wood,
                build_rods([low + x, x * 0.93 + [0, 0.42, 0.01]], [high + x, x * 0.93 + [0, -0.5, 0.33]], 0.018, 4),
            )
            kit.add(wood, build_rods(x * 0.93 + [0, -0.42, 0.01], x * 0.93 + [0, 0.33, 0.62], 0.016, 4))
        ends = np.array([low, high, [0, 0.42, 0.02], [0, -0.42, 0.02]])
        across = np.array([wide / 2, 0, 0])
        kit.add(wood, build_rods(ends - across, ends + across, 0.016, 8))
        t = np.linspace(0, 1, 18)[:, None]
        line = low + t * (high - low) - np.array([0, 0.1, 0.55]) * (4 * t * (1 - t)) * rng.uniform(0.6, 1.0)
        line[:, 2] = np.maximum(line[:, 2], 0.12)
        x = np.linspace(-0.47, 0.47, 8) * wide
        grid = line[:, None] + x[:, None] * [1, 0, 0]
        kit.add(kit.pick("fabric", "print"), build_sheet(grid, 0.003))
        return
    count, seat = int(rng.integers(5, 9)), 0.36
    y = np.linspace(-0.3, 0.2, 7)
    kit.add(
        wood,
        build_boxes(
            np.column_stack([0 * y, y, seat - 0.18 * (y + 0.3)]),
            [wide, 0.065, 0.02],
            0.003,
            turn_about(0, -0.18),
            grain=True,
        ),
    )
    spread, tall = np.linspace(-1, 1, count), rng.uniform(0.65, 0.85)
    slats = np.column_stack([spread * (wide / 2 - 0.03), 0 * spread + 0.24, 0 * spread + 0.26])
    arch = tall * (1 - rng.uniform(0, 0.25) * spread**2)
    tops = slats + np.column_stack([spread * rng.uniform(0, 0.1), arch * 0.38, arch])
    kit.add(wood, build_rods(slats, tops, wide / count * 0.52, 4, flat=0.3))
    kit.add(wood, build_boxes([0, 0.36, 0.52], [wide + 0.08, 0.02, 0.07], 0.003, turn_about(0, -0.36), grain=True))
    for side in (-1, 1):
        out = side * (wide / 2 + 0.03)
        kit.add(wood, build_boxes([out, -0.02, 0.57], [0.12, 0.75, 0.022], 0.005, grain=True))
        kit.add(wood, build_boxes([out, -0.3, 0.28], [0.025, 0.1, 0.56], 0.003, grain=True))
        kit.add(
            wood,
            build_rods(
                [side * (wide / 2 - 0.01), -0.32, 0.32], [side * (wide / 2 - 0.01), 0.55, 0.02], 0.035, 4, flat=0.4
            ),
        )
        kit.add(wood, build_boxes([out, 0.28, 0.3], [0.025, 0.08, 0.54], 0.003, grain=True))


@register("floor", share=2.0, backed=True)
def build_bed(kit: Kit) -> None:
    """A bed for one or two: frame, headboard, mattress, blanket with ripples, pillows. Its head is at +y."""
    rng = kit.rng
    frame, white = kit.pick("wood", "metal", "fabric"), kit.pick("fabric")
    wide, long, base = rng.choice([0.9, 1.2, 1.4, 1.6]) + 0.08, rng.uniform(1.98, 2.1), rng.uniform(0.22, 0.36)
    corners = np.array([[sx * (wide / 2 - 0.04), sy * (long / 2 - 0.04), 0] for sx in (-1, 1) for sy in (-1, 1)])
    kit.add(frame, build_rods(corners, corners + np.array([0, 0, base]), 0.035, 4))
    kit.add(frame, build_boxes([0, 0, base - 0.05], [wide, long, 0.14], 0.01, grain=True))
    head = base + rng.uniform(0.35, 0.8)
    style = rng.choice(["board", "bars", "none"])
    if style == "board":
        kit.add(frame, build_boxes([0, long / 2 + 0.02, head / 2], [wide + 0.02, 0.05, head], 0.012, grain=True))
    elif style == "bars":
        x = np.linspace(-0.5, 0.5, int(rng.integers(6, 14))) * wide
        low = np.column_stack([x, 0 * x + long / 2 + 0.01, 0 * x + base])
        kit.add(frame, build_rods(low, low + np.array([0, 0, head - base]), 0.01, 6))
        kit.add(frame, build_rods([-wide / 2, long / 2 + 0.01, head], [wide / 2, long / 2 + 0.01, head], 0.02, 8))
    thick = rng.uniform(0.14, 0.24)
    kit.add(white, build_boxes([0, 0, base + thick / 2], [wide - 0.06, long - 0.06, thick], 0.035))
    top = base + thick
    _add_blanket(kit, wide, long, base, top)
    for i in range(1 if wide < 1.1 else 2):
        x = 0.0 if wide < 1.1 else (i - 0.5) * wide * 0.48
        pillow = build_cushion(rng, rng.uniform(0.55, 0.7), rng.uniform(0.35, 0.45), 0.16, 0.9, 12)
        kit.add(
            white,
            pillow,
            [x, long / 2 - 0.3, top - 0.02],
            turn_about(2, rng.normal(0, 0.06)) @ turn_about(0, rng.uniform(0, 0.35)),
        )
    if rng.random() < 0.3:
        kit.add(
            kit.pick("fabric"),
            build_cushion(rng, 0.4, 0.4, 0.14, 0.9),
            [rng.uniform(-0.2, 0.2) * wide, long / 2 - 0.55, top + 0.1],
            turn_about(0, 0.6),
        )


def _add_blanket(kit: Kit, wide: float, long: float, base: float, top: float) -> None:
    """A cover that falls over both sides and the foot."""
    rng = kit.rng
    drop, reach = rng.uniform(0.1, top - 0.05), long * rng.uniform(0.55, 0.8)
    rows, columns = 24, 34
    # Along each way: how far, and how deep it hangs there.
    across = np.linspace(-wide / 2 - drop, wide / 2 + drop, columns)
    along = np.linspace(-long / 2 - drop * 0.8, -long / 2 + reach, rows)
    x, y = np.clip(across, -wide / 2, wide / 2), np.clip(along, -long / 2, None)
    hang_x, hang_y = np.abs(across - x), np.abs(along - y)[:, None]
    folds = ripple((rows, columns), rng, 8, 4)
    z = top + 0.03 + 0.018 * folds - np.maximum(hang_x, hang_y)
    out = 0.02 + 0.03 * np.abs(folds)
    grid = np.stack(
        [x + np.sign(across) * np.where(hang_x > 0, out, 0), y[:, None] - np.where(hang_y > 0, out, 0), z], axis=2
    )
    kit.add(kit.pick("fabric"), build_sheet(grid, 0.02))
