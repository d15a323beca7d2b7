"""Loss and metrics are the published ones, and bad truth never leaks into them."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo_exp.geometry.metrics import StereoMetrics, valid_mask
from stereo_exp.model.cost_volume import PyramidVolume
from stereo_exp.model.losses import matching_cross_entropy, smooth_l1, volumes_cross_entropy
from stereo_exp.model.readout import Matched


def test_mask_takes_known_disparity_in_range() -> None:
    truth = torch.tensor([-1.0, 0.0, 1e-3, 5.0, 191.99, 192.0, 500.0, float("nan"), float("inf")])
    assert valid_mask(truth, 192).tolist() == [False, False, True, True, True, False, False, False, False]


def test_loss_is_smooth_l1_with_a_third_and_two_thirds() -> None:
    truth = torch.rand(2, 8, 9) * 250
    mask = valid_mask(truth, 192)
    coarse, final = (torch.rand(2, 8, 9) * 192 for _ in range(2))
    expected = F.smooth_l1_loss(coarse[mask], truth[mask]) / 3 + 2 * F.smooth_l1_loss(final[mask], truth[mask]) / 3
    torch.testing.assert_close(smooth_l1((coarse, final), truth, mask), expected)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 0.0, 1e9])
def test_unknown_truth_never_reaches_loss_or_gradient(bad: float) -> None:
    truth = torch.full((1, 4, 4), 10.0)
    truth[0, 0] = bad
    predictions = [torch.full((1, 4, 4), 12.0, requires_grad=True) for _ in range(2)]
    loss = smooth_l1(predictions, truth, valid_mask(truth, 192))
    loss.backward()
    assert loss.item() == pytest.approx(1.5)
    for prediction in predictions:
        assert torch.isfinite(prediction.grad).all()
        assert (prediction.grad[0, 0] == 0).all()
        assert (prediction.grad[0, 1:] > 0).all()


def test_empty_mask_is_zero_loss_with_zero_gradient() -> None:
    prediction = torch.rand(1, 4, 4, requires_grad=True)
    truth = torch.zeros(1, 4, 4)
    loss = smooth_l1((prediction, prediction), truth, valid_mask(truth, 192))
    loss.backward()
    assert loss.item() == 0
    assert (prediction.grad == 0).all()


@pytest.mark.parametrize("disparity", [0.5, 8.0, 13.0, 99.0, 184.0])
def test_cross_entropy_is_least_where_the_mean_is_the_truth(disparity: float) -> None:
    logits = torch.zeros(1, 24, 4, 6, requires_grad=True)
    truth = torch.full((1, 32, 48), disparity)
    optimiser = torch.optim.Adam([logits], 0.2)
    for _ in range(250):
        optimiser.zero_grad()
        matching_cross_entropy(logits, truth, 8).backward()
        optimiser.step()
    expected = (logits.softmax(1) * torch.arange(24).view(1, -1, 1, 1) * 8).sum(1)
    torch.testing.assert_close(expected, torch.full((1, 4, 6), disparity), atol=0.6, rtol=0)
    # At most two candidates share it, and they are neighbours.
    shares, order = logits.softmax(1)[0, :, 0, 0].sort(descending=True)
    assert shares[:2].sum() > 0.97
    assert shares[1] < 0.03 or abs(order[0] - order[1]) == 1


@pytest.mark.parametrize("unknown", [0.0, -1.0, float("nan"), float("inf"), 185.0])
def test_cross_entropy_leaves_unknown_truth_out(unknown: float) -> None:
    logits = torch.randn(1, 24, 2, 2, requires_grad=True)
    loss = matching_cross_entropy(logits, torch.full((1, 16, 16), unknown), 8)
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def plain_metrics(pairs: list[tuple[np.ndarray, np.ndarray]], maxdisp: int) -> dict[str, float]:
    """The definitions in interface.md, in numpy."""
    epes, errors, truths = [], [], []
    for prediction, truth in pairs:
        mask = (truth > 0) & (truth < maxdisp)
        if mask.any():
            error = np.abs(prediction[mask].astype(np.float64) - truth[mask])
            epes.append(error.mean())
            errors.append(error)
            truths.append(truth[mask])
    error, truth = np.concatenate(errors), np.concatenate(truths)
    return {
        "epe": float(np.mean(epes)),
        "epe_px": float(error.mean()),
        "d1": float(((error > 3) & (error > 0.05 * truth)).mean()),
        **{f"bad{k}": float((error > k).mean()) for k in (1, 2, 3)},
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.sampled_from([32, 96, 192]))
def test_metrics_equal_their_definitions(seed: int, num_images: int, maxdisp: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(num_images):
        truth = rng.uniform(-20, 1.3 * maxdisp, (int(rng.integers(1, 9)), 7)).astype(np.float32)
        truth[0, 0] = 1.0  # at least one known pixel
        pairs.append(((truth + rng.normal(0, 4, truth.shape)).astype(np.float32), truth))
    metrics = StereoMetrics(maxdisp)
    for prediction, truth in pairs:
        metrics.update(torch.from_numpy(prediction), torch.from_numpy(truth))
    found = metrics.compute()
    for key, value in plain_metrics(pairs, maxdisp).items():
        assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key
    assert (found["n_images"], found["n_skipped"]) == (num_images, 0)
    assert "epe_noc" not in found


def test_images_weigh_the_same_whatever_their_size() -> None:
    metrics = StereoMetrics(192)
    metrics.update(torch.full((10, 10), 11.0), torch.full((10, 10), 10.0))
    metrics.update(torch.full((1, 1), 15.0), torch.full((1, 1), 10.0))
    found = metrics.compute()
    assert found["epe"] == pytest.approx((1 + 5) / 2)
    assert found["epe_px"] == pytest.approx((100 * 1 + 5) / 101)


def test_an_image_without_truth_is_skipped_and_counted() -> None:
    metrics = StereoMetrics(192)
    assert metrics.update(torch.rand(4, 4), torch.zeros(4, 4)) is None
    assert StereoMetrics(192).update(torch.rand(4, 4), None) is None
    assert metrics.update(torch.full((4, 4), 9.0), torch.full((4, 4), 8.0)) == pytest.approx(1.0)
    assert (metrics.compute()["n_images"], metrics.compute()["n_skipped"]) == (1, 1)


def test_nothing_known_gives_nan_not_zero() -> None:
    metrics = StereoMetrics(192)
    metrics.update(torch.rand(4, 4), torch.zeros(4, 4))
    assert math.isnan(metrics.compute()["epe"])


def test_non_occluded_pixels_are_scored_apart() -> None:
    truth = torch.full((2, 2), 10.0)
    prediction = torch.tensor([[10.0, 14.0], [10.0, 10.0]])
    noc = torch.tensor([[True, False], [True, True]])
    metrics = StereoMetrics(192)
    metrics.update(prediction, truth, noc)
    found = metrics.compute()
    assert found["epe"] == pytest.approx(1.0)
    assert found["epe_noc"] == 0
    assert found["bad3"] == pytest.approx(0.25)
    assert found["bad3_noc"] == 0


def test_d1_needs_both_limits() -> None:
    metrics = StereoMetrics(192)
    # 4 px off: an outlier at 50 px (8 %), none at 100 px (4 %).
    metrics.update(torch.tensor([[54.0, 104.0]]), torch.tensor([[50.0, 100.0]]))
    found = metrics.compute()
    assert found["d1"] == 0.5
    assert found["bad3"] == 1.0


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in size"):
        StereoMetrics(192).update(torch.rand(4, 4), torch.rand(4, 5))


# Of the published network's sixteen channels.
SHARPNESS = 16.0


def test_a_volume_says_how_sharp_it_is() -> None:
    assert PyramidVolume([32, 32, 16, 16, 16], 192, stride=8, scales=3).sharpness == SHARPNESS


@pytest.mark.parametrize("disparity", [32.0, 64.0, 128.0])
def test_volumes_that_match_at_the_truth_cost_nothing(disparity: float) -> None:
    truth = torch.full((1, 64, 96), disparity)
    volumes = []
    for scale in range(3):
        stride = 8 * 2**scale
        volume = torch.zeros(1, 192 // stride, 64 // stride, 96 // stride)
        volume[:, int(disparity) // stride] = 100 / SHARPNESS
        volumes.append(Matched(volume, stride, SHARPNESS))
    assert volumes_cross_entropy(volumes, truth).item() == pytest.approx(0, abs=1e-6)
    wrong = [v._replace(volume=v.volume.roll(1, dims=1)) for v in volumes]
    assert volumes_cross_entropy(wrong, truth).item() == pytest.approx(300, rel=1e-3)


def test_loss_with_volumes_reaches_the_features_and_without_does_not() -> None:
    from stereo_exp.config.training import Distribution
    from stereo_exp.model.readout import Expectation, Logits, Regression
    from stereo_exp.suite.build import build_loss

    volumes = tuple(torch.rand(1, 24 // 2**k, 8 // 2**k, 12 // 2**k, requires_grad=True) for k in range(3))
    matched = tuple(Matched(v, 8 * 2**k, SHARPNESS) for k, v in enumerate(volumes))
    logits = Logits(torch.rand(1, 24, 8, 12), torch.rand(1, 4, 64, 96), matched)
    output = Regression(Expectation(24), 192, 8, 4)(logits)
    truth = torch.rand(1, 64, 96) * 100 + 1
    losses = {
        w: build_loss(Distribution(volumes=w))(output, truth + 1, truth, valid_mask(truth, 192)) for w in (0, 0.3)
    }
    assert losses[0.3].item() > losses[0].item()
    losses[0.3].backward()
    assert all(v.grad is not None and v.grad.abs().sum() > 0 for v in volumes)
