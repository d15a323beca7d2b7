"""The endless set: made ahead, read a few times, deleted; the same pairs whatever happens to whom."""

import os
import signal
import tarfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import MAKER, make_noise

from stereo_exp.base import ArgumentError, DataError
from stereo_exp.data.endless.source import EndlessSource, Recipe
from stereo_exp.data.loader import eval_loader, train_loader
from stereo_exp.data.order import Renewal, TrainBatches
from stereo_exp.data.sources.mix import MixSource

SIZE = (16, 24)


@pytest.fixture
def open_set(tmp_path):
    """open_set(**arguments, **parameters of the maker) -> a source below one root; closed afterwards."""
    opened = []

    def make(root=tmp_path, **arguments):
        names = ("pairs", "reads", "ahead", "limit_gb")
        given = {"pairs": 12, "reads": 3} | {name: arguments.pop(name) for name in names if name in arguments}
        codec = arguments.pop("codec", "png")
        parameters = {"height": SIZE[0], "width": SIZE[1], "seed": 0} | arguments
        opened.append(EndlessSource(root, Recipe("noise", MAKER, parameters, SIZE, codec), **given))
        return opened[-1]

    yield make
    for source in opened:
        source.close()


def expected(source, epoch, index):
    """The pair as the maker makes it, here."""
    shard, position = source.order.locate(epoch, index)
    samples = source.order.samples
    return list(make_noise({"height": SIZE[0], "width": SIZE[1], "seed": 0}, shard, samples))[position]


