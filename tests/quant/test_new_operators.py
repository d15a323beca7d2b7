"""Gates, nearest enlargement, pixel shuffles and concatenations: the same integers in float32 and without any float,
and what a sum of theirs may hold."""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_trunks import small
from torch import Tensor, nn
from torch.fx import GraphModule

from stereo_exp.model.layers import Gate, double
from stereo_exp.model.readout import Expectation, Regression
from stereo_exp.quant import integer_ops as integers
from stereo_exp.quant import ops
from stereo_exp.quant.bounds import CALIBRATION_BITS, accumulator_bounds, raise_floors
from stereo_exp.quant.fake import ActivationQuantiser, PerChannelWeightQuantiser
from stereo_exp.quant.integer import IntegerEvaluator, compare
from stereo_exp.quant.integer_ops import Integers
from stereo_exp.quant.network import QuantisedStereoNet, convert
from stereo_exp.quant.trunk import fold_batchnorm

seeds = st.integers(0, 2**31)
exponents = st.integers(-12, 2)


def int8(seed: int, *shape: int) -> Tensor:
    return torch.randint(-128, 128, shape, generator=torch.Generator().manual_seed(seed))


class Gated(nn.Module):
    """A product of two int8 maps, one of them in 0…1."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 1, bias=False), nn.Conv2d(4, 2, 1)
        self.gate = Gate(3, 4)

    def forward(self, left: Tensor) -> Tensor:
        return self.last(self.first(left) * self.gate(left))


class Enlarged(nn.Module):
    """Repeated values, added to others."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse, self.fine = nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False), nn.Conv2d(3, 4, 1)
        self.last = nn.Conv2d(4, 2, 3, padding=1)

    def forward(self, left: Tensor) -> Tensor:
        return self.last(double(self.coarse(left)) + self.fine(left))


class Shuffled(nn.Module):
    """A shuffle of int8, and one of sums whose channels have grids of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 1), nn.Conv2d(2, 12, 3, padding=1)

    def forward(self, left: Tensor) -> Tensor:
        return F.pixel_shuffle(self.last(F.pixel_shuffle(self.first(left), 2)), 2)


class Concatenated(nn.Module):
    """Maps on grids of their own, put on one; and channels that one source splits into."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 1, bias=False), nn.Conv2d(3, 4, 1)
        self.spatial, self.last = nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.Conv2d(8, 2, 1)

    def forward(self, left: Tensor) -> Tensor:
        both = torch.cat((self.first(left), self.second(left)), 1)
        return self.last(torch.cat((self.spatial(both[:, :2]), both[:, 2:]), 1))


MODULES = [Gated, Enlarged, Shuffled, Concatenated]


def integer_trunk(trunk: GraphModule) -> GraphModule:
    return convert(QuantisedStereoNet(trunk, Regression(Expectation(2), 16, 8, 4), 32)).trunk


