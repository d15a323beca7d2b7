"""Panels: every case in its promised place and size, maps in their colours, scales that tell the colours' meaning."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stereo_exp.geometry.drawing import (
    DEPTH_MAP,
    DIFFERENCE_MAP,
    DISPARITY_MAP,
    ERROR_MAP,
    Panel,
    Scale,
    color_map,
    draw_panels,
    write_panels,
)
from stereo_exp.geometry.drawing.colours import UNKNOWN_GREY, color_table
from stereo_exp.geometry.drawing.panels import HEADING_HEIGHT, MARGIN, SCALE_WIDTH, TITLE_HEIGHT

HEIGHT, WIDTH = 60, 100
SCALES = (DISPARITY_MAP, DEPTH_MAP, ERROR_MAP, DIFFERENCE_MAP)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


@pytest.fixture(scope="module")
def ramp() -> np.ndarray:
    """0 to 64 from left to right, with a stripe that is unknown and one of infinity."""
    values = np.linspace(0, 64, WIDTH, dtype=np.float32)[None].repeat(HEIGHT, 0)
    values[10:20] = np.nan
    values[30:35] = np.inf
    return values


def place(column: int, row: int = 0, maps: int = 0, heading: bool = False) -> tuple[slice, slice]:
    """Rows and columns of an image `WIDTH` px wide, with `maps` columns of maps to its left."""
    top = HEADING_HEIGHT * heading + TITLE_HEIGHT + row * (TITLE_HEIGHT + HEIGHT + MARGIN)
    left = MARGIN + column * (MARGIN + WIDTH) + maps * SCALE_WIDTH
    return slice(top, top + HEIGHT), slice(left, left + WIDTH)


@pytest.mark.parametrize("columns", [1, 2, 3, 7])
@pytest.mark.parametrize("heading", ["", "a pair · EPE 0.51 px"])
def test_all_cases_have_the_promised_size(photo: np.ndarray, ramp: np.ndarray, columns: int, heading: str) -> None:
    panels = [
        Panel("left", photo),
        Panel("a title that is much longer than the image below it is wide", ramp, Scale(0, 64)),
        Panel("nothing known", np.full((HEIGHT, WIDTH), np.nan, np.float32)),
        Panel("one value", np.full((HEIGHT, WIDTH), 3, np.float32), Scale(3, 3)),
        Panel("none", note="no depth: nothing is known of the cameras\n(infer.calib=FILE)"),
    ]
    picture = draw_panels(panels, columns, heading, WIDTH)
    rows = -(-len(panels) // columns)
    # Which columns hold one of the maps, which are the second to the fourth panel.
    maps = sum(any(i in (1, 2, 3) for i in range(column, len(panels), columns)) for column in range(columns))
    assert picture.shape == (
        bool(heading) * HEADING_HEIGHT + rows * (TITLE_HEIGHT + HEIGHT + MARGIN),
        columns * (MARGIN + WIDTH) + maps * SCALE_WIDTH + MARGIN,
        3,
    )
    assert picture.dtype == np.uint8
    # A heading is drawn, and nothing else is where it stands.
    if heading:
        assert (picture[:HEADING_HEIGHT] < 128).any()


def test_images_are_shown_as_they_are(photo: np.ndarray, ramp: np.ndarray) -> None:
    picture = draw_panels([Panel("left", photo), Panel("disparity", ramp, Scale(0, 64))], heading="x", width=WIDTH)
    np.testing.assert_array_equal(picture[place(0, heading=True)], photo)
    np.testing.assert_array_equal(picture[place(1, heading=True)], color_map(ramp, Scale(0, 64)))


def test_what_is_not_finite_is_grey(ramp: np.ndarray) -> None:
    shown = draw_panels([Panel("disparity", ramp, Scale(0, 64))], 1, width=WIDTH)[place(0)]
    for rows in (slice(10, 20), slice(30, 35)):
        assert (shown[rows] == UNKNOWN_GREY).all()
    known = np.ones(HEIGHT, bool)
    known[10:20] = known[30:35] = False
    assert not (shown[known] == UNKNOWN_GREY).all(axis=-1).any()


@pytest.mark.parametrize("colours", SCALES)
def test_the_ends_of_the_scale_have_the_colours_of_the_limits(colours: str) -> None:
    limits = (-2.0, 6.0)
    values = np.full((HEIGHT, WIDTH), limits[0], np.float32)
    values[:, WIDTH // 2 :] = limits[1]
    picture = draw_panels([Panel("map", values, Scale(*limits, colours))], 1, width=WIDTH)
    rows, columns = place(0)
    low, high = picture[rows.start, columns.start], picture[rows.start, columns.stop - 1]
    assert (low != high).any()
    beside = picture[rows, columns.stop + 2 : columns.stop + SCALE_WIDTH]
    bar = beside[:, (beside[0] == high).all(axis=-1) & (beside[-1] == low).all(axis=-1)]
    assert bar.shape[1] >= 10
    # From end to end it is the whole table, upside down.
    expected = color_table(colours)[::-1][np.linspace(0, 255, HEIGHT).round().astype(int)]
    assert np.abs(bar[:, 0].astype(int) - expected).max() <= 8


def test_a_scale_has_ticks_numbers_and_its_unit(photo: np.ndarray, ramp: np.ndarray) -> None:
    def ink(panel: Panel) -> tuple[int, int]:
        """Dark pixels beside the image, right of the bar, and above the bar."""
        picture = draw_panels([panel, Panel("other", ramp)], 1, width=WIDTH)
        rows, columns = place(0)
        dark = picture.min(axis=-1) < 150
        return int(dark[rows, columns.stop + 28 :].sum()), int(dark[: TITLE_HEIGHT - 4, columns.stop + 4 :].sum())

    numbers, unit = ink(Panel("disparity", ramp, Scale(0, 64)))
    assert numbers > 30 and unit > 8
    assert ink(Panel("left", photo)) == (0, 0)
    assert ink(Panel("disparity", ramp, Scale(0, 64, unit=""))) == (numbers, 0)


def test_a_note_stands_in_the_middle_of_its_place(photo: np.ndarray) -> None:
    picture = draw_panels([Panel("left", photo), Panel("depth", note="not known")], width=WIDTH)
    rows, columns = np.nonzero(picture[place(1)].min(axis=-1) < 180)
    assert abs(rows.mean() - HEIGHT / 2) < 5 and abs(columns.mean() - WIDTH / 2) < 5
    assert not (draw_panels([Panel("left", photo), Panel("depth")], width=WIDTH)[place(1)] < 255).any()


def test_notes_alone_make_a_figure() -> None:
    picture = draw_panels([Panel("a", note="nothing"), Panel("b", note="here")], width=WIDTH)
    assert picture.shape[1] == 2 * (WIDTH + MARGIN) + MARGIN
    assert (picture < 128).any()


def test_images_of_other_shapes_keep_theirs(photo: np.ndarray) -> None:
    tall = np.zeros((2 * HEIGHT, WIDTH // 2, 3), np.uint8)
    picture = draw_panels([Panel("left", photo), Panel("tall", tall)], width=WIDTH)
    assert picture.shape[0] == TITLE_HEIGHT + 4 * HEIGHT + MARGIN
    rows, columns = place(1)
    assert not picture[rows.start : rows.start + 4 * HEIGHT, columns].any()


def test_a_small_map_is_enlarged_without_colours_of_its_own() -> None:
    values = np.array([[0, 64], [np.nan, 32]], np.float32)
    picture = draw_panels([Panel("map", values, Scale(0, 64))], 1, width=WIDTH)
    shown = picture[TITLE_HEIGHT : TITLE_HEIGHT + WIDTH, MARGIN : MARGIN + WIDTH].reshape(-1, 3)
    found, counts = np.unique(shown, axis=0, return_counts=True)
    np.testing.assert_array_equal(found, np.unique(color_map(values, Scale(0, 64)).reshape(-1, 3), axis=0))
    assert set(counts) == {WIDTH * WIDTH // 4}


def test_a_thin_line_of_a_large_map_is_seen_when_it_is_reduced() -> None:
    values = np.zeros((400, 800), np.float32)
    values[:, 401] = 64
    shown = draw_panels([Panel("map", values, Scale(0, 64))], 1, width=WIDTH)[TITLE_HEIGHT + 5]
    plain = color_map(values[:1, :1], Scale(0, 64))[0, 0]
    changed = np.flatnonzero((shown[MARGIN : MARGIN + WIDTH] != plain).any(axis=-1))
    assert changed.tolist() == [50]


def test_the_file_holds_the_picture(tmp_path: Path, photo: np.ndarray, ramp: np.ndarray) -> None:
    panels = [Panel("left", photo), Panel("disparity", ramp, Scale(0, 64))]
    path = write_panels(tmp_path / "new" / "panels.png", panels, heading="pair")
    stored = cv2.imread(str(path))[..., ::-1]
    np.testing.assert_array_equal(stored, draw_panels(panels, heading="pair"))
    assert [p.name for p in path.parent.iterdir()] == ["panels.png"]


def test_gaps_of_the_truth_are_hatched_and_nothing_else_is(ramp: np.ndarray) -> None:
    gaps = np.zeros(ramp.shape, bool)
    gaps[40:, :50] = True
    values = np.linspace(0, 64, WIDTH, dtype=np.float32)[None].repeat(HEIGHT, 0)
    shown = draw_panels([Panel("error", values, Scale(0, 64), gaps=gaps)], 1, width=WIDTH)[place(0)]
    np.testing.assert_array_equal(shown[~gaps], color_map(values, Scale(0, 64))[~gaps])
    greys, counts = np.unique(shown[gaps], axis=0, return_counts=True)
    assert len(greys) == 2 and (greys.min(axis=1) == greys.max(axis=1)).all() and counts.min() > 0.1 * gaps.sum()


def test_sparse_truth_keeps_its_colours_when_it_is_reduced() -> None:
    values = np.full((4 * HEIGHT, 4 * WIDTH), np.nan, np.float32)
    values[::4, ::4] = 48
    values[:, : 2 * WIDTH] = np.nan
    shown = draw_panels([Panel("error", values, Scale(0, 64), gaps=np.isnan(values))], 1, width=WIDTH)[place(0)]
    colour = color_map(np.array([[48.0]]), Scale(0, 64))[0, 0].astype(int)
    assert np.abs(shown[:, WIDTH // 2 :].astype(int) - colour).max() <= 1
    assert (np.ptp(shown[:, : WIDTH // 2], axis=-1) == 0).all()


def test_a_scale_that_is_exceeded_ends_in_a_point(ramp: np.ndarray) -> None:
    def marks(low: float, high: float) -> tuple[bool, bool]:
        picture = draw_panels([Panel("map", ramp, Scale(low, high, unit=""))], 1, width=WIDTH)
        rows, columns = place(0)
        bar = picture[:, columns.stop + 11 : columns.stop + 23]
        ends = bar[rows.start - 7 : rows.start - 2], bar[rows.stop + 2 : rows.stop + 7]
        top, bottom = ((end.max(axis=-1) < 250).any() for end in ends)
        return bool(top), bool(bottom)

    assert marks(0, 64) == (False, False)
    assert marks(0, 32) == (True, False)
    assert marks(8, 64) == (False, True)
