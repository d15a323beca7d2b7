"""Sticks and pipes that cross: heaps, bundles, scaffolds, frames of solids, antlers, nets, strings of lights."""

from __future__ import annotations

from itertools import product

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.lathe import build_cylinder, build_lathe, build_ring
from stereo_exp.shapes.meshes.outlines import build_plate
from stereo_exp.shapes.meshes.solids import build_balls, build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, turn_about
from stereo_exp.shapes.meshes.things.maker import register
from stereo_exp.shapes.meshes.things.trees import grow_branches
from stereo_exp.shapes.meshes.tubes import build_rods, build_tubes, draw_circle


@register("floor", "surface", "ground", "air", share=1.5)
def build_sticks(kit: Kit) -> None:
    """A heap or a tied bundle of sticks, straws, pencils; crossed anyhow."""
    rng = kit.rng
    slots = [kit.pick("wood", "bark", "plastic", "metal", "paint") for _ in range(3)]
    count, long = int(rng.integers(6, 40)), rng.uniform(0.1, 0.4)
    thick = long * rng.uniform(0.006, 0.025)
    bundle = rng.random() < 0.4
    spread = thick * np.sqrt(count) * (1.1 if bundle else 2.2)
    t = np.linspace(-0.5, 0.5, 5)
    for i in range(count):
        tilt = rng.normal(0, 0.06) if bundle else rng.uniform(0, np.pi)
        way = np.array([np.cos(tilt), np.sin(tilt), rng.normal(0, 0.02 if bundle else 0.1)])
        a, out = rng.uniform(0, 2 * np.pi), spread * np.sqrt(rng.random())
        middle = (
            np.array([rng.normal(0, 0.02), out * np.cos(a), spread + out * np.sin(a)])
            if bundle
            else np.array([*(spread * rng.normal(0, 1, 2).clip(-1.6, 1.6)), thick * (1 + 0.9 * i / 2)])
        )
        path = middle + way * (t * long * rng.uniform(0.7, 1.1))[:, None] + rng.normal(0, 0.004, (5, 3)) * long
        kit.add(slots[i % 3], build_tubes(path, thick * rng.uniform(0.6, 1.1), 6))
    if bundle:
        ring = build_ring(spread * 1.12, thick * 0.7, 28, 5)
        for x in (-0.25, 0.25):
            kit.add(kit.pick("fabric", "rubber"), ring, [x * long, 0, spread], turn_about(1, np.pi / 2))


@register("floor", "surface", "air", share=1.2)
def build_pipes(kit: Kit) -> None:
    """Pipes with elbows that run along the axes, with flanges, valves and gauges."""
    rng = kit.rng
    slots = [kit.pick("metal", "plastic", "paint") for _ in range(3)]
    size = rng.uniform(0.03, 0.09)
    radius = size * rng.uniform(0.12, 0.25)
    wheel = build_ring(radius * 1.8, radius * 0.22, 20, 6)
    for i in range(int(rng.integers(2, 6))):
        at, knots, axis = rng.integers(-1, 2, 3).astype(float), [], -1
        knots.append(at.copy())
        for _ in range(int(rng.integers(3, 7))):
            axis = int(rng.choice([k for k in range(3) if k != axis]))
            at[axis] += rng.choice([-1, 1]) * rng.integers(1, 3)
            knots.append(at.copy())
        path = np.array(knots) * size
        corners = []
        for k in range(len(path)):
            if k in (0, len(path) - 1):
                corners.append(path[k])
                continue
            into, out = path[k - 1] - path[k], path[k + 1] - path[k]
            bend = min(0.4 * size, 0.45 * float(min(np.linalg.norm(into), np.linalg.norm(out))))
            a, b = path[k] + bend * into / np.linalg.norm(into), path[k] + bend * out / np.linalg.norm(out)
            s = np.linspace(0, 1, 6)[:, None]
            corners += list((1 - s) ** 2 * a + 2 * s * (1 - s) * path[k] + s**2 * b)
        slot = slots[i % 3]
        kit.add(slot, build_tubes(np.array(corners), radius, 12))
        for end, near in ((path[0], path[1]), (path[-1], path[-2])):
            way = (near - end) / np.linalg.norm(near - end)
            kit.add(slot, build_rods(end, end + way * radius * 0.5, radius * 1.45, 16))
        if rng.random() < 0.5:
            middle = (path[0] + path[1]) / 2
            kit.add(slots[(i + 1) % 3], build_balls(middle, radius * 1.4, 2))
            kit.add(slots[(i + 1) % 3], build_rods(middle, middle + np.array([0, 0, radius * 2.6]), radius * 0.3, 8))
            kit.add(slots[(i + 2) % 3], wheel, middle + np.array([0, 0, radius * 2.6]))


