"""The page in a browser without a window: what is shown, and what becomes of it when somebody touches it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import Browser, find_browser
from scenes import CAMERA, HEIGHT, SQUARE, WIDTH, scene

from stereo_exp.geometry.viewer import Viewer

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed"),
]
READY = "document.body.dataset.frame === '0'"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("view") / "view.html"
    with Viewer(path, "a square before a wall") as viewer:
        viewer.add(*scene(), CAMERA, key="square")
    return path


@pytest.fixture(scope="module")
def opened(page: Path) -> Iterator[Browser]:
    with Browser() as browser:
        browser.open(page, READY)
        yield browser
        assert browser.errors == [] and browser.requests == []


def set_slider(browser: Browser, name: str, value: float) -> None:
    browser.run(f"find('{name}').value = {value}; find('{name}').dispatchEvent(new Event('input')); 0")


def count(picture: np.ndarray) -> tuple[int, int, int]:
    """Pixels of the red square, of the green wall, and of neither."""
    red, green, blue = (picture[..., i].astype(int) for i in range(3))
    square = (red > 150) & (green < 90) & (blue < 90)
    wall = (green > 120) & (red < 90)
    return int(square.sum()), int(wall.sum()), int((~square & ~wall).sum())


def test_the_cloud_is_drawn_and_turns(opened: Browser) -> None:
    opened.run("cloud.reset(); 0")
    before = opened.picture("#cloud")
    square, wall, _ = count(before)
    assert square > 0.02 * before[..., 0].size and wall > 0.2 * before[..., 0].size
    x, y, width, height = opened.box("#cloud")
    opened.drag((x + width / 2, y + height / 2), (x + width / 2 - 180, y + height / 2))
    after = opened.picture("#cloud")
    changed = (np.abs(after.astype(int) - before).max(axis=-1) > 40).mean()
    assert changed > 0.1
    # Seen from the side, a wall that faces the camera is narrower.
    assert 0 < count(after)[1] < 0.8 * wall
    opened.run("cloud.reset(); 0")
    np.testing.assert_array_equal(opened.picture("#cloud"), before)


def test_the_near_square_moves_more_than_the_wall_behind_it(opened: Browser) -> None:
    def middles() -> tuple[float, float]:
        picture = opened.picture("#cloud").astype(int)
        square = (picture[..., 0] > 150) & (picture[..., 1] < 90)
        wall = (picture[..., 1] > 120) & (picture[..., 0] < 90)
        return float(np.nonzero(square)[1].mean()), float(np.nonzero(wall)[1].mean())

    opened.run("cloud.reset(); 0")
    before = middles()
    opened.run("cloud.turn(0.1, 0); 0")
    after = middles()
    opened.run("cloud.reset(); 0")
    # Turned about the wall, which most pixels show, the square is what moves.
    assert abs(after[0] - before[0]) > 3 * abs(after[1] - before[1])


def test_a_confidence_that_only_the_square_has(opened: Browser) -> None:
    opened.run("cloud.reset(); 0")
    square, wall, _ = count(opened.picture("#cloud"))
    set_slider(opened, "least", 0.8)
    assert "stay" in opened.run("find('least').nextElementSibling.textContent")
    left = count(opened.picture("#cloud"))
    set_slider(opened, "least", 0)
    assert left[0] >= square and left[1] < 0.01 * wall
    assert count(opened.picture("#cloud"))[:2] == (square, wall)


def test_what_lies_too_far_goes(opened: Browser) -> None:
    opened.run("cloud.reset(); 0")
    square, wall, _ = count(opened.picture("#cloud"))
    set_slider(opened, "far", 0.5)
    assert opened.run("find('far').nextElementSibling.textContent") == "2.00 m"
    left = count(opened.picture("#cloud"))
    set_slider(opened, "far", 1)
    assert left[0] >= square and left[1] < 0.01 * wall


def test_the_reading_below_the_pointer(opened: Browser) -> None:
    x, y, width, height = opened.box("#maps")
    rows, columns = SQUARE

    def at(column: float, row: float) -> str:
        opened.point(x + (column + 0.5) * width / WIDTH, y + (row + 0.5) * height / HEIGHT)
        return str(opened.run("find('reading').textContent"))

    assert at(columns.start + 9, rows.start + 9) == "x 69, y 49 · 20.00 px · 1.00 m · confidence 1.00"
    assert at(10, 100) == "x 10, y 100 · 5.00 px · 4.00 m · confidence 0.50"
    assert at(10, 3) == "x 10, y 3 · unknown · confidence 0.50"
    place = opened.run("find('layers').querySelectorAll('i').length")
    assert place == 3


def test_layers_lie_upon_each_other(opened: Browser) -> None:
    def colour(row: float, column: float) -> np.ndarray:
        picture = opened.picture("#maps")
        return picture[int(row * picture.shape[0]), int(column * picture.shape[1])].astype(int)

    for name in ("disparity", "depth", "confidence"):
        set_slider(opened, f"layer-{name}", 0)
    np.testing.assert_allclose(colour(0.9, 0.1), (20, 160, 60), atol=12)
    set_slider(opened, "layer-confidence", 1)
    np.testing.assert_allclose(colour(0.9, 0.1), (127, 127, 127), atol=3)
    np.testing.assert_allclose(colour(0.5, 0.5), (255, 255, 255), atol=3)
    set_slider(opened, "layer-confidence", 0.5)
    np.testing.assert_allclose(colour(0.9, 0.1), (74, 144, 94), atol=10)
    # Unknown disparities leave the left view uncovered.
    set_slider(opened, "layer-confidence", 0)
    set_slider(opened, "layer-disparity", 1)
    np.testing.assert_allclose(colour(0.03, 0.1), (20, 160, 60), atol=12)
    assert np.abs(colour(0.9, 0.1) - (20, 160, 60)).max() > 40


@pytest.mark.parametrize("width", [400, 700, 1000, 1600])
def test_it_fits_windows_of_many_widths(opened: Browser, width: int) -> None:
    opened.resize(width, 900)
    assert opened.run("document.documentElement.scrollWidth") <= width
    for part in ("#maps", "#cloud", "#layers", "#controls"):
        x, _, wide, high = opened.box(part)
        assert x >= 0 and x + wide <= width and wide > 0.4 * width and high > 60
    opened.resize(1280, 900)


def test_light_and_dark(page: Path) -> None:
    brightness = {}
    for dark in (False, True):
        with Browser(dark=dark) as browser:
            browser.open(page, READY)
            brightness[dark] = float(np.median(browser.picture()))
            browser.run("find('theme').click(); 0")
            assert abs(float(np.median(browser.picture())) - brightness[dark]) > 100
    assert brightness[False] > 200 and brightness[True] < 60


def test_a_sequence_goes_frame_by_frame(tmp_path: Path) -> None:
    with Viewer(tmp_path / "view.html", sequence=True) as viewer:
        for i in range(3):
            left, disparity, confidence = scene()
            viewer.add(left, disparity + i, confidence, CAMERA, key=f"frame {i}")
    with Browser() as browser:
        browser.open(tmp_path / "view.html", READY)
        before = browser.picture("#maps")
        set_slider(browser, "frame", 2)
        browser.wait("document.body.dataset.frame === '2'")
        assert browser.run("find('frame-name').textContent") == "3 of 3: frame 2"
        assert (browser.picture("#maps") != before).any()
        browser.run("find('play').click(); 0")
        browser.wait("document.body.dataset.frame === '1'")
        browser.run("find('play').click(); 0")
        assert browser.errors == [] and browser.requests == []
