"""The loader: the same batches for any number of workers, and errors as they were."""

import multiprocessing

import cv2
import numpy as np
import pytest
import torch
from augmenting import build_augment
from hypothesis import given
from hypothesis import strategies as st
from scene_folder import scene_names

from stereo_exp.base.errors import ArgumentError, DataError, UserError
from stereo_exp.data.loader import StereoBatch, collate, eval_loader, train_loader
from stereo_exp.data.shards.packing import pack
from stereo_exp.data.shards.read import ShardSource
from stereo_exp.data.source import StereoSource
from stereo_exp.data.sources.middlebury import MotorcycleSource
from stereo_exp.data.sources.sceneflow import FolderSource
from stereo_exp.geometry.pair import StereoSample

SIZES = [(40, 70)] * 7


@pytest.fixture
def folder(make_scenes):
    return FolderSource(make_scenes(SIZES))


@pytest.fixture
def shards(make_scenes, tmp_path):
    """shards(n): the same seven pairs in n shards."""

    def make(count):
        pack(make_scenes(SIZES), tmp_path / f"in{count}", "train", samples_per_shard=-(-len(SIZES) // count))
        return ShardSource(tmp_path / f"in{count}/train")

    return make


def assert_same(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert (a.keys, a.sizes, a.indices, a.epoch, a.skipped) == (
            b.keys,
            b.sizes,
            b.indices,
            b.epoch,
            b.skipped,
        )
        for name in ("left", "right", "disparity"):
            assert torch.equal(getattr(a, name), getattr(b, name))


def train(source, **changes):
    arguments = {"batch_size": 3, "total_steps": 7, "seed": 5, "crop": (32, 64)}
    return list(train_loader(source, **(arguments | changes)))


@pytest.mark.parametrize("count", [1, 3])
def test_training_batches_do_not_depend_on_workers_or_shards(shards, folder, count):
    augment = build_augment([{"name": "photometric"}, {"name": "vertical_flip"}])
    reference = train(folder, augment=augment)
    assert_same(reference, train(shards(count), augment=augment, workers=2))
    batch = reference[0]
    assert batch.left.shape == batch.right.shape == (3, 3, 32, 64) and batch.left.dtype == torch.uint8
    assert batch.disparity.shape == (3, 32, 64) and batch.disparity.dtype == torch.float32 and batch.noc is None
    assert batch.sizes == [(32, 64)] * 3 and len(batch) == 3


def test_crops_differ_by_epoch_and_seed(folder):
    def crops(**changes):
        return {
            (batch.epoch, key): batch.left[row].numpy().tobytes()
            for batch in train(folder, **changes)
            for row, key in enumerate(batch.keys)
        }

    first = crops()
    assert {epoch for epoch, _ in first} == {0, 1, 2, 3}
    key = next(key for epoch, key in first if epoch == 0 and (1, key) in first)
    assert first[0, key] != first[1, key]
    assert crops(seed=6) != first


def test_two_ranks_with_two_workers_share_the_steps(shards):
    source = shards(2)
    whole = train(source, batch_size=6)
    ranks = [train(source, batch_size=3, rank=rank, world_size=2, workers=2) for rank in range(2)]
    for step, both in enumerate(zip(*ranks, strict=True)):
        assert both[0].indices + both[1].indices == whole[step].indices
        assert torch.equal(torch.cat([part.left for part in both]), whole[step].left)


def test_a_resumed_run_draws_what_the_unbroken_one_did(folder):
    assert_same(train(folder)[4:], train(folder, start_step=4, workers=1))


def test_whole_images_are_trained_on_padded(folder):
    batch = train(folder, crop=None, multiple=32)[0]
    assert batch.left.shape[2:] == (64, 96) and batch.sizes == [(40, 70)] * 3
    assert (batch.disparity[:, 40:] == -1).all() and (batch.disparity[:, :, 70:] == -1).all()


def test_training_leaves_the_global_random_numbers_alone(folder):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    train(folder)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_two_ranks_with_two_workers_evaluate_every_pair_once(shards, count):
    source = shards(count)
    loaders = [eval_loader(source, batch_size=2, workers=2, rank=rank, world_size=2) for rank in range(2)]
    batches = [batch for loader in loaders for batch in loader]
    assert [index for batch in batches for index in batch.indices] == list(range(7))
    assert [key for batch in batches for key in batch.keys] == [source.key(index) for index in range(7)]


def test_evaluation_does_not_depend_on_workers_and_can_be_repeated(shards):
    source = shards(3)
    reference = list(eval_loader(source, batch_size=2))
    loader = eval_loader(source, batch_size=2, workers=2)
    assert len(loader) == len(reference) == 4
    assert_same(reference, list(loader))
    assert_same(reference, list(loader))


def test_images_come_out_as_they_are_with_their_padding(folder):
    batch = next(iter(eval_loader(folder, batch_size=2, multiple=32)))
    sample = folder.read(1)
    assert batch.left.shape == (2, 3, 64, 96) and batch.sizes[1] == (40, 70)
    np.testing.assert_array_equal(batch.left[1, :, :40, :70].permute(1, 2, 0), sample.left)
    np.testing.assert_array_equal(batch.right[1, :, :40, :70].permute(1, 2, 0), sample.right)
    np.testing.assert_array_equal(batch.disparity[1, :40, :70], sample.disparity)
    # The edges, not zeros: a border that the scene does not have costs the network accuracy.
    edges = np.pad(sample.left, ((0, 24), (0, 26), (0, 0)), "edge")
    np.testing.assert_array_equal(batch.left[1].permute(1, 2, 0), edges)
    assert (batch.disparity[:, 40:] == -1).all() and (batch.disparity[:, :, 70:] == -1).all()


MIXED = [(40, 70), (90, 50), (41, 71)]


def test_sizes_may_differ_within_an_evaluation_batch(make_scenes):
    source = FolderSource(make_scenes(MIXED))
    (batch,) = eval_loader(source, batch_size=3, multiple=32)
    assert batch.left.shape == (3, 3, 96, 96) and batch.sizes == MIXED
    for row, (height, width) in enumerate(MIXED):
        np.testing.assert_array_equal(batch.disparity[row, :height, :width], source.read(row).disparity)
        assert (batch.disparity[row] == -1).sum() == 96 * 96 - height * width


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_split_sizes_pads_no_pair_for_its_neighbours(make_scenes, batch_size):
    source = FolderSource(make_scenes(MIXED))
    batches = list(eval_loader(source, batch_size=batch_size, multiple=32, split_sizes=True, workers=2))
    shapes = {index: tuple(batch.left.shape[2:]) for batch in batches for index in batch.indices}
    assert shapes == {0: (64, 96), 1: (96, 64), 2: (64, 96)}
    assert sorted(index for batch in batches for index in batch.indices) == [0, 1, 2]


@pytest.fixture
def damaged(make_scenes):
    root = make_scenes(SIZES)
    path = root / scene_names(2)[0]
    path.write_bytes(path.read_bytes()[:-20])
    (root / scene_names(3)[2]).unlink()
    return FolderSource(root)


@pytest.mark.parametrize("workers", [0, 2])
def test_raise_brings_the_error_as_it_was(damaged, workers):
    with pytest.raises(DataError) as expected:
        damaged.read(2)
    batches = iter(eval_loader(damaged, batch_size=1, workers=workers))
    assert [next(batches).indices for _ in range(2)] == [[0], [1]]
    with pytest.raises(DataError) as caught:
        next(batches)
    assert type(caught.value) is DataError and str(caught.value) == str(expected.value)
    assert "\n" not in str(caught.value) and caught.value.fix == expected.value.fix


@pytest.mark.parametrize("workers", [0, 2])
def test_skip_leaves_damaged_pairs_out_and_reports_them(damaged, workers):
    batches = list(eval_loader(damaged, batch_size=2, on_error="skip", workers=workers))
    assert [batch.indices for batch in batches] == [[0, 1], [], [4, 5], [6]]
    empty = batches[1]
    assert len(empty) == 0 and empty.left.shape[:2] == (0, 3) and empty.disparity.shape[0] == 0
    assert [key for key, _ in empty.skipped] == [damaged.key(2), damaged.key(3)]
    assert "truncated PNG" in empty.skipped[0][1] and "line 4" in empty.skipped[1][1]
    assert all(batch.skipped == [] for batch in batches if batch is not empty)


def test_skip_in_training_keeps_the_other_pairs_where_they_were(damaged, make_scenes):
    whole = train(FolderSource(make_scenes(SIZES, folder="whole")), total_steps=4)
    for batch, reference in zip(train(damaged, total_steps=4, on_error="skip", workers=2), whole, strict=True):
        kept = [row for row, index in enumerate(reference.indices) if index not in (2, 3)]
        assert batch.indices == [reference.indices[row] for row in kept]
        assert torch.equal(batch.left, reference.left[kept])
        assert len(batch.skipped) == 3 - len(kept)


def test_a_missing_shard_is_skipped_pair_by_pair(shards):
    source = shards(3)
    (source.folder / "shard-000001.tar").unlink()
    batches = list(eval_loader(source, batch_size=4, on_error="skip", workers=1))
    assert [index for batch in batches for index in batch.indices] == [0, 1, 2, 6]
    assert sum(len(batch.skipped) for batch in batches) == 3


class MadeSource(StereoSource):
    """Pairs handed over as they are, sound or not."""

    def __init__(self, *samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def key(self, index):
        return self.samples[index].key

    def read(self, index):
        return self.samples[index]


IMAGE = np.zeros((8, 9, 3), np.uint8)
TRUTH = np.ones((8, 9), np.float32)
UNSOUND = {
    "views": StereoSample("bad", IMAGE, IMAGE[1:], TRUTH),
    "truth": StereoSample("bad", IMAGE, IMAGE, TRUTH[1:]),
    "nan": StereoSample("bad", IMAGE, IMAGE, TRUTH * np.nan),
    "inf": StereoSample("bad", IMAGE, IMAGE, TRUTH * np.inf),
    "mask": StereoSample("bad", IMAGE, IMAGE, TRUTH, TRUTH[1:] > 0),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_unsound_samples_of_any_source_are_data_errors(name):
    with pytest.raises(DataError, match=r"^bad"):
        list(eval_loader(MadeSource(UNSOUND[name]), batch_size=1))


def test_truth_may_be_missing_in_evaluation_but_not_in_training():
    source = MadeSource(StereoSample("oakd", IMAGE, IMAGE))
    (batch,) = eval_loader(source, batch_size=1)
    assert batch.disparity is None and batch.noc is None
    with pytest.raises(DataError, match="oakd: has no disparity to train on"):
        train(source)


def test_masks_travel_with_their_pairs():
    mask = np.arange(72).reshape(8, 9) % 3 == 0
    sound = StereoSample("a", IMAGE, IMAGE, TRUTH, mask)
    (batch,) = eval_loader(MadeSource(sound, sound), batch_size=2, multiple=32)
    np.testing.assert_array_equal(batch.noc[1, :8, :9], mask)
    assert not batch.noc[:, 8:].any() and batch.noc.dtype == torch.bool
    (mixed,) = eval_loader(MadeSource(sound, StereoSample("b", IMAGE, IMAGE, TRUTH)), batch_size=2)
    assert mixed.noc is None


def test_a_bug_in_a_source_keeps_its_traceback(folder):
    class Broken(MadeSource):
        def read(self, index):
            raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="in read"):
        list(eval_loader(Broken(*UNSOUND.values()), batch_size=1, workers=1, on_error="skip"))
    assert not multiprocessing.active_children()


def test_motorcycle_evaluates_with_more_workers_than_pairs():
    (batch,) = eval_loader(MotorcycleSource(), batch_size=8, multiple=32, workers=2)
    assert batch.sizes == [(500, 741)] and batch.left.shape == (1, 3, 512, 768)


def test_evaluations_leave_no_worker_behind(folder):
    for _ in range(2):
        list(eval_loader(folder, batch_size=2, workers=2))
        assert not multiprocessing.active_children()
    batches = iter(eval_loader(folder, batch_size=1, workers=2))
    next(batches)
    assert len(multiprocessing.active_children()) == 2
    batches.close()
    assert not multiprocessing.active_children()


def test_workers_start_after_opencv_ran_on_many_threads(folder):
    """A fork inherits OpenCV's thread pool without its threads; reading must not wait for them."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(4)
    try:
        cv2.cvtColor(np.zeros((3000, 3000, 3), np.uint8), cv2.COLOR_BGR2RGB)
        cv2.GaussianBlur(np.zeros((3000, 3000, 3), np.uint8), (9, 9), 2)
        assert len(train(folder, workers=2)) == 7
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize("on_error", ["ignore", ""])
def test_an_unknown_policy_is_refused(folder, on_error):
    with pytest.raises(UserError, match="on_error"):
        eval_loader(folder, batch_size=1, on_error=on_error)


def test_an_empty_source_is_refused():
    with pytest.raises(ArgumentError, match="holds no pairs"):
        eval_loader(MadeSource(), batch_size=1)


def test_batches_move_as_a_whole():
    (batch,) = eval_loader(MadeSource(StereoSample("a", IMAGE, IMAGE, TRUTH)), batch_size=1)
    moved = batch.to("meta")
    assert isinstance(moved, StereoBatch) and moved.left.is_meta and moved.disparity.is_meta
    assert moved.noc is None and moved.keys == ["a"]


@given(st.lists(st.tuples(st.integers(1, 70), st.integers(1, 70)), max_size=4), st.sampled_from([1, 16, 32, 64]))
def test_collate_pads_to_the_largest_and_a_multiple_of_the_networks(sizes, multiple):
    samples = [StereoSample(str(size), np.ones((*size, 3), np.uint8), np.ones((*size, 3), np.uint8)) for size in sizes]
    batch = collate(samples, range(len(sizes)), multiple=multiple)
    height, width = batch.left.shape[2:]
    assert height % multiple == width % multiple == 0
    assert height - multiple < max((size[0] for size in sizes), default=multiple) <= height
    # Padding repeats the edges: of ones, ones.
    assert batch.left.sum() == 3 * len(sizes) * height * width


@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize(("world_size", "workers"), [(2, 2), (1, 0)])
def test_five_shards_however_they_are_read(make_scenes, tmp_path, world_size, workers, window):
    """Evaluation counts every pair once; an epoch visits every pair once, in an order of (seed, epoch) alone."""
    pack(make_scenes([(40, 70)] * 12), tmp_path, "train", samples_per_shard=3)
    pack(make_scenes([(40, 70)] * 13), tmp_path / "13", "train", samples_per_shard=3)
    source = ShardSource(tmp_path / "13/train")
    assert len(source.index.shards) == 5
    options = {"world_size": world_size, "workers": workers}
    evaluated = [list(eval_loader(source, batch_size=2, rank=rank, **options)) for rank in range(world_size)]
    assert [i for rank in evaluated for batch in rank for i in batch.indices] == list(range(13))
    source = ShardSource(tmp_path / "train", window=window)
    options |= {"batch_size": 4 // world_size, "total_steps": 9}
    ranks = [train(source, rank=rank, **options) for rank in range(world_size)]
    steps = [[i for batch in step for i in batch.indices] for step in zip(*ranks, strict=True)]
    for epoch in range(3):
        seen = [i for step in steps[3 * epoch : 3 * epoch + 3] for i in step]
        assert seen == source.order.indices(5, epoch).tolist()
    # Resumed inside the second epoch.
    resumed = [train(source, rank=rank, start_step=4, **options) for rank in range(world_size)]
    for whole, rest in zip(ranks, resumed, strict=True):
        assert_same(whole[4:], rest)
