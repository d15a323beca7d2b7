"""README's table: what was measured stands in our columns, what others publish in theirs; the page is up to date."""

from pathlib import Path
from typing import Any

import pytest
import readme
from real.markdown import block
from real.methods import INT8, REFINED, SGBM

from stereo_exp.base.errors import UserError

SCORES = {
    INT8: {"epe": 1.5, "bad2": 0.101, "d1": 0.082},
    REFINED: {"epe": 1.25, "bad2": 0.05, "d1": 0.041},
    SGBM: {"epe": 1.4, "bad2": 0.07, "d1": 0.093},
}
ACCURACY = {"sets": {name: {"pairs": 26, **SCORES} for name, *_ in readme.FIGURES}}
SPEED = {
    "size": [544, 960],
    "ms": {readme.BARE: 35.2, f"{readme.BARE}{readme.ON_HOST}": 131.8, readme.CHECKED: 884.5},
}


def network(name: str, **more: str) -> dict[str, Any]:
    keys = ("source", "trained_on", "gmac", "sceneflow_epe", "kitti2012_d1", "middlebury_h_bad2_noc", "time", "licence")
    return {"name": name, **{key: f"{name}'s {key}" for key in keys}, **more}


PUBLISHED = {"read": "2026-11-29", "networks": [network("A", sceneflow_epe="0.73"), network("B")]}


def rows(text: str) -> dict[str, list[str]]:
    """First cell -> the others."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return {row[0]: row[1:] for row in cells}


def test_every_figure_stands_in_its_column() -> None:
    found = rows(readme.render(ACCURACY, SPEED, PUBLISHED))
    assert {len(row) for row in found.values()} == {4}
    assert found[""] == ["this, int8 (refined)", "OpenCV SGBM", "A", "B"]
    assert found["Middlebury 2005/2006, 26 pairs: EPE, px"] == ["1.50 (1.25)", "1.40", "–", "–"]
    assert found["Middlebury 2005/2006, 26 pairs: bad-2, %"] == ["10.1 (5.0)", "7.0", "–", "–"]
    assert found["SceneFlow, 26 pairs: EPE, px"] == ["1.50 (1.25)", "1.40", "0.73", "B's sceneflow_epe"]
    assert found["544×960, ms"][:2] == ["35 (132), two CPU cores", "884, the same two"]
    # Counted on the network that is released.
    assert found["GMAC, 544×960"] == ["23.5", "–", "A's gmac", "B's gmac"]
    assert found["licence"][2:] == ["A's licence", "B's licence"]


def test_what_others_publish_names_its_source() -> None:
    text = readme.render_published(PUBLISHED)
    found = rows(text)
    assert found["A"][0] == "A's source" and "0.73" in found["A"]
    assert text.endswith("Read 2026-11-29.")


def test_the_pages_are_up_to_date(repository: Path) -> None:
    results = repository / "docs" / "results"
    accuracy, speed, published = (readme.read_result(results, name) for name in readme.FILES)
    assert block(repository / "README.md", readme.BLOCK) == readme.render(accuracy, speed, published)
    assert block(results / "accuracy.md", readme.PUBLISHED) == readme.render_published(published)


def test_a_file_that_was_not_measured_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"speed\.json"):
        readme.read_result(tmp_path, "speed")
