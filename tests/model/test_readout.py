"""Read-outs against plain definitions in numpy: ties, borders, confidence; and what each pixel mixes of its cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stereo_exp.model.readout import (
    NEIGHBOURHOOD,
    Expectation,
    Logits,
    Regression,
    Window,
    coarse_disparity,
    full_confidence,
    full_disparity,
)


def powers_of(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits - logits.max())


def expected(logits: np.ndarray) -> tuple[float, float]:
    """Mean and confidence of one cell's distribution, float64 D."""
    probability = powers_of(logits) / powers_of(logits).sum()
    mean = sum(i * p for i, p in enumerate(probability))
    near = sum(p for i, p in enumerate(probability) if abs(i - mean) <= NEIGHBOURHOOD)
    return mean / len(logits), near


def windowed(logits: np.ndarray, radius: int) -> tuple[float, float]:
    """The mean over all candidates that lie within `radius` of one of the strongest, and their probability."""
    strongest = [i for i, value in enumerate(logits) if value == logits.max()]
    inside = [i for i in range(len(logits)) if any(abs(i - s) <= radius for s in strongest)]
    powers = powers_of(logits)
    mean = sum(i * powers[i] for i in inside) / powers[inside].sum()
    return mean / len(logits), powers[inside].sum() / powers.sum()


@st.composite
def cells(draw: st.DrawFn) -> Tensor:
    """1×D×h×w logits; some on whole numbers, so that several are the strongest, some far beyond what exp holds."""
    number, height, width = draw(st.integers(1, 30)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    logits = torch.randn(1, number, height, width, generator=generator) * draw(st.sampled_from([1.0, 8.0, 300.0]))
    return logits.round() if draw(st.booleans()) else logits


def each_cell(logits: Tensor) -> np.ndarray:
    """(h·w)×D float64."""
    return logits[0].flatten(1).T.double().numpy()


@given(cells())
def test_the_expectation_is_the_mean(logits: Tensor) -> None:
    readout = Expectation(logits.shape[1])
    low = readout(logits)
    wanted = np.array([expected(cell)[0] for cell in each_cell(logits)])
    np.testing.assert_allclose(low.flatten(), wanted, atol=2e-6)
    # Trap T6: the last candidate is (D − 1)/D of the range.
    assert low.min() >= 0 and low.max() <= (logits.shape[1] - 1) / logits.shape[1] + 1e-6
    assert low.shape == (1, 1, *logits.shape[2:])


@given(cells())
def test_confidence_of_the_expectation_is_what_lies_near_it(logits: Tensor) -> None:
    readout = Expectation(logits.shape[1])
    low = readout(logits)
    found = readout.confidence(logits, low).flatten()
    for cell, mine in zip(each_cell(logits), found, strict=True):
        mean, near = expected(cell)
        distances = np.abs(np.arange(len(cell)) - mean * len(cell))
        if np.abs(distances - NEIGHBOURHOOD).min() > 1e-3:  # else rounding decides who is near
            assert mine == pytest.approx(near, abs=1e-5)


@given(cells(), st.integers(1, 6))
def test_the_window_is_around_the_strongest(logits: Tensor, radius: int) -> None:
    readout = Window(logits.shape[1], radius)
    low = readout(logits)
    wanted = [windowed(cell, radius) for cell in each_cell(logits)]
    np.testing.assert_allclose(low.flatten(), [mean for mean, _ in wanted], atol=2e-6)
    np.testing.assert_allclose(readout.confidence(logits, low).flatten(), [sure for _, sure in wanted], atol=2e-6)
    assert low.shape == (1, 1, *logits.shape[2:])


def one_cell(*logits: float) -> Tensor:
    return torch.tensor(logits, dtype=torch.float32).view(1, -1, 1, 1)


@pytest.mark.parametrize(
    ("logits", "index"),
    [
        ((50.0, 0.0, 0.0, 0.0, 0.0, 0.0), 0.0),  # the window ends at the border, and is not moved
        ((0.0, 0.0, 0.0, 0.0, 0.0, 50.0), 5.0),
        ((50.0, 0.0, 0.0, 0.0, 0.0, 50.0), 2.5),  # both windows count
        ((50.0, 50.0, 0.0, 0.0, 0.0, 0.0), 0.5),
        ((0.0, 0.0, 50.0, 50.0, 50.0, 0.0), 3.0),
        ((50.0, 0.0, 0.0, 0.0, 0.0, 49.0), 0.0),  # of two modes the stronger, not the middle
        ((7.0,) * 6, 2.5),
    ],
)
def test_borders_and_ties_of_the_window(logits: tuple[float, ...], index: float) -> None:
    assert float(Window(6, 1)(one_cell(*logits))) == pytest.approx(index / 6, abs=1e-6)


def test_the_window_tells_two_modes_apart_and_the_expectation_does_not() -> None:
    two = one_cell(0, 0, 30, 0, 0, 0, 0, 0, 0, 31, 0, 0)
    assert float(Window(12, 2)(two)) * 12 == pytest.approx(9, abs=1e-4)
    assert 2.5 < float(Expectation(12)(two)) * 12 < 8.5


def test_gradients_reach_the_window_alone() -> None:
    logits = one_cell(0, 1, 6, 2, 0, 0, 3).requires_grad_()
    Window(7, 1)(logits).sum().backward()
    moved = logits.grad.flatten()  # type: ignore[union-attr]
    assert (moved[1:4] != 0).all()
    assert (moved[[0, 4, 5, 6]] == 0).all()
    assert float(moved.sum()) == pytest.approx(0, abs=1e-6), "all logits together move nothing"


@pytest.mark.parametrize("readout", [Expectation(6), Window(6)], ids=["expectation", "window"])
def test_a_readout_has_nothing_to_learn_or_to_keep(readout: nn.Module) -> None:
    assert not list(readout.parameters())
    assert not readout.state_dict()


# What each pixel mixes.


def plain_unfold(low: np.ndarray, neighbours: int) -> np.ndarray:
    """1×h×w -> neighbours×h×w by the definition."""
    height, width = low.shape[1:]
    found = []
    side = round(neighbours**0.5)
    before = side // 2
    for dy in range(-before, side - before):
        for dx in range(-before, side - before):
            plane = np.zeros((height, width))
            for y in range(height):
                for x in range(width):
                    inside = 0 <= y + dy < height and 0 <= x + dx < width
                    if inside or neighbours == 9:
                        plane[y, x] = low[0, min(max(y + dy, 0), height - 1), min(max(x + dx, 0), width - 1)]
            found.append(plane)
    return np.stack(found)


def regression_of(neighbours: int, stride: int, number: int = 6) -> Regression:
    return Regression(Expectation(number), number * stride, stride, neighbours)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 2)], ids=str)
