"""Pairs that a list leaves out: they are not drawn, the others are as before."""

import pickle

import numpy as np
import pytest

from stereo_exp.base import ArgumentError, DataError, UserError
from stereo_exp.config.dataset import Mix, Motorcycle, SceneFlow
from stereo_exp.data.loader import train_loader
from stereo_exp.data.shards.packing import pack
from stereo_exp.data.shards.read import ShardSource
from stereo_exp.data.sources.kept import KeptSource, read_keys
from stereo_exp.data.sources.sceneflow import FolderSource
from stereo_exp.suite.datasets import open_split


@pytest.fixture
def folder(make_scenes):
    return make_scenes([(64, 64)] * 5)


@pytest.fixture
def listed(folder, tmp_path):
    """A list of the second and the fourth pair, with what the check writes behind their keys, and one of another
    split."""
    source = FolderSource(folder)
    keys = [source.key(1), source.key(3), "another/split"]
    path = tmp_path / "hard.txt"
    path.write_text("# a heading\n\n" + "".join(f"{key}\t0.9\t12.0\tplace\n" for key in keys))
    return path


def test_the_others_stay_as_they_were(folder, listed):
    source = FolderSource(folder)
    kept = pickle.loads(pickle.dumps(KeptSource(source, listed)))
    assert [kept.key(index) for index in range(len(kept))] == [source.key(index) for index in (0, 2, 4)]
    for index, before in enumerate((0, 2, 4)):
        np.testing.assert_array_equal(kept[index].left, source[before].left)
        assert kept.place(index) == source.place(before)
    with pytest.raises(IndexError):
        kept[3]


def test_training_never_draws_what_is_left_out(folder, listed):
    source = open_split(SceneFlow(root=str(folder), leave_out=str(listed)), "train")
    gone = read_keys(listed)
    batches = list(train_loader(source, batch_size=1, total_steps=9, seed=0, crop=(32, 32)))
    drawn = [key for batch in batches for key in batch.keys]
    assert len(set(drawn)) == 3 and len(drawn) == 9
    assert not set(drawn) & gone


def test_shards_leave_out_by_the_same_list(folder, listed, tmp_path):
    pack(folder, tmp_path / "shards", "train", num_workers=1, samples_per_shard=2)
    source = open_split(SceneFlow(root=str(tmp_path / "shards"), leave_out=str(listed)), "train")
    assert len(source) == 3
    assert source.key(1) == FolderSource(folder).key(2)
    assert source.place(1) == "shard-000001.tar:00000003"
    assert ShardSource(tmp_path / "shards" / "train").place(0) == "shard-000000.tar:00000001"


def test_what_cannot_leave_out_says_so(folder, listed, tmp_path):
    pack(folder, tmp_path / "shards", "train", num_workers=1, samples_per_shard=2)
    windowed = SceneFlow(root=str(tmp_path / "shards"), leave_out=str(listed), shuffle_window=1)
    with pytest.raises(UserError, match=r"^dataset\.leave_out=.*single sets"):
        open_split(windowed, "train")
    mixed = Mix(parts={"mine": SceneFlow(root=str(folder))}, leave_out=str(listed))
    with pytest.raises(UserError, match=r"^dataset\.leave_out=.*set it of a part"):
        open_split(mixed, "train")
    part = Mix(parts={"mine": SceneFlow(root=str(folder), leave_out=str(listed))})
    assert len(open_split(part, "train")) == 3


def test_lists_that_cannot_serve_are_told(folder, tmp_path):
    with pytest.raises(DataError, match=r"cannot be read"):
        open_split(SceneFlow(root=str(folder), leave_out=str(tmp_path / "none.txt")), "train")
    source = FolderSource(folder)
    everything = tmp_path / "all.txt"
    everything.write_text("\n".join(source.key(index) for index in range(5)))
    with pytest.raises(ArgumentError, match=r"names every pair"):
        KeptSource(source, everything)
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match=r"UTF-8"):
        read_keys(tmp_path / "bytes.txt")


def test_a_list_that_names_nothing_of_a_set_changes_nothing(listed):
    assert len(open_split(Motorcycle(leave_out=str(listed)), "test")) == 1
