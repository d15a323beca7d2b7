"""Vessels turned on a lathe: vases, bottles, cups, bowls, plates, teapots, candle sticks."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_lathe, build_ring, hollow_profile, round_rim
from stereo_exp.shapes.meshes.things.food import add_fruit
from stereo_exp.shapes.meshes.things.kit import Kit, stand_upright, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.tubes import build_tubes

VESSEL = ("ceramic", "ceramic", "paint", "metal", "plastic", "stone", "wood")


def draw_vase(rng: np.random.Generator, height: float, points: int = 24) -> np.ndarray:
    """The outer line of a vase: k×2, (radius, height) in metres, from the foot upwards."""
    knots = int(rng.integers(4, 8))
    z = np.linspace(0, 1, knots) + np.concatenate([[0], rng.uniform(-0.3, 0.3, knots - 2) / knots, [0]])
    radius = rng.uniform(0.12, 0.5, knots)
    radius[1:-1] = 0.5 * radius[1:-1] + 0.25 * (radius[:-2] + radius[2:])
    radius[0] = np.clip(radius[0], 0.6 * radius[1], 1.1 * radius[1])
    line = smooth_points(np.column_stack([radius, z]), points)
    line[:, 0] = np.maximum(line[:, 0], 0.06)
    line[:, 1] = np.maximum.accumulate(line[:, 1] + 1e-4 * np.arange(points))
    return np.asarray(line * height)


@register("surface", "air", share=3.0)
def build_vase(kit: Kit) -> None:
    """A vase of any outline, round, squared, fluted or spiralled, 8-45 cm."""
    rng = kit.rng
    height = rng.uniform(0.08, 0.45)
    slot = kit.pick(*VESSEL)
    line = draw_vase(rng, height)
    line[:, 0] *= rng.uniform(0.6, 1.1)
    segments = 32
    rim = None
    if rng.random() < 0.3:
        rim = round_rim(segments, rng.uniform(0.3, 1.0))
    elif rng.random() < 0.3:
        angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
        rim = 1 + rng.uniform(0.02, 0.08) * np.cos(angle * rng.choice([6, 9, 12]))
    kit.add(slot, build_lathe(hollow_profile(line, rng.uniform(0.003, 0.008)), segments, rim))
    if rng.random() < 0.2:
        slot = kit.pick("metal", "ceramic")
        k = int(rng.integers(5, 20))
        kit.add(slot, build_ring(float(line[k, 0]) * 1.01, 0.004, 36, 6), [0, 0, line[k, 1]])


@register("surface", "air", share=2.5)
def build_bottle(kit: Kit) -> None:
    """A bottle with a neck, a cap and a label; wine, water, sauce, cream."""
    rng = kit.rng
    body, height = kit.pick("ceramic", "plastic", "paint", "metal"), rng.uniform(0.1, 0.34)
    radius = height * rng.uniform(0.1, 0.24)
    neck = radius * rng.uniform(0.25, 0.6)
    shoulder, throat = rng.uniform(0.45, 0.75), rng.uniform(0.78, 0.9)
    waist = radius * rng.choice([1.0, 1.0, rng.uniform(0.8, 1.1)])
    low = [
        [0, 0],
        [radius * 0.9, 0],
        [radius, 0.02 * height],
        [waist, shoulder * 0.5 * height],
        [radius, shoulder * height],
    ]
    bend = smooth_points(
        np.array(
            [
                [radius, shoulder],
                [radius * 0.85 + neck * 0.15, shoulder * 0.65 + throat * 0.35],
                [neck * 1.1, throat],
                [neck, 0.97],
            ]
        ),
        10,
    )
    bend[:, 1] *= height
    squared = rng.random() < 0.2
    rim = round_rim(32, rng.uniform(0.4, 1)) if squared else None
    kit.add(
        body, build_lathe([*low, *bend[1:], [neck * 1.12, 0.97 * height], [neck * 1.12, height], [0, height]], 32, rim)
    )
    if rng.random() < 0.7:
        cap, tall = kit.pick("plastic", "metal", "wood"), rng.uniform(0.04, 0.12) * height
        angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        ribs = 1 + 0.03 * np.cos(angle * 16)
        kit.add(
            cap,
            build_lathe([[0, 0], [neck * 1.2, 0], [neck * 1.2, tall], [neck, tall * 1.1], [0, tall * 1.1]], 32, ribs),
            [0, 0, height * 0.96],
        )
    if rng.random() < 0.75:
        label, (a, b) = kit.pick("print", "print", "paper"), np.sort(rng.uniform(0.06, 0.9, 2)) * shoulder * height
        b = max(b, a + 0.15 * height)
        z = np.linspace(a, min(b, shoulder * height), 4)
        around = (
            np.interp(z, [0.02 * height, shoulder * 0.5 * height, shoulder * height], [radius, waist, radius]) + 0.0006
        )
        line = np.column_stack([around, z])
        inner = line[::-1] - [0.0012, 0]
        kit.add(label, build_lathe(np.concatenate([line, inner]), 32, rim, closed=True))


def _add_handle(kit: Kit, slot: int, radius: float, low: float, high: float, reach: float, thick: float) -> None:
    """An ear at +x, from one height to another."""
    middle, out = (low + high) / 2, radius + reach * kit.rng.uniform(0.5, 1.2)
    side = [
        [radius - thick, high],
        [out, high + 0.02 * reach],
        [radius + reach, middle],
        [out, low],
        [radius - thick, low],
    ]
    knots = np.insert(np.array(side), 1, 0.0, axis=1)
    kit.add(slot, build_tubes(smooth_points(knots, 14), thick, 8, flat=kit.rng.uniform(0.5, 1), up=(0, 1, 0)))


@register("surface", "air", share=2.5)
def build_cup(kit: Kit) -> None:
    """A cup or a mug with an ear, some with a saucer, some without the ear."""
    rng = kit.rng
    slot, height = kit.pick("ceramic", "ceramic", "metal", "plastic"), rng.uniform(0.055, 0.12)
    foot, mouth = rng.uniform(0.022, 0.04), rng.uniform(0.033, 0.05)
    knots = np.array(
        [
            [foot, 0],
            [foot + 0.3 * (mouth - foot) + rng.uniform(0, 0.008), 0.25],
            [mouth * rng.uniform(0.9, 1.05), 0.7],
            [mouth, 1],
        ]
    )
    knots[:, 1] *= height
    line = smooth_points(knots, 14)
    lift = 0.0
    if rng.random() < 0.35:
        wide, lift = mouth * rng.uniform(1.5, 1.9), 0.008
        kit.add(
            slot,
            build_lathe(hollow_profile(np.array([[wide * 0.5, 0], [wide * 0.7, 0.004], [wide, 0.018]]), 0.004), 36),
        )
    kit.add(slot, build_lathe(hollow_profile(line, 0.0035), 32), [0, 0, lift])
    if rng.random() < 0.85:
        low, high = height * rng.uniform(0.15, 0.3), height * rng.uniform(0.7, 0.9)
        at = float(np.interp((low + high) / 2, line[:, 1], line[:, 0]))
        _add_handle(kit, slot, at, low + lift, high + lift, rng.uniform(0.018, 0.035), rng.uniform(0.0035, 0.006))
    if rng.random() < 0.5:
        drink = kit.pick("soil", "paint")
        inside = float(np.interp(height * 0.75, line[:, 1], line[:, 0])) - 0.0038
        kit.add(
            drink,
            build_lathe([[0, -0.002], [inside, -0.002], [inside, 0], [0, 0.0003]], 24),
            [0, 0, height * 0.75 + lift],
        )


@register("surface", "air", share=1.5)
def build_bowl(kit: Kit) -> None:
    """A bowl, deep or shallow, 8-35 cm across, some with fruit in it."""
    rng = kit.rng
    slot, wide = kit.pick("ceramic", "wood", "metal", "plastic"), rng.uniform(0.04, 0.17)
    height = wide * rng.uniform(0.4, 1.1)
    turn = np.linspace(0.25, np.pi / 2, 12)
    line = np.column_stack([wide * np.sin(turn) ** rng.uniform(0.7, 1.3), height * (1 - np.cos(turn))])
    line[:, 1] -= line[0, 1]
    foot = np.array([[line[0, 0] * 0.9, -0.006], [line[0, 0], -0.003]])
    rim = None
    if rng.random() < 0.2:
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        rim = 1 + rng.uniform(0.01, 0.05) * np.cos(angle * rng.choice([5, 8, 10]))
    kit.add(slot, build_lathe(hollow_profile(np.concatenate([foot, line]), rng.uniform(0.003, 0.008)), 40, rim))
    if rng.random() < 0.4:
        for _ in range(int(rng.integers(2, 6))):
            size, where = wide * rng.uniform(0.25, 0.4), rng.uniform(0, 2 * np.pi)
            out = rng.uniform(0, 0.5) * wide
            add_fruit(kit, size, [out * np.cos(where), out * np.sin(where), height * rng.uniform(0.25, 0.7)])


@register("surface", "air", share=1.2)
def build_plate(kit: Kit) -> None:
    """A plate or a pile of them, 12-32 cm."""
    rng = kit.rng
    slot, wide = kit.pick("ceramic", "ceramic", "wood", "metal"), rng.uniform(0.06, 0.16)
    rise = rng.uniform(0.008, 0.03)
    well = wide * rng.uniform(0.55, 0.75)
    line = np.array([[well * 0.8, 0], [well, 0.003], [well * 1.08, rise * 0.6], [wide, rise]])
    rim = round_rim(40, rng.uniform(0.5, 1)) if rng.random() < 0.2 else None
    plate = build_lathe(hollow_profile(line, 0.004), 40, rim)
    for i in range(int(rng.choice([1, 1, 1, int(rng.integers(2, 9))]))):
        shift = rng.normal(0, 0.0015, 2)
        kit.add(slot, plate, [*shift, 0.007 * i])


@register("surface", "air", share=1.0)
def build_candle_stick(kit: Kit) -> None:
    """A turned stick with a candle, or three arms with three."""
    rng = kit.rng
    slot, wax = kit.pick("metal", "metal", "wood", "ceramic"), kit.pick("plastic")
    height, foot = rng.uniform(0.08, 0.3), rng.uniform(0.035, 0.06)
    z = np.linspace(0.1, 1, 9) * height
    radius = rng.uniform(0.005, 0.02, 9)
    line = smooth_points(np.column_stack([radius, z]), 28)
    base = np.array([[0, 0], [foot, 0], [foot, 0.006], [foot * 0.6, 0.012], [foot * 0.3, 0.016]])
    kit.add(
        slot,
        build_lathe(np.concatenate([base, line, [[0.016, height], [0.016, height + 0.012], [0, height + 0.012]]]), 20),
    )
    tops = [(0.0, height + 0.012)]
    if rng.random() < 0.35:
        reach, low = rng.uniform(0.05, 0.1), height * 0.7
        arm = smooth_points(
            np.array([[0, 0, low], [reach * 0.6, 0, low - 0.02], [reach, 0, low], [reach, 0, height]]), 12
        )
        kit.add(slot, build_tubes(np.stack([arm, arm * [-1, 1, 1]]), 0.004, 6))
        holder = build_lathe([[0, 0], [0.016, 0.002], [0.016, 0.012], [0, 0.012]], 16)
        for x in (-reach, reach):
            kit.add(slot, holder, [x, 0, height])
            tops.append((x, height + 0.012))
    thick, long = rng.uniform(0.007, 0.012), rng.uniform(0.04, 0.2)
    for x, top in tops:
        tall = long * rng.uniform(0.6, 1)
        kit.add(
            wax,
            build_lathe([[0, 0], [thick, 0], [thick * 0.9, tall], [thick * 0.5, tall + 0.003], [0, tall]], 14),
            [x, 0, top],
        )
        kit.add(wax, build_tubes([[0, 0, 0], [0.001, 0, 0.006], [0.003, 0, 0.01]], 0.0008, 5), [x, 0, top + tall])


@register("surface", "air", share=1.0)
def build_teapot(kit: Kit) -> None:
    """A pot with spout, ear, lid and knob; or a jug or a watering can by its proportions."""
    rng = kit.rng
    slot, radius = kit.pick("ceramic", "ceramic", "metal"), rng.uniform(0.06, 0.1)
    height = radius * rng.uniform(1.1, 2.2)
    knots = np.array(
        [
            [radius * 0.6, 0],
            [radius, height * rng.uniform(0.3, 0.5)],
            [radius * rng.uniform(0.6, 0.9), height * 0.85],
            [radius * 0.42, height],
        ]
    )
    line = smooth_points(knots, 18)
    kit.add(slot, build_lathe(np.concatenate([[[0, 0]], line, [[0, height]]]), 32))
    lid = radius * 0.42
    kit.add(
        slot,
        build_lathe(
            [
                [0, 0],
                [lid, 0],
                [lid * 0.95, 0.005],
                [lid * 0.5, 0.016],
                [0.006, 0.02],
                [0.006, 0.026],
                [0.013, 0.034],
                [0.009, 0.043],
                [0, 0.046],
            ],
            24,
        ),
        [0, 0, height],
    )
    start, reach = -radius * 0.85, rng.uniform(0.5, 0.9) * radius
    spout = smooth_points(
        np.array(
            [
                [start, 0, height * 0.35],
                [start - reach * 0.5, 0, height * 0.45],
                [start - reach * 0.8, 0, height * 0.8],
                [start - reach * 1.1, 0, height * 1.02],
            ]
        ),
        12,
    )
    kit.add(slot, build_tubes(spout, np.linspace(0.28 * radius, 0.1 * radius, 12), 12))
    if rng.random() < 0.7:
        _add_handle(kit, slot, radius * 0.85, height * 0.3, height * 0.8, radius * rng.uniform(0.5, 0.8), 0.008)
    else:
        turn = np.linspace(0, np.pi, 16)
        arch = np.column_stack([radius * 0.8 * np.cos(turn), np.zeros(16), height * 0.75 + radius * 1.3 * np.sin(turn)])
        kit.add(kit.pick("metal", "wicker"), build_tubes(arch, 0.005, 8))


@register("surface", "air", share=0.8)
def build_glass(kit: Kit) -> None:
    """A goblet or a tumbler, opaque: painted, of metal or ceramic."""
    rng = kit.rng
    slot, height = kit.pick("metal", "ceramic", "paint", "plastic"), rng.uniform(0.08, 0.22)
    mouth = rng.uniform(0.03, 0.045)
    if rng.random() < 0.4:
        line = np.array([[mouth * rng.uniform(0.6, 1), 0], [mouth, height * 0.7]])
        kit.add(slot, build_lathe(hollow_profile(smooth_points(line, 6), 0.002), 28))
        return
    stem = height * rng.uniform(0.35, 0.55)
    foot = [[0, 0], [mouth * 0.9, 0], [mouth * 0.9, 0.002], [0.006, 0.008], [0.0035, 0.02], [0.0035, stem]]
    turn = np.linspace(0.1, np.pi * rng.uniform(0.55, 0.72), 12)
    bowl = np.column_stack(
        [mouth * 1.1 * np.sin(turn), stem + (height - stem) * (1 - np.cos(turn)) / (1 - np.cos(turn[-1]))]
    )
    inner = bowl[::-1] - [0.0018, -0.0015]
    inner[:, 0] = np.maximum(inner[:, 0], 0.0005)
    kit.add(slot, build_lathe(np.concatenate([foot, bowl, inner, [[0, inner[-1, 1]]]]), 28))


@register("surface", "air", share=1.2)
def build_can(kit: Kit) -> None:
    """A tin, a jar or a roll: a printed cylinder with seams, standing or lying."""
    rng = kit.rng
    metal, label = kit.pick("metal", "plastic", "paper"), kit.pick("print", "print", "paper", "paint")
    radius, height = rng.uniform(0.025, 0.08), rng.uniform(0.04, 0.24)
    lip = 0.0025
    ends = [[0, 0.002], [radius - 2 * lip, 0.002], [radius - lip, 0], [radius, lip], [radius - lip, 2 * lip]]
    top = [[r, height - z] for r, z in ends[::-1]]
    lying = turn_about(2, rng.uniform(-1, 1)) @ stand_upright() if rng.random() < 0.2 else None
    kit.add(metal, build_lathe([*ends, *top], 32), turn=lying)
    band = np.array([[radius - lip * 0.6, 2.4 * lip], [radius - lip * 0.6, height - 2.4 * lip]])
    kit.add(label, build_lathe(np.concatenate([band, band[::-1] - [lip, 0]]), 32, closed=True), turn=lying)
