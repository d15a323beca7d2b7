"""Tiles cover an image, see their matches, and blend into what they were cut from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo_exp.base.errors import UserError
from stereo_exp.runtime.tiles import SEAM, Blend, plan

STEP = 32


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 12),
    columns=st.integers(1, 20),
    tile_rows=st.integers(1, 12),
    tile_columns=st.integers(1, 20),
    maxdisp=st.sampled_from([32, 64, 192]),
)
def test_tiles_cover_and_blend(rows: int, columns: int, tile_rows: int, tile_columns: int, maxdisp: int) -> None:
    size = (rows * STEP, columns * STEP)
    tile = (min(tile_rows, rows) * STEP, min(tile_columns, columns) * STEP)
    too_small = (tile[0] < size[0] and tile[0] < SEAM + STEP) or (tile[1] < size[1] and tile[1] < maxdisp + SEAM + STEP)
    if too_small:
        with pytest.raises(UserError, match="of a tile must be at least"):
            plan(size, tile, maxdisp, STEP)
        return
    image = np.random.default_rng(0).random((2, *size), dtype=np.float32)
    blend = Blend(size, 2)
    for part in plan(size, tile, maxdisp, STEP):
        assert part.top % STEP == part.left % STEP == 0
        assert part.top + tile[0] <= size[0]
        assert part.left + tile[1] <= size[1]
        # What a tile cannot know does not count.
        if part.left:
            assert not part.weights[:, :maxdisp].any()
        blind = np.where(part.weights > 0, image[:, *part.window], 1e6)
        blend.add(part, tuple(blind))
    for found, wanted in zip(blend.result(), image, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_an_image_of_one_tile_counts_everywhere() -> None:
    (only,) = plan((64, 128), (64, 128), 192, STEP)
    assert (only.weights == 1).all()