@register("surface", "floor", "air", share=1.2)
def build_wire_frame(kit: Kit) -> None:
    """The edges of a solid in wire, with balls at its corners: cube, pyramid, octahedron, dome, nested cubes."""
    rng = kit.rng
    wire, ball = kit.pick("metal", "wood", "plastic"), kit.pick("metal", "plastic", "wood")
    size, thick = rng.uniform(0.05, 0.2), rng.uniform(0.001, 0.006)
    style = rng.choice(["cube", "nested", "octahedron", "dome", "pyramid"])
    cube = np.array(list(product((-1.0, 1.0), repeat=3)))
    if style in ("cube", "nested"):
        points = cube if style == "cube" else np.concatenate([cube, cube * 0.5])
    elif style == "octahedron":
        points = np.concatenate([np.eye(3), -np.eye(3)]) * 1.4
    elif style == "pyramid":
        a = np.linspace(0, 2 * np.pi, int(rng.integers(4, 8)))[:-1]
        points = np.concatenate([np.column_stack([np.cos(a), np.sin(a), 0 * a]), [[0, 0, rng.uniform(1, 2)]]])
    else:
        mesh = build_balls([0, 0, 0], 1.0, 1)
        points = mesh.vertices.astype(float)[mesh.vertices[:, 2] > -0.05]
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    apart[np.arange(len(points)), np.arange(len(points))] = np.inf
    limit = {"cube": 2.01, "nested": 2.01, "octahedron": 2.0, "dome": 0.66, "pyramid": 3.0}[str(style)]
    i, j = np.nonzero(np.triu(apart < limit))
    if style == "nested":
        outer, inner = (i < 8) & (j < 8), (i >= 8) & (j >= 8)
        spoke = (i < 8) & (j == i + 8)
        kept = (outer & (apart[i, j] > 1.9)) | (inner & (apart[i, j] < 1.01)) | spoke
        i, j = i[kept], j[kept]
    turn = turn_about(rng.normal(size=3) + 1e-3, rng.uniform(0, 1.5))
    kit.add(wire, build_rods(points[i] * size, points[j] * size, thick, 6), turn=turn)
    if rng.random() < 0.7:
        kit.add(ball, build_balls(points * size, thick * rng.uniform(1.5, 4), 1), turn=turn)


@register("surface", "wall", "floor", "air", share=0.8, elevation=(1.0, 1.8))
def build_driftwood(kit: Kit) -> None:
    """A branched piece of wood, a coral or antlers on a board."""
    rng = kit.rng
    wood, size = kit.pick("wood", "bark", "stone", "ceramic"), rng.uniform(0.12, 0.45)
    if rng.random() < 0.4:
        t = np.linspace(0, 1, 10)
        for side in (-1, 1):
            beam = np.column_stack([side * (0.1 + 0.7 * np.sin(t * 1.7)), -0.15 - 0.2 * t, 0.1 + 1.1 * t]) * size
            kit.add(wood, build_tubes(beam, size * 0.05 * np.linspace(1, 0.35, 10), 8))
            for k in (2, 4, 6, 8):
                tine = np.array(
                    [
                        beam[k],
                        beam[k] + np.array([side * 0.02, -0.16, 0.1]) * size,
                        beam[k] + np.array([side * -0.02, -0.2, 0.32]) * size * rng.uniform(0.7, 1.1),
                    ]
                )
                kit.add(wood, build_tubes(smooth_points(tine, 6), size * 0.03 * np.linspace(1, 0.15, 6), 7))
        kit.add(kit.pick("wood"), build_balls([0, -0.06 * size, 0], [0.22 * size, 0.07 * size, 0.32 * size], 2))
        kit.add(wood, build_balls([0, -0.14 * size, 0.08 * size], [0.12 * size, 0.1 * size, 0.14 * size], 2))
        return
    trunk = smooth_points(np.column_stack([rng.normal(0, 0.08, (4, 2)), np.linspace(0, 1, 4)]) * size, 10)
    kit.add(wood, build_tubes(trunk, size * 0.06 * np.linspace(1, 0.4, 10), 9))
    made = grow_branches(rng, trunk, 2, int(rng.integers(3, 6)), size * 0.7, rng.uniform(0, 0.7))
    for level, paths in enumerate(made):
        kit.add(wood, build_tubes(paths, size * 0.035 * 0.6**level * np.array([1, 0.85, 0.7, 0.6, 0.5, 0.3]), 6))