def assert_same(a, b):
    for name in ("left", "right", "disparity"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return found


def is_alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def batches(source, **changes):
    arguments = {"batch_size": 2, "total_steps": 24, "seed": 5, "crop": (8, 16)} | changes
    return [(batch.keys, batch.left.numpy().tobytes(), batch.epoch) for batch in train_loader(source, **arguments)]


def test_pairs_are_the_makers_to_the_last_bit_epoch_after_epoch(open_set):
    source = open_set()
    for epoch in range(5):
        for index in range(len(source)):
            sample = source.read_at(epoch, index)
            assert_same(sample, expected(source, epoch, index))
    assert source.read(3).key == source.key(3) == "00000003"
    assert len({source.key(index) for index in range(len(source))}) == 12


def test_another_codec_gives_the_same_pairs_in_a_folder_of_its_own(open_set):
    source, usual = open_set(codec="webp_fast"), open_set()
    assert source.shelf.folder != usual.shelf.folder
    for index in range(0, 12, 5):
        assert_same(source.read_at(1, index), expected(source, 1, index))
    with tarfile.open(source.shelf.path(next(iter(source.shelf.shards())))) as tar:
        members = {name.partition(".")[2] for name in tar.getnames()}
    assert members == {"left.webp", "right.webp", "disp.z", "json"}


def test_every_pair_is_drawn_as_often_as_asked_for_and_then_never_again(open_set):
    source = open_set(pairs=12, reads=3)
    drawn = Counter(key for keys, _, _ in batches(source, total_steps=6 * 8) for key in keys)
    assert max(drawn.values()) == 3
    # Eight epochs: what came in the first two and goes in the last two is drawn less often.
    assert sum(count == 3 for count in drawn.values()) == 4 * 6
    last_steps = {key for keys, _, _ in batches(source, total_steps=48, start_step=42) for key in keys}
    assert min(map(int, last_steps)) >= 7 * 4, "of the last epoch, seven times four pairs have gone"


def test_a_shard_is_made_once_and_deleted_when_it_is_done_with(open_set, tmp_path):
    diary = tmp_path / "diary"
    source = open_set(pairs=12, reads=3, ahead=2, diary=str(diary))
    batches(source, total_steps=6 * 8)
    shelf = source.shelf
    # Epoch 7 has the shards 7 to 9; it may look back to 6 and has two more ahead.
    until(lambda: list(shelf.shards()) == [6, 7, 8, 9, 10, 11])
    made = [int(line) for line in diary.read_text().split()]
    assert made == list(range(12)), "in order, each once"


def test_batches_depend_neither_on_workers_nor_on_where_a_run_begins(open_set):
    source = open_set()
    whole = batches(source)
    assert batches(source, workers=2) == whole
    again = open_set()
    assert batches(again, start_step=13) == whole[13:]
    assert batches(source, seed=6) != whole
    source.close()
    again.close()
    for path in source.shelf.folder.glob("shard-*"):
        path.unlink()
    assert batches(open_set(), start_step=17, workers=2) == whole[17:], "shards that are gone are made again"


def test_two_ranks_see_together_what_one_sees(open_set):
    source = open_set()
    whole = batches(source, batch_size=4, total_steps=9)
    ranks = [batches(source, total_steps=9, rank=rank, world_size=2) for rank in range(2)]
    assert [first[0] + second[0] for first, second in zip(*ranks, strict=True)] == [keys for keys, _, _ in whole]


def test_evaluation_and_calibration_read_the_first_epoch_in_order(open_set):
    source = open_set()
    keys = [key for batch in eval_loader(source, batch_size=5, limit=7) for key in batch.keys]
    assert keys == [f"{number:08d}" for number in range(7)]


# The renderer.


def test_the_renderer_is_the_least_of_all_processes_and_goes_with_the_source(open_set):
    source = open_set()
    source.read(0)
    pid = source.shelf.renderer_pid()
    assert os.getpriority(os.PRIO_PROCESS, pid) == 19
    source.close()
    assert not is_alive(pid) and not source.shelf.readers()
    source.close()


def test_a_renderer_that_is_killed_is_replaced_and_nothing_half_written_counts(open_set):
    source = open_set(pause=0.05, pairs=24, reads=6)
    whole, halves = {}, []
    for index in range(len(source)):
        if index in (1, 5, 9):
            pid = until(source.shelf.renderer_pid)
            halves += until(lambda: list(source.shelf.folder.glob(".shard-*.tmp")))  # in the middle of a shard
            os.kill(pid, signal.SIGKILL)
        whole[index] = source.read(index)
    for index, sample in whole.items():
        assert_same(sample, expected(source, 0, index))
    until(lambda: not source.shelf.folder.joinpath("starting").exists())
    assert source.shelf.renderer_pid() != pid
    until(lambda: not [half for half in halves if half.exists()])
    source.close()


def test_leftovers_of_a_renderer_that_was_killed_are_deleted(open_set):
    source = open_set()
    source.read(0)
    source.close()
    left_over = source.shelf.folder / ".shard-00000007.tar.1.tmp"
    left_over.write_bytes(b"half")
    open_set()
    until(lambda: not left_over.exists())


def test_what_the_maker_raises_is_told_in_one_line(open_set):
    source = open_set(broken=1)
    source.read(0)
    with pytest.raises(
        DataError, match=r"no shards are made there: RuntimeError: the lamp is broken; see .*renderer\.log"
    ):
        source.read(source.order.samples)
    again = open_set(broken=1)  # it may have been mended
    with pytest.raises(DataError, match="the lamp is broken"):
        again.read(again.order.samples)


def test_a_maker_that_gives_too_few_pairs_is_found_out(open_set):
    with pytest.raises(DataError, match="gave 3 pairs in place of 4"):
        open_set(short=0).read(0)


def test_a_renderer_that_cannot_begin_is_not_started_for_ever(open_set, monkeypatch):
    monkeypatch.setattr("stereo_exp.data.endless.shelf._START_SECONDS", 0.2)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(DataError, match="ended 5 times without a shard"):
        open_set().read(0)


# Room.


def shard_bytes(open_set):
    source = open_set()
    source.read(0)
    return source.shelf.path(0).stat().st_size


def test_the_disk_holds_no_more_than_it_may(open_set, tmp_path):
    size = shard_bytes(open_set)
    # Six shards are live, six fit with half a one to spare: neither those behind nor those ahead do.
    source = open_set(pairs=24, reads=6, limit_gb=6.6 * size / 1e9, seed=1, ahead=3)
    most = 0
    for batch in train_loader(source, batch_size=2, total_steps=12 * 6, seed=0, crop=None):
        assert batch.left.numel()
        most = max(most, sum(source.shelf.shards().values()))
        assert most <= 6.6 * size
    assert most > 5.5 * size


def test_a_set_that_cannot_fit_is_refused_at_its_first_shard(open_set):
    size = shard_bytes(open_set)
    source = open_set(pairs=24, reads=6, limit_gb=4.5 * size / 1e9, seed=1)
    source.read(0)
    with pytest.raises(DataError, match=r"no room: 6 shards of .* MB are drawn at one time.*allow more"):
        source.read(7)


def test_a_disk_with_less_room_than_that_is_refused_at_the_start(open_set, monkeypatch):
    from shutil import disk_usage

    free = disk_usage("/")._replace(free=10_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: free)
    with pytest.raises(ArgumentError, match=r"limit_gb=15\.0: 0\.0 GB may be needed in .*, 0\.0 GB are free"):
        open_set()


def test_sets_that_nobody_reads_make_room_and_others_do_not(open_set):
    first, second = open_set(seed=1), open_set(seed=2)
    for source in (first, second):
        source.read(0)
    second.close()
    third = open_set(seed=3, limit_gb=1e-5)
    assert first.shelf.folder.exists() and not second.shelf.folder.exists() and third.shelf.folder.exists()
    first.read(1)


def test_two_runs_of_one_set_share_it_and_delete_nothing_of_each_other(open_set, tmp_path):
    diary = tmp_path / "diary"
    ahead, behind = (open_set(diary=str(diary)) for _ in range(2))
    assert ahead.shelf.folder == behind.shelf.folder
    for index in range(12):
        behind.read_at(0, index)
    for epoch in range(5):
        for index in range(12):
            ahead.read_at(epoch, index)
    for index in range(12):
        assert_same(behind.read_at(1, index), expected(behind, 1, index))
    until(lambda: max(ahead.shelf.shards()) == 4 + 3 + 1 - 1)
    assert Counter(diary.read_text().split()).most_common(1)[0][1] == 1, "made once for both"
    ahead.close()  # and with it the renderer
    for index in range(12):
        assert_same(behind.read_at(6, index), expected(behind, 6, index))


# What is refused, and how pairs are divided.


@pytest.mark.parametrize(("pairs", "reads"), [(13, 3), (2, 3), (6, 0)])
def test_numbers_that_do_not_divide_are_refused(open_set, pairs, reads):
    with pytest.raises(ArgumentError, match=r"^pairs=.*must be a multiple of reads"):
        open_set(pairs=pairs, reads=reads)


@pytest.mark.parametrize(("pairs", "reads", "fresh", "samples"), [(960, 8, 4, 30), (10_000, 8, 50, 25), (16, 8, 1, 2)])
def test_shards_are_few_and_alike(open_set, pairs, reads, fresh, samples):
    order = open_set(pairs=pairs, reads=reads).order
    assert (order.fresh, order.live, order.samples) == (fresh, fresh * reads, samples)
    assert order.num_samples == pairs


def test_new_shards_come_one_after_the_other_within_an_epoch():
    order = Renewal(16, 4, 60)
    for epoch in (1, 6):
        firsts = {}
        for step, (_, index) in enumerate(order.places(0, epoch)):
            firsts.setdefault(order.locate(epoch, index)[0], step / 960)
        new = [firsts[shard] for shard in range(epoch * 4 + 12, epoch * 4 + 16)]
        assert new[1] > 0.18 and new[2] > 0.40 and new[3] > 0.65, "whoever makes them has time"
        assert max(firsts[shard] for shard in range(epoch * 4, epoch * 4 + 12)) < 0.15
    begun = [order.locate(0, index)[0] for _, index in order.places(0, 0)]
    assert all(shard <= step / 60 + 2.5 for step, shard in enumerate(begun)), "the first epoch: shard after shard"


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4), st.integers(0, 50), st.integers(0, 99))
def test_an_epoch_has_every_pair_of_its_shards_once(fresh, reads, samples, epoch, seed):
    order = Renewal(fresh * reads, fresh, samples)
    places = list(order.places(seed, epoch))
    found = [order.locate(e, index) for e, index in places]
    live = range(epoch * fresh, (epoch + reads) * fresh)
    assert sorted(found) == [(shard, position) for shard in live for position in range(samples)]
    assert places == list(order.places(seed, epoch))
    # A shard that stays keeps its place among the indices.
    kept = {place for place in found if place[0] >= (epoch + 1) * fresh}
    assert kept <= {order.locate(epoch + 1, index) for index in range(order.num_samples)}


