"""README and docs stay true: their commands compose, their links lead somewhere, CI runs what they promise."""

import ast
import importlib
import json
import re
import runpy
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from stereo_exp.base.errors import UserError
from stereo_exp.config import conf_dir, register
from stereo_exp.config.help import help_text
from stereo_exp.config.schema import Root

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
NOTEBOOK = DOCS / "tour.ipynb"
PAGES = [*TOP, *sorted(DOCS.rglob("*.md")), NOTEBOOK, ROOT / "stereo_exp" / "weights" / "CARD.md"]
if not PAGES[0].is_file():
    pytest.skip("README.md is not beside the tests (they run from an installed wheel)", allow_module_level=True)
write_notebook = runpy.run_path(str(DOCS / "site_hooks.py"))["write_notebook"]


def read(page: Path) -> str:
    """A page as Markdown; of the notebook all cells without what came out."""
    text = page.read_text()
    return write_notebook(json.loads(text)) if page.suffix == ".ipynb" else text


def bash_lines(page: Path) -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", read(page), re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def entrypoint_commands() -> list[str]:
    commands = []
    for page in PAGES:
        if page.name == "plugins.md":
            continue  # needs the package that it builds: tests/config/test_plugin_page.py runs its commands
        for line in bash_lines(page):
            commands += [c.strip() for c in line.split("&&") if is_entrypoint(c)]
    return sorted(set(commands))


def is_entrypoint(command: str) -> bool:
    """Whether it is the program itself, by either of its names."""
    return bool(re.search(r"(-m stereo_exp|^\s*stereo-exp)(\s|$)", command))


def runtime_commands() -> list[str]:
    lines = (line for page in PAGES for line in bash_lines(page))
    return sorted({line for line in lines if "-m stereo_exp.runtime" in line})


@pytest.mark.parametrize("command", entrypoint_commands())
def test_commands_compose(command: str) -> None:
    words = shlex.split(command, comments=True)
    arguments = words[next(i for i, word in enumerate(words) if word in ("stereo_exp", "stereo-exp")) + 1 :]
    overrides = [w for w in arguments if "=" in w or w.startswith("~")]
    flags = [w for w in arguments if w not in overrides]
    assert set(flags) <= {"-m", "--help", "--cfg", "job", "--resolve", "--info", "defaults-tree"}
    # Of a sweep, the first job.
    first = [o.split(",")[0] if "-m" in flags and not set("[{") & set(o) else o for o in overrides]
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        compose("config", first)


@pytest.mark.parametrize("command", runtime_commands())
def test_commands_of_the_runtime_parse(command: str) -> None:
    from stereo_exp.runtime.__main__ import parser

    words = shlex.split(command, comments=True)
    parser().parse_args(words[words.index("stereo_exp.runtime") + 1 :])


def test_there_are_commands_to_check() -> None:
    assert len(entrypoint_commands()) >= 8
    assert len(runtime_commands()) >= 2


def test_ci_runs_the_readmes_test_command() -> None:
    readme = bash_lines(ROOT / "README.md")
    (command,) = [line for line in readme if line.endswith("pytest")]
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", read(page)):
        if "://" not in target:
            assert (page.parent / target).exists(), target
    for target in re.findall(r"`((?:stereo_exp|data_tools|conf|benchmarks|tests|docs)/[\w./]+)`", read(page)):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_to_a_section_find_its_heading(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", read(page)):
        headings = re.findall(r"^#+ (.*)$", read(page.parent / target if target else page), re.MULTILINE)
        assert anchor in map(slug, headings), f"{target}#{anchor}"


def slug(heading: str) -> str:
    """What a heading is called in links."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_every_page_is_linked_from_the_index() -> None:
    linked = {(DOCS / target).resolve() for target in re.findall(r"\]\(([^)#]+)", (DOCS / "index.md").read_text())}
    pages = [NOTEBOOK, *DOCS.rglob("*.md")]
    assert [page for page in pages if page != DOCS / "index.md" and page not in linked] == []


def current_text(page: Path) -> str:
    """What a page says of today: of the CHANGELOG's tables, not the column of what was before."""
    text = read(page)
    return re.sub(r"^( *\|)[^|]*\|", r"\1", text, flags=re.MULTILINE) if page.name == "CHANGELOG.md" else text


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"(?<![\w/.])(?:stereo_exp|data_tools|benchmarks)/[\w./-]*\w", current_text(page))
    assert [path for path in named if not (ROOT / path).exists()] == []


NO_MODULES = {"stereo_exp.plugins"}
"""Names that only look like modules: the group of entry points."""


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_modules_that_a_page_names_are_there(page: Path) -> None:
    text = current_text(page)
    dotted = set(re.findall(r"(?<![\w/.-])(?:stereo_exp|data_tools)(?:\.[A-Za-z_]\w*)+", text)) - NO_MODULES
    assert [name for name in sorted(dotted) if not is_there(name)] == []
    imported = re.findall(r"^from ((?:stereo_exp|data_tools)[\w.]*) import (.+)$", text, re.MULTILINE)
    missing = [f"{module}.{name}" for module, names in imported for name in re.findall(r"\w+", names)]
    assert [name for name in missing if not is_there(name)] == []


def is_there(dotted: str) -> bool:
    """Whether a module, or what stands in one, is called so."""
    module, _, rest = dotted.partition(".")
    found: object = importlib.import_module(module)
    for part in rest.split(".") if rest else ():
        module = f"{module}.{part}"
        try:
            found = getattr(found, part) if hasattr(found, part) else importlib.import_module(module)
        except ModuleNotFoundError:
            return False
    return True


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=lambda p: p.name)
def test_keys_that_a_page_names_are_there(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    nodes = "|".join(Root.__dataclass_fields__)
    named = set(re.findall(rf"`((?:{nodes})(?:\.[a-z_]+)+)(?:=[^`]*)?`", prose))
    files = {name for name in named if name.endswith((".html", ".json", ".csv", ".log"))}
    assert [name for name in sorted(named - files) if not is_key(name)] == []


def is_key(name: str) -> bool:
    try:
        return bool(help_text(["--help", name]))
    except UserError:
        return False


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_of_a_page_parses(page: Path) -> None:
    for code in re.findall(r"```python\n(.*?)```", read(page), re.DOTALL):
        ast.parse(code)


def test_every_rewrite_stands_in_the_table_at_its_level() -> None:
    from stereo_exp.deploy.engines.openvino import EXACT_SUMS
    from stereo_exp.deploy.rewrites import REWRITES

    rows = re.findall(
        r"^\| (\d)(?: \(default\))? \| `(\w+)` \|", (ROOT / "docs" / "deploy.md").read_text(), re.MULTILINE
    )
    found = [(int(level), name) for level, name in rows]
    # The one that is made in OpenVINO's own graph stands among those of its level.
    assert found == sorted(found, key=lambda row: row[0])
    found.remove((EXACT_SUMS, "exact_sums"))
    assert found == [(entry.level, entry.name) for entry in REWRITES]
