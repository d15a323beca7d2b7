"""Ranges from what was seen, against numpy on all values at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from composing import NODES
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from stereo_exp.base.errors import UserError
from stereo_exp.config.quant import Mse, Percentile
from stereo_exp.quant.observers import (
    HistogramObserver,
    MinMaxObserver,
    MovingAverageObserver,
    MseObserver,
    PercentileObserver,
)
from stereo_exp.quant.targets import Pow2, dequantize, quantize
from stereo_exp.suite.build import make_observer

BINS = 256
# Numbers on a grid of 1/64 below 2^8, whose bins float32 finds without rounding.
grid = st.integers(-(2**14) + 1, 2**14 - 1).map(lambda k: k / 64)
batches = st.lists(st.lists(grid, min_size=1, max_size=40), min_size=1, max_size=6)


def seen(observer: MinMaxObserver, data: list[list[float]]) -> MinMaxObserver:
    for batch in data:
        observer.update(torch.tensor(batch))
    return observer


def no_error(low: Tensor, high: Tensor, values: Tensor, weights: Tensor) -> Tensor:
    raise AssertionError("this observer searches nothing")


def int8_error(low: Tensor, high: Tensor, values: Tensor, weights: Tensor) -> Tensor:
    scale, zero = Pow2().activation_scale(low, high, Pow2().activation_format())
    rounded = dequantize(quantize(values, scale, zero, Pow2().activation_format()), scale, zero)
    return ((rounded - values).square() * weights).sum()


def test_every_option_has_an_observer() -> None:
    made = {type(make_observer(schema())()) for schema in NODES["quant.observer"].values()}
    assert made == {MinMaxObserver, MovingAverageObserver, PercentileObserver, MseObserver}


@given(batches)
@example([[3.0, 5.0]])
@example([[-2.0]])
def test_minmax_holds_everything_and_zero(data: list[list[float]]) -> None:
    low, high = seen(MinMaxObserver(), data).limits(no_error)
    everything = np.concatenate([np.array(b) for b in data])
    assert (float(low), float(high)) == (min(everything.min(), 0), max(everything.max(), 0))


@given(batches, st.floats(0.01, 1))
def test_moving_average_of_extremes(data: list[list[float]], momentum: float) -> None:
    low, high = seen(MovingAverageObserver(momentum=momentum), data).limits(no_error)
    expected = np.array([min(*data[0], 0), max(*data[0], 0)])
    for batch in data[1:]:
        expected += momentum * (np.array([min(*batch, 0), max(*batch, 0)]) - expected)
    np.testing.assert_allclose([float(low), float(high)], expected, rtol=1e-4, atol=1e-4)


@given(batches)
@example([[0.25], [100.0], [-255.0]])
@example([[0.0], [0.0, 1.0]])
def test_histogram_of_batches_is_that_of_everything(data: list[list[float]]) -> None:
    """However far the reach grows: no count crosses a border when bins are merged."""
    observer = seen(HistogramObserver(bins=BINS), data)
    everything = np.concatenate([np.array(b) for b in data])
    largest = np.abs(everything).max()
    if observer.counts is None:
        assert largest == 0
        return
    assert largest < observer.reach <= 2 * largest, "the smallest power of two above everything"
    # Zeros seen before anything else leave no count: a range of nothing has no bins.
    first = next(i for i, b in enumerate(data) if any(b))
    counted = np.concatenate([np.array(b) for b in data[first:]])
    expected, _ = np.histogram(counted, BINS, (-observer.reach, observer.reach))
    np.testing.assert_array_equal(observer.counts.numpy(), expected)


@given(batches, st.floats(60, 100))
@example([[k / 64 for k in range(640)]], 90.0)
@example([[-k / 64 for k in range(640)]], 90.0)
@example([[1.0] * 99 + [200.0]], 99.0)
def test_percentile_cuts_as_much_as_it_may_and_no_more(data: list[list[float]], percentile: float) -> None:
    observer = PercentileObserver(bins=BINS, percentile=percentile)
    low, high = (float(limit) for limit in seen(observer, data).limits(no_error))
    everything = np.concatenate([np.array(b) for b in data])
    if observer.counts is None:
        assert (low, high) == (0, 0)
        return
    first = next(i for i, b in enumerate(data) if any(b))
    counted = np.concatenate([np.array(b) for b in data[first:]])
    smallest, largest = min(everything.min(), 0), max(everything.max(), 0)
    outside = (1 - percentile / 100) * counted.size / (1 if smallest == 0 else 2)
    width = 2 * observer.reach / BINS
    assert smallest <= low <= 0 <= high <= largest
    assert (counted > high).sum() <= outside + 1e-6
    assert (counted < low).sum() <= outside + 1e-6
    # One bin tighter would cut off too much, where the range is not at its natural end already.
    if 0 < high < largest:
        assert (counted >= high - width).sum() > outside - 1e-6
    if smallest < low < 0:
        assert (counted < low + width).sum() > outside - 1e-6


@pytest.mark.parametrize("percentile", [99.0, 99.985])
def test_percentile_of_a_normal_distribution(percentile: float) -> None:
    values = np.random.default_rng(0).normal(size=1_000_000).astype(np.float32)
    observer = PercentileObserver(bins=8192, percentile=percentile)
    low, high = seen(observer, np.split(values, 10)).limits(no_error)
    outside = (100 - percentile) / 2
    expected = np.percentile(values, [outside, 100 - outside])
    np.testing.assert_allclose([float(low), float(high)], expected, atol=0.01)


@pytest.mark.parametrize("kind", ["normal", "laplace", "uniform", "relu"])
def test_mse_range_has_the_least_error_of_all(kind: str) -> None:
    rng = np.random.default_rng(1)
    values = {
        "normal": rng.normal(size=20_000),
        "laplace": rng.laplace(size=20_000),
        "uniform": rng.uniform(-3, 3, 20_000),
        "relu": np.maximum(rng.normal(size=20_000), 0),
    }[kind].astype(np.float32)
    observer = seen(MseObserver(bins=8192), np.split(values, 4))
    low, high = observer.limits(int8_error)

    def error(share: float) -> float:
        scale, _ = Pow2().activation_scale(
            torch.tensor(min(values.min(), 0) * share), torch.tensor(max(values.max(), 0) * share),
            Pow2().activation_format(),
        )  # fmt: skip
        steps = np.clip(np.rint(values / float(scale)), -128, 127)
        return float(np.mean((steps * float(scale) - values.astype(np.float64)) ** 2))

    share = float(high) / max(values.max(), 0)
    assert float(low) == pytest.approx(min(values.min(), 0) * share, rel=1e-5)
    best = min(error(2.0 ** (-k / 8)) for k in range(MseObserver.NUM_STEPS))
    assert error(share) <= 1.01 * best
    if kind in ("laplace", "uniform"):
        assert (share < 1) == (kind == "laplace"), "a long tail is cut off, a uniform range is kept"


@pytest.mark.parametrize("name", list(NODES["quant.observer"]))
def test_silence_is_a_range_of_nothing(name: str) -> None:
    config = NODES["quant.observer"][name]()
    observer = make_observer(config)()
    assert observer.is_empty
    observer.update(torch.zeros(2, 3))
    assert not observer.is_empty
    assert [float(limit) for limit in observer.limits(no_error)] == [0, 0]


@pytest.mark.parametrize("cls", [Percentile, Mse])
@pytest.mark.parametrize("bins", [0, 128, 258, 8190, 8191])
def test_bins_that_cannot_be_merged_in_pairs(cls: type, bins: int) -> None:
    with pytest.raises(UserError, match=f"quant.observer.bins={bins}: must be a multiple of 4"):
        cls(bins=bins)
    cls(bins=260)