@register("wall", share=0.8, elevation=(1.4, 2.0))
def build_light_string(kit: Kit) -> None:
    """A cable in bows with small lights, balls or pennants."""
    rng = kit.rng
    cable, count = kit.pick("rubber", "fabric"), int(rng.integers(1, 4))
    span, drop = min(rng.uniform(0.5, 1.2), 2.4 / count), rng.uniform(0.05, 0.3)
    x = np.linspace(0, count * span, 24 * count + 1)
    share = np.mod(x / span, 1.0)
    path = np.column_stack([x, 0 * x - 0.02, -4 * drop * share * (1 - share)])
    kit.add(cable, build_tubes(path, 0.0018, 5))
    style, slots = (
        rng.choice(["bulbs", "pennants"]),
        [kit.pick("paper", "fabric", "plastic", "ceramic") for _ in range(3)],
    )
    size = rng.uniform(0.012, 0.03) if style == "bulbs" else rng.uniform(0.08, 0.16)
    flag = build_plate([[-0.45, 0], [0, -1], [0.45, 0]], 0.01)
    for i, at in enumerate(path[2 :: int(rng.integers(3, 6))]):
        if style == "bulbs":
            kit.add(cable, build_rods(at - np.array([0, 0, 0.02]), at, 0.004, 6))
            kit.add(slots[i % 3], build_balls(at - np.array([0, 0, 0.02 + size]), [size * 0.8, size * 0.8, size], 2))
        else:
            kit.add(
                slots[i % 3],
                flag,
                at - np.array([0, 0, 0.002]),
                turn_about(0, np.pi / 2 + rng.normal(0, 0.15)),
                [size, size, 0.1],
            )


@register("floor", "ground", share=0.8)
def build_scaffold(kit: Kit) -> None:
    """Posts, ledgers and braces of pipe with planks; or a rack of angle iron with bins."""
    rng = kit.rng
    pipe, plank = kit.pick("metal", "wood"), kit.pick("wood", "metal")
    wide, deep, storeys = rng.uniform(0.8, 1.6), rng.uniform(0.4, 0.8), int(rng.integers(2, 5))
    pitch, thick = rng.uniform(0.35, 0.6), rng.uniform(0.01, 0.022)
    high = pitch * storeys + 0.1
    corner = np.array([[x, y, 0] for x in (-wide / 2, wide / 2) for y in (-deep / 2, deep / 2)])
    kit.add(pipe, build_rods(corner, corner + np.array([0, 0, high]), thick, 8))
    for k in range(1, storeys + 1):
        z = np.array([0, 0, k * pitch])
        kit.add(pipe, build_rods(corner[[0, 1, 2, 3]] + z, corner[[2, 3, 0, 1]] + z + [0, 0, 0.001], thick * 0.9, 8))
        kit.add(pipe, build_rods(corner[[0, 2]] + z, corner[[1, 3]] + z, thick * 0.9, 8))
        if rng.random() < 0.7:
            count = int(deep / 0.12)
            y = (np.arange(count) + 0.5) * deep / count - deep / 2
            kit.add(
                plank,
                build_boxes(
                    np.column_stack([0 * y, y, 0 * y + k * pitch + thick + 0.012]),
                    [wide * 1.04, deep / count * 0.92, 0.022],
                    0.002,
                    grain=True,
                ),
            )
            for _ in range(int(rng.integers(0, 4))):
                size = rng.uniform(0.08, 0.28, 3) * [1, 1, 0.8]
                at = [
                    rng.uniform(-0.35, 0.35) * wide,
                    rng.uniform(-0.2, 0.2) * deep,
                    k * pitch + thick + 0.023 + size[2] / 2,
                ]
                if rng.random() < 0.6:
                    kit.add(kit.pick("paper", "plastic", "wood"), build_boxes(at, size, 0.003))
                else:
                    radius = float(size[0]) / 2.5
                    kit.add(
                        kit.pick("metal", "plastic"),
                        build_cylinder(radius, float(size[2]), 20, top=radius * 1.1),
                        np.array(at) - [0, 0, size[2] / 2],
                    )
    a, b = corner[1], corner[3]
    for k in range(storeys):
        low, top = np.array([0, 0, k * pitch + 0.02]), np.array([0, 0, (k + 1) * pitch])
        kit.add(
            pipe, build_rods(a + low if k % 2 == 0 else b + low, b + top if k % 2 == 0 else a + top, thick * 0.7, 6)
        )


