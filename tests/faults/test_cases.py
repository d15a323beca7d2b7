"""The cases' table: each file that broke something, and each report that no other test holds."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from cases import BROKEN, FOLDER, FUZZED, REPORTED, TAKEN, broken_files
from command_line import command
from corpora import PARSERS
from corpus import picture
from fuzz import judge, mutate
from in_process import run_in_process

from stereo_exp.base import DataError, UserError
from stereo_exp.data.sources.files import select
from stereo_exp.data.sources.pairs import PairsSource, find_pairs
from stereo_exp.geometry import decode_pfm, encode_pfm, encode_png


def read_broken(name: str, parser: str, data: bytes) -> None:
    if parser == "checkpoint-file":
        from corpora_runs import network
        from corpus import written

        from stereo_exp.model.checkpoint import load_checkpoint
        from stereo_exp.suite.restore import check_same_network, network_of

        found = load_checkpoint(written(data, "case.safetensors"))
        config = network()[1]
        network_of(found.meta)
        check_same_network(found.meta, config.model, config.quant, found.path)
    elif parser == "tar":
        from corpus import written

        from stereo_exp.data.shards.format import DISPARITY, META, find_codec
        from stereo_exp.data.shards.read import open_shard, read_pair

        codec, path = find_codec("png"), written(data, "case.tar")
        with path.open("rb") as file:
            wanted = (codec.left, codec.right, DISPARITY, META)
            shard = open_shard(file.fileno(), len(data), path, wanted)
            for i in range(len(shard.keys)):
                read_pair(file.fileno(), shard.members(i, wanted), f"{path}:{i}", "png")
    else:
        PARSERS[parser].read(data)


@pytest.mark.parametrize(("name", "parser"), broken_files().items())
def test_what_broke_a_parser_is_told_in_a_line(name: str, parser: str) -> None:
    data = (FOLDER / "faults" / name).read_bytes()
    try:
        read_broken(name, parser, data)
    except UserError as error:
        assert "\n" not in str(error)
        assert name not in TAKEN
    else:
        assert name in TAKEN or name.startswith("fuzz/"), "what was broken is taken as whole"


def test_the_table_has_every_case_and_every_test(reported_cases: Path) -> None:
    assert {path.name for path in reported_cases.iterdir()} == set(REPORTED)
    faults = FOLDER / "faults"
    found = {str(path.relative_to(faults)) for path in faults.rglob("*") if path.is_file()}
    fuzzed = {f"fuzz/{path.name}" for path in (faults / "fuzz").iterdir()}
    assert found - fuzzed - {"README.md"} == set(BROKEN)
    assert {name.removeprefix("fuzz/").split("_")[0] for name in fuzzed} <= set(FUZZED)


@pytest.mark.parametrize("name", REPORTED)
def test_the_tests_of_the_table_are_there(name: str) -> None:
    _, test = REPORTED[name]
    if test == "open":
        pytest.skip("nobody holds it yet")
    file, _, function = test.partition("::")
    tree = ast.parse((Path(__file__).resolve().parents[2] / file).read_text())
    assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


# Reports.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pairs with truth, in folders of their own."""
    for scene in ("scene1", "scene2"):
        for view in ("left", "right"):
            (tmp_path / scene / view).mkdir(parents=True)
            (tmp_path / scene / view / "0.png").write_bytes(encode_png(picture(16, 24)))
        (tmp_path / scene / "disp").mkdir()
        np.save(tmp_path / scene / "disp/0.npy", np.full((16, 24), 3.0, np.float32))
    return tmp_path


def test_a_list_of_absolute_paths(folder: Path) -> None:
    pairs = find_pairs(folder, "*/left/*.png", "*/right/*.png")
    (folder / "list.txt").write_text(f"{folder}/scene2/left/0.png\n")
    assert [pair.key for pair in select(pairs, folder / "list.txt")] == ["scene2/left/0"]


