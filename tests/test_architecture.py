"""The architecture's picture is true to the imports, a room has one lazy door, the house keeps its measures."""

from __future__ import annotations

import ast
import json
import re
import runpy
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from stereo_exp.base import UserError

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "docs" / "draw_architecture.py"
if not SCRIPT.is_file():
    pytest.skip("docs/ is not beside the tests (they run from an installed wheel)", allow_module_level=True)
TOPS = ("stereo_exp", "data_tools")
FILES = sorted(path for top in TOPS for path in (ROOT / top).rglob("*.py"))
ROOMS = sorted(path.parent.name for path in (ROOT / "stereo_exp").glob("*/__init__.py"))
STUBS = {room: ROOT / "stereo_exp" / room / "__init__.pyi" for room in ROOMS if room != "weights"}
"""weights is one file, and its names are there at once."""
HEAVY = {"numpy", "cv2", "torch", "omegaconf", "hydra", "yaml"}


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


def test_files_are_full() -> None:
    assert statistics.median(map(num_lines, FILES)) >= 100


def test_a_file_can_be_read_in_one_sitting() -> None:
    assert {str(path): count for path in FILES if (count := num_lines(path)) > 400} == {}


def test_no_two_modules_of_tests_have_one_name() -> None:
    """pytest imports them by their names alone, and would leave the second one out."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_every_folder_of_code_says_what_it_offers() -> None:
    assert [path.parent for path in FILES if not (path.parent / "__init__.py").is_file()] == []


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def find_imports(code: str) -> Iterator[str]:
    """Every module that some code imports, also in functions and for types alone."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, ast.unparse(node)
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (
                name if name.startswith("stereo_exp.") and is_module(name) else str(node.module) for name in names
            )


def find_deep(code: str, own: str | None = None) -> list[str]:
    """What it imports from below a room that is not its own."""
    below = (name for name in find_imports(code) if name.startswith("stereo_exp.") and name.count(".") > 1)
    return [name for name in below if name.split(".")[1] != own]


def offered_by(stub: Path) -> tuple[set[str], list[str]]:
    """Names that a stub imports, and those of its `__all__`."""
    *imports, listed = ast.parse(stub.read_text()).body
    assert isinstance(listed, ast.Assign)
    assert all(isinstance(node, ast.ImportFrom) and node.level == 1 for node in imports)
    names = {alias.name for node in imports if isinstance(node, ast.ImportFrom) for alias in node.names}
    return names, ast.literal_eval(listed.value)


def test_from_outside_a_room_nobody_imports_deeper_than_the_room() -> None:
    deep = {}
    for path in (*FILES, *(ROOT / "benchmarks").rglob("*.py")):
        place = path.relative_to(ROOT).parts
        own = place[1] if place[0] == "stereo_exp" and len(place) > 2 else None
        if found := find_deep(path.read_text(), own):
            deep["/".join(place)] = found
    assert deep == {}


def test_deep_imports_are_found_wherever_they_stand() -> None:
    code = """
if TYPE_CHECKING:
    from stereo_exp.geometry.pair import StereoSample
def later():
    from stereo_exp.quant import ops, fold_batchnorm
    import stereo_exp.data.loader as loader
from stereo_exp.base import UserError
from stereo_exp import runtime
"""
    assert find_deep(code) == ["stereo_exp.geometry.pair", "stereo_exp.quant.ops", "stereo_exp.data.loader"]
    assert find_deep(code, own="quant") == ["stereo_exp.geometry.pair", "stereo_exp.data.loader"]


def is_there(room: object, name: str) -> bool:
    """Whether a room has it. What only an extra brings that is not installed says so, and is not asked for more."""
    try:
        return hasattr(room, name)
    except UserError as error:
        return "is not installed" in str(error)


@pytest.mark.parametrize("room", ROOMS)
def test_whatever_a_room_lists_is_there(room: str) -> None:
    module = import_module(f"stereo_exp.{room}")
    assert module.__all__
    assert module.__doc__
    assert [name for name in module.__all__ if not is_there(module, name)] == []


