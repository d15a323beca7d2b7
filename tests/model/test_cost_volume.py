"""The cost volume equals its plain definition, for every shape, and so do its gradients."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from stereo_exp.model.cost_volume import (
    BLOCK,
    UNIT_SHARPNESS,
    CorrelationVolume,
    PyramidVolume,
    SingleVolume,
    block_volume,
    correlation_volume,
)


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


# In blocks: the same, without most of the products that are thrown away.


@settings(max_examples=80, deadline=None)
@given(
    batch=st.integers(1, 2),
    channels=st.integers(1, 9),
    height=st.integers(1, 4),
    width=st.integers(1, 70),
    num_disparities=st.integers(1, 80),
    block=st.integers(2, 40),
    seed=st.integers(0, 2**31),
)
@example(1, 4, 2, 24, 24, 24, 0)
@example(1, 4, 2, 25, 25, 24, 0)
@example(1, 4, 1, 1, 1, 2, 0)
@example(1, 4, 1, 5, 80, 3, 0)
@example(1, 4, 1, 70, 1, 40, 0)
def test_a_block_volume_is_the_same(
    batch: int, channels: int, height: int, width: int, num_disparities: int, block: int, seed: int
) -> None:
    """Whatever the blocks: wider than the map, narrower than the range, not a divisor of either."""
    generator = torch.Generator().manual_seed(seed)
    left, right = torch.randint(-127, 128, (2, batch, channels, height, width), generator=generator).float().unbind()
    volume = block_volume(left, right, num_disparities, block)
    assert volume.shape == (batch, num_disparities, height, width)
    # Whole numbers: sums of products are exact in any order.
    assert torch.equal(volume, correlation_volume(left, right, num_disparities))


def test_gradients_of_a_block_volume_equal_the_definitions() -> None:
    left, right = torch.randn(2, 1, 4, 3, 17, dtype=torch.float64, requires_grad=True).unbind()
    weight = torch.randn(1, 12, 3, 17, dtype=torch.float64)
    for block in (2, 5, 17, 24):
        ours = torch.autograd.grad((block_volume(left, right, 12, block) * weight).sum(), (left, right))
        plain = torch.autograd.grad((plain_definition(left, right, 12) * weight).sum(), (left, right))
        for a, b in zip(ours, plain, strict=True):
            torch.testing.assert_close(a, b)


def test_a_block_volume_multiplies_less() -> None:
    """At 1/4 of 960 px: every column meets three blocks of the right view, not all ten."""
    products: list[int] = []
    matmul = torch.matmul

    class Counting(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            result = function(*args, **(kwargs or {}))
            if function is matmul:
                products.append(result.numel())
            return result

    left, right = torch.rand(2, 1, 32, 2, 240).unbind()
    with Counting():
        correlation_volume(left, right, 48)
        block_volume(left, right, 48, BLOCK)
    assert products == [2 * 240 * 240, 2 * 240 * 3 * BLOCK]


@pytest.mark.parametrize("block", [None, 3, 64])
def test_the_module_computes_either(block: int | None) -> None:
    left, right = torch.randn(2, 1, 4, 3, 17).unbind()
    torch.testing.assert_close(CorrelationVolume(6, block)(left, right), plain_definition(left, right, 6))
    assert not CorrelationVolume(6, block).state_dict()


# What a network matches by.


def maps_of(channels: list[int], batch: int = 2) -> list[Tensor]:
    return [torch.randn(2 * batch, c, 64 // 2**k, 128 // 2**k) for k, c in enumerate(channels)]


@pytest.mark.parametrize(("stride", "scales"), [(8, 3), (4, 2), (2, 5), (32, 1)])
def test_a_pyramid_matches_the_maps_as_they_are(stride: int, scales: int) -> None:
    channels = [4, 6, 8, 10, 12]
    volume = PyramidVolume(channels, 96, stride, scales)
    maps = maps_of(channels)
    found = volume(maps, 2)
    assert volume.strides == [stride * 2**k for k in range(scales)]
    assert volume.channels == volume.num_candidates == [96 // s for s in volume.strides]
    assert volume.sharpness == channels[[2, 4, 8, 16, 32].index(stride)]
    for k, (each, number) in enumerate(zip(found, volume.num_candidates, strict=True)):
        level = maps[[2, 4, 8, 16, 32].index(stride) + k]
        torch.testing.assert_close(each, plain_definition(level[:2], level[2:], number))


@pytest.mark.parametrize("normalization", ["batchnorm", "unit"])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_groups_of_channels_match_on_their_own(groups: int, normalization: str) -> None:
    channels = [4, 6, 8, 10, 12]
    volume = SingleVolume(channels, 32, 4, groups, 4 * groups, normalization).eval()
    maps = maps_of(channels)
    (found,) = volume(maps, 2)
    assert (volume.strides, volume.num_candidates, volume.channels) == ([4], [8], [8 * groups])
    features = volume.project(maps[1])
    for group in range(groups):
        part = features[:, 4 * group : 4 * (group + 1)]
        if normalization == "unit":
            part = 2 * F.normalize(part, dim=1)
        wanted = plain_definition(part[:2], part[2:], 8)
        torch.testing.assert_close(found[:, 8 * group : 8 * (group + 1)], wanted)
        if normalization == "unit":
            assert found.abs().max() <= 1 + 1e-5, "cosines"
    assert volume.sharpness == (UNIT_SHARPNESS if normalization == "unit" else 1)


@pytest.mark.parametrize("groups", [1, 2])
def test_features_begin_as_logits(groups: int) -> None:
    """A cell that meets itself has √C of a logit before anything is learned, C being the channels of a group."""
    channels = [4, 6, 8, 10, 12]
    volume = SingleVolume(channels, 32, 4, groups, 16 * groups).train()
    maps = [each[:1].repeat(2, 1, 1, 1) for each in maps_of(channels)]
    same = volume(maps, 1)[0].unflatten(1, (groups, 8))[:, :, 0]
    torch.testing.assert_close(same.mean(), torch.tensor(4.0), rtol=0.05, atol=0)
