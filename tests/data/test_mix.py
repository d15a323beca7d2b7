"""Mixtures: shares come out as asked, no pair returns before the others, and evaluation reports every set."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from composing import composed
from hypothesis import given, settings
from hypothesis import strategies as st

from stereo_exp.config import bind
from stereo_exp.data.order import Part, TrainBatches, epoch_order, mixed_places
from stereo_exp.data.sample import StereoSample
from stereo_exp.data.sources.mix import MixSource
from stereo_exp.data.splits import Splits
from stereo_exp.errors import UserError

PARTS = st.lists(st.builds(Part, st.integers(1, 12), st.integers(1, 20)), min_size=1, max_size=4)


class Numbered:
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
def test_every_part_is_seen_evenly(parts: list[Part], seed: int, num_epochs: int) -> None:
    rows = np.concatenate([mixed_places(parts, seed, epoch) for epoch in range(num_epochs)])
    assert len(rows) == num_epochs * sum(part.share for part in parts)
    assert len(set(map(tuple, rows.tolist()))) == len(rows), "an (epoch, index) never comes twice: nor does its crop"
    offset = 0
    for part in parts:
        own = rows[(rows[:, 1] >= offset) & (rows[:, 1] < offset + part.num_samples)]
        assert len(own) == num_epochs * part.share
        counts = Counter(own[:, 1].tolist())
        times = [counts[offset + i] for i in range(part.num_samples)]
        assert max(times) - min(times) <= 1, "no pair returns before all others have been seen"
        offset += part.num_samples


@given(parts=PARTS, seed=st.integers(0, 99), epoch=st.integers(0, 5))
def test_order_depends_on_seed_and_epoch_only(parts: list[Part], seed: int, epoch: int) -> None:
    np.testing.assert_array_equal(mixed_places(parts, seed, epoch), mixed_places(parts, seed, epoch))
    assert not np.array_equal(epoch_order(50, seed, epoch, 0), epoch_order(50, seed, epoch, 1))


@pytest.mark.parametrize("world_size", [1, 2])
def test_resumed_batches_go_on(world_size: int) -> None:
    parts = [Part(5, 12), Part(9, 4)]
    options = {"seed": 3, "total_steps": 20, "world_size": world_size, "parts": parts}
    for rank in range(world_size):
        whole = list(TrainBatches(16, 2, rank=rank, **options))
        assert list(TrainBatches(16, 2, rank=rank, start_step=7, **options)) == whole[7:]


def test_shares_follow_the_weights() -> None:
    source = MixSource({"a": Numbered("a", 30), "b": Numbered("b", 10)}, {"a": 1.0, "b": 3.0})
    assert source.parts == [Part(30, 10), Part(10, 30)]
    assert MixSource({"a": Numbered("a", 30), "b": Numbered("b", 10)}, {}).parts == [Part(30, 30), Part(10, 10)]
    assert MixSource({"a": Numbered("a", 30), "b": Numbered("b", 10)}, {"a": 3.0}).parts == [Part(30, 30), Part(10, 10)]


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
    splits = Splits(config)
    assert splits.test_sets == ["shapes", "small"]
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
    ],
)
def test_mistakes_are_told(overrides: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        bind(composed("experiment=smoke", "dataset=mix", *overrides))