@pytest.mark.parametrize("neighbours", [1, 4, 9])
def test_unfold_is_the_definition(neighbours: int, size: tuple[int, int]) -> None:
    low = torch.rand(2, 1, *size)
    found = regression_of(neighbours, 8).unfold(low)
    assert found.shape == (2, neighbours, *size)
    for mine, cells in zip(found, low, strict=True):
        np.testing.assert_array_equal(mine.numpy(), plain_unfold(cells.numpy(), neighbours).astype(np.float32))


@pytest.mark.parametrize("stride", [2, 4, 8])
@pytest.mark.parametrize("neighbours", [1, 4, 9])
def test_a_pixel_mixes_its_cells_neighbours(neighbours: int, stride: int) -> None:
    height, width = 3, 4
    generator = torch.Generator().manual_seed(0)
    logits = Logits(
        torch.randn(2, 6, height, width, generator=generator),
        torch.randn(2, neighbours, height * stride, width * stride, generator=generator),
    )
    regression = regression_of(neighbours, stride)
    output = regression(logits)
    disparity, confidence = full_disparity(output), full_confidence(output)
    near = regression.readout.confidence(logits.disparity, output.low)
    for cells, found, largest in ((output.low, disparity, 6 * stride), (near, confidence, 1)):
        for i in range(2):
            planes = plain_unfold(cells[i].numpy(), neighbours)
            for y, x in (
                (0, 0),
                (stride - 1, stride),
                (height * stride - 1, width * stride - 1),
                (stride, 2 * stride - 1),
            ):
                weights = powers_of(logits.superpixel[i, :, y, x].double().numpy())
                wanted = (weights * planes[:, y // stride, x // stride]).sum() / weights.sum() * largest
                assert float(found[i, y, x]) == pytest.approx(wanted, abs=1e-4)
    assert coarse_disparity(output).shape == (2, height * stride, width * stride)
    assert output.disparity.equal(disparity) and output.confidence.equal(confidence)


@pytest.mark.parametrize("neighbours", [1, 4, 9])
def test_unfold_as_a_convolution_copies_what_unfold_copies(neighbours: int) -> None:
    """Bit for bit; and so does what it hands back."""
    regression = Regression(Expectation(4), 32, 8, neighbours)
    found = []
    for how in ("convolution", "im2col"):
        regression.unfolding = how
        low = torch.rand(2, 1, 5, 7, generator=torch.Generator().manual_seed(1)).requires_grad_()
        unfolded = regression.unfold(low)
        (unfolded * torch.arange(unfolded.numel()).view_as(unfolded)).sum().backward()
        assert low.grad is not None
        found.append((unfolded.detach(), low.grad))
    assert torch.equal(found[0][0], found[1][0])
    assert found[0][0].shape == (2, neighbours, 5, 7)
    torch.testing.assert_close(found[0][1], found[1][1])