@register("floor", "ground", "wall", "air", share=0.7, elevation=(0.2, 0.8))
def build_net(kit: Kit) -> None:
    """A net of cords in a frame: a goal, a hammock-like piece, a dream catcher."""
    rng = kit.rng
    frame, cord = kit.pick("metal", "wood", "plastic"), kit.pick("fabric", "plastic")
    thick = rng.uniform(0.0012, 0.003)
    if rng.random() < 0.4:
        radius, count = rng.uniform(0.12, 0.35), int(rng.integers(9, 18))
        kit.add(frame, build_ring(radius, 0.008, 40, 8), turn=turn_about(0, np.pi / 2))
        a = np.arange(count) * 2 * np.pi / count
        outer, shift = radius, 0.0
        for _ in range(int(rng.integers(4, 8))):
            inner = outer * 0.78
            here = outer * np.column_stack([np.cos(a + shift), 0 * a, np.sin(a + shift)])
            shift += np.pi / count
            there = inner * np.column_stack([np.cos(a + shift), 0 * a, np.sin(a + shift)])
            kit.add(
                cord,
                build_rods(
                    np.concatenate([here, np.roll(here, -1, axis=0)]), np.concatenate([there, there]), thick * 0.6, 4
                ),
            )
            outer = inner
        for k in range(int(rng.integers(2, 6))):
            x = (k - 2) * radius * 0.35
            low = -radius * rng.uniform(1.3, 2.0)
            kit.add(cord, build_rods([x, 0, low], [x, 0, -np.sqrt(max(radius**2 - x**2, 0))], thick * 0.6, 4))
            kit.add(kit.pick("paper", "wood"), build_balls([x, 0, low], [0.012, 0.004, 0.04], 1))
        return
    wide, high, deep = rng.uniform(0.6, 1.6), rng.uniform(0.5, 1.1), rng.uniform(0.25, 0.6)
    post = np.array([[-wide / 2, 0, 0], [wide / 2, 0, 0]])
    kit.add(frame, build_tubes([post[0], post[0] + [0, 0, high], post[1] + [0, 0, high], post[1]], 0.02, 8))
    kit.add(frame, build_tubes([post[0], post[0] + [0, deep, 0], post[1] + [0, deep, 0], post[1]], 0.015, 8))
    columns, rows = int(wide / rng.uniform(0.06, 0.12)), int((high + deep) / rng.uniform(0.06, 0.12))
    strands = np.linspace(-0.5, 0.5, columns) * wide
    t = np.linspace(0, 1, 12)
    sag = 0.12 * np.sin(np.pi * t)
    paths = np.stack(
        [
            np.broadcast_to(strands[:, None], (columns, 12)),
            np.broadcast_to(deep * t - sag * 0.4, (columns, 12)),
            np.broadcast_to(high * (1 - t) + 0.004 - sag * (1 - t) * 0.5, (columns, 12)),
        ],
        axis=2,
    )
    kit.add(cord, build_tubes(paths, thick, 4))
    s = np.linspace(0, 1, rows)
    y, z = np.interp(s, t, paths[0, :, 1]), np.interp(s, t, paths[0, :, 2])
    kit.add(
        cord, build_rods(np.column_stack([0 * y - wide / 2, y, z]), np.column_stack([0 * y + wide / 2, y, z]), thick, 4)
    )


