"""Books, stacks and rows of them, magazines, folders; boxes and packets."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import smooth_points
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.sheets import build_sheet
from stereo_exp.shapes.meshes.solids import build_boxes
from stereo_exp.shapes.meshes.things.kit import Kit, turn_about
from stereo_exp.shapes.meshes.things.maker import register


def build_books(corners: np.ndarray, sizes: np.ndarray, leans: np.ndarray | float = 0.0) -> tuple[Mesh, Mesh]:
    """Upright books with their backs to −y: the covers, and the pages within.

    Args:
        corners: n×3, the lower left corner at the back of each, metres.
        sizes: n×3, thickness, depth and height, metres.
        leans: n or one number, how far each leans to the right, radians.

    Returns:
        Covers of 36 triangles a book with slot i for book i; pages of 12 triangles a book.
    """
    count = len(sizes)
    thick, deep, high = sizes.T
    board = np.minimum(0.0025, thick / 5)
    zero = np.zeros(count)
    at = np.stack([zero, deep / 2, high / 2], axis=1)
    side = np.stack([thick / 2 - board / 2, zero, zero], axis=1)
    flat = np.stack([board, deep, high], axis=1)
    spine = np.stack([thick - 2 * board, board, high], axis=1)
    middle = np.concatenate([at - side, at + side, at - np.stack([zero, deep / 2 - board / 2, zero], axis=1)])
    inner = np.stack([thick - 2 * board, deep - board - 0.004, high - 0.006], axis=1)
    lean = np.broadcast_to(np.asarray(leans, float), (count,))
    turns = turn_about(1, lean)
    # What leans stands on its lower right edge.
    foot = np.stack([thick / 2 * (2 - np.cos(lean)), zero, np.abs(np.sin(lean)) * thick / 2], axis=1)

    def place(points: np.ndarray, repeat: int) -> np.ndarray:
        moved = np.einsum("nij,rnj->rni", turns, points.reshape(repeat, count, 3))
        return np.asarray((moved + foot + corners).reshape(-1, 3))

    covers = build_boxes(place(middle, 3), np.concatenate([flat, flat, spine]), turns=np.tile(turns, (3, 1, 1)))
    pages = build_boxes(place(at + np.array([0, -0.0015, 0]) + board[:, None] * [0, 0.5, 0], 1), inner, turns=turns)
    slots = np.tile(np.repeat(np.arange(count, dtype=np.int32), 12), 3)
    return Mesh(covers.vertices, covers.faces, covers.uv, slots), pages


def add_row(kit: Kit, at: np.ndarray, wide: float, deep: float, high: float, covers: list[int], paper: int) -> None:
    """A row of upright books from a point to the right; the last may lean.

    Args:
        kit: where they go.
        at: the lower left corner at the front of the board, metres.
        wide: metres that the row may fill.
        deep: depth of the board, metres.
        high: free height, metres.
        covers: materials to choose from.
        paper: material of the pages.
    """
    rng = kit.rng
    count = max(1, int(wide / 0.012))
    thick = np.exp(rng.uniform(np.log(0.008), np.log(0.055), count))
    count = max(1, int((np.cumsum(thick + 0.0005) < wide).sum()))
    # Sets of one size stand side by side.
    series = np.repeat(rng.integers(0, 6, count), rng.integers(1, 5, count))[:count]
    tall, far = rng.uniform(0.5, 0.97, 6) * high, rng.uniform(0.55, 0.95, 6) * deep
    sizes = np.stack([thick[:count], far[series], tall[series] * rng.uniform(0.97, 1.0, count)], axis=1)
    sizes[:, 2] = np.minimum(sizes[:, 2], 0.36)
    start = np.concatenate([[0.0], np.cumsum(sizes[:-1, 0] + 0.0005)])
    pulled = rng.uniform(0, 0.15, count) * deep
    corners = np.asarray(at, float) + np.stack([start, pulled, np.zeros(count)], axis=1)
    leans = np.zeros(count)
    if count > 2 and start[-1] + sizes[-1, 0] + 0.1 < wide:
        leans[-1] = -rng.uniform(0.1, 0.3)
        corners[-1, 0] += sizes[-1, 2] * np.sin(-leans[-1])
    mesh, pages = build_books(corners, sizes, leans)
    chosen = np.array(covers)[rng.integers(0, len(covers), count) if rng.random() < 0.8 else series % len(covers)]
    kit.add(0, Mesh(mesh.vertices, mesh.faces, mesh.uv, chosen[mesh.slots].astype(np.int32)))
    kit.add(paper, pages)


def add_pile(kit: Kit, at: np.ndarray, count: int, covers: list[int], paper: int, size: float = 0.22) -> float:
    """Books that lie on one another; returns how high they reach, metres."""
    rng = kit.rng
    height = float(at[2])
    lay = turn_about(1, np.pi / 2)
    for i in range(count):
        sizes = np.array([[rng.uniform(0.008, 0.045), size * rng.uniform(0.6, 0.85), size * rng.uniform(0.85, 1.15)]])
        mesh, pages = build_books(np.array([[0.0, -sizes[0, 1] / 2, -sizes[0, 2] / 2]]), sizes)
        turn = turn_about(2, rng.normal(0, 0.12) + rng.choice([0, np.pi / 2, np.pi])) @ lay
        place = [at[0] + rng.normal(0, 0.01), at[1] + rng.normal(0, 0.01), height + sizes[0, 0]]
        kit.add(covers[(i + int(rng.integers(2))) % len(covers)], mesh, place, turn)
        kit.add(paper, pages, place, turn)
        height += float(sizes[0, 0])
    return height


def pick_covers(kit: Kit, count: int) -> list[int]:
    """Materials of book covers."""
    return [kit.pick("print", "paint", "paper", "fabric", "leather") for _ in range(count)]


@register("surface", "air", share=3.0)
def build_book(kit: Kit) -> None:
    """One book: lying, standing or lying open."""
    rng = kit.rng
    covers, paper = pick_covers(kit, 2), kit.pick("paper")
    style = rng.choice(["lying", "standing", "open"], p=[0.4, 0.35, 0.25])
    if style == "lying":
        add_pile(kit, np.zeros(3), 1, covers, paper, rng.uniform(0.17, 0.32))
    elif style == "standing":
        size = rng.uniform(0.17, 0.32)
        mesh, pages = build_books(np.zeros((1, 3)), np.array([[rng.uniform(0.01, 0.05), size * 0.72, size]]))
        turn = turn_about(2, rng.uniform(-0.7, 0.7))
        kit.add(covers[0], mesh, turn=turn)
        kit.add(paper, pages, turn=turn)
    else:
        _add_open_book(kit, covers[0], kit.pick("print"), rng.uniform(0.17, 0.3))


def _add_open_book(kit: Kit, cover: int, text: int, size: float) -> None:
    rng = kit.rng
    wide, thick = size * rng.uniform(0.65, 0.8), rng.uniform(0.006, 0.02)
    for side in (-1, 1):
        rise = thick * rng.uniform(0.6, 1.4)
        line = smooth_points(
            np.array([[0.0, 0.003], [0.12 * wide, rise * 1.25], [0.5 * wide, rise * 1.05], [wide, rise * 0.7]]), 10
        )
        x = line[:, 0] if side > 0 else -line[::-1, 0]
        z = line[:, 1] if side > 0 else line[::-1, 1]
        y = np.array([-size / 2, size / 2])[:, None]
        top = np.stack(np.broadcast_arrays(x, y, z), axis=2)
        kit.add(text, build_sheet(top, 0.001))
        kit.add(text, build_boxes([side * wide / 2, 0, rise * 0.35], [wide, size * 0.99, rise * 0.6]))
        kit.add(cover, build_boxes([side * (wide / 2 + 0.002), 0, -0.001], [wide + 0.004, size + 0.006, 0.002]))


@register("surface", "floor", "air", share=2.0)
def build_book_stack(kit: Kit) -> None:
    """Two to twelve books lying on one another."""
    rng = kit.rng
    add_pile(
        kit, np.zeros(3), int(rng.integers(2, 13)), pick_covers(kit, 5), kit.pick("paper"), rng.uniform(0.18, 0.32)
    )


@register("surface", share=1.5)
def build_book_row(kit: Kit) -> None:
    """A short row of upright books, some with an end that holds them."""
    rng = kit.rng
    wide, high = rng.uniform(0.12, 0.5), rng.uniform(0.2, 0.34)
    add_row(kit, np.zeros(3), wide, high * 0.75, high, pick_covers(kit, 8), kit.pick("paper"))
    if rng.random() < 0.5:
        ends, tall = kit.pick("metal", "wood", "stone"), high * rng.uniform(0.4, 0.7)
        for x in (-0.012, wide + 0.012):
            kit.add(ends, build_boxes([x, high * 0.3, tall / 2], [0.016, 0.1, tall], 0.002))


@register("surface", "floor", "air", share=3.0)
def build_box(kit: Kit) -> None:
    """A carton, a packet, a tin chest or a crate of boards: closed, or open with its flaps."""
    rng = kit.rng
    size = np.exp(rng.uniform(np.log(0.05), np.log(0.4))) * rng.uniform(0.4, 1.0, 3)
    wide, deep, high = size
    slot = kit.pick("paper", "paper", "print", "wood", "metal", "plastic")
    style = rng.choice(["closed", "lid", "open", "strap"], p=[0.4, 0.2, 0.25, 0.15])
    if style == "open":
        wall = max(0.002, 0.012 * float(size.max()))
        at = [
            [0, 0, wall / 2],
            [-wide / 2, 0, high / 2],
            [wide / 2, 0, high / 2],
            [0, -deep / 2, high / 2],
            [0, deep / 2, high / 2],
        ]
        parts = [
            [wide, deep, wall],
            [wall, deep + wall, high],
            [wall, deep + wall, high],
            [wide, wall, high],
            [wide, wall, high],
        ]
        kit.add(slot, build_boxes(at, parts))
        for i in range(4):
            long, short = (deep, wide / 2) if i % 2 == 0 else (wide, deep / 2)
            flap = build_boxes([short / 2, 0, 0], [short, long, wall])
            turn = turn_about(2, i * np.pi / 2) @ turn_about(1, rng.uniform(-0.9, 1.3))
            out = (wide if i % 2 == 0 else deep) / 2 + wall / 2
            kit.add(slot, flap, turn_about(2, i * np.pi / 2) @ [out, 0, high], turn)
        return
    kit.add(slot, build_boxes([0, 0, high / 2], size, float(rng.choice([0.0, 0.001, 0.004]))))
    if style == "lid":
        lid = kit.pick("paper", "print", "fabric")
        rim = high * rng.uniform(0.1, 0.4)
        kit.add(lid, build_boxes([0, 0, high - rim / 2 + 0.002], [wide + 0.004, deep + 0.004, rim], 0.001))
    elif style == "strap":
        tape = kit.pick("plastic", "fabric")
        kit.add(
            tape, build_boxes([wide * rng.uniform(-0.3, 0.3), 0, high / 2], [wide * 0.08, deep + 0.0016, high + 0.0016])
        )
        kit.add(
            tape, build_boxes([0, deep * rng.uniform(-0.3, 0.3), high / 2], [wide + 0.002, deep * 0.08, high + 0.002])
        )


@register("surface", "air", share=2.0)
def build_packet(kit: Kit) -> None:
    """A printed packet or a pile of packets: cereal, tea, medicine, games."""
    rng = kit.rng
    base = np.sort(rng.uniform(0.03, 0.3, 3))
    shape = base[rng.permutation(3)] if rng.random() < 0.5 else base[[1, 0, 2]]
    height = 0.0
    count = int(rng.choice([1, 1, 1, 2, 3, 4]))
    shape = shape if count == 1 else base[[2, 1, 0]]
    for _ in range(count):
        size = shape * rng.uniform(0.9, 1.05, 3)
        turn = turn_about(2, rng.normal(0, 0.15))
        kit.add(
            kit.pick("print", "print", "paper"),
            build_boxes([0, 0, size[2] / 2], size, 0.0007),
            [*rng.normal(0, 0.004, 2), height],
            turn,
        )
        height += size[2]
        if height > 0.3:
            break
