"""`dataset=pairs`: patterns, tables, calibration, and mistakes told in one line."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_folders import made_pair, write_image

from stereo_exp.base.errors import DataError, UserError
from stereo_exp.config.dataset import Mix, Pairs
from stereo_exp.data.sources.pairs import find_pairs, read_pair_table
from stereo_exp.geometry.formats.disparity import write_disparity_png
from stereo_exp.geometry.formats.pfm import write_pfm
from stereo_exp.geometry.pair import Calibration
from stereo_exp.suite.datasets import open_split, require_truth
from stereo_exp.suite.keys import DATASET, by_key

PAIR = made_pair()
WRITERS = {
    "pfm": lambda path: write_pfm(path, np.where(PAIR.disparity > 0, PAIR.disparity, np.inf)),
    "png": lambda path: write_disparity_png(path, PAIR.disparity),
    "npy": lambda path: np.save(path, PAIR.disparity.astype(np.float64)),
    "npz": lambda path: np.savez(path, disparity=PAIR.disparity),
}


def write_pairs(root, count=2, suffix="pfm"):
    for number in range(count):
        write_image(root / f"left/{number}.png", PAIR.left)
        write_image(root / f"right/{number}.png", PAIR.right)
        (root / "truth").mkdir(exist_ok=True)
        WRITERS[suffix](root / f"truth/{number}.{suffix}")
    return root


def by_pattern(folder, suffix="pfm", **values):
    patterns = {"left": "left/*.png", "right": "right/*.png", "disparity": f"truth/*.{suffix}"}
    return Pairs(**({"root": str(folder)} | patterns | values))


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_patterns_read_every_format(tmp_path, suffix, split):
    source = open_split(by_pattern(write_pairs(tmp_path, suffix=suffix), suffix), split)
    assert [source.key(i) for i in range(len(source))] == ["left/0", "left/1"]
    sample = pickle.loads(pickle.dumps(source)).read(1)
    np.testing.assert_array_equal(sample.disparity, PAIR.disparity)
    np.testing.assert_array_equal(sample.left, np.repeat(PAIR.left[..., None], 3, -1))
    assert sample.noc is None and sample.calibration is None


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_table_reads_every_format_and_its_own_calibration(tmp_path, suffix):
    write_pairs(tmp_path / "data", suffix=suffix)
    lines = [
        "right, left,disparity,baseline,focal,doffs",
        f"data/right/0.png,data/left/0.png,data/truth/0.{suffix},0.12,700,",
        "",
        f"data/right/1.png, data/left/1.png ,data/truth/1.{suffix},,,",
        "data/right/1.png,data/left/1.png,,0.2,800,-3",
    ]
    (tmp_path / "pairs.csv").write_text("\ufeff" + "\r\n".join(lines))
    config = Pairs(csv=str(tmp_path / "pairs.csv"), focal=500.0, baseline=0.5, doffs=1.0)
    samples = [source.read(i) for source in [open_split(config, "test")] for i in range(3)]
    assert [s.calibration for s in samples] == [
        Calibration(700, 0.12),
        Calibration(500, 0.5, 1),
        Calibration(800, 0.2, -3),
    ]
    np.testing.assert_array_equal(samples[1].disparity, PAIR.disparity)
    assert samples[2].disparity is None
    elsewhere = tmp_path / "lists/pairs.csv"
    elsewhere.parent.mkdir()
    elsewhere.write_text("\n".join(lines))
    assert open_split(Pairs(csv=str(elsewhere), root=str(tmp_path)), "test").read(0).key == "data/left/0"


def test_a_scale_divides_what_the_files_hold(tmp_path):
    write_pairs(tmp_path)
    for number in range(2):
        write_image(tmp_path / f"truth/{number}.png", (PAIR.disparity * 4).astype(np.uint8))
    source = open_split(by_pattern(tmp_path, "png", scale=4.0), "test")
    np.testing.assert_array_equal(source.read(0).disparity, PAIR.disparity)
    with pytest.raises(DataError, match=r"0\.png=8 bits: .*dataset\.scale=4"), by_key(DATASET):
        open_split(by_pattern(tmp_path, "png"), "test").read(0)


def test_wildcards_stand_for_the_same_on_every_side(tmp_path):
    for name in ("a/x/left_1.png", "b/left_2.png", "left_[3].png", "b/right_2.png", "b/.left_9.png", "c/left.png"):
        write_image(tmp_path / name, PAIR.left)
    pairs = find_pairs(tmp_path, "**/left_*.png", "**/right_*.png")
    assert [(p.key, p.right.relative_to(tmp_path).as_posix()) for p in pairs] == [
        ("a/x/left_1", "a/x/right_1.png"),
        ("b/left_2", "b/right_2.png"),
        ("left_[3]", "right_[3].png"),
    ]
    write_image(tmp_path / "seq[1]/cam0.png", PAIR.left)
    write_image(tmp_path / "seq[1]/cam1.png", PAIR.right)
    write_image(tmp_path / "seq[1]/.cam0.png", PAIR.left)
    assert len(find_pairs(tmp_path, "seq[1]/*0.png", "seq[1]/*1.png")) == 1


def test_patterns_without_a_wildcard_are_one_pair(tmp_path):
    write_pairs(tmp_path)
    write_image(tmp_path / ".hidden[1].png", PAIR.left)
    one = {"left": "left/1.png", "right": "right/1.png"}
    source = open_split(by_pattern(tmp_path, **one, disparity="truth/1.pfm"), "train")
    assert [source.key(i) for i in range(len(source))] == ["left/1"]
    np.testing.assert_array_equal(source.read(0).disparity, PAIR.disparity)
    assert open_split(by_pattern(tmp_path, **one, disparity=None), "test").read(0).disparity is None
    # A name that is spelled out is meant, whatever it looks like.
    (pair,) = find_pairs(tmp_path, ".hidden[1].png", "right/0.png")
    assert (pair.key, pair.left, pair.right) == (".hidden[1]", tmp_path / ".hidden[1].png", tmp_path / "right/0.png")


def test_a_missing_file_is_that_pairs_error_only(tmp_path):
    write_pairs(tmp_path, 3)
    (tmp_path / "right/1.png").unlink()
    (tmp_path / "truth/2.pfm").unlink()
    source = open_split(by_pattern(tmp_path), "test")
    source.read(0)
    for number, name in ((1, "right/1.png"), (2, "truth/2.pfm")):
        with pytest.raises(DataError, match=name):
            source.read(number)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"left": "links/*.png"}, r"dataset\.left=links/\*\.png: matches no file"),
        ({"right": "rechts/*.png"}, r"dataset\.right=rechts/\*\.png: finds none.*rechts/0\.png"),
        ({"disparity": "tiefe/*.pfm"}, r"dataset\.disparity=.*finds none"),
        ({"right": "right/*/*.png"}, r"dataset\.right=.*the wildcards of dataset\.left"),
        (
            {"right": "right/0.png"},
            r"dataset\.right=right/0\.png: must have the wildcards of dataset\.left=left/\*\.png",
        ),
        ({"disparity": "truth/0.pfm"}, r"dataset\.disparity=truth/0\.pfm: must have the wildcards of dataset\.left"),
        ({"left": "left/0.png"}, r"dataset\.right=right/\*\.png: must be one file as dataset\.left=left/0\.png is"),
        ({"left": "0.png", "right": "right/0.png", "disparity": None}, r"dataset\.left=0\.png: there is no such file"),
        ({"left": "left", "right": "right/0.png", "disparity": None}, r"dataset\.left=left: there is no such file"),
        (
            {"left": "left/0.png", "right": "0.png", "disparity": None},
            r"dataset\.right=0\.png: finds none of the files it names",
        ),
        ({"left": "../*.png"}, r"dataset\.left=.*below dataset\.root"),
        ({"left": "/*.png"}, r"dataset\.left=.*below dataset\.root"),
        ({"left": "**.png"}, r"dataset\.left=.*whole folders"),
        ({"root": "/nowhere"}, r"dataset\.root=/nowhere: there is no such folder"),
    ],
)
def test_wrong_patterns_are_named(tmp_path, values, message):
    with pytest.raises(UserError, match=message):
        open_split(by_pattern(write_pairs(tmp_path), **values), "test")


def test_training_needs_truth(tmp_path):
    config = by_pattern(write_pairs(tmp_path), disparity=None)
    assert open_split(config, "test").read(0).disparity is None
    with pytest.raises(UserError, match=r"^dataset\.disparity: there is no truth to train on.*stage=calib"):
        require_truth(config, open_split(config, "train"))
    (tmp_path / "pairs.csv").write_text("left,right,disparity\nleft/0.png,right/0.png,\nleft/1.png,right/1.png,t.pfm\n")
    table = Pairs(csv=str(tmp_path / "pairs.csv"))
    require_truth(table, open_split(table, "train"))
    # What counts is what the split's list leaves.
    (tmp_path / "list.txt").write_text("left/0\n")
    table = Pairs(csv=str(tmp_path / "pairs.csv"), train_list=str(tmp_path / "list.txt"))
    with pytest.raises(UserError, match=r"^dataset\.csv=.*pairs\.csv: there is no truth.*a column `disparity`"):
        require_truth(table, open_split(table, "train"))


def test_a_part_of_a_mixture_without_truth_is_named(tmp_path):
    good, bare = by_pattern(write_pairs(tmp_path)), by_pattern(tmp_path, disparity=None)
    config = Mix(parts={"good": good, "bare": bare})
    source = open_split(config, "train")
    assert source.has_truth
    with pytest.raises(UserError, match=r"^dataset\.parts\.bare\.disparity: .*add dataset\.parts\.bare\.disparity="):
        require_truth(config, source)
    assert not open_split(Mix(parts={"bare": bare}), "train").has_truth


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, r"dataset\.root=null: .*dataset\.csv=FILE"),
        ({"root": "/d"}, r"dataset\.left=null"),
        ({"root": "/d", "left": "l/*"}, r"dataset\.right=null"),
        ({"csv": "a.csv", "left": "l/*"}, r"dataset\.left=l/\*: .* leave out"),
        ({"csv": "a.csv", "focal": 3.0}, r"dataset\.baseline=null"),
    ],
)
def test_rules_of_the_options(values, message):
    with pytest.raises(UserError, match=message):
        Pairs(**values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with a first line"),
        ("a.png,b.png", "must begin with a first line"),
        ("left,right,depth\na,b,c", "left,right,depth: must begin"),
        ("left,left,right\na,b,c", "must begin"),
        ("left,right\n", "names no pairs"),
        ("left,right\n\na\n", "line 3=a: must have 2 cells"),
        ("left,right\na,\n", "line 2=a,: names no right image"),
        ("left,right,focal,baseline\na,b,x,1", "line 2=x: focal must be a finite number"),
        ("left,right,focal,baseline\na,b,700,", "line 2: baseline must be a number above 0"),
        ("left,right,doffs\na,b,inf", "line 2=inf: doffs must be a finite"),
        ("left,right\na,\udcff", "UTF-8"),
    ],
)
def test_malformed_tables_are_refused(tmp_path, text, message):
    (tmp_path / "pairs.csv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=message):
        read_pair_table(tmp_path / "pairs.csv")


@given(st.binary(max_size=80) | st.text(max_size=60).map(lambda t: ("left,right,focal\n" + t).encode()))
@settings(max_examples=100)
def test_any_table_is_read_or_a_data_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    try:
        assert read_pair_table(path)
    except DataError as error:
        assert "\n" not in str(error)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        open_split(Pairs(csv=str(tmp_path / "pairs.csv")), "test")
