"""Packing: what comes out equals what went in, whatever stopped it on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import webdataset
from scene_folder import SPOILS, scene_names, spoil_missing, spoil_nan

from stereo_exp.base.errors import DataError, UserError
from stereo_exp.base.part import Part
from stereo_exp.data.shards import packing
from stereo_exp.data.shards import write as shard_file
from stereo_exp.data.shards.format import ShardIndex
from stereo_exp.data.shards.packing import pack
from stereo_exp.data.shards.read import ShardSource
from stereo_exp.data.sources.sceneflow import FolderSource
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.formats.pfm import read_pfm

SIZES = [(20, 30)] * 5 + [(24, 33)] * 2


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_shards_hold_the_folder_bit_for_bit(make_scenes, tmp_path):
    root = make_scenes(SIZES)
    index = pack(root, tmp_path / "out", "train", samples_per_shard=3, num_workers=2)
    assert [shard.samples for shard in index.shards] == [3, 3, 1] and index.samples == 7 and index.skipped == 0
    folder, shards = FolderSource(root), ShardSource(tmp_path / "out/train")
    shards.verify()
    assert len(shards) == len(folder)
    for number in range(len(folder)):
        a, b = folder.read(number), shards.read(number)
        assert a.key == b.key == shards.key(number)
        for name in ("left", "right", "disparity"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
            assert getattr(a, name).dtype == getattr(b, name).dtype


def test_plain_webdataset_reads_the_shards(make_scenes, tmp_path):
    root = make_scenes(SIZES)
    pack(root, tmp_path / "out", "train", samples_per_shard=4)
    urls = str(tmp_path / "out/train/shard-{000000..000001}.tar")
    samples = list(webdataset.WebDataset(urls, shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [f"{line:08d}" for line in range(1, 8)]
    for number, sample in enumerate(samples):
        left, right, _ = (root / name for name in scene_names(number))
        assert sample["left.png"] == left.read_bytes() and sample["right.png"] == right.read_bytes()
    decoded = list(webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8"))
    for number, sample in enumerate(decoded):
        np.testing.assert_array_equal(sample["left.png"], FolderSource(root).read(number).left)
        np.testing.assert_array_equal(sample["disp.npy"], read_pfm(root / scene_names(number)[2]))  # inf and all
        assert sample["disp.npy"].flags.c_contiguous
        meta = sample["json"]
        assert (meta["line"], meta["height"], meta["width"]) == (number + 1, *SIZES[number])
        assert (meta["left"], meta["right"], meta["disparity"]) == scene_names(number)


def test_the_index_says_what_the_issue_asks_for(make_scenes, tmp_path):
    import hashlib

    from stereo_exp.base.constants import VERSION

    root = make_scenes(SIZES)
    pack(root, tmp_path, "train", samples_per_shard=4)
    index = json.loads((tmp_path / "train/index.json").read_text())
    list_file = root / "SceneFlow_finalpass_train.txt"
    assert index["samples"] == 7 and index["tool_version"] == VERSION and index["list_file"] == list_file.name
    assert index["list_sha256"] == hashlib.sha256(list_file.read_bytes()).hexdigest()
    for shard in index["shards"]:
        data = (tmp_path / "train" / shard["name"]).read_bytes()
        assert (shard["bytes"], shard["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert sorted(contents(tmp_path / "train")) == ["index.json", "shard-000000.tar", "shard-000001.tar"]


def test_deflated_truth_is_the_same_truth(make_scenes, tmp_path):
    root = make_scenes([(40, 64)] * 5)
    plain = pack(root, tmp_path / "plain", "train", num_workers=1, samples_per_shard=3)
    small = pack(root, tmp_path / "small", "train", num_workers=1, samples_per_shard=3, truth="deflated")
    assert [index.to_dict()["version"] for index in (plain, small)] == [2, 3]
    sources = [ShardSource(tmp_path / name / "train") for name in ("plain", "small")]
    assert [source.index.truth for source in sources] == ["npy", "deflated"]
    for number in range(5):
        one, other = (source.read(number) for source in sources)
        assert one.key == other.key == sources[1].key(number)
        np.testing.assert_array_equal(one.disparity, other.disparity)
    with pytest.raises(UserError, match=r"truth=npy: .*was packed with deflated"):
        pack(root, tmp_path / "small", "train", num_workers=1, samples_per_shard=3)
    with pytest.raises(UserError, match=r"truth=zip: must be one of npy, deflated"):
        pack(root, tmp_path / "other", "train", truth="zip")
    # A stray key in an index of the old version means nothing.
    path = tmp_path / "plain" / "train" / "index.json"
    assert "truth" not in json.loads(path.read_text())


def test_bytes_depend_on_the_source_only(make_scenes, tmp_path):
    root = make_scenes(SIZES)
    pack(root, tmp_path / "a", "train", samples_per_shard=2, num_workers=1)
    time.sleep(1.1)  # a tar's clock counts whole seconds
    moved = root.rename(tmp_path / "moved")
    pack(moved, tmp_path / "b", "train", samples_per_shard=2, num_workers=4)
    assert contents(tmp_path / "a/train") == contents(tmp_path / "b/train")


def test_cleanpass_packs_the_clean_frames(make_scenes, tmp_path):
    root = make_scenes([(20, 30)] * 2)
    shutil.copytree(root / "Flying/frames_finalpass", root / "Flying/frames_cleanpass")
    clean = root / scene_names(0)[0].replace("finalpass", "cleanpass")
    clean.write_bytes(encode_png(np.full((20, 30, 3), 9, np.uint8)))
    pack(root, tmp_path / "out", "train", render_pass="cleanpass")
    assert (ShardSource(tmp_path / "out/train").read(0).left == 9).all()


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_a_damaged_pair_stops_the_run_or_is_counted(make_scenes, tmp_path, spoil):
    root = make_scenes(SIZES)
    spoil(root)
    with pytest.raises(DataError, match=SPOILS[spoil]) as caught:
        pack(root, tmp_path / "out", "train", samples_per_shard=3)
    assert "/0001/" in str(caught.value) and "SceneFlow_finalpass_train.txt line 2" in str(caught.value)
    assert not (tmp_path / "out/train/index.json").exists()

    index = pack(root, tmp_path / "out", "train", samples_per_shard=3, on_error="skip")
    assert (index.samples, index.skipped, [shard.skipped for shard in index.shards]) == (6, 1, [1, 0, 0])
    line, _, reason = (tmp_path / "out/train/skipped.txt").read_text().strip().partition("\t")
    assert line == "2" and "/0001/" in reason and "line 2" in reason
    source = ShardSource(tmp_path / "out/train")
    source.verify()
    assert [source.read(i).left[0, 0, 0] for i in range(6)] == [0, 2, 3, 4, 5, 6]


def test_mended_files_are_packed_by_a_later_run_with_raise(make_scenes, tmp_path):
    root = make_scenes(SIZES)
    path = root / scene_names(1)[1]
    data = path.read_bytes()
    spoil_missing(root)
    pack(root, tmp_path / "out", "train", samples_per_shard=3, on_error="skip")
    untouched = (tmp_path / "out/train/shard-000001.tar").stat().st_mtime_ns
    with pytest.raises(DataError, match="line 2"):
        pack(root, tmp_path / "out", "train", samples_per_shard=3)
    path.write_bytes(data)
    assert pack(root, tmp_path / "out", "train", samples_per_shard=3).samples == 7
    assert (tmp_path / "out/train/shard-000001.tar").stat().st_mtime_ns == untouched
    pack(root, tmp_path / "fresh", "train", samples_per_shard=3)
    assert contents(tmp_path / "out/train") == contents(tmp_path / "fresh/train")


def test_a_set_of_which_nothing_can_be_read_is_an_error(make_scenes, tmp_path):
    root = make_scenes([(20, 30)] * 2)
    shutil.rmtree(root / "Flying/disparity")
    with pytest.raises(DataError, match="2 pairs skipped: no pair could be read"):
        pack(root, tmp_path / "out", "train", on_error="skip")


def test_images_that_are_no_png_are_refused(make_scenes, tmp_path):
    root = make_scenes([(20, 30)])
    (root / scene_names(0)[0]).write_bytes(b"BM" + bytes(100))
    with pytest.raises(DataError, match="is not a PNG"):
        pack(root, tmp_path / "out", "train")


def test_a_killed_run_goes_on_and_ends_in_the_same_bytes(make_scenes, tmp_path):
    root = make_scenes([(60, 90)] * 30)
    pack(root, tmp_path / "whole", "train", samples_per_shard=2)
    out = tmp_path / "killed/train"
    # The child sleeps before its ninth pair, so that the kill meets it in the middle of a shard.
    child = f"""