@register("floor", "surface", "air", share=0.7)
def build_swing_balls(kit: Kit) -> None:
    """Balls on threads in a frame, an abacus, or hoops on a stand."""
    rng = kit.rng
    metal, high = kit.pick("metal", "wood"), rng.uniform(0.12, 0.3)
    wide, deep = high * rng.uniform(0.8, 1.4), high * rng.uniform(0.5, 0.8)
    if rng.random() < 0.5:
        kit.add(
            kit.pick("wood", "plastic"), build_boxes([0, 0, 0.01], [wide * 1.1, deep * 1.1, 0.02], 0.004, grain=True)
        )
        for y in (-deep / 2, deep / 2):
            kit.add(
                metal,
                build_tubes(
                    [[-wide / 2, y, 0.02], [-wide / 2, y, high], [wide / 2, y, high], [wide / 2, y, 0.02]], 0.004, 8
                ),
            )
        count, radius = 5, wide * 0.07
        x = (np.arange(count) - 2) * 2 * radius
        low = np.column_stack([x, 0 * x, 0 * x + high * 0.35])
        low[0] += np.array([-0.3, 0, 0.12]) * high * rng.integers(0, 2)
        kit.add(kit.pick("metal", "wood"), build_balls(low, radius, 2))
        for y in (-deep / 2, deep / 2):
            kit.add(metal, build_rods(low, np.column_stack([x, 0 * x + y, 0 * x + high]), 0.0006, 3))
        return
    rows = int(rng.integers(4, 10))
    z = np.linspace(0.1, 0.95, rows) * high
    kit.add(
        metal,
        build_rods(
            np.column_stack([0 * z - wide / 2, 0 * z, z]), np.column_stack([0 * z + wide / 2, 0 * z, z]), 0.0018, 6
        ),
    )
    corner = np.array([[-wide / 2, 0, 0], [wide / 2, 0, 0]])
    kit.add(
        kit.pick("wood"),
        build_boxes(
            [*(corner + np.array([0, 0, high / 2])), [0, 0, high], [0, 0, 0.006]],
            [[0.014, 0.03, high], [0.014, 0.03, high], [wide + 0.014, 0.03, 0.014], [wide + 0.014, deep * 0.6, 0.012]],
            0.002,
            grain=True,
        ),
    )
    bead = build_lathe([[0, -0.38], [0.7, -0.35], [1.0, 0], [0.7, 0.35], [0, 0.38]], 14)
    radius = 0.42 * high * 0.85 / rows
    for k in range(rows):
        slot, split = kit.pick("wood", "plastic", "paint"), rng.uniform(0.2, 0.8)
        pitch = radius * 0.85
        count = min(10, int(wide * 0.8 / pitch))
        left = round(count * split)
        x = np.concatenate(
            [
                -wide / 2 + 0.012 + pitch * (np.arange(left) + 0.5),
                wide / 2 - 0.012 - pitch * (np.arange(count - left) + 0.5),
            ]
        )
        for each in x:
            kit.add(slot, bead, [each, 0, z[k]], turn_about(1, np.pi / 2), radius)


@register("surface", "floor", "air", share=0.7)
def build_hoops(kit: Kit) -> None:
    """Thin hoops that lean in one another, or a slinky chain of them."""
    rng = kit.rng
    for _ in range(int(rng.integers(3, 9))):
        slot, radius = kit.pick("metal", "wood", "plastic"), rng.uniform(0.05, 0.2)
        turn = turn_about(2, rng.uniform(0, 3)) @ turn_about(0, rng.uniform(0.2, 1.5))
        path = draw_circle(radius, 40) @ turn.T
        path[:, 2] -= path[:, 2].min()
        kit.add(
            slot,
            build_tubes(path + np.array([*rng.normal(0, 0.05, 2), 0.004]), rng.uniform(0.0015, 0.006), 6, closed=True),
        )
