"""Orders: from (seed, epoch) alone, shared out without loss, continued without a seam."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stereo_exp.data.order import EvalBatches, ShardShuffle, Shuffle, TrainBatches, sample_rng, steps_per_epoch

SIZES = st.integers(1, 60)


SHARDS = st.lists(st.integers(1, 9), min_size=1, max_size=30).map(tuple)
ORDERS = st.one_of(st.builds(Shuffle, st.integers(1, 500)), st.builds(ShardShuffle, SHARDS, st.integers(1, 9)))


@given(ORDERS, st.integers(-5, 2**63), st.integers(0, 10**6))
def test_an_order_is_a_permutation_drawn_from_its_arguments(order, seed, epoch):
    indices = order.indices(seed, epoch)
    assert sorted(indices) == list(range(order.num_samples))
    np.testing.assert_array_equal(indices, order.indices(seed, epoch))
    assert list(order.places(seed, epoch)) == [(epoch, index) for index in indices.tolist()]


@pytest.mark.parametrize("order", [Shuffle(100), ShardShuffle((10,) * 10, 2)], ids=["all", "shards"])
def test_orders_differ_by_seed_and_epoch(order):
    orders = {tuple(order.indices(seed, epoch)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_orders_stay_what_they_are():
    """A resumed run must find the order that it left, in later releases too."""
    assert Shuffle(8).indices(0, 0).tolist() == [5, 0, 6, 1, 7, 2, 4, 3]
    assert ShardShuffle((3, 2, 3), 2).indices(0, 0).tolist() == [3, 7, 6, 4, 0, 5, 2, 1]


def visits(order, seed=0):
    """Of every shard, the first and the last position at which a pair of it is drawn."""
    shards = np.repeat(np.arange(len(order.sizes)), order.sizes)[order.indices(seed, 0)]
    return [(seen[0], seen[-1]) for number in range(len(order.sizes)) if len(seen := np.flatnonzero(shards == number))]


@given(SHARDS, st.integers(1, 9), st.integers(0, 99))
def test_few_shards_are_in_use_at_a_time(sizes, window, seed):
    found = visits(ShardShuffle(sizes, window), seed)
    in_use = [sum(first <= now <= last for first, last in found) for now in range(sum(sizes))]
    assert max(in_use) <= window + 1
    if window == 1:
        assert max(in_use) == 1, "one shard after the other"


def test_shards_come_in_random_order_one_at_a_time_and_their_pairs_mixed():
    order = ShardShuffle((50,) * 40, 8)
    firsts = np.array([first for first, _ in visits(order)])
    turns = np.argsort(firsts)
    assert (np.diff(turns) != 1).mean() > 0.8
    # After the first window a new shard comes every 50 pairs or so, never eight at once.
    assert np.diff(np.sort(firsts))[8:].max() < 110
    shards = order.indices(0, 0) // 50
    assert (np.diff(shards) != 0).mean() > 0.8


def test_sample_rng_differs_by_each_argument():
    draws = {sample_rng(s, e, i).random() for s in range(3) for e in range(3) for i in range(3)}
    assert len(draws) == 27
    assert sample_rng(1, 2, 3).random() == sample_rng(1, 2, 3).random()


def batches(order, batch_size, world_size=1, *, start=0, total=20, seed=3):
    """Per step, the batches of all ranks end to end; of a full shuffle where `order` is a number of pairs."""
    order = Shuffle(order) if isinstance(order, int) else order
    ranks = [
        list(
            TrainBatches(
                order,
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


@given(st.one_of(st.integers(8, 60), ORDERS), st.sampled_from([(8, 1), (4, 2), (2, 4), (1, 8)]))
def test_ranks_share_one_global_order(order, split):
    assert batches(order, *split) == batches(order, 8)


@given(st.one_of(SIZES, ORDERS), st.integers(1, 9), st.integers(1, 3), st.integers(0, 25))
def test_a_resumed_run_goes_on_inside_the_epoch(order, batch_size, world_size, start):
    whole = batches(order, batch_size, world_size, total=25)
    assert batches(order, batch_size, world_size, start=start, total=25) == whole[start:]


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
    assert len(TrainBatches(Shuffle(10), 2, seed=0, start_step=7, total_steps=20)) == 13
    assert len(TrainBatches(Shuffle(10), 2, seed=0, start_step=20, total_steps=20)) == 0


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