def drawn(make: type[nn.Module], seed: int) -> GraphModule:
    """A module with random weights, channels between 2^-6 and 1, and activations at random scales."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    module = fold_batchnorm(make())
    with torch.no_grad():
        for parameter in module.parameters():
            shape = (parameter.shape[0], *[1] * (parameter.ndim - 1))
            parameter.mul_(2.0 ** torch.randint(-6, 1, shape, generator=generator))
    trunk = small(module, 3)
    for quantiser in trunk.modules():
        if isinstance(quantiser, ActivationQuantiser) and quantiser.label != "left":
            quantiser.scale.fill_(2.0 ** int(torch.randint(-8, -3, (), generator=generator)))
    return trunk


@pytest.mark.parametrize("make", MODULES)
@settings(deadline=None, max_examples=6)
@given(seed=st.integers(0, 1000))
def test_float32_carries_the_integers(make: type[nn.Module], seed: int) -> None:
    trunk = drawn(make, seed)
    # As calibration leaves it.
    raise_floors(trunk)
    assert accumulator_bounds(trunk) == []
    converted = integer_trunk(trunk)
    image = int8(seed, 2, 3, 8, 8).float() / 128
    exact, carried = IntegerEvaluator(converted).run(image), converted(image)
    assert exact.value.dtype == torch.int64
    assert torch.equal(exact.to_double(), carried.double())
    assert torch.equal(carried, trunk(image)), "training sees the same numbers"
    assert float(carried.std()) > 0


def labels_of(trunk: GraphModule, kind: type = ActivationQuantiser) -> set[str]:
    return {module.label for module in trunk.modules() if isinstance(module, kind)}


def test_where_they_are_quantised() -> None:
    assert labels_of(drawn(Gated, 0)) == {"left", "first", "gate.2", "mul"}, "both factors, and the product"
    assert labels_of(drawn(Enlarged, 0)) == {"left", "coarse", "add"}, "before it is repeated: a quarter of the bytes"
    assert labels_of(drawn(Shuffled, 0)) == {"left", "first"}, "a shuffle moves what is quantised; sums leave unrounded"
    assert labels_of(drawn(Concatenated, 0)) == {"left", "cat", "cat.1"}, "behind it: one grid for all"


# The operators alone.


@cache
def any_evaluator() -> IntegerEvaluator:
    """To be asked for single operators: its own graph does not matter."""
    return IntegerEvaluator(integer_trunk(small(_Product(), 3, 3)))


@settings(deadline=None)
@given(seeds, exponents, exponents)
def test_a_product_is_on_the_product_of_the_grids(seed: int, ea: int, eb: int) -> None:
    a, b = int8(seed, 2, 3, 4, 5), int8(seed + 1, 2, 3, 4, 5)
    found = any_evaluator()._call(ops.SCALE, (Integers(a, torch.tensor(ea)), Integers(b, torch.tensor(eb))), {})
    assert int(found.exponent) == ea + eb
    assert torch.equal(found.value, a * b)
    assert torch.equal(found.to_double(), ((a.float() * 2.0**ea) * (b.float() * 2.0**eb)).double())


@settings(deadline=None)
@given(seeds, st.sampled_from([1, 2, 4]), st.integers(1, 5), st.integers(1, 5))
def test_repeating_is_nearest_enlargement(seed: int, factor: int, height: int, width: int) -> None:
    x = int8(seed, 2, 3, height, width)
    wanted = F.interpolate(x.double(), scale_factor=float(factor), mode="nearest")
    assert torch.equal(integers.repeat(x, factor).double(), wanted)


@settings(deadline=None)
@given(seeds, st.lists(exponents, min_size=1, max_size=4))
@example(0, [-12, 2, -12])
def test_terms_meet_on_the_finest_grid(seed: int, grids: list[int]) -> None:
    terms = [Integers(int8(seed + i, 2, 3), torch.tensor(grid)) for i, grid in enumerate(grids)]
    values, exponent = integers.align(*terms)
    assert int(exponent) == min(grids)
    for term, value in zip(terms, values, strict=True):
        assert torch.equal(Integers(value, exponent).to_double(), term.to_double())


@settings(deadline=None)
@given(seeds, st.lists(exponents, min_size=4, max_size=4))
def test_channels_with_grids_of_their_own_are_joined_before_they_are_shuffled(seed: int, grids: list[int]) -> None:
    x = Integers(int8(seed, 2, 4, 3, 2), torch.tensor(grids).view(1, 4, 1, 1))
    joined = integers.join(x)
    assert joined.exponent.ndim == 0 and int(joined.exponent) == min(grids)
    assert torch.equal(joined.to_double(), x.to_double())
    shuffled = any_evaluator()._call(ops.SHUFFLE, (x, 2), {})
    assert torch.equal(shuffled.to_double(), F.pixel_shuffle(x.to_double(), 2))


# What their sums may hold.


class _Product(nn.Module):
    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left * right


def test_bound_of_a_product_is_reached() -> None:
    trunk = small(_Product(), 3, 3)
    image = torch.full((1, 3, 8, 8), -1.0)
    reached = float(trunk(image, image).max()) * 2.0**14
    assert reached == 128 * 128
    assert accumulator_bounds(trunk, math.log2(reached + 1)) == []
    (excess,) = accumulator_bounds(trunk, math.log2(reached))
    assert excess.bits == pytest.approx(0, abs=1e-6)
    assert "exceed" in excess.problem


class _Behind(nn.Module):
    """Something behind two convolutions, on which another waits."""

    def __init__(self, shuffles: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 1, bias=False), nn.Conv2d(3, 4, 1, bias=False)
        self.shuffles = shuffles
        self.last = nn.Conv2d(1 if shuffles else 8, 2, 1, bias=False)

    def forward(self, left: Tensor) -> Tensor:
        if self.shuffles:
            return self.last(torch.relu(F.pixel_shuffle(self.first(left), 2)) + F.pixel_shuffle(self.second(left), 2))
        return self.last(torch.cat((self.first(left), self.second(left)), 1))


@pytest.mark.parametrize("seed", range(3))
def test_concatenated_sums_count_on_the_finest_of_their_grids(seed: int) -> None:
    """Its integers are 2^17 steps of that grid: one bit too many beside a zero point, until it is coarsened."""
    torch.manual_seed(seed)
    module = _Behind(shuffles=False)
    with torch.no_grad():
        module.second.weight[1].mul_(2.0**-9)
    trunk = small(module, 3)
    weights = {m.label: m for m in trunk.modules() if isinstance(m, PerChannelWeightQuantiser)}
    output = next(m for m in trunk.modules() if isinstance(m, ActivationQuantiser) and m.label == "cat")
    finest = float(weights["second.weight"].scale[1]) * 2.0**-7
    assert finest < float(weights["first.weight"].scale.min()) * 2.0**-7
    output.scale.fill_(finest * 2.0**16)
    assert accumulator_bounds(trunk) == []
    output.scale.mul_(2)
    (excess,) = accumulator_bounds(trunk)
    assert (excess.label, excess.bits) == ("cat", 1)
    before = {label: quantiser.scale.clone() for label, quantiser in weights.items()}
    assert raise_floors(trunk) > 0
    assert accumulator_bounds(trunk, CALIBRATION_BITS) == []
    assert torch.equal(weights["first.weight"].scale, before["first.weight"]), "only the finest one is to blame"
    assert float(weights["second.weight"].scale[1]) > float(before["second.weight"][1])


def test_shuffled_sums_count_on_the_finest_of_their_channels() -> None:
    torch.manual_seed(0)
    module = _Behind(shuffles=True)
    with torch.no_grad():
        module.first.weight[2].mul_(2.0**-10)
    trunk = small(module, 3)
    weights = {m.label: m for m in trunk.modules() if isinstance(m, PerChannelWeightQuantiser)}
    scales = torch.cat((weights["first.weight"].scale, weights["second.weight"].scale))
    output = next(m for m in trunk.modules() if isinstance(m, ActivationQuantiser) and m.label != "left")
    output.scale.fill_(float(scales.min()) * 2.0**-7 * 2.0**16)
    assert not [each for each in accumulator_bounds(trunk) if "too fine" in each.problem]
    output.scale.mul_(2)
    (excess,) = (each for each in accumulator_bounds(trunk) if "too fine" in each.problem)
    assert excess.bits == 1


def test_the_comparison_walks_them_all() -> None:
    """Every tensor of every operator is held against the walk without floats."""

    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gated, self.joined = fold_batchnorm(Gated()), Concatenated()

        def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
            return self.gated(left), self.joined(right)

    torch.manual_seed(0)
    trunk = integer_trunk(small(Pair(), 3, 3))
    images = [int8(i, 1, 3, 8, 8).float() / 128 for i in (0, 1)]
    results = list(compare(trunk, *images))
    assert [name for name, *_ in results][-2:] == ["disparity logits", "superpixel logits"]
    assert len(results) > 6
    assert all(equal == values for _, equal, values in results)
