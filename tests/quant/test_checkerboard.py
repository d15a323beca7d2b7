"""The share of an error that repeats every eight pixels: known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stereo_exp.geometry.metrics import periodic_share


def noise(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)


@given(st.integers(0, 2**31), st.integers(2, 9), st.integers(2, 9), st.sampled_from([2, 4, 8]), st.floats(-9, 9))
def test_a_repeated_tile_is_all_checkerboard(seed: int, rows: int, columns: int, period: int, mean: float) -> None:
    tile = noise(seed, period, period).astype(np.float64)
    repeated = np.tile(tile, (rows, columns)) + mean
    # Part of a tile at two sides does not count.
    assert periodic_share(repeated[: rows * period - 1], period) == pytest.approx(1)
    assert periodic_share(repeated, period) == pytest.approx(1)


@given(st.integers(0, 2**31), st.floats(0.05, 0.95))
def test_a_mixture_has_the_share_of_its_energies(seed: int, share: float) -> None:
    tile = noise(seed, 8, 8).astype(np.float64)
    repeated = np.tile(tile - tile.mean(), (32, 32))
    other = noise(seed + 1, 256, 256).astype(np.float64)
    mixed = repeated * np.sqrt(share / np.square(repeated).mean()) + other * np.sqrt(1 - share)
    assert periodic_share(mixed, 8) == pytest.approx(share, abs=0.03)


def test_noise_has_one_over_the_number_of_tiles() -> None:
    shares = [periodic_share(noise(seed, 64, 128), 8) for seed in range(200)]
    assert np.mean(shares) == pytest.approx(1 / 128, rel=0.1)


@pytest.mark.parametrize("period", [3, 16, 7])
def test_other_periods_do_not_count(period: int) -> None:
    """A tile of 16 px has half-tiles that differ; averaged over 8 they mostly cancel."""
    tile = noise(0, period, period)
    repeated = np.tile(tile, (8 * 7 // period + 1,) * 2)[:48, :48] if period != 16 else np.tile(tile, (8, 8))
    assert periodic_share(repeated, 8) < 0.45
    assert periodic_share(np.tile(tile, (8, 8)), period) == pytest.approx(1)


def test_a_step_or_a_ramp_of_whole_tiles_is_no_checkerboard() -> None:
    step = np.zeros((64, 64))
    step[:, 32:] = 5
    assert periodic_share(step, 8) == pytest.approx(0, abs=1e-12)
    assert periodic_share(np.full((64, 64), 3.0), 8) == 0
    ramp = np.broadcast_to(np.arange(64.0), (64, 64))
    assert periodic_share(ramp, 8) < 0.02


@pytest.mark.parametrize("shape", [(7, 64), (64, 7), (0, 0)])
def test_a_map_without_a_whole_tile_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no tile"):
        periodic_share(np.zeros(shape), 8)


def test_unknown_values_are_refused() -> None:
    broken = np.zeros((16, 16))
    broken[3, 3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        periodic_share(broken, 8)
