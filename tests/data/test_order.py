"""Orders: from (seed, epoch) alone, shared out without loss, continued without a seam."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stereo_exp.data.order import EvalBatches, TrainBatches, epoch_order, sample_rng, steps_per_epoch

SIZES = st.integers(1, 60)


@given(st.integers(1, 500), st.integers(-5, 2**63), st.integers(0, 10**6))
def test_epoch_order_is_a_permutation_drawn_from_its_arguments(num_samples, seed, epoch):
    order = epoch_order(num_samples, seed, epoch)
    assert sorted(order) == list(range(num_samples))
    np.testing.assert_array_equal(order, epoch_order(num_samples, seed, epoch))


def test_epoch_order_differs_by_seed_and_epoch():
    orders = {tuple(epoch_order(100, seed, epoch)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_epoch_order_stays_what_it_is():
    """A resumed run must find the order that it left, in later releases too."""
    assert epoch_order(8, 0, 0).tolist() == [5, 0, 6, 1, 7, 2, 4, 3]


def test_sample_rng_differs_by_each_argument():
    draws = {sample_rng(s, e, i).random() for s in range(3) for e in range(3) for i in range(3)}
    assert len(draws) == 27
    assert sample_rng(1, 2, 3).random() == sample_rng(1, 2, 3).random()


def batches(num_samples, batch_size, world_size=1, *, start=0, total=20, seed=3):
    """Per step, the batches of all ranks end to end."""
    ranks = [
        list(
            TrainBatches(
                num_samples,
                batch_size,
                seed=seed,
                start_step=start,
                total_steps=total,
                rank=rank,
                world_size=world_size,
            )
        )
        for rank in range(world_size)
    ]
    return [list(chain(*step)) for step in zip(*ranks, strict=True)]


@given(st.integers(8, 60), st.sampled_from([(8, 1), (4, 2), (2, 4), (1, 8)]))
def test_ranks_share_one_global_order(num_samples, split):
    assert batches(num_samples, *split) == batches(num_samples, 8)


@given(SIZES, st.integers(1, 9), st.integers(1, 3), st.integers(0, 25))
def test_a_resumed_run_goes_on_inside_the_epoch(num_samples, batch_size, world_size, start):
    whole = batches(num_samples, batch_size, world_size, total=25)
    assert batches(num_samples, batch_size, world_size, start=start, total=25) == whole[start:]


@given(st.integers(1, 9), st.integers(1, 3), st.integers(0, 40))
def test_an_epoch_has_every_pair_at_most_once_and_drops_the_last_partial_batch(batch_size, world_size, extra):
    num_samples = batch_size * world_size + extra
    steps = steps_per_epoch(num_samples, batch_size, world_size)
    assert steps == num_samples // (batch_size * world_size)
    drawn = batches(num_samples, batch_size, world_size, total=3 * steps)
    for epoch in range(3):
        places = list(chain(*drawn[epoch * steps : (epoch + 1) * steps]))
        assert {e for e, _ in places} == {epoch}
        indices = [i for _, i in places]
        assert len(set(indices)) == len(indices) > num_samples - batch_size * world_size


@given(st.integers(1, 7), st.integers(8, 20))
def test_a_set_smaller_than_a_batch_wraps_round_fairly(num_samples, batch_size):
    assert steps_per_epoch(num_samples, batch_size) == 1
    places = list(chain(*batches(num_samples, batch_size)))
    assert len(set(places)) == len(places)  # so that no crop comes twice
    for epoch in range(places[-1][0]):
        assert sorted(i for e, i in places if e == epoch) == list(range(num_samples))


def test_len_is_the_steps_left():
    assert len(TrainBatches(10, 2, seed=0, start_step=7, total_steps=20)) == 13
    assert len(TrainBatches(10, 2, seed=0, start_step=20, total_steps=20)) == 0


@given(SIZES, st.integers(1, 9), st.integers(1, 7))
def test_evaluation_sees_every_pair_exactly_once(num_samples, batch_size, world_size):
    seen = []
    for rank in range(world_size):
        ranks = EvalBatches(num_samples, batch_size, rank=rank, world_size=world_size)
        drawn = list(ranks)
        assert len(drawn) == len(ranks) and all(0 < len(batch) <= batch_size for batch in drawn)
        seen += [index for batch in drawn for _, index in batch]
    assert seen == list(range(num_samples))


@pytest.mark.parametrize("arguments", [(0, 1, 0, 1), (1, 0, 0, 1), (1, 1, 1, 1), (1, 1, -1, 1)])
def test_senseless_arguments_are_refused(arguments):
    num_samples, batch_size, rank, world_size = arguments
    with pytest.raises(ValueError, match="need num_samples"):
        EvalBatches(num_samples, batch_size, rank=rank, world_size=world_size)