@pytest.mark.parametrize("room", STUBS)
def test_a_stub_lists_what_the_room_does(room: str) -> None:
    names, listed = offered_by(STUBS[room])
    module = import_module(f"stereo_exp.{room}")
    assert sorted(listed) == sorted(names) == sorted(module.__all__)
    assert [name for name in listed if name.startswith("_")] == []


@pytest.mark.parametrize("room", STUBS)
def test_no_name_hides_a_module_of_its_room(room: str) -> None:
    """`import stereo_exp.ROOM.name` would put the module where the name was."""
    _, listed = offered_by(STUBS[room])
    assert [name for name in listed if is_module(f"stereo_exp.{room}.{name}")] == []


NO_PARTICIPLES = r"(?!(bleed|breed|embed|exceed|feed|need|proceed|seed|shred|speed|succeed|wed)$)"
PARTICIPLE = re.compile(
    rf"{NO_PARTICIPLES}\w+ed|beaten|begun|born|bought|bound|broken|brought|built|caught|chosen|dealt|done|drawn|driven|"
    r"eaten|fallen|felt|found|frozen|given|gone|grown|held|hidden|kept|known|lit|lost|made|meant|met|mistaken|proven|"
    r"ridden|risen|seen|sent|shaken|shown|sold|spent|spoken|spun|stolen|struck|stuck|sung|swept|swung|taken|taught|"
    r"thought|thrown|told|torn|understood|woken|won|worn|woven|written"
)
"""Of a verb that is its own participle (read, set, cut, split) nothing can be told."""
WORDS_IN_ISE = {"denoise", "exercise", "noise", "otherwise", "pairwise", "precise", "raise", "revise", "rise", "wise"}
BRITISH = re.compile(r"\w{3,}(is|ys)(e|ed|er|ers|es|ing)|(colour|centre|favour|neighbour|behaviour)\w*")


def find_functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, str]]:
    """Public functions and methods, no properties: each with its class in front, and its own name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from find_functions(node, f"{inside}{node.name}.")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            if not node.name.startswith("_") and not any("property" in m or ".setter" in m for m in marks):
                yield inside + node.name, node.name
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from find_functions(node, inside)


def is_participle(name: str) -> bool:
    """Whether a function's name begins with one: what has been done (`padded`), not what to do (`pad_edges`)."""
    return PARTICIPLE.fullmatch(name.split("_")[0]) is not None


def is_british(name: str) -> bool:
    """Whether a word of it is spelled otherwise than torch, numpy and OpenCV do."""
    return any(BRITISH.fullmatch(word) for word in name.split("_") if word not in WORDS_IN_ISE)


def name_functions(wrong: Callable[[str], bool]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {place}"
        for path in FILES
        for place, name in find_functions(ast.parse(path.read_text()))
        if wrong(name)
    ]


def test_functions_are_verbs() -> None:
    """What acts says what it does; a value and a property may be what has been done to them."""
    assert name_functions(is_participle) == []


def test_functions_are_spelled_as_in_the_field() -> None:
    assert name_functions(is_british) == []


def test_participles_and_spellings_are_told_from_what_looks_like_them() -> None:
    code = """
def padded_size(): ...
def seed_workers(): ...
def normalise(): ...
def raise_noise(): ...
def open_quantised(): ...
def _resized(): ...
class Sgbm:
    def checked(self): ...
    @property
    def skipped(self): ...
    @cached_property
    def broken(self): ...
if True:
    def written(): ...
"""
    found = dict(find_functions(ast.parse(code)))
    assert [place for place, name in found.items() if is_participle(name)] == ["padded_size", "Sgbm.checked", "written"]
    assert [place for place, name in found.items() if is_british(name)] == ["normalise", "open_quantised"]


def test_a_room_imports_nothing_before_a_name_is_asked_for() -> None:
    code = """
import json, sys
from importlib import import_module
below = {}
for room in sys.argv[1:]:
    import_module(f"stereo_exp.{room}")
    below[room] = [name for name in sys.modules if name.startswith(f"stereo_exp.{room}.")]
print(json.dumps([below, sorted(sys.modules)]))
"""
    command = [sys.executable, "-c", code, *ROOMS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT)
    below, modules = json.loads(done.stdout)
    assert below == {room: [] for room in ROOMS}
    assert HEAVY & set(modules) == set()
