"""Curios: masks, instruments, globes."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_lathe, build_ring
from stereo_exp.shapes.meshes.outlines import build_plate, draw_ellipse
from stereo_exp.shapes.meshes.sheets import build_sheet
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes


@register("wall", "surface", "air", share=1.0, elevation=(1.0, 1.8))
def build_mask(kit: Kit) -> None:
    """A face in relief with holes of eyes and mouth cut into a bent shell's front; horns, rays or feathers."""
    rng = kit.rng
    shell, paint = kit.pick("wood", "ceramic", "paint", "metal", "paper"), kit.pick("paint", "wood", "fabric")
    wide, high = rng.uniform(0.12, 0.22), rng.uniform(0.18, 0.34)
    v, u = np.meshgrid(np.linspace(-1, 1, 26), np.linspace(-1, 1, 22), indexing="ij")
    x, z = u * np.sqrt(1 - v**2 / 2), v * np.sqrt(1 - u**2 / 2)
    bulge = 0.3 * np.sqrt(np.clip(1.02 - x**2 - z**2, 0, 1))
    nose = rng.uniform(0.1, 0.25) * np.exp(-((x / 0.14) ** 2)) * np.exp(-(((z + 0.12) / 0.28) ** 2))
    eyes = rng.uniform(0.08, 0.16) * sum(
        np.exp(-(((x - s * 0.38) / 0.17) ** 2) - ((z - 0.22) / 0.1) ** 2) for s in (-1, 1)
    )
    brow = 0.07 * np.exp(-(((z - 0.38 - 0.1 * np.cos(3 * x)) / 0.07) ** 2)) * (np.abs(x) < 0.65)
    mouth = rng.uniform(0.05, 0.14) * np.exp(-((x / 0.3) ** 2) - ((z + 0.55) / 0.08) ** 2)
    lips = 0.06 * np.exp(-((x / 0.34) ** 2) - ((np.abs(z + 0.55) - 0.12) / 0.06) ** 2)
    depth = (bulge + nose - eyes + brow - mouth + lips) * wide * 0.6
    grid = np.stack([x * wide / 2, -depth, z * high / 2], axis=2)
    kit.add(shell, build_sheet(grid, 0.006, sink=True))
    style = rng.choice(["plain", "rays", "horns"])
    count = {"plain": 0, "rays": int(rng.integers(9, 24)), "horns": 2}[str(style)]
    a = np.linspace(0.15, np.pi - 0.15, count) if style == "rays" else np.array([0.9, np.pi - 0.9])[:count]
    for angle in a:
        root = np.array([wide / 2 * np.cos(angle) * 0.95, -0.004, high / 2 * np.sin(angle) * 0.95])
        way = np.array([np.cos(angle), -0.2 if style == "horns" else 0.0, np.sin(angle)])
        reach = rng.uniform(0.05, 0.12) * (1.0 if style == "rays" else 1.5)
        path = smooth_points(np.stack([root, root + way * reach * 0.6, root + way * reach + np.array([0, 0, 0.02])]), 8)
        kit.add(paint, build_tubes(path, np.linspace(0.012, 0.002, 8), 8, flat=0.4 if style == "rays" else 1.0))


