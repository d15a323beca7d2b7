"""`dataset.endless=true`: rendered scenes without an end, their test pairs finite and held out."""

import numpy as np
import pytest
from composing import composed

from stereo_exp.base import UserError
from stereo_exp.config import bind
from stereo_exp.data import EndlessSource, ShardSource
from stereo_exp.shapes.maker import make_pairs
from stereo_exp.suite.datasets import open_split

SMALL = (
    "dataset=shapes", "dataset.num_train=8", "dataset.num_test=2", "dataset.height=64", "dataset.width=96",
    "dataset.render_workers=1", "dataset.reads=4",
)  # fmt: skip


def dataset(*overrides):
    return bind(composed(*SMALL, *overrides)).dataset


def assert_same(a, b):
    for name in ("left", "right", "disparity"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("shapes")


@pytest.fixture(scope="module")
def endless(root):
    """The training pairs."""
    source = open_split(dataset(f"dataset.root={root}", "dataset.endless=true"), "train")
    yield source
    source.close()


@pytest.mark.long
def test_the_first_pairs_are_those_of_the_finite_set_and_others_follow(root, endless):
    finite = open_split(dataset(f"dataset.root={root}"), "train")
    assert isinstance(endless, EndlessSource) and type(finite) is ShardSource
    assert len(endless) == len(finite) == 8
    for index in range(8):
        assert_same(endless.read(index), finite.read(index))
    known = {finite.read(index).left.tobytes() for index in range(8)}
    new = [endless.read_at(4, index).left.tobytes() for index in range(8)]
    assert len(set(new)) == 8 and not known & set(new)


def test_the_test_pairs_are_those_of_the_finite_set_and_no_training_pair(root, endless):
    config = dataset(f"dataset.root={root}", "dataset.endless=true")
    held_out = open_split(config, "test")
    assert type(held_out) is ShardSource and len(held_out) == 2
    finite = open_split(dataset(f"dataset.root={root}"), "test")
    for index in range(2):
        assert_same(held_out.read(index), finite.read(index))
    trained = {endless.read_at(epoch, index).left.tobytes() for epoch in range(3) for index in range(8)}
    assert not trained & {sample.left.tobytes() for sample in held_out}


def test_a_shard_is_a_function_of_parameters_and_seed(endless):
    parameters = {"height": 64, "width": 96, "render_seed": 0, "scenes": dataset().scenes}
    pairs = [list(make_pairs(parameters, seed, 4)) for seed in range(2)]
    apart = [pair for seed in range(4) for pair in make_pairs(parameters, seed, 2)]
    for index, pair in enumerate(pairs[0] + pairs[1]):
        assert_same(pair, apart[index])
        assert_same(pair, endless.read(index))
    other = next(make_pairs(parameters | {"render_seed": 1}, 0, 1))
    assert not np.array_equal(other.left, pairs[0][0].left)


def test_sets_of_other_parameters_have_folders_of_their_own(root, endless):
    for override in ("dataset.render_seed=1", "dataset.scenes.room=5", "dataset.reads=2"):
        other = open_split(dataset(f"dataset.root={root}", "dataset.endless=true", override), "train")
        assert other.shelf.folder != endless.shelf.folder
        other.close()
    same = open_split(dataset(f"dataset.root={root}", "dataset.endless=true", "dataset.ahead=3"), "train")
    assert same.shelf.folder == endless.shelf.folder
    same.close()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("dataset.num_train=9",),
            r"dataset\.num_train=9: is no multiple of dataset\.reads=4.*try dataset\.num_train=8",
        ),
        (("dataset.num_train=3",), r"dataset\.num_train=3: .*try dataset\.num_train=4"),
        (("dataset.reads=0",), r"dataset\.reads=0"),
        (("dataset.ahead=0",), r"dataset\.ahead=0"),
        (("dataset.disk_gb=0",), r"dataset\.disk_gb=0"),
    ],
)
def test_wrong_numbers_are_told_by_their_keys(overrides, message):
    with pytest.raises(UserError, match=message) as caught:
        dataset("dataset.endless=true", *overrides)
    assert "\n" not in str(caught.value)
    if "num_train" in overrides[0]:
        dataset(*overrides)  # a finite set has no such rule


@pytest.mark.parametrize("words", [("dataset.endless=true",), ()], ids=["endless", "finite"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_pairs_that_nobody_keeps_are_refused(words, split):
    config = dataset("dataset.root=null", *words)
    with pytest.raises(UserError, match=r"^dataset\.root=null: .* must be kept somewhere; add dataset\.root=DIR"):
        open_split(config, split)


def test_a_full_disk_is_told_by_its_key(root, monkeypatch):
    from shutil import disk_usage

    free = disk_usage("/")._replace(free=10_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: free)
    with pytest.raises(UserError, match=r"dataset\.disk_gb=15.*GB are free; try dataset\.disk_gb="):
        open_split(dataset(f"dataset.root={root / 'full'}", "dataset.endless=true"), "train")


def test_in_a_mixture_the_training_pairs_are_endless(root):
    overrides = [word.replace("dataset", "dataset.parts.shapes") for word in SMALL[1:]]
    config = bind(
        composed(
            "dataset=mix", "~dataset.parts.sceneflow", "~dataset.weights.sceneflow",
            "dataset.parts.shapes.endless=true", f"dataset.parts.shapes.root={root}", *overrides,
        )
    ).dataset  # fmt: skip
    source = open_split(config, "train")
    places = source.order.places(0, 3)
    seen = {source.read_at(epoch, index).key for epoch, index in places}
    assert {int(key) // 2 for key in seen} == {3, 4, 5, 6}, "two pairs a shard, and the fourth epoch's shards"
    source.close()