def test_orders_stay_what_they_are():
    """A resumed run must find the order that it left, in later releases too."""
    order = Renewal(3, 1, 2)
    assert [order.indices(0, epoch).tolist() for epoch in range(3)] == [
        [0, 1, 2, 5, 3, 4],
        [4, 2, 5, 0, 1, 3],
        [5, 1, 4, 3, 0, 2],
    ]


def test_in_a_mixture_the_set_goes_on_by_its_own_epochs(open_set):
    endless, other = open_set(pairs=6, reads=3), open_set(pairs=6, reads=1, seed=1)
    mix = MixSource({"a": endless, "b": other}, {"a": 1.0, "b": 1.0})
    seen = [key for keys, _, _ in batches(mix, total_steps=6 * 6, batch_size=2) for key in keys]
    assert len(seen) == 72
    shards = {epoch: {endless.order.locate(epoch, i)[0] for i in range(6)} for epoch in range(6)}
    assert shards[5] == {5, 6, 7}
    for epoch, index in mix.order.places(5, 3):
        sample = mix.read_at(epoch, index)
        part = endless if index < 6 else other
        assert_same(sample, part.read_at(epoch, index % 6))


def test_resumed_batches_are_those_of_the_unbroken_order(open_set):
    order = open_set().order
    whole = list(TrainBatches(order, 5, seed=3, total_steps=20))
    assert list(TrainBatches(order, 5, seed=3, total_steps=20, start_step=9)) == whole[9:]
    assert whole[0] != next(iter(TrainBatches(order, 5, seed=4, total_steps=1)))
