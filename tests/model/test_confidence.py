"""Confidence: high for one peak, low for two or none."""

import pytest
import torch

from stereo_exp.model.readout import Expectation, Logits, Regression, full_confidence

CANDIDATES = 24


def confidence_of(peaks: list[int], height: float = 20.0) -> torch.Tensor:
    logits = torch.zeros(1, CANDIDATES, 4, 4)
    logits[:, peaks] = height
    output = Regression(Expectation(CANDIDATES), 8 * CANDIDATES, 8, 4)(Logits(logits, torch.randn(1, 4, 32, 32)))
    return full_confidence(output)


def test_size_and_range() -> None:
    confidence = confidence_of([3])
    assert confidence.shape == (1, 32, 32)
    assert confidence.min() >= 0 and confidence.max() <= 1 + 1e-6


@pytest.mark.parametrize(("peaks", "low", "high"), [([7], 0.99, 1.0), ([7, 8], 0.99, 1.0), ([2, 20], 0.0, 0.01)])
def test_one_peak_is_sure_and_two_are_not(peaks: list[int], low: float, high: float) -> None:
    inner = confidence_of(peaks)[0, 8:, 8:]  # the first row and column of cells mix with the outside
    assert low <= inner.min() and inner.max() <= high + 1e-6


def test_a_flat_distribution_has_its_share() -> None:
    inner = confidence_of([])[0, 8:, 8:]
    # Expected value 11.5: the candidates 10 to 13 lie within 1.5 of it.
    torch.testing.assert_close(inner, torch.full_like(inner, 4 / CANDIDATES))
