"""Cloth and paper: curtains, rugs, folded and crumpled pieces, towels, table cloths."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.lathe import build_cylinder
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.sheets import build_sheet, ripple
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes, make_mesh, map_box, remap_box, shade_flat
from stereo_exp.shapes.meshes.things.kit import Kit, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.softness import build_cushion
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes


def hang_folds(
    rng: np.random.Generator, wide: float, high: float, folds: float, depth: float, shape: tuple[int, int]
) -> np.ndarray:
    """A cloth that hangs in folds, seen from −y, its lower edge on z = 0: rows × columns × 3, metres.

    Args:
        rng: draws where the folds run.
        wide: metres as it hangs.
        high: metres.
        folds: how many.
        depth: of the folds, metres.
        shape: rows, columns.
    """
    v, u = np.meshgrid(np.linspace(0, 1, shape[0]), np.linspace(0, 1, shape[1]), indexing="ij")
    drift = 0.5 * ripple(shape, rng, 4, 1.2)
    phase = 2 * np.pi * (folds * u + drift * (1 - v) * 0.6)
    deeper = depth * (1.15 - 0.45 * v) * (1 + 0.4 * ripple(shape, rng, 4, 2.0))
    x = wide * (u - 0.5) * (1 - 0.06 * np.sin(np.pi * v)) + 0.2 * depth * np.sin(2 * phase)
    return np.stack([x, deeper * np.sin(phase), high * v], axis=2)


@register("wall", share=2.0)
def build_curtain(kit: Kit) -> None:
    """One or two folded cloths on a rod with rings; from the floor or from a sill up."""
    rng = kit.rng
    cloth, rod = kit.pick("fabric"), kit.pick("metal", "wood")
    high, span = rng.choice([rng.uniform(1.9, 2.4), rng.uniform(1.1, 1.6)]), rng.uniform(0.8, 2.0)
    pair = rng.random() < 0.6
    part = span * rng.uniform(0.15, 0.42) if pair else span * rng.uniform(0.3, 1.0)
    for side in (-1, 1) if pair else (0,):
        folds = part / rng.uniform(0.07, 0.14)
        columns = int(np.clip(folds * 9, 24, 90))
        grid = hang_folds(rng, part, high, folds, rng.uniform(0.02, 0.04), (14, columns))
        if rng.random() < 0.25:
            v = np.linspace(0, 1, 14)[:, None]
            grid[..., 0] *= 1 - 0.55 * np.exp(-(((v - 0.42) / 0.14) ** 2))
        x = side * (span - part) / 2
        kit.add(cloth, build_sheet(grid, 0.0015), [x, -0.08, 0])
        rings = np.linspace(-part / 2, part / 2, max(3, int(folds)))
        kit.add(
            rod,
            build_rods(
                np.column_stack([rings + x, 0 * rings - 0.08, 0 * rings + high - 0.02]),
                np.column_stack([rings + x, 0 * rings - 0.08, 0 * rings + high + 0.035]),
                0.004,
                6,
            ),
        )
    kit.add(rod, build_rods([-span / 2 - 0.08, -0.08, high + 0.03], [span / 2 + 0.08, -0.08, high + 0.03], 0.012, 10))
    kit.add(rod, build_balls([[s * (span / 2 + 0.09), -0.08, high + 0.03] for s in (-1, 1)], 0.024, 2))
    kit.add(
        rod,
        build_rods(
            [[s * span * 0.45, -0.08, high + 0.03] for s in (-1, 1)],
            [[s * span * 0.45, 0, high + 0.03] for s in (-1, 1)],
            0.008,
            8,
        ),
    )


@register("wall", share=0.8, elevation=(0.7, 1.4))
def build_blind(kit: Kit) -> None:
    """Slats on cords, tilted, half raised or down; see-through between the slats."""
    rng = kit.rng
    slot, cord = kit.pick("metal", "wood", "paint", "plastic"), kit.pick("fabric")
    wide, high, pitch = rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.4), rng.uniform(0.025, 0.05)
    count, tilt = int(high / pitch), rng.uniform(-1.0, 1.0)
    z = pitch * (np.arange(count) + 1)
    at = np.column_stack([0 * z, 0 * z - 0.04, z])
    kit.add(slot, build_boxes(at, [wide, pitch * 1.15, 0.002], turns=turn_about(0, tilt), grain=True))
    kit.add(
        slot,
        build_boxes([[0, -0.04, high + pitch], [0, -0.04, 0.008]], [[wide, 0.05, 0.035], [wide, 0.03, 0.012]], 0.003),
    )
    x = np.linspace(-0.42, 0.42, 3) * wide
    low = np.column_stack([x, 0 * x - 0.04, 0 * x])
    kit.add(cord, build_rods(low, low + np.array([0, 0, high + pitch]), 0.001, 4))


@register("floor", share=1.5)
def build_rug(kit: Kit) -> None:
    """A rug with slight ripples, square, round or oval, some with fringes."""
    rng = kit.rng
    slot = kit.pick("fabric", "fabric", "leather", "print")
    wide, deep, thick = rng.uniform(0.6, 2.2), rng.uniform(0.5, 1.6), rng.uniform(0.006, 0.02)
    shape = (16, 20)
    height = 0.006 * np.maximum(ripple(shape, rng, 6, 2.5), 0) * rng.choice([0.3, 1.0, 2.5]) + thick / 2
    style = rng.choice(["square", "round"], p=[0.75, 0.25])
    v, u = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    if style == "round":
        # The square's rim goes to the circle's.
        u, v = u * np.sqrt(1 - v**2 / 2), v * np.sqrt(1 - u**2 / 2)
    if rng.random() < 0.15:
        height = height + 0.25 * np.maximum(u + v - 1.2, 0) ** 1.5
    kit.add(slot, build_sheet(np.stack([u * wide / 2, v * deep / 2, height], axis=2), thick))
    if style == "square" and rng.random() < 0.5:
        count = int(deep / 0.02)
        y = np.linspace(-0.5, 0.5, count) * deep
        for side in (-1, 1):
            start = np.column_stack([np.full(count, side * wide / 2), y, np.full(count, thick * 0.5)])
            end = start + np.column_stack(
                [side * rng.uniform(0.03, 0.06, count), rng.normal(0, 0.006, count), np.full(count, -thick * 0.35)]
            )
            kit.add(kit.pick("fabric"), build_rods(start, end, 0.002, 3))


@register("surface", "air", share=1.5)
def build_crumpled_paper(kit: Kit) -> None:
    """A ball of crumpled paper, or a sheet that was crumpled and pulled flat again."""
    rng = kit.rng
    slot = kit.pick("paper", "print")
    if rng.random() < 0.5:
        kit.add(slot, crumple_ball(rng, rng.uniform(0.025, 0.07)))
        return
    size = rng.uniform(0.15, 0.32)
    count = 22
    v, u = np.meshgrid(np.linspace(-1, 1, count), np.linspace(-1, 1, count), indexing="ij")
    way = rng.uniform(0, 2 * np.pi, 16)
    # Each crease is a valley or a ridge along a line.
    lines = np.abs(np.cos(way)[:, None, None] * u + np.sin(way)[:, None, None] * v - rng.uniform(-0.8, 0.8, (16, 1, 1)))
    creases = (rng.normal(0, 1, (16, 1, 1)) * np.maximum(0.5 - lines, 0)).sum(axis=0)
    height = size * rng.uniform(0.04, 0.16) * creases
    grid = np.stack([u * size / 2 * rng.uniform(0.6, 1), v * size / 2, height - height.min() + 0.001], axis=2)
    kit.add(slot, build_sheet(grid, 0.0006))


def crumple_ball(rng: np.random.Generator, radius: float, level: int = 2) -> Mesh:
    """A ball of paper: dents between sharp ridges."""
    ball = build_balls([0, 0, 0], 1.0, level)
    points = ball.vertices.astype(float)
    seeds = rng.normal(0, 1, (18, 3))
    seeds /= np.linalg.norm(seeds, axis=1, keepdims=True)
    apart = np.sort(np.linalg.norm(points[:, None] - seeds[None], axis=2), axis=1)
    # Low in the middle of each cell, high where two cells meet.
    shaped = points * (0.85 - 0.3 * (apart[:, 1] - apart[:, 0]) + 0.05 * rng.normal(0, 1, len(points)))[:, None]
    vertices = shaped * radius * rng.uniform(0.8, 1.1, 3)
    return shade_flat(make_mesh(vertices, ball.faces, map_box(vertices, ball.faces)))


@register("surface", "floor", "air", share=1.2)
def build_folded_cloth(kit: Kit) -> None:
    """A pile of folded towels, shirts or blankets."""
    rng = kit.rng
    wide, deep, height = rng.uniform(0.15, 0.45), rng.uniform(0.15, 0.35), 0.0
    for _ in range(int(rng.integers(1, 7))):
        slot, layers, thick = kit.pick("fabric"), int(rng.integers(2, 5)), rng.uniform(0.005, 0.014)
        w, d = wide * rng.uniform(0.85, 1.05), deep * rng.uniform(0.85, 1.05)
        # One cloth goes to and fro: a line in the y-z plane, drawn along x.
        turn = np.linspace(-np.pi / 2, np.pi / 2, 5)
        line = [[-d / 2, thick / 2]]
        for k in range(layers):
            side, low = (1 if k % 2 == 0 else -1), thick * (k + 0.5)
            line.append([side * d / 2, low])
            if k < layers - 1:
                line += [
                    [side * (d / 2 + thick / 2 * np.cos(a)), low + thick / 2 + thick / 2 * np.sin(a)] for a in turn[1:]
                ]
        path = np.array(line)
        x = np.linspace(-0.5, 0.5, 8)
        sag = 0.0012 * ripple((len(path), 8), rng, 5, 2)
        grid = np.stack(
            [np.broadcast_to(x * w, sag.shape), np.broadcast_to(path[:, :1], sag.shape), path[:, 1:] + sag], axis=2
        )
        kit.add(
            slot, build_sheet(grid, thick * 0.9), [*rng.normal(0, 0.006, 2), height], turn_about(2, rng.normal(0, 0.06))
        )
        height += layers * thick


@register("surface", "floor", "air", share=1.5)
def build_cushion_pile(kit: Kit) -> None:
    """One cushion, lying or leaning, or two or three."""
    rng = kit.rng
    height = 0.0
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        wide, thick = rng.uniform(0.25, 0.55), rng.uniform(0.08, 0.18)
        mesh = build_cushion(rng, wide, wide * rng.uniform(0.6, 1.0), thick, rng.uniform(0.4, 1.0), 12)
        lean = (
            turn_about(0, rng.uniform(1.0, 1.4))
            if height == 0 and rng.random() < 0.2
            else turn_about(2, rng.uniform(-1, 1))
        )
        kit.add(kit.pick("fabric", "fabric", "leather"), mesh, [*rng.normal(0, 0.02, 2), height], lean)
        height += thick * 0.8


@register("wall", "air", share=0.8, elevation=(0.6, 1.4))
def build_towel(kit: Kit) -> None:
    """A towel, a coat-like cloth or a flag over a rod."""
    rng = kit.rng
    cloth, rod = kit.pick("fabric"), kit.pick("metal", "wood")
    wide, front, back = rng.uniform(0.25, 0.6), rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.5)
    turn = np.linspace(0, np.pi, 6)
    radius = 0.014
    arc = np.column_stack([-radius * np.cos(turn), radius * np.sin(turn)])
    down = np.linspace(0, 1, 12)[:, None]
    line = np.concatenate(
        [[-radius, -front] * (1 - down) + [-radius, 0] * down, arc, [radius, 0] * (1 - down) + [radius, -back] * down]
    )
    line = line[np.concatenate([[True], np.linalg.norm(np.diff(line, axis=0), axis=1) > 1e-6])]
    x, folds = np.linspace(-0.5, 0.5, 22), rng.uniform(1, 5)
    hang = np.clip(-line[:, 1:], 0, 1)
    wave = 0.03 * np.minimum(hang * 3, 1) * np.sin(2 * np.pi * folds * x + 2 * ripple((len(line), 22), rng, 4, 1))
    grid = np.stack(
        [
            np.broadcast_to(x * wide, wave.shape),
            line[:, :1] + np.where(line[:, :1] < 0, -np.abs(wave), np.abs(wave) * 0.4),
            np.broadcast_to(line[:, 1:], wave.shape),
        ],
        axis=2,
    )
    kit.add(cloth, build_sheet(grid, 0.004), [0, -0.09, 0])
    span = wide / 2 + 0.06
    kit.add(
        rod,
        build_tubes(
            [
                [-span, 0, 0],
                [-span, -0.08, 0],
                [-span + 0.01, -0.09, 0],
                [span - 0.01, -0.09, 0],
                [span, -0.08, 0],
                [span, 0, 0],
            ],
            0.009,
            8,
        ),
    )
    kit.add(rod, build_cylinder(0.02, 0.008, 14), [-span, 0, 0], turn_about(0, np.pi / 2))
    kit.add(rod, build_cylinder(0.02, 0.008, 14), [span, 0, 0], turn_about(0, np.pi / 2))


@register("floor", share=0.5)
def build_draped_table(kit: Kit) -> None:
    """A round or square table under a cloth that falls in folds."""
    rng = kit.rng
    height, radius = rng.choice([rng.uniform(0.1, 0.25), rng.uniform(0.45, 0.75)]), rng.uniform(0.25, 0.55)
    radius = min(radius, height * 1.5)
    drop = height * rng.uniform(0.4, 0.99)
    columns, folds = 72, int(rng.integers(7, 16))
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    round_part = np.linspace(0.02, 1, 5)[:, None] * radius
    t = np.linspace(0.06, 1, 9)[:, None]
    wave = 0.13 * radius * t * np.cos(folds * angle + 0.6 * np.sin(2 * angle + rng.uniform(0, 6)))
    out = radius * (1 + 0.08 * np.sqrt(t)) + wave
    wide = np.concatenate([np.broadcast_to(round_part, (5, columns)), out])
    z = np.concatenate([np.full((5, columns), height), np.broadcast_to(height - drop * t**1.1, (9, columns))])
    grid = np.stack([wide * np.cos(angle), wide * np.sin(angle), z], axis=2)[::-1]
    kit.add(kit.pick("fabric"), remap_box(build_sheet(grid, 0.0025, closed=True)))
    wood = kit.pick("wood")
    kit.add(wood, build_cylinder(radius * 0.97, 0.02, 28), [0, 0, height * 0.99 - 0.02])
    kit.add(wood, build_cylinder(radius * 0.5, height * 0.97, 20, top=radius * 0.15))
