"""The card tells of the weights that are there: facts from the files, and only figures measured with them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import model_card
import pytest
from real.markdown import block
from real.methods import AS_GIVEN, FLOAT, INT8, REFINED, SGBM, load_network

from stereo_exp.base.errors import UserError
from stereo_exp.model.checkpoint import load_checkpoint, save_checkpoint
from stereo_exp.weights import FOLDER, PUBLISHED, RELEASES, SLIM


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return Path(shutil.copy(model_card.CARD, tmp_path / "CARD.md"))


@pytest.fixture(scope="module")
def accuracy() -> dict[str, Any]:
    """What benchmarks/accuracy.py leaves, of one set that nobody measured, for the released files."""
    scores = {"epe": 1.234, "bad1": 0.301, "bad2": 0.202, "bad3": 0.103, "d1": 0.045}
    found = {
        FLOAT: scores,
        INT8: {**scores, "epe": 1.235},
        REFINED: {**scores, "epe": 1.1},
        AS_GIVEN: {**scores, "epe": 1.2},
        SGBM: {**scores, "epe": 9.876},
    }
    checkpoints = {name: load_network("release", name)[1] for name in (FLOAT, INT8)}
    return {"sets": {"A set": {"pairs": 7, **found}}, "checkpoints": checkpoints}


def test_the_shipped_card_is_of_the_shipped_weights(card: Path) -> None:
    before = card.read_text()
    model_card.write_card(card, None, None)
    assert card.read_text() == before, "run python benchmarks/model_card.py"


def test_every_measured_figure_stands_in_its_row(card: Path, accuracy: dict[str, Any]) -> None:
    assert model_card.write_card(card, accuracy, None)["accuracy"]
    text = block(card, "accuracy")
    assert text is not None
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    assert rows[2] == ["A set, 7 pairs", FLOAT, "1.234", "30.1", "20.2", "10.3", "4.5"]
    methods = [FLOAT, INT8, AS_GIVEN, REFINED, SGBM]
    epes = ["1.234", "1.235", "1.200", "1.100", "9.876"]
    assert [row[1:3] for row in rows[2:]] == [list(x) for x in zip(methods, epes, strict=True)]


def test_figures_go_to_the_network_that_they_are_of(card: Path, accuracy: dict[str, Any]) -> None:
    slim = {name: load_network("release", name, network=SLIM)[1] for name in (FLOAT, INT8)}
    before = block(card, "accuracy")
    model_card.write_card(card, {**accuracy, "checkpoints": slim}, None)
    assert block(card, "accuracy") == before
    text = block(card, "accuracy_slim")
    assert text is not None
    assert "| A set, 7 pairs | float | 1.234 |" in text
    mixed = {FLOAT: accuracy["checkpoints"][FLOAT], INT8: slim[INT8]}
    with pytest.raises(UserError, match=r"other int8 weights than .*stereonetplus_int8"):
        model_card.write_card(card, {**accuracy, "checkpoints": mixed}, None)


def test_figures_go_with_the_weights_that_they_are_of(card: Path, accuracy: dict[str, Any], tmp_path: Path) -> None:
    model_card.write_card(card, accuracy, None)
    kept = card.read_text()
    model_card.write_card(card, None, None)
    assert card.read_text() == kept, "the same weights keep their table"
    others = tmp_path / "others"
    shutil.copytree(FOLDER, others)
    path = others / RELEASES[PUBLISHED]["float"]
    checkpoint = load_checkpoint(path)
    save_checkpoint(path, {**checkpoint.meta, "step": 987654}, {"model": checkpoint.part("model")})
    with pytest.raises(UserError, match="measured with other float weights"):
        model_card.write_card(card, accuracy, None, others)
    lacking = {"A set": {k: v for k, v in accuracy["sets"]["A set"].items() if k != REFINED}}
    with pytest.raises(UserError, match="lacks int8, refined"):
        model_card.write_card(card, {**accuracy, "sets": lacking}, None)
    model_card.write_card(card, None, None, others)
    assert block(card, "accuracy") == model_card.NOT_MEASURED


def test_speed(card: Path) -> None:
    speed = {"ms": {"openvino int8": 61.25, "torch": 500.0}, "size": [544, 960], "threads": 2, "device": "A CPU"}
    assert model_card.write_card(card, None, speed)["speed"]
    text = block(card, "speed")
    assert text is not None
    assert "| openvino int8 | 61.2 |" in text
    assert "544×960, 2 threads, A CPU." in text
