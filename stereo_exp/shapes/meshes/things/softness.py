"""Soft bodies: cushions, pillows, folded stacks; parts of sofas and beds."""

from __future__ import annotations

import numpy as np

from stereo_exp.shapes.meshes.grids import join_rows, measure_along
from stereo_exp.shapes.meshes.mesh import Mesh
from stereo_exp.shapes.meshes.sheets import ripple
from stereo_exp.shapes.meshes.solids import make_mesh


def build_cushion(
    rng: np.random.Generator, wide: float, deep: float, thick: float, puff: float = 0.35, cells: int = 10
) -> Mesh:
    """A cushion on z = 0: two bulging sheets that meet at a rim.

    Args:
        rng: draws dents.
        wide: metres along x.
        deep: metres along y.
        thick: metres at the middle.
        puff: 0 for a box with soft edges, 1 for a pillow that is sharp at its rim.
        cells: quads along each side of a sheet.
    """
    u = np.linspace(-1, 1, cells + 1)
    # Rows lie closer at the rim, where it bends.
    u = np.sign(u) * np.abs(u) ** 0.75
    y, x = np.meshgrid(u, u, indexing="ij")
    power = 2 + 6 * (1 - puff)
    rise = np.clip((1 - np.abs(x) ** power) * (1 - np.abs(y) ** power), 0, 1) ** (0.35 + 0.3 * puff)
    corner = 1 - 0.06 * puff * (x * y) ** 2 - 0.1 * (1 - puff) * (x * y) ** 6
    inward = (
        1 - 0.08 * puff * (1 - np.abs(y) ** 2) * np.abs(x) ** 4,
        1 - 0.08 * puff * (1 - np.abs(x) ** 2) * np.abs(y) ** 4,
    )
    edge = thick * 0.5
    dents = (
        1
        + 0.1 * ripple(x.shape, rng, finest=1.5)
        - 0.15 * np.exp(-((x - rng.uniform(-0.3, 0.3)) ** 2 + y**2) * 3) * puff
    )
    plan = np.stack([x * wide / 2 * corner * inward[0], y * deep / 2 * corner * inward[1]], axis=2)
    top = np.dstack([plan, edge + edge * rise * dents])
    below = np.dstack([plan, edge - edge * rise * (0.9 + 0.1 * puff)])
    faces = join_rows(cells + 1, cells + 1)
    grid = np.arange((cells + 1) ** 2).reshape(cells + 1, -1)
    rim = np.concatenate([grid[0], grid[1:, -1], grid[-1, -2::-1], grid[-2:0:-1, 0]])
    # The lower sheet has the upper's points at the rim: smooth all round.
    number = np.full(grid.size, -1)
    number[rim] = rim
    inner = np.setdiff1d(grid.ravel(), rim)
    number[inner] = grid.size + np.arange(len(inner))
    vertices = np.concatenate([top.reshape(-1, 3), below.reshape(-1, 3)[inner]])
    uv = np.stack([measure_along(top, 1), measure_along(top, 0)], axis=-1).reshape(-1, 2)[faces]
    lower = number[faces[:, ::-1]]
    return make_mesh(vertices, np.concatenate([faces, lower]), np.concatenate([uv, uv[:, ::-1] * [-1, 1]]))
