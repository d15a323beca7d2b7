"""The architecture's picture is true to the imports, and the house keeps its measures."""

from __future__ import annotations

import runpy
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "docs" / "draw_architecture.py"
if not SCRIPT.is_file():
    pytest.skip("docs/ is not beside the tests (they run from an installed wheel)", allow_module_level=True)
TOPS = ("stereo_exp", "data_tools")
FILES = sorted(path for top in TOPS for path in (ROOT / top).rglob("*.py"))


def num_lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_the_picture_is_true_to_the_imports() -> None:
    script = runpy.run_path(str(SCRIPT))
    assert script["PICTURE"].read_text() == script["draw"](), "python docs/draw_architecture.py draws it anew"


def test_every_room_is_in_the_picture_and_on_the_page() -> None:
    rooms = {path.parent.name for path in (ROOT / "stereo_exp").glob("*/__init__.py")}
    script = runpy.run_path(str(SCRIPT))
    drawn = {room for floor in script["read_contracts"]()[0] for room in floor}
    assert rooms == drawn - {"data_tools", "__main__"}
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert [room for room in rooms if f"| `{room}` |" not in page] == []


def test_rooms_are_few() -> None:
    assert len({path.parent for path in (ROOT / "stereo_exp").glob("*/*.py")}) <= 14


def test_files_are_few_and_full() -> None:
    assert len(FILES) <= 210
    assert statistics.median(map(num_lines, FILES)) >= 100


def test_a_file_can_be_read_in_one_sitting() -> None:
    assert {str(path): count for path in FILES if (count := num_lines(path)) > 400} == {}


def test_every_folder_of_code_says_what_it_offers() -> None:
    assert [path.parent for path in FILES if not (path.parent / "__init__.py").is_file()] == []
