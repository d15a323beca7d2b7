"""The site of the documentation: every page has its place, links hold, search works from disk."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from browser import Browser, find_browser

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "mkdocs.yml").is_file():
    pytest.skip("mkdocs.yml is not beside the tests (they run from an installed wheel)", allow_module_level=True)
HOOKS = runpy.run_path(str(ROOT / "docs" / "site_hooks.py"))


class Lenient(yaml.SafeLoader):
    """Reads what names Python objects as nothing."""


Lenient.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def named(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for part in nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else ():
        yield from named(part)


def test_every_page_has_its_place() -> None:
    config = yaml.load((ROOT / "mkdocs.yml").read_text(), Lenient)
    places = list(named(config["nav"]))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert sorted(places) == sorted(pages | set(HOOKS["OUTSIDE"]))
    assert [next(iter(part)) for part in config["nav"]] == [
        "Home", "Tour", "How to", "Reference", "Explanation", "Results", "Log",
    ]  # fmt: skip


def test_the_page_of_keys_is_true_to_the_schema() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "write_keys.py"))
    assert (ROOT / "docs" / "keys.md").read_text() == script["write"](), "python docs/write_keys.py writes it anew"


@pytest.mark.parametrize(
    ("page", "link", "there"),
    [
        ("index.md", "[a](tour.md#x)", "[a](tour.md#x)"),
        ("index.md", "[a](../CHANGELOG.md)", "[a](changelog.md)"),
        ("results/speed.md", "[a](../tour.ipynb)", "[a](../notebook.md)"),
        ("notebook.md", "[a](tour.md#x)", "[a](tour.md#x)"),
        ("howto/pairs.md", "[a](../data.md)", "[a](../data.md)"),
        ("results/accuracy.md", "![a](../images/x.jpg)", "![a](../images/x.jpg)"),
        ("results/accuracy.md", "[a](../../NOTICE)", "[a](../notice.md)"),
        ("changelog.md", "[a](docs/results/speed.md#b)", "[a](results/speed.md#b)"),
        ("card.md", "[a](../../docs/log.md)", "[a](log.md)"),
        ("network.md", "[a](../conf/model)", "a (`conf/model`)"),
        ("index.md", "[a](https://x.org/../y) [b](#c)", "[a](https://x.org/../y) [b](#c)"),
        ("index.md", "```\n[a](../CHANGELOG.md)\n```", "```\n[a](../CHANGELOG.md)\n```"),
    ],
)
def test_links_of_the_repository_become_the_sites(page: str, link: str, there: str) -> None:
    assert HOOKS["point_links"](link, page) == there


def test_a_notebook_becomes_a_page() -> None:
    picture = {"output_type": "display_data", "data": {"image/png": "aGV5\n"}}
    said = {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {"cell_type": "code", "source": ["print(1)\n", "print(2)"], "outputs": [said, picture]},
    ]
    plain = "# Title\ntext\n\n```python\nprint(1)\nprint(2)\n```\n"
    assert HOOKS["write_notebook"]({"cells": cells}) == plain
    shown = "\n```text\n1\n2\n```\n\n![what the cell shows](data:image/png;base64,aGV5)\n"
    assert HOOKS["write_notebook"]({"cells": cells}, with_outputs=True) == plain + shown


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("mkdocs") is None or find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed; `nox -s docs` has it")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.long
def test_no_link_of_the_site_is_dead(site: Path) -> None:
    pages = {path: path.read_text("utf-8") for path in site.rglob("*.html") if path.name != "404.html"}
    anchors = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in pages.items()}
    assert len(pages) > 20
    dead = []
    for path, text in pages.items():
        for target in re.findall(r'<(?:a|img|link|script)\b[^>]*?\b(?:href|src)="([^"]+)"', text):
            if re.match(r"(https?|mailto|data):", target):
                continue
            name, _, anchor = unquote(target).partition("#")
            file = (path.parent / name).resolve() if name else path
            if not file.exists() or (anchor and file in anchors and anchor not in anchors[file] | {"__skip"}):
                dead.append((path.name, target))
    assert dead == []


@pytest.mark.long
@pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
def test_it_opens_and_is_searched_from_disk(site: Path, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(site, tmp_path / "a folder")
    for width in (1280, 400):
        with Browser(width, 900) as browser:
            browser.open(elsewhere / "index.html", "!document.querySelector('.no-js')")
            assert browser.run("document.documentElement.scrollWidth") <= width
            field = "document.querySelector('[data-md-component=search-query]')"
            browser.run(f"{field}.focus(); {field}.value = 'checkerboard'; 0")
            browser.run(f"{field}.dispatchEvent(new KeyboardEvent('keyup', {{bubbles: true}})); 0")
            browser.wait("document.querySelectorAll('.md-search-result__item').length > 0")
            assert browser.run("document.querySelector('.md-search-result__item a').href").startswith("file:")
            assert browser.errors == [] and browser.requests == []
