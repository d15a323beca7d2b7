"""Tools and cutlery cut along an outline or turned: scissors, wrenches, hammers, keys, spoons, saws."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe, build_ring
from stereo_exp.shapes.meshes.outlines import build_plate, draw_ellipse, draw_rectangle
from stereo_exp.shapes.meshes.sheets import build_sheet
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes


@register("surface", "air", share=1.5)
def build_scissors(kit: Kit) -> None:
    """Two blades with rings, opened by some angle."""
    rng = kit.rng
    blade, grip = kit.pick("metal"), kit.pick("plastic", "metal", "rubber")
    long, open_by = rng.uniform(0.06, 0.15), rng.uniform(0.02, 0.6)
    wide = long * 0.1
    for side in (-1, 1):
        turn = turn_about(2, side * open_by / 2)
        outline = np.array([[-0.012, -wide * 0.5], [long, 0], [long * 0.4, wide * 0.75], [-0.012, wide * 0.6]]) * [
            1,
            side,
        ]
        kit.add(blade, build_plate(outline, 0.0018), [0, 0, 0.006 + side * 0.001], turn)
        size = long * rng.uniform(0.28, 0.34)
        spot = turn @ [-long * 0.55 - size * 0.4, -side * size * 0.55, 0.0065]
        kit.add(grip, build_ring(size * 0.45, size * 0.1, 24, 8), spot, turn, scale=[1.25, 0.85, 1])
        arm = np.array([[0, 0, 0.006], [-long * 0.25, -side * 0.01, 0.006], [-long * 0.5, -side * size * 0.3, 0.0065]])
        kit.add(grip, build_tubes(arm @ turn.T, 0.0045, 8))
    kit.add(blade, build_cylinder(0.004, 0.006, 12), [0, 0, 0.004])


@register("surface", "air", share=1.5)
def build_wrench(kit: Kit) -> None:
    """A spanner with a jaw and a ring, or a row of them by size."""
    rng = kit.rng
    slot, long = kit.pick("metal"), rng.uniform(0.08, 0.28)
    count = int(rng.choice([1, 1, 2, 4, 5]))
    for i in range(count):
        size = long * 0.8**i
        head, thin = size * 0.13, size * 0.045
        a = np.radians(np.linspace(38, 322, 16))
        jaw = head * np.column_stack([np.cos(a), np.sin(a)])
        slit = np.array(
            [
                [head * 0.75, -head * 0.45],
                [-head * 0.2, -head * 0.45],
                [-head * 0.35, 0],
                [-head * 0.2, head * 0.45],
                [head * 0.75, head * 0.45],
            ]
        )
        at, turn = [0, -i * head * 2.6, 0], turn_about(2, rng.normal(0, 0.05))
        with kit.move(at, turn):
            kit.add(slot, build_plate(np.concatenate([jaw, slit]), thin), [size / 2, 0, 0], turn_about(2, 0.25))
            ring = draw_ellipse(head * 2, head * 2, 24)
            hexagon = draw_ellipse(head * 1.1, head * 1.1, 6)
            kit.add(slot, build_plate(ring, thin, [hexagon]), [-size / 2, 0, 0])
            kit.add(slot, build_boxes([0, 0, thin / 2], [size * 0.82, head * 0.7, thin * 0.7], thin * 0.15))


@register("surface", "air", share=1.2)
def build_hammer(kit: Kit) -> None:
    """A hammer, a mallet or an axe, lying or leaning."""
    rng = kit.rng
    wood, iron = kit.pick("wood", "rubber", "plastic"), kit.pick("metal", "wood", "rubber")
    long, head = rng.uniform(0.2, 0.45), rng.uniform(0.07, 0.13)
    grip = smooth_points(np.array([[0, 0, 0], [long * 0.15, 0, 0], [long * 0.5, 0, 0], [long, 0, 0]]), 9)
    kit.add(
        wood, build_tubes(grip, long * 0.045 * np.array([0.8, 1, 0.95, 0.8, 0.7, 0.65, 0.65, 0.65, 0.6]), 12, flat=0.7)
    )
    style = rng.choice(["hammer", "mallet", "axe"])
    if style == "mallet":
        kit.add(
            iron,
            build_cylinder(head * 0.35, head * 1.2, 20, bevel=0.003),
            [long * 0.96, -head * 0.6, 0],
            turn_about(0, -np.pi / 2),
        )
    elif style == "hammer":
        kit.add(iron, build_boxes([long * 0.97, 0, 0], [head * 0.26, head * 0.7, head * 0.26], 0.003))
        kit.add(
            iron,
            build_cylinder(head * 0.16, head * 0.3, 16, bevel=0.002),
            [long * 0.97, head * 0.3, 0],
            turn_about(0, -np.pi / 2),
        )
        claw = np.array([[0, 0], [head * 0.24, 0], [head * 0.16, head * 0.6], [head * 0.08, head * 0.6]])
        kit.add(
            iron,
            build_plate(claw, head * 0.2),
            [long * 0.97 - head * 0.12, -head * 0.3, -head * 0.1],
            turn_about(0, np.pi),
        )
    else:
        blade = smooth_points(
            np.array(
                [
                    [0, 0.0],
                    [head * 0.1, head * 0.6],
                    [head * 0.5, head * 1.1],
                    [-head * 0.2, head * 1.2],
                    [-head * 0.7, head * 1.0],
                    [-head * 0.3, head * 0.5],
                ]
            ),
            24,
            closed=True,
        )
        kit.add(iron, build_plate(blade, head * 0.1), [long * 0.94, -head * 0.1, -head * 0.05])
        kit.add(iron, build_boxes([long * 0.94, 0, 0], [head * 0.35, head * 0.5, head * 0.3], 0.003))


@register("surface", "air", share=1.2)
def build_screwdriver(kit: Kit) -> None:
    """One to six screwdrivers, brushes or chisels side by side or crossed."""
    rng = kit.rng
    for i in range(int(rng.choice([1, 1, 2, 3, 6]))):
        grip, steel = kit.pick("plastic", "wood", "rubber"), kit.pick("metal")
        long, thick = rng.uniform(0.08, 0.14), rng.uniform(0.009, 0.016)
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        line = smooth_points(
            np.array(
                [
                    [thick * 0.7, 0],
                    [thick, long * 0.3],
                    [thick * 0.8, long * 0.7],
                    [thick, long * 0.85],
                    [thick * 0.5, long],
                ]
            ),
            12,
        )
        turn = turn_about(2, rng.normal(0, 0.25)) @ turn_about(1, np.pi / 2)
        at = np.array([0, i * 0.035, thick])
        kit.add(
            grip, build_lathe(np.concatenate([[[0, 0]], line, [[0, long]]]), 24, 1 + 0.06 * np.cos(6 * angle)), at, turn
        )
        reach = rng.uniform(0.06, 0.16)
        if rng.random() < 0.7:
            kit.add(steel, build_rods([0, 0, long], [0, 0, long + reach], thick * 0.28, 8), at, turn)
            kit.add(steel, build_boxes([0, 0, long + reach], [thick * 0.8, thick * 0.2, 0.012], taper=0.8), at, turn)
        else:
            kit.add(steel, build_boxes([0, 0, long + 0.015], [0.003 + thick, thick * 0.9, 0.04], 0.002), at, turn)
            hairs = np.linspace(-0.8, 0.8, 14) * thick
            low = np.column_stack([hairs, rng.normal(0, 0.2, 14) * thick, 0 * hairs + long + 0.03])
            kit.add(
                kit.pick("fabric"), build_rods(low, low * [1.3, 1.3, 1] + np.array([0, 0, 0.035]), 0.0012, 3), at, turn
            )


@register("surface", "air", share=2.0)
def build_cutlery(kit: Kit) -> None:
    """Spoons, forks, knives, ladles: one, a set side by side, or crossed."""
    rng = kit.rng
    slot, long = kit.pick("metal", "metal", "wood", "plastic"), rng.uniform(0.14, 0.3)
    kinds = rng.choice(["spoon", "fork", "knife"], int(rng.integers(1, 5)))
    for i, kind in enumerate(kinds):
        with kit.move([0, i * long * 0.2, 0.004], turn_about(2, rng.normal(0, 0.08 if len(kinds) > 1 else 1.5))):
            _add_cutlery(kit, slot, str(kind), long * rng.uniform(0.9, 1.05))


def _add_cutlery(kit: Kit, slot: int, kind: str, long: float) -> None:
    rng = kit.rng
    handle = smooth_points(
        np.array([[0, 0, 0.004], [long * 0.3, 0, 0.006], [long * 0.62, 0, 0.012], [long * 0.72, 0, 0.008]]), 10
    )
    wide = long * 0.045 * np.array([1, 1.05, 1, 0.9, 0.75, 0.6, 0.5, 0.45, 0.45, 0.6])
    kit.add(slot, build_tubes(handle, wide, 8, flat=0.3, up=(0, 1, 0)))
    if kind == "spoon":
        t = np.linspace(0.12, np.pi - 0.12, 8)
        x = long * (0.84 - 0.15 * np.cos(t))
        half = long * 0.1 * np.sin(t) ** 0.7
        v = np.linspace(-1, 1, 7)
        depth = long * 0.05 * np.sin(t)[:, None] * (1 - v**2)
        grid = np.stack(
            [np.broadcast_to(x[:, None], depth.shape), -half[:, None] * v, 0.008 + long * 0.03 - depth], axis=2
        )
        kit.add(slot, build_sheet(grid, 0.0015))
    elif kind == "knife":
        blade = np.array(
            [
                [long * 0.7, -long * 0.03],
                [long * 0.98, -long * 0.03],
                [long * 1.02, long * 0.01],
                [long * 0.95, long * 0.04],
                [long * 0.7, long * 0.035],
            ]
        )
        kit.add(slot, build_plate(smooth_points(blade, 20, closed=True), 0.0014), [0, 0, 0.008])
    else:
        prongs = int(rng.choice([3, 4]))
        y = np.linspace(-0.09, 0.09, prongs) * long * 0.6
        kit.add(slot, build_boxes([long * 0.76, 0, 0.007], [long * 0.1, long * 0.125, 0.0022], 0.0008))
        start = np.column_stack([0 * y + long * 0.8, y, 0 * y + 0.007])
        middle, end = start + np.array([long * 0.1, 0, -0.002]), start + np.array([long * 0.2, 0, 0.006])
        kit.add(slot, build_tubes(np.stack([start, middle, end], axis=1), [[0.0018, 0.0016, 0.0008]], 5))


@register("surface", "air", share=0.8)
def build_keys(kit: Kit) -> None:
    """One large key, or a bunch on a ring."""
    rng = kit.rng
    count, long = int(rng.choice([1, 2, 4, 6])), rng.uniform(0.04, 0.12)
    for i in range(count):
        slot, size = kit.pick("metal"), long * rng.uniform(0.8, 1.1)
        turn = turn_about(2, (i - count / 2) * 0.45 + rng.normal(0, 0.1))
        head = size * rng.uniform(0.2, 0.28)
        with kit.move([0, 0, 0.0025 * i], turn):
            bow = (
                draw_ellipse(head * 1.6, head * 1.8, 20)
                if rng.random() < 0.6
                else draw_rectangle(head * 1.6, head * 1.6, head * 0.4)
            )
            kit.add(slot, build_plate(bow, 0.0024, [draw_ellipse(head * 0.6, head * 0.6, 12)]), [head * 0.5, 0, 0])
            teeth = np.array([[0, 0], [size, 0], [size, 0.006]])
            steps = np.repeat(np.linspace(size, size * 0.45, 6), 2)[1:-1]
            depth = np.repeat(rng.uniform(0.004, 0.011, 5), 2)
            profile = np.concatenate([teeth, np.column_stack([steps, depth]), [[size * 0.45, 0.006], [0, 0.006]]])
            kit.add(slot, build_plate(profile, 0.002), [head * 0.9, -0.003, 0])
    if count > 1:
        kit.add(
            kit.pick("metal"),
            build_ring(long * 0.22, 0.0011, 28, 5),
            [-long * 0.1, 0, 0.0025 * count / 2],
            turn_about(0, 0.2),
        )


@register("surface", "floor", "air", share=0.8)
def build_saw(kit: Kit) -> None:
    """A saw with teeth and a cut-out grip, lying, or a comb or a rake by its teeth."""
    rng = kit.rng
    steel, wood = kit.pick("metal"), kit.pick("wood", "plastic")
    long, high, count = rng.uniform(0.15, 0.5), rng.uniform(0.04, 0.11), int(rng.integers(14, 36))
    x = np.linspace(0, long, 2 * count + 1)
    teeth = np.column_stack([x, np.where(np.arange(2 * count + 1) % 2 == 0, 0.0, -0.25 * long / count - 0.003)])
    blade = np.concatenate([teeth, [[long, high * rng.uniform(0.3, 0.9)], [0, high]]])
    turn = turn_about(2, rng.uniform(-0.5, 0.5))
    kit.add(steel, build_plate(blade, 0.0014), [0, 0, 0.008], turn)
    size = high * 1.2
    grip = draw_rectangle(size, size * 1.15, size * 0.3)
    kit.add(
        wood,
        build_plate(grip, 0.018, [draw_rectangle(size * 0.45, size * 0.7, size * 0.2)]),
        turn @ [-size * 0.4, high * 0.45, 0],
        turn,
    )


@register("surface", "air", share=0.8)
def build_pliers(kit: Kit) -> None:
    """Tongs of two curved arms, or a clamp with its screw."""
    rng = kit.rng
    steel, grip = kit.pick("metal"), kit.pick("rubber", "plastic")
    long, open_by = rng.uniform(0.07, 0.12), rng.uniform(0.1, 0.5)
    for side in (-1, 1):
        turn = turn_about(2, side * open_by / 2)
        arm = np.array(
            [
                [0.01, side * 0.004, 0],
                [-0.02, -side * 0.008, 0],
                [-long * 0.5, -side * 0.022, 0],
                [-long, -side * 0.02, 0],
            ]
        )
        kit.add(grip, build_tubes(smooth_points(arm, 12) @ turn.T, 0.006, 8, flat=0.8), [0, 0, 0.008])
        jaw = np.array(
            [[0, -0.008], [0.02, -0.001], [long * 0.45, -0.001], [long * 0.45, 0.004], [0.02, 0.012], [0, 0.011]]
        ) * [1, side]
        kit.add(steel, build_plate(jaw, 0.009), [0, 0, 0.0035], turn)
    kit.add(steel, build_cylinder(0.009, 0.013, 16, bevel=0.002), [0, 0, 0.0015])
    if rng.random() < 0.3:
        kit.add(steel, build_balls([[-long * 1.1, 0, 0.01]], 0.008, 1))
