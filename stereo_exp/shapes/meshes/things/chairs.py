"""Seats: chairs of several builds, stools, office chairs, benches."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe, build_ring, round_rim
from stereo_exp.shapes.meshes.outlines import build_plate, draw_rectangle
from stereo_exp.shapes.meshes.sheets import build_sheet
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.softness import build_cushion
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes

CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)


@register("floor", "air", share=5.0)
def build_chair(kit: Kit) -> None:
    """A seat at 0.42-0.5 m on four legs or a cantilever, with one of six backs."""
    rng = kit.rng
    wide, deep, seat = rng.uniform(0.38, 0.5), rng.uniform(0.38, 0.5), rng.uniform(0.42, 0.5)
    frame = kit.pick("wood", "wood", "metal", "paint", "plastic")
    soft = frame if rng.random() < 0.4 else kit.pick("fabric", "leather", "plastic", "wood", "wicker")
    _add_seat(kit, frame, soft, wide, deep, seat)
    style = rng.choice(["square", "round", "cantilever"], p=[0.45, 0.35, 0.2])
    height, lean = seat + rng.uniform(0.35, 0.6), rng.uniform(0.02, 0.12)
    if style == "cantilever":
        _add_cantilever(kit, frame, wide, deep, seat)
    else:
        _add_legs(kit, frame, wide, deep, seat - 0.02, style == "square")
    _add_back(kit, frame, soft, wide, deep / 2 - 0.02, seat, height, lean)
    if rng.random() < 0.25:
        _add_arms(kit, frame, wide, deep, seat, rng.uniform(0.18, 0.26))


def _add_seat(kit: Kit, frame: int, soft: int, wide: float, deep: float, seat: float) -> None:
    rng = kit.rng
    if rng.random() < 0.35:
        kit.add(frame, build_boxes([0, 0, seat - 0.035], [wide * 0.96, deep * 0.96, 0.03], 0.003, grain=True))
        kit.add(soft, build_cushion(rng, wide, deep, rng.uniform(0.04, 0.09)), [0, 0, seat - 0.03])
        return
    thick = rng.uniform(0.018, 0.04)
    corner = rng.choice([0.01, rng.uniform(0.03, 0.13)])
    outline = draw_rectangle(wide, deep, corner)
    outline[:, 0] *= 1 - rng.uniform(0, 0.15) * (outline[:, 1] / deep + 0.5)
    kit.add(soft, build_plate(outline, thick), [0, 0, seat - thick])


def _add_legs(kit: Kit, frame: int, wide: float, deep: float, top: float, square: bool) -> None:
    rng = kit.rng
    thick, splay = rng.uniform(0.011, 0.024), rng.uniform(0, 0.06)
    inner = CORNERS * [wide * 0.45 - thick, deep * 0.45 - thick]
    heads = np.column_stack([inner, np.full(4, top)])
    feet = np.column_stack([inner + CORNERS * splay, np.zeros(4)])
    ends = [thick * rng.uniform(0.6, 1), thick]
    kit.add(frame, build_rods(feet, heads, [ends], 4 if square else 10))
    if rng.random() < 0.6:
        share = rng.uniform(0.25, 0.7)
        at = feet + share * (heads - feet)
        pairs = [(0, 1), (1, 2), (2, 3), (3, 0)] if rng.random() < 0.6 else [(1, 2), (3, 0)]
        a, b = np.array(pairs).T
        kit.add(frame, build_rods(at[a], at[b], thick * 0.55, 6))


def _add_cantilever(kit: Kit, frame: int, wide: float, deep: float, seat: float) -> None:
    radius, x, y = 0.0125, wide / 2 - 0.02, deep / 2
    top = seat - 0.05
    knots = np.array(
        [[x, y, top], [x, -y + 0.04, top], [x, -y, top - 0.05], [x, -y, 0.06], [x, -y + 0.05, 0.013],
         [x, y - 0.05, 0.013], [x, y, 0.013], [x * 0.7, y + 0.01, 0.013], [0, y + 0.01, 0.013]]
    )  # fmt: skip
    path = np.concatenate([knots, (knots * [-1, 1, 1])[::-1][1:]])
    kit.add(frame, build_tubes(path, radius, 8))


def _add_back(
    kit: Kit, frame: int, soft: int, wide: float, behind: float, seat: float, height: float, lean: float
) -> None:
    """Slats, rungs, rods, a bent board, a padded board or a hoop."""
    rng = kit.rng
    half, thick = wide / 2 - 0.025, rng.uniform(0.012, 0.02)
    low, high = np.array([0, behind, seat - 0.02]), np.array([0, behind + lean, height])

    def at(x: np.ndarray | float, share: np.ndarray | float) -> np.ndarray:
        x, share = np.broadcast_arrays(np.asarray(x, float), np.asarray(share, float))
        return np.asarray(low + share[..., None] * (high - low) + x[..., None] * [1, 0, 0])

    style = rng.choice(["slats", "rungs", "rods", "board", "pad", "hoop"])
    if style == "hoop":
        turn = np.linspace(0, np.pi, 17)
        kit.add(frame, build_tubes(at(half * np.cos(turn), 0.25 + 0.75 * np.sin(turn)), thick, 8))
        kit.add(frame, build_rods(at(np.array([half, -half]), 0.0), at(np.array([half, -half]), 0.26), thick, 8))
        x = np.linspace(-0.75, 0.75, int(rng.integers(3, 8))) * half
        kit.add(frame, build_rods(at(x * 0.9, 0.0), at(x, 0.25 + 0.73 * np.sqrt(1 - (x / half) ** 2)), 0.007, 6))
        return
    posts = np.array([-half, half])
    kit.add(frame, build_rods(at(posts, 0.0), at(posts, 1.0), [[thick, thick * 0.8]], 4 if rng.random() < 0.5 else 8))
    turn = turn_about(0, -np.arctan2(lean, height - seat))
    if style == "slats":
        x = np.linspace(-half, half, int(rng.integers(3, 8)) + 2)[1:-1]
        size = [2 * half / len(x) * rng.uniform(0.3, 0.7), 0.01, (height - seat) * 0.8]
        kit.add(frame, build_boxes(at(x, 0.52), size, 0.002, turn, grain=True))
        kit.add(
            frame, build_boxes(at(np.zeros(2), np.array([0.12, 0.96])), [2 * half, 0.02, 0.05], 0.004, turn, grain=True)
        )
    elif style in ("rungs", "rods"):
        share = np.linspace(0.3, 0.96, int(rng.integers(2, 6)))
        if style == "rods":
            kit.add(frame, build_rods(at(-half, share), at(half, share), 0.008, 6))
            return
        bend = rng.uniform(0, 0.05) * (1 - np.linspace(-1, 1, 9) ** 2)
        tall = 0.5 * (height - seat) / len(share)
        for each in share:
            x, up = np.linspace(-half, half, 9), np.array([-0.5, 0.5])[:, None]
            board = at(x, each)[None] + bend[None, :, None] * [0, 1, 0] + up[..., None] * tall * [0, 0, 1]
            kit.add(frame, build_sheet(board, 0.014))
    else:
        turn_x = np.linspace(-1, 1, 9)
        rows = np.linspace(rng.uniform(0.1, 0.5), 1.0, 5)
        grid = at(turn_x[None] * half * 1.05, rows[:, None])
        grid[..., 1] += rng.uniform(0, 0.07) * (1 - turn_x**2)
        kit.add(soft, build_sheet(grid, 0.012 if style == "board" else rng.uniform(0.03, 0.06)))


def _add_arms(kit: Kit, frame: int, wide: float, deep: float, seat: float, high: float) -> None:
    x, y = wide / 2 + 0.01, deep / 2
    path = smooth_points(
        np.array(
            [
                [x, -y + 0.05, seat - 0.02],
                [x, -y + 0.04, seat + high * 0.8],
                [x, -y + 0.1, seat + high],
                [x, y, seat + high],
            ]
        ),
        14,
    )
    kit.add(frame, build_tubes(np.stack([path, path * [-1, 1, 1]]), 0.014, 8))


@register("floor", "air", share=1.5)
def build_office_chair(kit: Kit) -> None:
    """Five castors, a gas spring, a bent shell with or without arms."""
    rng = kit.rng
    metal, soft = kit.pick("metal", "plastic"), kit.pick("fabric", "leather", "plastic")
    seat, wide = rng.uniform(0.43, 0.55), rng.uniform(0.44, 0.54)
    turn = np.linspace(0, 2 * np.pi, 6)[:-1] + rng.uniform(0, 1)
    rays = np.stack([np.cos(turn), np.sin(turn), np.zeros(5)], axis=1)
    reach = rng.uniform(0.26, 0.33)
    kit.add(metal, build_rods(rays * 0.03 + [0, 0, 0.12], rays * reach + [0, 0, 0.085], [[0.024, 0.016]], 6, flat=0.8))
    wheels = turn_about(2, turn) @ turn_about(0, np.pi / 2)
    for way, spin in zip(rays, wheels, strict=True):
        kit.add(
            metal, build_cylinder(0.03, 0.04, 12, bevel=0.006), way * reach + spin @ [0, 0, -0.02] + [0, 0, 0.03], spin
        )
    kit.add(
        metal,
        build_lathe([[0, 0.07], [0.04, 0.07], [0.035, 0.2], [0.02, 0.21], [0.02, seat - 0.06], [0, seat - 0.06]], 14),
    )
    kit.add(soft, build_cushion(rng, wide, wide * 0.98, rng.uniform(0.06, 0.1)), [0, 0, seat - 0.06])
    high, lean = rng.uniform(0.4, 0.75), rng.uniform(0.03, 0.12)
    x, share = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(0, 1, 8))
    taper = 1 - 0.25 * share**3 - 0.1 * (1 - share) ** 2
    back = np.stack(
        [
            x * wide * 0.46 * taper,
            wide / 2 + lean * share + 0.03 * np.sin(share * np.pi * 1.5) - 0.05 * x**2,
            seat + 0.12 + high * share,
        ],
        axis=2,
    )
    kit.add(soft, build_sheet(back, rng.uniform(0.02, 0.06)))
    spine = np.array(
        [
            [0, 0.1, seat - 0.05],
            [0, wide / 2 + 0.03, seat - 0.04],
            [0, wide / 2 + 0.07, seat + 0.1],
            [0, wide / 2 + 0.06, seat + 0.3],
        ]
    )
    kit.add(metal, build_tubes(smooth_points(spine, 10), 0.02, 6, flat=0.4))
    if rng.random() < 0.6:
        knots = np.array(
            [[0.2, 0, seat - 0.04], [wide / 2 + 0.05, 0, seat - 0.02], [wide / 2 + 0.06, 0.03, seat + 0.17]]
        )
        arm = smooth_points(knots, 8)
        kit.add(metal, build_tubes(np.stack([arm, arm * [-1, 1, 1]]), 0.016, 6))
        for side in (-1, 1):
            kit.add(metal, build_boxes([side * (wide / 2 + 0.06), 0, seat + 0.18], [0.07, 0.26, 0.025], 0.008))


@register("floor", "ground", "air", share=1.5)
def build_stool(kit: Kit) -> None:
    """A round or square seat, low or as high as a bar, on three or four legs or a pillar."""
    rng = kit.rng
    frame, top = kit.pick("wood", "metal", "paint"), kit.pick("wood", "leather", "plastic", "fabric")
    height, radius = rng.choice([rng.uniform(0.3, 0.5), rng.uniform(0.6, 0.78)]), rng.uniform(0.14, 0.2)
    thick, squareness = rng.uniform(0.02, 0.07), float(rng.choice([0.0, 0.0, rng.uniform(0.4, 1)]))
    low = height - thick
    profile = smooth_points(
        np.array(
            [[radius * 0.9, low], [radius, low + thick * 0.4], [radius * 0.92, height], [radius * 0.4, height + 0.004]]
        ),
        10,
    )
    kit.add(top, build_lathe(np.concatenate([[[0, low]], profile, [[0, height]]]), 28, round_rim(28, squareness)))
    if rng.random() < 0.25:
        kit.add(frame, build_lathe([[0, 0], [radius, 0], [radius, 0.01], [0.025, 0.03], [0.025, low], [0, low]], 24))
        kit.add(frame, build_ring(radius * 0.8, 0.01, 28, 8), [0, 0, height * 0.35])
        kit.add(frame, build_rods(*_cross(radius * 0.8, height * 0.35), 0.007, 6))
        return
    legs = int(rng.choice([3, 4, 4]))
    turn = np.linspace(0, 2 * np.pi, legs, endpoint=False) + rng.uniform(0, 1)
    way = np.stack([np.cos(turn), np.sin(turn), np.zeros(legs)], axis=1)
    feet, heads = way * radius * rng.uniform(0.9, 1.35), way * radius * 0.75 + [0, 0, low]
    size = rng.uniform(0.009, 0.02)
    kit.add(frame, build_rods(feet, heads, size, int(rng.choice([4, 8]))))
    for share in rng.uniform(0.2, 0.75, int(rng.integers(0, 3))):
        at = feet + share * (heads - feet)
        kit.add(frame, build_rods(at, np.roll(at, -1, axis=0), size * 0.6, 6))


def _cross(reach: float, height: float) -> tuple[np.ndarray, np.ndarray]:
    ends = np.array([[-reach, 0, height], [0, -reach, height]])
    return ends, ends * [-1, -1, 1]


@register("floor", "ground", share=1.0)
def build_bench(kit: Kit) -> None:
    """Slats on two or three side frames, with or without a back; for a park or a hall."""
    rng = kit.rng
    frame, slats = kit.pick("metal", "stone", "wood"), kit.pick("wood", "wood", "paint", "metal")
    long, deep, seat = rng.uniform(0.9, 2.0), rng.uniform(0.35, 0.5), rng.uniform(0.4, 0.48)
    count = int(rng.integers(3, 8))
    gap = deep / count
    y = (np.arange(count) + 0.5) * gap - deep / 2
    wide, thick = gap * rng.uniform(0.6, 0.88), rng.uniform(0.018, 0.04)
    kit.add(
        slats,
        build_boxes(
            np.column_stack([np.zeros(count), y, np.full(count, seat)]), [long, wide, thick], 0.004, grain=True
        ),
    )
    x = np.linspace(-1, 1, 3 if long > 1.6 else 2) * long * 0.42
    top = seat - thick / 2
    for each in x:
        for behind in (-0.42, 0.42):
            kit.add(frame, build_boxes([each, behind * deep, top / 2], [0.05, 0.05, top], 0.004, grain=True))
        kit.add(frame, build_boxes([each, 0, top - 0.02], [0.045, deep * 0.95, 0.04], 0.004, grain=True))
    if rng.random() < 0.65:
        lean, rows = rng.uniform(0.05, 0.2), int(rng.integers(2, 5))
        high = rng.uniform(0.3, 0.45)
        share = np.linspace(0.35, 0.95, rows)
        back = np.column_stack([np.zeros(rows), deep / 2 + lean * share, seat + high * share])
        turn = turn_about(0, -np.arctan2(lean, high))
        kit.add(slats, build_boxes(back, [long, thick, high / rows * 0.6], 0.004, turn, grain=True))
        ends = np.column_stack([x, np.full(len(x), deep / 2 + 0.03), np.full(len(x), seat - 0.05)])
        kit.add(frame, build_rods(ends, ends + np.array([0, lean, high + 0.05]), 0.024, 4))


@register("floor", "air", share=1.0)
def build_shell_chair(kit: Kit) -> None:
    """A seat and back of one bent shell, on wires, wooden legs or a foot."""
    rng = kit.rng
    shell, frame = kit.pick("plastic", "plastic", "leather", "wood", "fabric"), kit.pick("metal", "wood", "metal")
    wide, seat, high = rng.uniform(0.42, 0.52), rng.uniform(0.41, 0.46), rng.uniform(0.32, 0.45)
    knots = np.array(
        [[-0.24, -0.01], [-0.18, 0.02], [0, 0.0], [0.14, 0.015], [0.21, 0.1], [0.25, high * 0.6], [0.28, high]]
    )
    line = smooth_points(knots, 16)
    x = np.linspace(-1, 1, 13)
    share = np.linspace(0, 1, 16)[:, None]
    half = wide / 2 * (1 - 0.25 * np.abs(2 * share - 1) ** 6) * (1 - 0.12 * share)
    cup = rng.uniform(0.02, 0.12)
    grid = np.stack(
        np.broadcast_arrays(
            x * half,
            line[:, :1] - cup * x**2 * share,
            line[:, 1:] + seat + cup * x**2 * (1 - share) ** 0.5 * share**0.3,
        ),
        axis=2,
    )
    kit.add(shell, build_sheet(grid, rng.uniform(0.006, 0.025)))
    splay = rng.uniform(0.02, 0.08)
    heads = np.column_stack([CORNERS * [0.13, 0.13], np.full(4, seat - 0.012)])
    feet = np.column_stack([CORNERS * (0.16 + splay), np.zeros(4)])
    radius = rng.choice([0.004, 0.006, 0.013])
    kit.add(frame, build_rods(feet, heads, [[radius * 0.8, radius]], 8))
    if radius < 0.01:
        middle = (feet + heads) / 2
        kit.add(frame, build_rods(middle[[0, 1, 2, 3]], heads[[1, 0, 3, 2]], 0.0025, 5))
    kit.add(frame, build_rods(heads, heads[[1, 2, 3, 0]], max(radius * 0.8, 0.003), 6))
    if rng.random() < 0.2:
        kit.add(
            shell,
            build_plate(draw_rectangle(wide * 0.5, 0.12, 0.04), 0.004),
            [0, 0.262, seat + high * 0.7],
            stand_upright(),
        )
    kit.add(frame, build_balls(feet + np.array([0, 0, 0.006]), max(radius * 1.4, 0.006), 1))