import time
from stereo_exp.data.shards import write as shard_writer
read, count = shard_writer.read_members, 0
def slow(*arguments):
    global count
    count += 1
    if count == 10: time.sleep(60)
    return read(*arguments)
shard_writer.read_members = slow
from stereo_exp.data.shards.packing import pack
pack({str(root)!r}, {str(out.parent)!r}, "train", samples_per_shard=2, num_workers=1)
"""
    process = subprocess.Popen([sys.executable, "-c", child])
    try:
        deadline = time.monotonic() + 40
        while not list(out.glob(".shard-000004*.tmp")) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    finished = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tar")}
    assert len(finished) == 4 and not (out / "index.json").exists() and list(out.glob(".*.tmp"))
    with pytest.raises(DataError, match=r"index\.json: cannot be read"):
        ShardSource(out)

    pack(root, tmp_path / "killed", "train", samples_per_shard=2)
    assert contents(out) == contents(tmp_path / "whole/train")
    assert {name: (out / name).stat().st_mtime_ns for name in finished} == finished  # not done again


@pytest.mark.parametrize("harm", ["delete", "cut"])
def test_a_lost_or_cut_shard_is_packed_again(make_scenes, tmp_path, harm):
    root = make_scenes(SIZES)
    pack(root, tmp_path, "train", samples_per_shard=2)
    before = contents(tmp_path / "train")
    shard = tmp_path / "train/shard-000001.tar"
    kept = (tmp_path / "train/shard-000002.tar").stat().st_mtime_ns
    if harm == "delete":
        shard.unlink()
    else:
        os.truncate(shard, 1000)
    pack(root, tmp_path, "train", samples_per_shard=2)
    assert contents(tmp_path / "train") == before
    assert (tmp_path / "train/shard-000002.tar").stat().st_mtime_ns == kept


def test_an_error_leaves_finished_shards_and_no_part_of_one(make_scenes, tmp_path):
    root = make_scenes(SIZES)
    (root / scene_names(5)[0]).unlink()
    with pytest.raises(DataError, match="line 6"):
        pack(root, tmp_path / "out", "train", samples_per_shard=2, num_workers=1)
    names = {path.name for path in (tmp_path / "out/train").iterdir()}
    assert {"shard-000000.tar", "shard-000001.tar"} <= names and not any(name.endswith(".tmp") for name in names)
    # The worker may have packed the last shard, of one pair, before it was told of the error.
    for path in (tmp_path / "out/train").glob("*.tar"):
        with tarfile.open(path) as tar:
            assert len(tar.getnames()) == (4 if path.name == "shard-000003.tar" else 8)


def test_other_parameters_are_refused_in_one_line(make_scenes, tmp_path):
    root = make_scenes(SIZES)
    pack(root, tmp_path, "train", samples_per_shard=2)
    with pytest.raises(UserError, match=r"samples_per_shard=3: .* was packed with 2"):
        pack(root, tmp_path, "train", samples_per_shard=3)
    with (root / "SceneFlow_finalpass_train.txt").open("a") as stream:
        stream.write("\n")
    with pytest.raises(UserError, match="list_sha256="):
        pack(root, tmp_path, "train", samples_per_shard=2)


def test_other_parameters_are_refused_in_the_middle_of_a_run_too(make_scenes, tmp_path):
    root = make_scenes(SIZES)
    spoil_nan(root)
    with pytest.raises(DataError):
        pack(root, tmp_path, "train", samples_per_shard=1, num_workers=1)
    with pytest.raises(UserError, match=r"samples_per_shard=2: .* was packed with 1"):
        pack(root, tmp_path, "train", samples_per_shard=2)


def test_strange_tars_in_the_target_are_left_alone(make_scenes, tmp_path):
    root = make_scenes(SIZES)
    (tmp_path / "train").mkdir()
    (tmp_path / "train/shard-000000.tar").write_bytes(b"someone's")
    with pytest.raises(UserError, match="no record of"):
        pack(root, tmp_path, "train")
    assert (tmp_path / "train/shard-000000.tar").read_bytes() == b"someone's"


def test_two_runs_at_once_pack_once(make_scenes, tmp_path, monkeypatch):
    root = make_scenes(SIZES)
    written = []
    write = packing.write_shard
    monkeypatch.setattr(packing, "write_shard", lambda path, *a, **k: written.append(path) or write(path, *a, **k))
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(pack, root, tmp_path, "train", samples_per_shard=2) for _ in range(2)]
        first, second = (run.result() for run in runs)
    assert first == second and len(written) == 4


def test_a_full_disk_is_told_in_one_line(make_scenes, tmp_path, monkeypatch):
    root = make_scenes(SIZES)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shard_file.os, "fsync", full)
    with pytest.raises(UserError, match=r"cannot be written .No space left on device."):
        pack(root, tmp_path, "train")


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"on_error": "ignore"}, "on_error=ignore: must be one of raise, skip"),
        ({"num_workers": 0}, "num_workers=0: must be at least 1"),
        ({"samples_per_shard": -1}, "samples_per_shard=-1: must be at least 1"),
        ({"split": "../train"}, "must be a plain name"),
    ],
)
def test_senseless_parameters_are_refused(make_scenes, tmp_path, arguments, rule):
    with pytest.raises(UserError, match=rule):
        pack(make_scenes(SIZES), tmp_path, **arguments)


# In parts.


def test_parts_together_are_the_whole_byte_for_byte(make_scenes, tmp_path):
    """In any order, in any number, the last one writing the index."""
    root = make_scenes(SIZES)
    pack(root, tmp_path / "whole", "train", samples_per_shard=2)
    wanted = contents(tmp_path / "whole/train")
    assert [name for name in wanted if name.endswith(".tar")] == [f"shard-00000{i}.tar" for i in range(4)]
    for total, order in ((2, (2, 1)), (3, (1, 3, 2)), (6, (6, 5, 4, 3, 2, 1))):
        target = tmp_path / f"parts-{total}"
        missing = []
        for number in order:
            assert not (target / "train/index.json").exists()
            index = pack(root, target, "train", samples_per_shard=2, part=Part(number, total))
            missing.append(index.num_missing)
        assert missing == sorted(missing, reverse=True) and missing[-1] == 0
        assert contents(target / "train") == wanted
        assert ShardIndex.read(target / "train") == index
        # One more, of any part, finds it done.
        before = (target / "train/shard-000000.tar").stat().st_mtime_ns
        assert pack(root, target, "train", samples_per_shard=2, part=Part(1, total)) == index
        assert (target / "train/shard-000000.tar").stat().st_mtime_ns == before


def test_parts_at_the_same_time(make_scenes, tmp_path):
    root = make_scenes(SIZES)
    pack(root, tmp_path / "whole", "train", samples_per_shard=1)
    with ThreadPoolExecutor(3) as pool:
        work = [
            pool.submit(pack, root, tmp_path / "out", "train", samples_per_shard=1, part=Part(number, 3))
            for number in (1, 2, 3)
        ]
        found = [each.result() for each in work]
    assert 0 in [index.num_missing for index in found]
    assert contents(tmp_path / "out/train") == contents(tmp_path / "whole/train")


def test_a_part_that_was_killed_is_packed_again_and_the_whole_completes_the_rest(make_scenes, tmp_path):
    root = make_scenes(SIZES)
    folder = tmp_path / "out/train"
    pack(root, tmp_path / "whole", "train", samples_per_shard=2)
    pack(root, tmp_path / "out", "train", samples_per_shard=2, part=Part(1, 2))
    (folder / "shard-000000.tar").write_bytes(b"half")  # not what its record says
    (folder / ".shard-000001.tar.0123.tmp").write_bytes(b"left by a kill")
    done = (folder / "shard-000002.tar").stat().st_mtime_ns
    with pytest.raises(UserError, match=r"samples_per_shard=3: .*was packed with 2"):
        pack(root, tmp_path / "out", "train", samples_per_shard=3, part=Part(2, 2))
    assert pack(root, tmp_path / "out", "train", samples_per_shard=2, part=Part(2, 2)).num_missing == 1
    assert pack(root, tmp_path / "out", "train", samples_per_shard=2).num_missing == 0
    assert (folder / "shard-000002.tar").stat().st_mtime_ns == done
    assert contents(folder) == contents(tmp_path / "whole/train")


def test_the_whole_waits_for_parts_under_way(make_scenes, tmp_path, capsys, monkeypatch):
    """Or it would take their half-written files for leftovers."""
    root = make_scenes(SIZES)
    began, go_on = threading.Event(), threading.Event()
    real = packing.write_shard

    def write(path, *arguments, **options):
        began.set()
        go_on.wait(30)
        return real(path, *arguments, **options)

    monkeypatch.setattr(packing, "write_shard", write)
    with ThreadPoolExecutor(2) as pool:
        part = pool.submit(pack, root, tmp_path / "out", "train", samples_per_shard=4, part=Part(1, 2))
        assert began.wait(30)
        whole = pool.submit(pack, root, tmp_path / "out", "train", samples_per_shard=4)
        time.sleep(1)
        assert not whole.done()
        go_on.set()
        assert part.result().num_missing == 1 and whole.result().num_missing == 0
    assert "waiting for another process" in capsys.readouterr().err


def test_a_damaged_pair_of_a_part(make_scenes, tmp_path):
    root = make_scenes(SIZES)
    spoil_missing(root)  # of the first shard
    pack(root, tmp_path / "whole", "train", samples_per_shard=3, on_error="skip")
    for number in (1, 2):
        pack(root, tmp_path / "out", "train", samples_per_shard=3, on_error="skip", part=Part(number, 2))
    assert contents(tmp_path / "out/train") == contents(tmp_path / "whole/train")
    with pytest.raises(DataError, match="line 2"):
        pack(root, tmp_path / "out", "train", samples_per_shard=3, part=Part(1, 2))
    # Now the shard is wanted whole: another part cannot end the set.
    assert pack(root, tmp_path / "out", "train", samples_per_shard=3, part=Part(2, 2)).num_missing == 1
