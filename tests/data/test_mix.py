"""Mixtures: shares come out as asked, no pair returns before the others, and evaluation reports every set."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from composing import composed
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo_exp.base.errors import UserError
from stereo_exp.config import bind
from stereo_exp.data.order import Mixture, Part, ShardShuffle, Shuffle, TrainBatches
from stereo_exp.data.source import StereoSource
from stereo_exp.data.sources.mix import MixSource
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.suite.splits import Splits

ORDERS = st.one_of(
    st.builds(Shuffle, st.integers(1, 12)),
    st.builds(ShardShuffle, st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple), st.integers(1, 3)),
)
PARTS = st.lists(st.builds(Part, ORDERS, st.integers(1, 20)), min_size=1, max_size=4).map(tuple)


def rows_of(parts: tuple[Part, ...], seed: int, epoch: int) -> np.ndarray:
    """An epoch as int64 N×2: (the part's own epoch, index)."""
    return np.array(list(Mixture(parts).places(seed, epoch)))


class Numbered(StereoSource):
    """A source whose pairs say which they are."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size = name, size

    def __len__(self) -> int:
        return self.size

    def key(self, index: int) -> str:
        return f"{self.name}{index}"

    def read(self, index: int) -> StereoSample:
        image = np.zeros((32, 32, 3), np.uint8)
        return StereoSample(self.key(index), image, image, np.ones((32, 32), np.float32))


@settings(max_examples=60, deadline=None)
@given(parts=PARTS, seed=st.integers(0, 2**32), num_epochs=st.integers(1, 6))
def test_every_part_is_seen_evenly(parts: tuple[Part, ...], seed: int, num_epochs: int) -> None:
    rows = np.concatenate([rows_of(parts, seed, epoch) for epoch in range(num_epochs)])
    assert len(rows) == num_epochs * sum(part.share for part in parts)
    assert len(set(map(tuple, rows.tolist()))) == len(rows), "an (epoch, index) never comes twice: nor does its crop"
    offset = 0
    for part in parts:
        num_samples = part.order.num_samples
        own = rows[(rows[:, 1] >= offset) & (rows[:, 1] < offset + num_samples)]
        assert len(own) == num_epochs * part.share
        counts = Counter(own[:, 1].tolist())
        times = [counts[offset + i] for i in range(num_samples)]
        assert max(times) - min(times) <= 1, "no pair returns before all others have been seen"
        offset += num_samples


@given(parts=PARTS, seed=st.integers(0, 99), epoch=st.integers(0, 5))
def test_order_depends_on_seed_and_epoch_only(parts: tuple[Part, ...], seed: int, epoch: int) -> None:
    np.testing.assert_array_equal(rows_of(parts, seed, epoch), rows_of(parts, seed, epoch))
    for order in (Shuffle(50), ShardShuffle((25, 25), 2)):
        assert not np.array_equal(order.indices(seed, epoch, 0), order.indices(seed, epoch, 1))


def test_the_order_of_a_mixture_stays_what_it_is() -> None:
    """A resumed run must find the order that it left, in later releases too."""
    parts = (Part(Shuffle(3), 4), Part(Shuffle(5), 3))
    assert rows_of(parts, 7, 1).tolist() == [[2, 2], [1, 0], [0, 7], [0, 6], [1, 4], [2, 1], [1, 1]]


def test_shards_of_a_part_stay_together() -> None:
    """In a mixture, too, a part draws its pairs in its own sequence."""
    shards = ShardShuffle((4,) * 6, 1)
    rows = rows_of((Part(Shuffle(10), 30), Part(shards, 24)), 5, 2)
    own = rows[rows[:, 1] >= 10, 1] - 10
    np.testing.assert_array_equal(own, shards.indices(5, 2, 1))
    assert np.ptp(np.flatnonzero(rows[:, 1] >= 10)) > 30, "spread over the epoch"


@pytest.mark.parametrize("world_size", [1, 2])
def test_resumed_batches_go_on(world_size: int) -> None:
    mixture = Mixture((Part(Shuffle(5), 12), Part(ShardShuffle((4, 5), 1), 4)))
    options = {"seed": 3, "total_steps": 20, "world_size": world_size}
    for rank in range(world_size):
        whole = list(TrainBatches(mixture, 2, rank=rank, **options))
        assert list(TrainBatches(mixture, 2, rank=rank, start_step=7, **options)) == whole[7:]


def test_shares_follow_the_weights() -> None:
    sources = {"a": Numbered("a", 30), "b": Numbered("b", 10)}
    for weights, shares in (({"a": 1.0, "b": 3.0}, (10, 30)), ({}, (30, 10)), ({"a": 3.0}, (30, 10))):
        order = MixSource(sources, weights).order
        assert order.parts == (Part(Shuffle(30), shares[0]), Part(Shuffle(10), shares[1]))
        assert order.num_samples == 40


def test_indices_run_through_the_parts() -> None:
    source = MixSource({"a": Numbered("x", 2), "b": Numbered("x", 3)}, {})
    assert [source.key(i) for i in range(5)] == ["a/x0", "a/x1", "b/x0", "b/x1", "b/x2"]
    assert [source.set_of(i) for i in range(5)] == ["a", "a", "b", "b", "b"]
    assert source.read(4).key == "x2"
    with pytest.raises(IndexError):
        source.read(5)


SMALL = [
    "dataset=mix", "~dataset.parts.sceneflow", "~dataset.weights.sceneflow",
    "+dataset@dataset.parts.small=shapes_small", "dataset.parts.small.num_test=2", "dataset.weights.shapes=2",
    *(f"dataset.parts.shapes.{k}={v}" for k, v in {"num_train": 4, "num_test": 3, "height": 64, "width": 96}.items()),
]  # fmt: skip


def test_a_mixture_composes_from_the_command_line(tmp_path: object) -> None:
    config = bind(composed("experiment=smoke", *SMALL, f"root={tmp_path}"))
    assert list(config.dataset.parts) == ["shapes", "small"]
    assert [type(part).__name__ for part in config.dataset.parts.values()] == ["Shapes", "Shapes"]
    splits = Splits(config, 32)
    assert splits.test_sets == ("shapes", "small")
    assert [splits.test_set_of(i) for i in range(splits.num_test)] == ["shapes"] * 3 + ["small"] * 2
    # 4 + 16 pairs an epoch at weights 2 : 1 are 13 + 7 draws.
    assert splits.steps_per_epoch(1) == 5


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["~dataset.parts.shapes", "~dataset.parts.sceneflow", "dataset.weights={}"], "dataset.parts"),
        (["+dataset.weights.kitti=2", "dataset.parts.sceneflow.root=x"], "dataset.weights.kitti"),
        (["dataset.weights.shapes=0", "dataset.parts.sceneflow.root=x"], "dataset.weights.shapes"),
        (["dataset.parts.sceneflow.name=nope"], "dataset.parts.sceneflow"),
        # The key and the fix are those of the part.
        (
            ["dataset.parts.sceneflow.root=null"],
            r"^dataset\.parts\.sceneflow\.root=null: .* add dataset\.parts\.s\w+\.root=",
        ),
        (["dataset.parts.sceneflow.root=x", "dataset.parts.shapes.width=3"], r"^dataset\.parts\.shapes\.width=3: "),
        (
            ["dataset.parts.sceneflow.root=/nowhere"],
            r"^dataset\.parts\.sceneflow\.root=/nowhere: there is no such folder",
        ),
    ],
)
def test_mistakes_are_told(overrides: list[str], told: str, tmp_path: object) -> None:
    small = [f"dataset.parts.shapes.{key}" for key in ("num_train=4", "num_test=3", "height=64", "width=96")]
    small = small if not any("shapes" in override for override in overrides) else []
    with pytest.raises(UserError, match=told):
        Splits(bind(composed("experiment=smoke", "dataset=mix", f"root={tmp_path}", *small, *overrides)), 32)
