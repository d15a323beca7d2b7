"""Cross-entropy against one or two modes in a cell: what the target is, seen through the gradient."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stereo_exp.config.training import Distribution
from stereo_exp.geometry.metrics import valid_mask
from stereo_exp.model.losses import (
    CENTRE_SHARE,
    matching_cross_entropy,
    mode_cross_entropy,
    smooth_l1,
    volumes_cross_entropy,
)
from stereo_exp.model.readout import Expectation, Logits, Matched, Regression, full_disparity
from stereo_exp.suite.build import build_loss

D = 12


def everywhere(truth: Tensor) -> Tensor:
    return torch.ones_like(truth, dtype=torch.bool)


def target_of(truth: Tensor, mask: Tensor, stride: int, modes: int = 2, spread: float = 0.0) -> Tensor:
    """The distribution of a single cell: where all logits are 0, the gradient is softmax minus target."""
    logits = torch.zeros(1, D, 1, 1, requires_grad=True)
    mode_cross_entropy(logits, truth, mask, stride, modes, spread).backward()
    assert logits.grad is not None
    return (1 / D - logits.grad).flatten()


@given(st.integers(0, 2**31), st.sampled_from([2, 4, 8]), st.integers(1, 3), st.integers(1, 3))
def test_one_narrow_mode_is_the_plain_cross_entropy(seed: int, stride: int, height: int, width: int) -> None:
    """Where every pixel counts."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.rand(2, height * stride, width * stride, generator=generator) * stride * (D + 1)
    logits = torch.randn(2, D, height, width, generator=generator, dtype=torch.float64) * 4
    found = mode_cross_entropy(logits, truth, everywhere(truth), stride, modes=1)
    torch.testing.assert_close(found, matching_cross_entropy(logits, truth, stride))


@pytest.mark.parametrize("spread", [0.0, 0.7])
def test_of_one_depth_two_modes_are_one(spread: float) -> None:
    truth = torch.full((1, 8, 8), 21.0)
    logits = torch.randn(1, D, 2, 2)
    one, two = (mode_cross_entropy(logits, truth, everywhere(truth), 4, modes, spread) for modes in (1, 2))
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_two_modes_put_mass_on_both_depths(columns: int) -> None:
    """Of a cell of 4×4 px, `columns` of which are 10 candidates nearer; the pixel at (2, 2) is its centre."""
    truth = torch.full((1, 4, 4), 4.0)
    truth[..., :columns] = 40.0
    target = target_of(truth, everywhere(truth), 4)
    at_centre, elsewhere = (10, 1) if columns == 3 else (1, 10)
    number = int((truth != truth[0, 2, 2]).sum())
    share = (1 - CENTRE_SHARE) * number / 15
    wanted = torch.zeros(D)
    wanted[at_centre], wanted[elsewhere] = 1 - share, share
    torch.testing.assert_close(target, wanted)
    assert target[at_centre] >= CENTRE_SHARE
    # The plain one knows the centre alone.
    plain = target_of(truth, everywhere(truth), 4, modes=1)
    assert float(plain[at_centre]) == pytest.approx(1)


def test_depths_near_the_centres_are_its_mode() -> None:
    """Up to one candidate away; the mode is their mean, and two candidates share it."""
    truth = torch.full((1, 4, 4), 20.0)
    truth[0, 0] = 16.0  # a quarter of the pixels: the mean lies at 19 px, 4.75 candidates
    target = target_of(truth, everywhere(truth), 4)
    wanted = torch.zeros(D)
    wanted[4], wanted[5] = 0.25, 0.75
    torch.testing.assert_close(target, wanted)


def test_masked_pixels_are_no_mode() -> None:
    truth = torch.full((1, 4, 4), 4.0)
    truth[..., :2] = 40.0
    mask = truth < 40
    target = target_of(truth, mask, 4)
    assert float(target[1]) == pytest.approx(1)
    # Beyond the last candidate neither, and what is no disparity.
    truth[..., :2] = -float("inf")
    assert float(target_of(truth, everywhere(truth), 4)[1]) == pytest.approx(1)
    truth[..., :2] = 4.0 * D
    assert float(target_of(truth, everywhere(truth), 4)[1]) == pytest.approx(1)


