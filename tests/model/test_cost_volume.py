"""The cost volume equals its plain definition, for every shape, and so do its gradients."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stereo_exp.model.cost_volume import correlation_volume


def plain_definition(left: Tensor, right: Tensor, num_disparities: int) -> Tensor:
    """Mean over channels of left(x)·right(x − d), zero for x < d, one disparity at a time."""
    batch, _, height, width = left.shape
    volume = left.new_zeros(batch, num_disparities, height, width)
    for d in range(min(num_disparities, width)):
        volume[:, d, :, d:] = (left[..., d:] * right[..., : width - d]).mean(1)
    return volume


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 20),
    height=st.integers(1, 5),
    width=st.integers(1, 40),
    num_disparities=st.integers(1, 48),
    seed=st.integers(0, 2**31),
)
def test_equals_the_definition(
    batch: int, channels: int, height: int, width: int, num_disparities: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, channels, height, width)
    left, right = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    volume = correlation_volume(left, right, num_disparities)
    torch.testing.assert_close(volume, plain_definition(left, right, num_disparities))


def test_is_exact_on_integers() -> None:
    # int8 values and 16 channels: products, sums and the mean are exact in float32 in any order of summation.
    left, right = torch.randint(-127, 128, (2, 2, 16, 6, 30)).float()
    exact = plain_definition(left.double(), right.double(), 24)
    assert torch.equal(correlation_volume(left, right, 24).double(), exact)


def test_gradients_equal_the_definitions() -> None:
    left, right = torch.randn(2, 1, 4, 3, 17, dtype=torch.float64, requires_grad=True).unbind()
    weight = torch.randn(1, 12, 3, 17, dtype=torch.float64)
    ours = torch.autograd.grad((correlation_volume(left, right, 12) * weight).sum(), (left, right))
    plain = torch.autograd.grad((plain_definition(left, right, 12) * weight).sum(), (left, right))
    for a, b in zip(ours, plain, strict=True):
        torch.testing.assert_close(a, b)
