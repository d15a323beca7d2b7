"""What people carry and wear: bags, cases, shoes, hats, coats."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe, build_ring
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.outlines import build_plate, draw_rectangle
from stereo_exp.shapes.meshes.sheets import build_sheet
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes, make_mesh, remap_box
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.vehicles import build_hull
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes


def crease(mesh: Mesh, rng: np.random.Generator, depth: float, size: float) -> Mesh:
    """The same with dents by waves, as cloth has that is filled: `depth` and `size` of the body in metres."""
    waves = rng.normal(0, 1, (6, 3)) * 14 / size
    phase = rng.uniform(0, 2 * np.pi, 6)
    points = mesh.vertices.astype(float)
    shift = np.sin(points @ waves.T + phase) @ rng.normal(0, depth / 2.4, (6, 3))
    return remap_box(make_mesh(points + shift, mesh.faces, mesh.uv))


@register("floor", "surface", "air", share=1.5)
def build_bag(kit: Kit) -> None:
    """A shopping bag, a handbag or a sack of cloth, with its handles."""
    rng = kit.rng
    cloth, strap = kit.pick("fabric", "leather", "paper", "plastic"), kit.pick("leather", "fabric")
    wide, high, deep = rng.uniform(0.2, 0.42), rng.uniform(0.2, 0.42), rng.uniform(0.08, 0.18)
    if rng.random() < 0.25:
        line = np.array([[0.85, 0], [1, 0.25], [0.9, 0.6], [0.35, 0.78], [0.2, 0.83], [0.4, 0.95], [0.45, 1.0]]) * [
            wide / 2,
            high,
        ]
        body = build_lathe(np.concatenate([[[0, 0]], smooth_points(line, 18), [[0, 0.92 * high]]]), 32)
        kit.add(cloth, crease(body, rng, 0.008, wide))
        kit.add(strap, build_ring(0.11 * wide, 0.006, 24, 6), [0, 0, 0.83 * high])
        return
    z = np.linspace(0, 1, 9)
    half, flat = wide / 2 * (1 - 0.12 * z), np.full(9, 0.0)
    rows = build_hull(z * high, -deep / 2 * (1 - 0.75 * z**2), deep / 2 * (1 - 0.75 * z**2), half, flat, 6)
    upright = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], float)
    kit.add(cloth, crease(rows, rng, rng.uniform(0.001, 0.007), wide), turn=upright)
    reach = rng.uniform(0.08, 0.3)
    arch = smooth_points(
        np.array(
            [
                [-wide * 0.24, 0, high * 0.86],
                [-wide * 0.2, 0, high + reach * 0.8],
                [0, 0, high + reach],
                [wide * 0.2, 0, high + reach * 0.8],
                [wide * 0.24, 0, high * 0.86],
            ]
        ),
        20,
    )
    for side in (-1, 1):
        kit.add(
            strap,
            build_tubes(arch, 0.012, 6, flat=0.3, up=(1, 0, 0)),
            [0, side * deep * 0.2, 0],
            turn_about(0, 0.0 if reach < 0.15 else side * 0.12),
        )


@register("floor", "surface", "air", share=1.2)
def build_backpack(kit: Kit) -> None:
    """A rucksack: body, lid, pockets, straps, buckles."""
    rng = kit.rng
    cloth, other, strap = kit.pick("fabric", "leather"), kit.pick("fabric", "leather"), kit.pick("fabric", "plastic")
    wide, high, deep = rng.uniform(0.26, 0.34), rng.uniform(0.38, 0.52), rng.uniform(0.14, 0.2)
    x = np.linspace(0, high, 8)
    swell = np.array([0.8, 0.98, 1, 1, 0.98, 0.95, 0.85, 0.55])
    upright = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], float)
    body = build_hull(x, -deep / 2 * swell, deep / 2 * swell, wide / 2 * np.minimum(swell + 0.08, 1), np.zeros(8), 4)
    kit.add(cloth, crease(body, rng, 0.006, wide), turn=upright)
    pocket = build_hull(
        x[:6] * 0.62,
        -np.full(6, 0.04),
        np.array([0.02, 0.045, 0.05, 0.05, 0.045, 0.02]),
        np.full(6, wide * 0.36),
        np.zeros(6),
        4,
    )
    kit.add(other, crease(pocket, rng, 0.004, wide), [0, -deep * 0.5 + 0.01, high * 0.08], upright)
    v, u = np.meshgrid(np.linspace(0, 1, 9), np.linspace(-0.5, 0.5, 8), indexing="ij")
    lid = np.stack(
        [u * wide * 0.95, deep * (0.4 - 1.0 * v), high * (0.93 + 0.06 * np.sin(v * np.pi) - 0.22 * v**3)], axis=2
    )
    kit.add(other, build_sheet(lid[::-1], 0.008))
    for side in (-1, 1):
        path = np.array(
            [
                [side * wide * 0.2, deep * 0.42, high * 0.92],
                [side * wide * 0.3, deep * 0.95, high * 0.8],
                [side * wide * 0.34, deep * 0.95, high * 0.4],
                [side * wide * 0.36, deep * 0.45, high * 0.08],
            ]
        )
        kit.add(strap, build_tubes(smooth_points(path, 16), 0.026, 6, flat=0.25, up=(1, 0, 0)))
        kit.add(strap, build_boxes([side * wide * 0.22, -deep * 0.62, high * 0.66], [0.022, 0.006, high * 0.24]))
        kit.add(
            kit.pick("plastic", "metal"),
            build_boxes([side * wide * 0.22, -deep * 0.64, high * 0.6], [0.032, 0.01, 0.03], 0.003),
        )


@register("floor", "air", share=1.0)
def build_suitcase(kit: Kit) -> None:
    """A case with ribs, wheels and a bow, or an old one with corners and a grip; a trunk."""
    rng = kit.rng
    shell, metal = kit.pick("plastic", "leather", "fabric", "metal"), kit.pick("metal", "rubber")
    wide, high, deep = rng.uniform(0.34, 0.5), rng.uniform(0.5, 0.75), rng.uniform(0.18, 0.3)
    modern = rng.random() < 0.55
    if not modern:
        wide, high = high, wide
    lift = 0.05 if modern else 0.006
    kit.add(shell, build_boxes([0, 0, lift + high / 2], [wide, deep, high], 0.03 if modern else 0.008))
    if modern:
        x = np.linspace(-0.4, 0.4, int(rng.integers(4, 10))) * wide
        ribs = np.column_stack([x, 0 * x, 0 * x + lift + high / 2])
        kit.add(shell, build_boxes(ribs, [wide * 0.035, deep + 0.012, high * 0.9], 0.005))
        for sx in (-1, 1):
            kit.add(
                metal,
                build_rods(
                    [sx * 0.09, deep * 0.4, lift + high * 0.9], [sx * 0.09, deep * 0.4, lift + high * 1.3], 0.006, 6
                ),
            )
            for sy in (-1, 1):
                kit.add(
                    metal,
                    build_cylinder(0.025, 0.02, 14, bevel=0.003),
                    [sx * wide * 0.4, sy * deep * 0.35 + 0.01, 0.025],
                    turn_about(0, np.pi / 2),
                )
        kit.add(metal, build_boxes([0, deep * 0.4, lift + high * 1.3], [0.21, 0.025, 0.02], 0.006))
        return
    for sx in (-1, 1):
        kit.add(
            kit.pick("leather", "metal"),
            build_boxes([sx * wide * 0.32, 0, lift + high / 2], [0.03, deep + 0.008, high + 0.008], 0.002),
        )
        for sz in (0, 1):
            for sy in (-1, 1):
                kit.add(
                    metal,
                    build_balls(
                        [sx * (wide / 2 - 0.01), sy * (deep / 2 - 0.01), lift + 0.01 + sz * (high - 0.02)], 0.022, 1
                    ),
                )
    grip = np.array(
        [
            [-0.06, 0, high + lift],
            [-0.055, 0, high + lift + 0.03],
            [0.055, 0, high + lift + 0.03],
            [0.06, 0, high + lift],
        ]
    )
    kit.add(metal, build_tubes(smooth_points(grip, 12), 0.009, 8))


@register("floor", "surface", "air", share=1.5)
def build_shoes(kit: Kit) -> None:
    """A pair of shoes or boots, one of them turned or fallen over."""
    rng = kit.rng
    upper, sole = kit.pick("leather", "fabric", "rubber"), kit.pick("rubber", "leather")
    lace = kit.pick("fabric")
    long, shaft = rng.uniform(0.2, 0.31), rng.choice([0.0, 0.0, rng.uniform(0.06, 0.25)])
    x = long * np.array([0, 0.04, 0.15, 0.35, 0.5, 0.7, 0.88, 0.97, 1.0])
    half = long * np.array([0.06, 0.11, 0.13, 0.125, 0.14, 0.17, 0.15, 0.09, 0.03])
    top = long * np.array([0.2, 0.28, 0.3, 0.3, 0.27, 0.2, 0.16, 0.12, 0.08])
    body = build_hull(x, np.full(9, 0.02), top + 0.02, half, np.full(9, 0.3), 3)
    plan = np.concatenate([np.column_stack([x, half * 1.06]), np.column_stack([x, -half * 1.06])[::-1]])
    tread = build_plate(plan, 0.026)
    for side in (-1, 1):
        turn = turn_about(2, -np.pi / 2 + rng.normal(0, 0.25))
        if rng.random() < 0.15:
            turn = turn @ turn_about(0, np.pi / 2)
        with kit.move([side * 0.09, rng.normal(0, 0.03), 0], turn):
            kit.add(upper, body)
            kit.add(sole, tread)
            kit.add(sole, build_boxes([long * 0.14, 0, 0.004], [long * 0.26, long * 0.22, 0.02], 0.002))
            wide = long * 0.115
            if shaft:
                kit.add(
                    upper,
                    build_lathe(
                        [[0, 0], [wide, 0], [wide * 1.08, shaft], [wide * 0.98, shaft], [wide * 0.9, 0.01], [0, 0.01]],
                        20,
                    ),
                    [long * 0.17, 0, long * 0.24],
                    scale=[1.2, 0.95, 1],
                )
            else:
                kit.add(
                    sole,
                    build_ring(wide, 0.008, 24, 6),
                    [long * 0.19, 0, long * 0.31],
                    turn_about(1, 0.12),
                    [1.45, 0.85, 1],
                )
            for k in range(5):
                at = long * (0.42 + 0.06 * k)
                z = float(np.interp(at, x, top)) + 0.022
                kit.add(
                    lace, build_rods([at, -long * 0.06, z - 0.004], [at + 0.008, long * 0.06, z - 0.004], 0.0025, 5)
                )


@register("surface", "air", share=1.0)
def build_hat(kit: Kit) -> None:
    """A hat with a brim, a cap with its peak, a helmet, a straw hat."""
    rng = kit.rng
    felt, band = kit.pick("fabric", "leather", "wicker", "plastic"), kit.pick("fabric", "leather")
    radius, high = rng.uniform(0.085, 0.1), rng.uniform(0.09, 0.15)
    style = rng.choice(["brim", "cap", "helmet"])
    if style == "brim":
        reach = radius + rng.uniform(0.03, 0.13)
        crown = smooth_points(
            np.array(
                [
                    [radius, 0.0],
                    [radius * 0.97, high * 0.6],
                    [radius * 0.8, high],
                    [radius * 0.4, high * 0.95],
                    [0.0, high * 0.9],
                ]
            ),
            14,
        )
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        t = np.linspace(0, 1, 5)[:, None]
        wave = rng.uniform(-0.03, 0.06) * np.cos(2 * angle) * t
        wide = reach + (radius * 0.97 - reach) * t
        brim = np.stack([wide * np.cos(angle), wide * np.sin(angle), 0.004 + wave[::-1] + 0.01 * t], axis=2)
        kit.add(felt, build_sheet(brim, 0.004, closed=True))
        kit.add(felt, build_lathe(np.concatenate([[[0, 0.002]], crown.clip(0, None) + np.array([0, 0.003])]), 36))
        kit.add(
            band,
            build_lathe(
                [[radius + 0.002, 0.012], [radius * 0.99 + 0.002, 0.04], [radius * 0.97, 0.04], [radius * 0.97, 0.012]],
                36,
                closed=True,
            ),
        )
        return
    t = np.linspace(0, np.pi / 2, 12)
    dome = np.column_stack([radius * 1.05 * np.cos(t), high * np.sin(t)])
    inner = dome[::-1] * 0.96
    kit.add(felt, build_lathe(np.concatenate([dome, inner, dome[:1]]), 36), scale=[1, 1.2, 1])
    a = np.linspace(-1.1, 1.1, 12)
    if style == "cap":
        out = np.linspace(0.95, 1.75, 5)[:, None]
        peak = np.stack(
            [
                radius * np.sin(a) * (1 + 0.1 * out),
                -radius * 1.2 * np.cos(a) * out ** np.cos(a),
                0.012 - 0.02 * (out - 1) - 0.02 * np.sin(a) ** 2,
            ],
            axis=2,
        )
        kit.add(felt, build_sheet(peak, 0.003))
        kit.add(band, build_balls([0, 0, high], 0.008, 1))
    else:
        for k in (-1, 0, 1):
            arc = np.column_stack(
                [
                    0 * t + k * radius * 0.4,
                    np.linspace(-1, 1, 12) * radius * 1.1,
                    high * 0.99 * np.sqrt(np.clip(1 - np.linspace(-1, 1, 12) ** 2 * 0.9, 0, 1)) * (1 - 0.1 * abs(k))
                    + 0.005,
                ]
            )
            kit.add(band, build_tubes(arc, 0.007, 6))
        kit.add(band, build_ring(radius * 1.05, 0.006, 36, 6), scale=[1, 1.2, 1])


@register("wall", share=0.8, elevation=(0.9, 1.3))
def build_coats(kit: Kit) -> None:
    """Coats on hooks: folded cloths that narrow to the shoulders, sleeves beside them."""
    rng = kit.rng
    rail = kit.pick("wood", "metal")
    count, pitch = int(rng.integers(1, 5)), rng.uniform(0.24, 0.36)
    high = rng.uniform(0.8, 1.1)
    kit.add(
        rail, build_plate(draw_rectangle(pitch * (count + 0.4), 0.09, 0.01), 0.02), [0, 0, high + 0.06], stand_upright()
    )
    for i in range(count):
        cloth, x = kit.pick("fabric", "leather"), (i - (count - 1) / 2) * pitch
        tall, wide = high * rng.uniform(0.7, 0.97), rng.uniform(0.16, 0.22)
        a = np.linspace(0, 2 * np.pi, 36, endpoint=False)
        v = np.linspace(0, 1, 12)[:, None]
        girth = np.interp(v, [0, 0.55, 0.8, 0.93, 1.0], [1.0, 0.85, 0.9, 0.6, 0.12])
        folds = 1 + (0.14 * (1 - v)) * np.cos(a * int(rng.integers(5, 10)) + rng.uniform(0, 6))
        grid = np.stack(
            [wide * girth * folds * np.cos(a), 0.5 * wide * girth * folds * np.sin(a), high - tall * (1 - v) + 0 * a],
            axis=2,
        )
        kit.add(cloth, build_sheet(grid, 0.006, closed=True), [x, -0.14, 0])
        for side in (-1, 1):
            arm = np.array(
                [
                    [side * wide * 0.55, 0, high - 0.12 * tall],
                    [side * wide * 0.95, -0.02, high - 0.3 * tall],
                    [side * wide * 1.0, -0.04, high - rng.uniform(0.6, 0.75) * tall],
                ]
            )
            kit.add(
                cloth,
                build_tubes(
                    smooth_points(arm, 10), [[0.05, 0.055, 0.055, 0.052, 0.05, 0.05, 0.048, 0.046, 0.045, 0.045]], 10
                ),
                [x, -0.14, 0],
            )
        kit.add(
            rail,
            build_tubes(
                np.array([[0, -0.02, 0.05], [0, -0.07, 0.03], [0, -0.1, 0.06]]) + np.array([x, 0, high - 0.02]),
                0.006,
                6,
            ),
        )
