"""The report's page in Chromium: from a phone's width to a wide screen, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, find_browser
from job_folders import write_job

from stereo_exp.suite.compare.page import PAGE_FILE, write_files
from stereo_exp.suite.compare.records import read_sweep
from stereo_exp.suite.compare.table import tabulate

pytestmark = [pytest.mark.long, pytest.mark.skipif(find_browser() is None, reason="Chromium is not installed")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    for number in range(6):
        report = {"epe": 3.0 - 0.2 * number, "d1": 0.1, "num_parameters": 10**5 * (1 + number)}
        backbone = "tiny" if number % 2 else "mobilenetv2"
        curve = (9.0, 5.0 - 0.1 * number, report["epe"])
        write_job(
            folder, number, f"optim.lr=0.00{number + 1}", f"model/backbone={backbone}", report=report, curve=curve
        )
    write_job(folder, 6, "optim.lr=1", log="2026-01-01 ERROR stereo_exp: error: optim.lr=1: training diverged\n")
    table = tabulate(read_sweep(folder))
    for number, row in enumerate(table.rows):
        row.latency_ms, row.parameters = 10.0 + 5 * number, 10**5 * (1 + number)
    write_files(folder, table, "Sweep of rates")
    return folder / PAGE_FILE


@pytest.fixture(scope="module", params=[False, True], ids=["light", "dark"])
def shown(request: pytest.FixtureRequest, page: Path) -> Iterator[Browser]:
    with Browser(dark=request.param) as browser:
        browser.open(page)
        yield browser


@pytest.mark.parametrize("width", [400, 960, 1600])
def test_nothing_is_wider_than_the_page_nor_fetched(shown: Browser, width: int) -> None:
    shown.resize(width, 900)
    assert shown.run("document.documentElement.scrollWidth") <= width
    assert shown.run("document.querySelectorAll('figure svg').length") == 3
    assert (
        shown.run("Math.min(...[...document.querySelectorAll('svg')].map(s => s.getBoundingClientRect().width))") > 300
    )
    assert shown.errors == []
    assert shown.requests == []


def test_a_head_sorts_by_numbers(shown: Browser) -> None:
    column = "[...document.querySelectorAll('.sorts thead th')].findIndex(h => h.textContent.trim() === 'epe')"
    shown.run(f"document.querySelectorAll('.sorts thead th')[{column}].firstElementChild.click()")
    rows = "[...document.querySelector('.sorts').tBodies[0].rows]"
    values = shown.run(f"{rows}.map(r => r.cells[{column}].textContent)")
    found = [float(value) for value in values if value != "–"]
    assert found == sorted(found)
    assert len(found) == 6
