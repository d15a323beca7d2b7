"""The notebook of docs/: it runs from the first cell to the last, its links and words hold, its outputs stay small."""

from __future__ import annotations

import ast
import base64
import json
import re
import runpy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from stereo_exp.config import conf_dir, register

DOCS = Path(__file__).resolve().parent.parent / "docs"
if not (DOCS / "tour.ipynb").is_file():
    pytest.skip("docs/ is not beside the tests (they run from an installed wheel)", allow_module_level=True)
NOTEBOOK = json.loads((DOCS / "tour.ipynb").read_text())
SCRIPT = runpy.run_path(str(DOCS / "run_notebook.py"))
CODE = {cell["id"]: "".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"}
PICTURES_MAX_BYTES = 300_000


def outputs() -> list[dict[str, Any]]:
    return [output for cell in NOTEBOOK["cells"] for output in cell.get("outputs", ())]


def texts(stored: list[dict[str, Any]]) -> str:
    return "".join("".join(output["text"]) for output in stored if output["output_type"] == "stream")


def test_a_cell_has_a_name_of_its_own() -> None:
    names = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(set(names)) == len(names) >= 10


def test_cells_are_python_alone() -> None:
    for code in CODE.values():
        ast.parse(code)


def test_its_words_compose() -> None:
    """Every call of `run` with what is written in it, the names of other words filled in."""
    names: dict[str, tuple[str, ...]] = {}
    found: list[list[str]] = []
    for node in (node for code in CODE.values() for node in ast.walk(ast.parse(code))):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = ast.literal_eval(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "run":
            words: list[str] = []
            for each in node.args:
                starred = isinstance(each, ast.Starred) and isinstance(each.value, ast.Name)
                words += names[each.value.id] if starred else [ast.literal_eval(each)]
            found.append(words)
    assert len(found) == 5
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        for words in found:
            compose("config", words)


def test_what_is_stored_is_small_and_of_no_machine() -> None:
    pictures = [data for output in outputs() for kind, data in output.get("data", {}).items() if "image" in kind]
    assert len(pictures) >= 2
    assert sum(len(base64.b64decode("".join(picture))) for picture in pictures) <= PICTURES_MAX_BYTES
    assert not [output for output in outputs() if output["output_type"] == "error" or output.get("name") == "stderr"]
    kinds = {kind for output in outputs() for kind in output.get("data", ())}
    assert kinds == {"image/jpeg"}, "tables of a run hold its paths"
    assert not re.search(r"(?<![\w.<])/\w|\d ms\b", texts(outputs())), "no absolute path, no time"
    unstored = [cell for cell in NOTEBOOK["cells"] if SCRIPT["NOT_STORED"] in cell["metadata"].get("tags", ())]
    assert [cell["id"] for cell in unstored] == ["times"]
    assert unstored[0]["outputs"] == []


def test_every_other_cell_of_code_shows_what_it_did() -> None:
    silent = [cell["id"] for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code" and not cell["outputs"]]
    assert silent == ["setup", "times"]


@pytest.mark.long
@pytest.mark.skipif(
    any(find_spec(name) is None for name in ("nbclient", "nbformat", "ipykernel")),
    reason='the notebook needs pip install "stereo_exp[notebook]"',
)
def test_it_runs(tmp_path: Path) -> None:
    ran = SCRIPT["execute"](tmp_path)
    said = {cell.id: texts(cell.outputs) for cell in ran.cells if cell.cell_type == "code"}
    assert list(said) == list(CODE)
    assert float(re.search(r"mean error \(EPE\) +([\d.]+) px", said["truth"])[1]) < 3
    assert re.search(r"after 20 steps", said["learn"])
    assert "equal: 100%" in said["integers"]
    assert re.findall(r"^(\w+) +\d+ tensors, 100% of all integers equal$", said["align"], re.MULTILINE) == [
        "onnxruntime",
        "openvino",
    ]
    assert float(re.search(r"disparities: ([\de.-]+) px", said["times"])[1]) < 1e-3
    written = tmp_path / "outputs" / "tour"
    assert (written / "points.ply").stat().st_size > 1_000_000
    assert "<canvas" in (written / "view.html").read_text()
    stored = SCRIPT["strip"](ran)
    assert stored.cells[-2].id == "times" and stored.cells[-2].outputs == []
    assert str(tmp_path) not in json.dumps(stored)