@register("floor", "wall", "air", share=1.0, elevation=(0.6, 1.4))
def build_guitar(kit: Kit) -> None:
    """A guitar, a ukulele or a violin by its outline: body with a hole, neck, frets, pegs, six strings."""
    rng = kit.rng
    wood, dark, wire = kit.pick("wood", "paint"), kit.pick("wood"), kit.pick("metal")
    size, waist = rng.uniform(0.3, 1.0), rng.uniform(0.6, 0.8)
    knots = (
        np.array([[0, 0], [0.16, 0.03], [0.2, 0.15], [0.2 * waist, 0.28], [0.155, 0.4], [0.08, 0.46], [0, 0.46]]) * size
    )
    side = smooth_points(knots[1:-1], 18)
    outline = np.concatenate([[knots[0]], side, [knots[-1]], (side * [-1, 1])[::-1]])
    thick = size * rng.uniform(0.05, 0.1)
    lean = turn_about(0, -rng.uniform(0.0, 0.25))
    with kit.move([0, 0, 0], lean):
        hole = draw_ellipse(0.1 * size, 0.1 * size, 22) + np.array([0, 0.31 * size])
        front = build_plate(outline, 0.004, [hole])
        kit.add(wood, front, [0, -thick / 2 + 0.004, 0], stand_upright())
        kit.add(
            dark, build_plate(outline * 0.995 + np.array([0, 0.001]), thick - 0.004), [0, thick / 2, 0], stand_upright()
        )
        kit.add(
            wood,
            build_boxes(
                [0, -thick / 2 - 0.004, 0.66 * size], [0.055 * size, 0.018 * size, 0.5 * size], 0.002, grain=True
            ),
        )
        kit.add(dark, build_boxes([0, -thick / 2, 0.96 * size], [0.075 * size, 0.014 * size, 0.13 * size], 0.003))
        z = 0.88 * size - 0.42 * size * (1 - 0.5 ** (np.arange(1, 13) / 12)) * 1.3
        y = -thick / 2 - 0.004 - 0.009 * size
        kit.add(
            wire,
            build_rods(
                np.column_stack([0 * z - 0.027 * size, 0 * z + y, z]),
                np.column_stack([0 * z + 0.027 * size, 0 * z + y, z]),
                0.0012,
                4,
            ),
        )
        x = np.linspace(-0.02, 0.02, int(rng.choice([4, 6]))) * size
        low = np.column_stack([x * 1.3, 0 * x - thick / 2 - 0.012, 0 * x + 0.12 * size])
        kit.add(wire, build_rods(low, np.column_stack([x, 0 * x + y - 0.004, 0 * x + 0.93 * size]), 0.0006, 3))
        kit.add(dark, build_boxes([0, -thick / 2 - 0.006, 0.12 * size], [0.11 * size, 0.014, 0.02 * size], 0.002))
        for s in (-1, 1):
            for k in range(len(x) // 2):
                kit.add(
                    wire,
                    build_rods(
                        [s * 0.03 * size, -thick / 2, (0.925 + 0.035 * k) * size],
                        [s * 0.06 * size, -thick / 2, (0.925 + 0.035 * k) * size],
                        0.006 * size,
                        6,
                    ),
                )


@register("surface", "floor", "air", share=0.8)
def build_globe(kit: Kit) -> None:
    """A globe in its bow, or an armillary sphere of rings."""
    rng = kit.rng
    metal, wood = kit.pick("metal", "wood"), kit.pick("wood", "metal")
    radius = rng.uniform(0.06, 0.18)
    lift = radius * rng.uniform(1.3, 1.7)
    tilt = turn_about(1, 0.41)
    kit.add(
        wood,
        build_lathe(
            [
                [0, 0],
                [radius * 0.7, 0],
                [radius * 0.65, 0.015],
                [0.02, 0.03],
                [0.012, lift - radius * 1.1],
                [0, lift - radius * 1.1],
            ],
            26,
        ),
    )
    if rng.random() < 0.7:
        kit.add(kit.pick("print", "paint"), build_balls([0, 0, lift], radius, 3), turn=None)
        a = np.linspace(-np.pi / 2, np.pi / 2, 24)
        bow = radius * 1.12 * np.column_stack([np.cos(a), 0 * a, np.sin(a)])
        kit.add(metal, build_tubes(bow, 0.006, 6, flat=0.5), [0, 0, lift], tilt)
        kit.add(metal, build_rods([0, 0, -1.14 * radius], [0, 0, 1.14 * radius], 0.003, 6), [0, 0, lift], tilt)
        return
    for axis, angle in ((0, 0.0), (0, np.pi / 2), (1, np.pi / 2), (0, 0.41), (1, 0.9)):
        ring = build_ring(radius * rng.uniform(0.9, 1.1), 0.003, 44, 6, flat=3.0 if angle == 0.41 else 1.0)
        kit.add(metal, ring, [0, 0, lift], tilt @ turn_about(axis, angle))
    kit.add(metal, build_rods([0, 0, -1.3 * radius], [0, 0, 1.3 * radius], 0.002, 5), [0, 0, lift], tilt)
    kit.add(kit.pick("metal", "stone"), build_balls([0, 0, lift], radius * 0.25, 2))