def test_two_stars_go_through_links(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "scene1").rename(folder / "real/scene1")
    (folder / "data").mkdir()
    (folder / "data/scene1").symlink_to("../real/scene1")
    (folder / "scene2").rename(folder / "data/scene2")
    (folder / "data/scene2/round").symlink_to("..")
    root = folder / "data"
    found = find_pairs(root, "**/left/*.png", "**/right/*.png", "**/disp/*.npy")
    assert [pair.key for pair in found if "round" not in pair.key] == ["scene1/left/0", "scene2/left/0"]
    assert all(pair.key.count("round") < 2 for pair in found), "once round a loop"


def test_truth_with_nan_for_unknown(folder: Path) -> None:
    truth = np.full((16, 24), 3.0, np.float32)
    truth[:8] = np.nan
    np.save(folder / "scene1/disp/0.npy", truth)
    source = PairsSource(find_pairs(folder, "scene1/left/*.png", "scene1/right/*.png", "scene1/disp/*.npy"))
    found = source[0].disparity
    assert found is not None
    assert not found[:8].any(), "0, unknown"
    assert (found[8:] == 3).all()


@pytest.mark.parametrize("change", ["trailing", "comment", "channels"])
def test_a_pfm_with_something_else_in_it(change: str) -> None:
    data = encode_pfm(np.ones((3, 4), np.float32))
    data = {
        "trailing": data + b"\n",
        "comment": data.replace(b"Pf\n", b"Pf\n# made by\n"),
        "channels": data.replace(b"Pf", b"PF"),
    }[change]
    with pytest.raises(DataError) as caught:
        decode_pfm(data)
    assert "\n" not in str(caught.value)


def test_a_folder_that_looks_like_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run_in_process("root=2024_01_05", "name=2025_02_03", "task=sync", "tracker=none", "optim.steps=1_0")
    assert "keeps no runs" in outcome.error_line
    (made,) = (tmp_path / "2024_01_05/2025_02_03").glob("*/*/config.yaml")
    assert re.search(r"^  steps: 10$", made.read_text(), re.MULTILINE)


def test_an_empty_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = run_in_process("task=infer", "tracker=none", "infer.left=", "infer.right=").error_line
    assert "is empty, as an unset variable" in line


def test_a_name_of_too_many_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = run_in_process("task=infer", "tracker=none", f"infer.left={'x' * 300}", "infer.right=r.png").error_line
    assert "cannot be a file's name" in line


def test_a_terminal_that_knows_few_letters(tmp_path: Path) -> None:
    script = "import sys; from stereo_exp.__main__ import main; sys.argv[1:] = ['--help']; main(); print('│ 1.5 px ·')"
    outcome = command(sys.executable, "-c", script, cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert outcome.code == 0, outcome.err
    assert "1.5 px" in outcome.out


# The fuzzer itself.


def test_mutations_are_drawn_from_the_seed_alone_and_change_something() -> None:
    import random

    seeds = PARSERS["table"].seeds()
    drawn = [[mutate(random.Random(n), seeds[0], seeds, text=True) for n in range(50)] for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert sum(each != seeds[0] for each in drawn[0]) > 40


def test_what_a_fuzzer_finds_is_told_with_its_place() -> None:
    from corpora import Parser

    def broken(data: bytes) -> None:
        raise KeyError("x")

    word, wrong = judge(Parser(list, broken), b"")
    assert word == "bug"
    assert wrong == "KeyError at test_cases.py:broken"
    assert judge(PARSERS["pfm"], b"nothing")[1] is None


@pytest.mark.parametrize("name", [name for name in PARSERS if name not in ("graph", "tar", "replay")])
def test_every_parser_takes_its_corpus(name: str) -> None:
    parser = PARSERS[name]
    for seed in parser.seeds():
        word, wrong = judge(parser, seed)
        assert wrong is None, seed[:200]
        assert word == "taken" or b"disparity.txt" in seed, (word, seed[:200])


@pytest.mark.long
@pytest.mark.parametrize("name", PARSERS)
def test_twenty_seconds_of_mutations(name: str) -> None:
    from fuzz import fuzz

    state = fuzz(name, 20.0)
    assert state["count"] > 0
    assert not state["findings"], state["findings"]
