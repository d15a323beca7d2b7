"""The stability table: every method on the same frames, the filter behind int8 only."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import stability
from real.markdown import block
from real.methods import FLOAT, INT8, REFINED, SGBM, Method
from real.output import page_text

from stereo_exp.config.infer import Temporal
from stereo_exp.geometry.pair import StereoSample

SIZE = 12, 20


def frames(count: int) -> Iterator[StereoSample]:
    image = np.full((*SIZE, 3), 90, np.uint8)
    return (StereoSample(str(i), image, image) for i in range(count))


def steps_of(px: float) -> Method:
    """30 px, every other frame `px` more."""
    return lambda sample: np.full(SIZE, 30 + px * (int(sample.key) % 2), np.float32)


def test_change_flicker_and_the_filter() -> None:
    methods = {FLOAT: steps_of(0), INT8: steps_of(1.5), REFINED: steps_of(0.5), SGBM: steps_of(4)}
    scores = stability.measure(frames(9), methods, Temporal(weight=0.25))
    assert {name: scores[name]["change_px"] for name in methods} == {FLOAT: 0, INT8: 1.5, REFINED: 0.5, SGBM: 4}
    assert {name: scores[name]["flicker"] for name in methods} == {FLOAT: 0, INT8: 1, REFINED: 0, SGBM: 1}
    assert 0 < scores[stability.FILTERED]["change_px"] < 0.5 and scores[stability.FILTERED]["flicker"] == 0
    assert all(found["n_changes"] == 8 and found["still"] == 1 for found in scores.values())
    head, _, change, flicker = stability.render({"frames": 9, "methods": scores}).splitlines()
    still = "9 frames, the 100% of pixels whose image is still"
    assert head == f"| {still} | float | int8 | int8, filtered | int8, refined | SGBM |"
    assert change.startswith("| change, px | 0.000 | 1.500 | ") and change.endswith(" | 0.500 | 4.000 |")
    assert flicker == "| changed by more than 1 px | 0.0% | 100.0% | 0.0% | 0.0% | 100.0% |"


def test_page_and_json_say_the_same(repository: Path) -> None:
    measured, page = (repository / "docs" / "results" / name for name in ("flicker.json", "flicker.md"))
    if not measured.is_file():
        assert block(page, stability.BLOCK) is None, "a table without the figures it was made of"
        pytest.skip("docs/results/flicker.json has not been measured yet")
    report = json.loads(measured.read_text())
    assert block(page, stability.BLOCK) == page_text(report, stability.render(report))
