"""Least-squares choice of inputs: checked on the samples themselves, which `keep_channels` never sees."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from stereo_exp.quant.narrowing import Kept, keep_channels

SAMPLES = 100


class Problem(NamedTuple):
    """y = W·x for each of some samples, and how many inputs are to stay."""

    x: Tensor
    weight: Tensor
    count: int
    groups: int
    scale: Tensor

    @property
    def kept(self) -> Kept:
        return keep_channels(gram(self.x), self.weight, self.count, self.groups, self.scale)

    @property
    def y(self) -> Tensor:
        return self.x @ self.weight.T


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Inputs that know something of each other, none of which has mean 0."""
    groups, width, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    count = groups * draw(st.integers(1, width))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    inputs = groups * width
    x = torch.randn(SAMPLES, inputs, generator=generator, dtype=torch.float64)
    mixing = torch.eye(inputs, dtype=torch.float64) + 0.5 * torch.rand(
        inputs, inputs, generator=generator, dtype=torch.float64
    )
    x = x @ mixing + torch.randn(inputs, generator=generator, dtype=torch.float64)
    weight = torch.randn(outputs, inputs, generator=generator, dtype=torch.float64)
    scale = 0.1 + torch.rand(outputs, generator=generator, dtype=torch.float64)
    return Problem(x, weight, count, groups, scale)


def with_one(x: Tensor) -> Tensor:
    return torch.cat([x, torch.ones_like(x[:, :1])], dim=1)


def gram(x: Tensor) -> Tensor:
    return with_one(x).T @ with_one(x)


def fit(x: Tensor, y: Tensor) -> Tensor:
    """Coefficients of y on x, the constant's in the last row, from the samples."""
    return torch.linalg.lstsq(with_one(x), y, driver="gelsd").solution


def predicted(kept: Kept, x: Tensor) -> Tensor:
    return x[:, kept.channels] @ kept.weight.T + kept.bias


def loss(x: Tensor, y: Tensor, scale: Tensor) -> float:
    """Of the best fit of y on x."""
    return float((y - with_one(x) @ fit(x, y)).square().mean(0) @ scale.square())


