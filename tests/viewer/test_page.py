"""The page: one file that asks for nothing else, within its size, whatever is put in."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenes import CAMERA, HEIGHT, WIDTH, scene

from stereo_exp.base.errors import UserError
from stereo_exp.geometry.prediction import Prediction
from stereo_exp.geometry.viewer import Viewer
from stereo_exp.geometry.viewer.page import _ordinal


def embedded(path: Path, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', path.read_text("utf-8"))
    assert found is not None, name
    return json.loads(found[1])


def noise(seed: int, height: int = 64, width: int = 96) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What no packing makes small."""
    rng = np.random.default_rng(seed)
    left = rng.integers(0, 256, (height, width, 3), np.uint8)
    return left, rng.uniform(1, 60, (height, width)).astype(np.float32), rng.random((height, width), np.float32)


def test_a_pair_makes_one_file_that_asks_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "view.html"
    with Viewer(path, "a </script><b>pair") as viewer:
        viewer.add(*scene(), CAMERA, key="</script><script>alert(1)")
        assert not path.exists()
    text = path.read_text("utf-8")
    assert not re.search(r"https?:|\bsrc=|\bhref=|@import|url\(|<!--", text)
    assert text.count("<script") == text.count("</script>") == 3
    assert "a &lt;/script&gt;" in text and [p.name for p in path.parent.iterdir()] == ["view.html"]
    about, frame = embedded(path, "about"), embedded(path, "frame-0")
    assert about["frames"] == 1 and about["notes"] == []
    assert frame["key"] == "</script><script>alert(1)"
    assert (frame["width"], frame["height"], frame["full"]) == (WIDTH, HEIGHT, [WIDTH, HEIGHT])
    assert set(about["layers"]) == {"disparity", "confidence", "depth"}
    # 200 px · 0.1 m: 1 m to 4 m.
    assert about["layers"]["depth"]["low"] <= 1 and about["layers"]["depth"]["high"] >= 4


def test_expected_errors_are_a_layer_where_there_are_some(tmp_path: Path) -> None:
    left, disparity, confidence = scene()
    with Viewer(tmp_path / "v.html") as viewer:
        viewer.add(left, disparity, confidence, None, np.full_like(confidence, 0.25))
    about = embedded(tmp_path / "v.html", "about")
    # Nothing is said of metres where the cameras are not known.
    assert set(about["layers"]) == {"disparity", "confidence", "error"} and not about["camera"]["known"]


def test_a_pair_that_is_too_large_is_reduced_and_the_page_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, budget = tmp_path / "view.html", 6000
    with caplog.at_level(logging.INFO), Viewer(path, pair_bytes=budget) as viewer:
        viewer.add(*noise(0), CAMERA)
    frame, about = embedded(path, "frame-0"), embedded(path, "about")
    assert frame["width"] < 96 and frame["full"] == [96, 64]
    assert len(frame["left"]) + len(frame["maps"]) <= budget
    wanted = f"maps reduced from 96×64 to {frame['width']}×{frame['height']} px"
    assert about["notes"] == [wanted] and wanted in caplog.text


def test_a_sequence_that_is_too_long_is_thinned_evenly_and_the_page_says_so(tmp_path: Path) -> None:
    path = tmp_path / "view.html"
    one = len(json.dumps(frames_of(tmp_path / "one.html", 1)[0]))
    with Viewer(path, sequence=True, sequence_bytes=30 * one) as viewer:
        for seed in range(100):
            viewer.add(*noise(seed), CAMERA, key=f"{seed:03d}")
    about = embedded(path, "about")
    keys = [embedded(path, f"frame-{i}")["key"] for i in range(about["frames"])]
    assert keys == [f"{i:03d}" for i in range(0, 100, 4)]
    assert about["notes"] == ["25 of 100 frames, every 4th"]
    # All of the shown frames share a scale.
    assert about["layers"]["disparity"]["high"] >= 58


def frames_of(path: Path, count: int) -> list[Any]:
    with Viewer(path, sequence=True) as viewer:
        for seed in range(count):
            viewer.add(*noise(seed), CAMERA)
    return [embedded(path, f"frame-{i}") for i in range(count)]


def test_an_interruption_leaves_what_was_seen_and_a_mistake_leaves_nothing(tmp_path: Path) -> None:
    for kind, there in ((KeyboardInterrupt, True), (RuntimeError, False)):
        path = tmp_path / f"{kind.__name__}.html"
        with pytest.raises(kind), Viewer(path, sequence=True) as viewer:
            viewer.add(*noise(0))
            raise kind
        assert path.exists() is there
    with Viewer(tmp_path / "none.html"):
        pass
    assert not (tmp_path / "none.html").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be"), Viewer(tmp_path / "file" / "view.html") as viewer:
        viewer.add(*scene())


def test_a_prediction_shows_itself(tmp_path: Path) -> None:
    left, disparity, confidence = scene()
    trusted = np.ones(disparity.shape, bool)
    found = Prediction(np.nan_to_num(disparity, posinf=3.0), confidence, trusted, CAMERA, left)
    path = found.view(tmp_path / "pair.html")
    camera = embedded(path, "about")["camera"]
    assert (camera["focal"], camera["baseline"], camera["known"]) == (200.0, 0.1, True)
    moved = embedded(found.view(tmp_path / "moved.html", baseline=0.2), "about")["camera"]
    assert (moved["focal"], moved["baseline"]) == (200.0, 0.2)
    with pytest.raises(UserError, match="left"):
        Prediction(disparity, confidence, trusted).view(tmp_path / "no.html")
    batch = Prediction(*(np.stack([a, a]) for a in (disparity, confidence, trusted)), CAMERA, np.stack([left, left]))
    assert embedded(batch.view(tmp_path / "batch.html"), "about")["frames"] == 2


def test_neither_torch_nor_a_template_engine_is_needed(tmp_path: Path) -> None:
    code = f"""
import sys
for name in ("torch", "jinja2", "hydra", "matplotlib", "plotly"):
    sys.modules[name] = None
import numpy as np
from stereo_exp.geometry import Viewer
with Viewer({str(tmp_path / "view.html")!r}) as viewer:
    viewer.add(np.zeros((8, 9, 3), np.uint8), np.ones((8, 9)), np.ones((8, 9)))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "view.html").stat().st_size < 60_000


def test_ordinals() -> None:
    assert [_ordinal(n) for n in (2, 4, 11, 32, 128, 111, 23)] == [
        "2nd",
        "4th",
        "11th",
        "32nd",
        "128th",
        "111th",
        "23rd",
    ]