@pytest.mark.parametrize("spread", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("position", [3.0, 3.4])
def test_a_spread_mode_is_a_laplacian(spread: float, position: float) -> None:
    truth = torch.full((1, 4, 4), 4 * position)
    target = target_of(truth, everywhere(truth), 4, 1, spread)
    powers = torch.tensor([math.exp(-abs(i - position) / spread) for i in range(D)])
    torch.testing.assert_close(target, powers / powers.sum())


@pytest.mark.parametrize("spread", [0.0, 0.8])
@pytest.mark.parametrize("modes", [1, 2])
def test_an_empty_mask_costs_nothing(modes: int, spread: float) -> None:
    logits = torch.randn(1, D, 2, 2, requires_grad=True)
    truth = torch.rand(1, 8, 8) * 40
    loss = mode_cross_entropy(logits, truth, torch.zeros(1, 8, 8, dtype=torch.bool), 4, modes, spread)
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()  # type: ignore[union-attr]


BAD = [float("nan"), float("inf"), float("-inf"), -1.0, 0.0, 1e9, 4.0 * D]


@given(
    seed=st.integers(0, 2**31),
    modes=st.sampled_from([1, 2]),
    spread=st.sampled_from([0.0, 0.5, 3.0]),
    bad=st.sampled_from(BAD),
    is_masked=st.booleans(),
)
def test_bad_truth_is_never_nan(seed: int, modes: int, spread: float, bad: float, is_masked: bool) -> None:
    """Half of the pixels are no disparity; with a mask that says so, and with one that does not."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.rand(1, 16, 16, generator=generator) * 44
    truth = truth.where(torch.rand(truth.shape, generator=generator) < 0.5, bad)
    logits = torch.randn(1, D, 4, 4, generator=generator).requires_grad_()
    mask = valid_mask(truth, 4 * D) if is_masked else everywhere(truth)
    loss = mode_cross_entropy(logits, truth, mask, 4, modes, spread)
    loss.backward()
    assert math.isfinite(loss.item()) and loss.item() >= 0
    assert logits.grad is not None and bool(torch.isfinite(logits.grad).all())
    centre = truth[:, 2::4, 2::4]
    counts = (centre > 0) & (centre <= 4 * (D - 1)) & mask[:, 2::4, 2::4]
    assert torch.equal((logits.grad != 0).any(1), counts), "cells whose centre is not known do not count"


def test_the_loss_is_least_at_its_target() -> None:
    truth = torch.full((1, 4, 4), 4.0)
    truth[..., :2] = 30.0
    target = target_of(truth, everywhere(truth), 4, 2, 0.6)
    best = mode_cross_entropy(target.log().view(1, D, 1, 1), truth, everywhere(truth), 4, 2, 0.6)
    assert float(best) == pytest.approx(float(-(target * target.log()).sum()), abs=1e-5)
    for seed in range(5):
        other = target.log() + torch.randn(D, generator=torch.Generator().manual_seed(seed))
        assert mode_cross_entropy(other.view(1, D, 1, 1), truth, everywhere(truth), 4, 2, 0.6) > best


# Together.


def output_of(seed: int = 0, volumes: tuple[Matched, ...] = ()):  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, D, 4, 4, generator=generator).requires_grad_()
    superpixel = torch.randn(1, 9, 16, 16, generator=generator)
    return logits, Regression(Expectation(D), 4 * D, 4, 9)(Logits(logits, superpixel, volumes))


def test_the_distribution_loss_is_the_sum_of_its_parts() -> None:
    truth = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(1)) * 44
    mask = valid_mask(truth, 4 * D)
    _, output = output_of()
    final = full_disparity(output)
    published = build_loss(Distribution(weight=0))(output, final, truth, mask)
    for modes, spread in ((1, 0.0), (2, 0.0), (1, 0.5), (2, 0.5)):
        found = build_loss(Distribution(weight=3, modes=modes, spread=spread))(output, final, truth, mask)
        entropy = mode_cross_entropy(output.logits, truth, mask, 4, modes, spread)
        torch.testing.assert_close(found, published + 3 * entropy)


def test_without_the_coarse_map_the_final_one_keeps_its_weight() -> None:
    truth = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(1)) * 44
    mask = valid_mask(truth, 4 * D)
    _, output = output_of()
    final = full_disparity(output)
    losses = {c: build_loss(Distribution(weight=0, coarse=c))(output, final, truth, mask) for c in (0, 0.5, 1)}
    torch.testing.assert_close(losses[0], smooth_l1((final,), truth, mask, (2 / 3,)))
    torch.testing.assert_close(losses[0.5], (losses[0] + losses[1]) / 2)


def test_of_several_groups_their_mean_matches() -> None:
    truth = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(1)) * 44
    parts = torch.rand(2, 1, D, 4, 4, generator=torch.Generator().manual_seed(2))
    grouped = Matched(torch.cat(list(parts), 1), 4, 16.0, 2)
    single = Matched(parts.mean(0), 4, 16.0)
    torch.testing.assert_close(volumes_cross_entropy([grouped], truth), volumes_cross_entropy([single], truth))


def test_a_volume_of_one_candidate_costs_nothing() -> None:
    """The coarsest of a short range: there is nothing to tell apart."""
    volume = torch.randn(1, 1, 2, 2, requires_grad=True)
    loss = matching_cross_entropy(volume, torch.rand(1, 64, 64) * 32, 32)
    loss.backward()
    assert loss.item() == 0
    assert (volume.grad == 0).all()  # type: ignore[union-attr]