def groups_of(problem: Problem, channels: Tensor) -> list[int]:
    """How many of the channels lie in each group."""
    width = problem.x.shape[1] // problem.groups
    return torch.bincount(channels // width, minlength=problem.groups).tolist()


@given(problems())
def test_equally_many_of_each_group_stay_in_order(problem: Problem) -> None:
    channels = problem.kept.channels
    assert channels.dtype == torch.int64
    assert channels.tolist() == sorted(set(channels.tolist()))
    assert groups_of(problem, channels) == [problem.count // problem.groups] * problem.groups


@given(problems())
def test_what_stays_is_fitted_by_least_squares(problem: Problem) -> None:
    kept = problem.kept
    wanted = fit(problem.x[:, kept.channels], problem.y)
    torch.testing.assert_close(kept.weight.T, wanted[:-1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(kept.bias, wanted[-1], atol=1e-5, rtol=1e-5)


@given(problems())
def test_error_is_what_the_samples_tell(problem: Problem) -> None:
    kept = problem.kept
    lost = (predicted(kept, problem.x) - problem.y).square().mean(0) @ problem.scale.square()
    all_there_was = problem.y.var(0, unbiased=False) @ problem.scale.square()
    assert kept.error == pytest.approx(float(lost / all_there_was), rel=1e-6, abs=1e-9)


@given(problems())
def test_each_time_the_one_goes_that_the_others_make_up_for_best(problem: Problem) -> None:
    """Found by fitting the samples without each in turn; all that leave a group with too few stay."""
    alive = list(range(problem.x.shape[1]))
    while len(alive) > problem.count:
        counts = groups_of(problem, torch.tensor(alive))
        width = problem.x.shape[1] // problem.groups
        may_go = [i for i in alive if counts[i // width] > problem.count // problem.groups]
        losses = {i: loss(problem.x[:, [j for j in alive if j != i]], problem.y, problem.scale) for i in may_go}
        first, *others = sorted(losses, key=losses.__getitem__)
        # Which of two goes that are as good as each other, rounding decides.
        assume(not others or losses[others[0]] > (1 + 1e-5) * losses[first])
        alive.remove(first)
    assert problem.kept.channels.tolist() == alive


@given(problems(), st.integers(0, 4), st.integers(0, 2), st.randoms(use_true_random=False))
def test_inputs_that_others_tell_are_not_missed(problem: Problem, mixed: int, constants: int, order: Random) -> None:
    """Mixtures of others, their copies, and inputs that never change, wherever they stand."""
    generator = torch.Generator().manual_seed(order.randrange(2**32))
    basis = problem.x
    inputs = basis.shape[1]
    mixing = torch.randn(inputs + 1, mixed, generator=generator, dtype=torch.float64)
    fixed = torch.arange(constants, dtype=torch.float64).expand(SAMPLES, constants)
    x = torch.cat([basis, basis[:, :1], with_one(basis) @ mixing, fixed], dim=1)
    x = x[:, order.sample(range(x.shape[1]), x.shape[1])]
    weight = torch.randn(2, x.shape[1], generator=generator, dtype=torch.float64)
    kept = keep_channels(gram(x), weight, inputs)
    assert abs(kept.error) < 1e-6
    torch.testing.assert_close(predicted(kept, x), x @ weight.T, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_half_of_many_inputs_are_not_missed(seed: int) -> None:
    """As many as a unit has channels, in float32 as there: some of the others' copies, some mixtures, some dead."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.relu(torch.randn(2000, 128, generator=generator) + torch.randn(128, generator=generator))
    basis *= torch.exp(torch.randn(128, generator=generator))
    mixtures = with_one(basis) @ torch.randn(129, 64, generator=generator) / 10
    x = torch.cat([basis, basis[:, :60], mixtures, torch.zeros(2000, 4)], dim=1).double()
    x = x[:, torch.randperm(256, generator=generator)]
    kept = keep_channels(gram(x), torch.randn(32, 256, generator=generator), 128)
    assert abs(kept.error) < 1e-10


@given(problems())
def test_with_all_inputs_nothing_changes(problem: Problem) -> None:
    inputs = problem.x.shape[1]
    kept = keep_channels(gram(problem.x), problem.weight, inputs, problem.groups, problem.scale)
    assert kept.channels.tolist() == list(range(inputs))
    torch.testing.assert_close(kept.weight, problem.weight, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(kept.bias, torch.zeros_like(kept.bias), atol=1e-9, rtol=0)
    assert abs(kept.error) < 1e-12


@given(problems(), st.integers(0, 2**32))
def test_an_output_that_does_not_count_is_fitted_all_the_same(problem: Problem, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    loud = 100 * torch.randn(1, problem.x.shape[1], generator=generator, dtype=torch.float64)
    both = problem._replace(
        weight=torch.cat([problem.weight, loud]), scale=torch.cat([problem.scale, torch.zeros_like(problem.scale[:1])])
    )
    kept = both.kept
    assert kept.channels.tolist() == problem.kept.channels.tolist()
    assert kept.error == pytest.approx(problem.kept.error, rel=1e-6, abs=1e-9)
    wanted = fit(problem.x[:, kept.channels], problem.x @ loud.T)
    torch.testing.assert_close(kept.weight[-1:].T, wanted[:-1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("scale", "stays"), [(None, 1), ([1.0, 1.0], 1), ([10.0, 1.0], 0), ([1.0, 0.0], 0)])
def test_scale_says_which_outputs_matter(scale: list[float] | None, stays: int) -> None:
    """Two inputs that know nothing of each other, each making one output, the second three times as large."""
    x = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
    weight = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    kept = keep_channels(gram(x), weight, 1, scale=None if scale is None else torch.tensor(scale))
    assert kept.channels.tolist() == [stays]
    weights = [1.0, 1.0] if scale is None else scale
    energy = [weights[0] ** 2, 9 * weights[1] ** 2]
    assert kept.error == pytest.approx(energy[1 - stays] / sum(energy), abs=1e-6)
