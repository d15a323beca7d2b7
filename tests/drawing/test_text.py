"""Text is measured, fitted and drawn where it is said to stand, whatever characters it holds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from stereo_exp.geometry.drawing.text import draw_text, measure_text, shorten_text, spell_ascii, wrap_text

SIZE = 9.0


def drawn(text: str, place: tuple[float, float] = (150, 30), align: str = "centre") -> np.ndarray:
    picture = np.full((60, 300, 3), 255, np.uint8)
    draw_text(picture, text, place, SIZE, align)
    return 255 - picture.min(axis=-1).astype(int)


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("pair · EPE 0.5 px", "pair | EPE 0.5 px"),
        ("960×544 – a…b", "960x544 - a...b"),
        ("Müller, Łódź", "Muller, ?odz"),
        ("左", "?"),
        ("|difference| ~ 5", "|difference| ~ 5"),
    ],
)
def test_what_strokes_cannot_draw_is_spelt(text: str, spelt: str) -> None:
    assert spell_ascii(text) == spelt


def test_width_grows_with_text_and_size() -> None:
    assert measure_text("", SIZE) <= 2
    assert measure_text("disparity", SIZE) < measure_text("disparity px", SIZE)
    assert measure_text("disparity", 2 * SIZE) == pytest.approx(2 * measure_text("disparity", SIZE), rel=0.1)


@pytest.mark.parametrize("align", ["left", "centre", "right"])
def test_the_ink_is_where_the_measure_says(align: str) -> None:
    text, (x, y) = "HxHxHxHxH", (150, 30)
    rows, columns = np.nonzero(drawn(text, (x, y), align) > 60)
    width = measure_text(text, SIZE)
    left = x - {"left": 0, "centre": width / 2, "right": width}[align]
    assert abs(columns.min() - left) <= 3 and abs(columns.max() - left - width) <= 3
    assert abs((rows.min() + rows.max()) / 2 - y) <= 1
    assert abs(rows.max() - rows.min() + 1 - SIZE) <= 2


def test_edges_are_smooth() -> None:
    ink = drawn("osSO")
    assert ((ink > 30) & (ink < 190)).sum() > 0.2 * (ink > 30).sum()


@pytest.mark.parametrize("place", [(-5, 30), (299, 30), (150, 0), (150, 59), (-900, 30), (150, 900)])
def test_what_lies_outside_is_cut_off(place: tuple[float, float]) -> None:
    inside = drawn("disparity", (150, 30))
    assert drawn("disparity", place).sum() < inside.sum()


def test_any_characters_are_drawn() -> None:
    for text in ("·", "–", "Łódź", "左.png", "a\nb\tc"):
        assert drawn(text).any(), text


def test_a_long_text_is_shortened_to_its_place() -> None:
    text = "aggregation.11.deep.conv1.activation.of.a.network"
    assert shorten_text(text, SIZE, 1000) == text
    short = shorten_text(text, SIZE, 120)
    assert short.endswith("...") and text.startswith(short[:-3])
    assert 90 < measure_text(short, SIZE) <= 120
    assert shorten_text(text, SIZE, 0) == "..."


def test_a_note_is_wrapped_at_its_spaces() -> None:
    text = "no depth: focal length and baseline are not known\n(infer.calib=FILE)"
    lines = wrap_text(text, SIZE, 160)
    assert " ".join(lines).split() == text.split()
    assert len(lines) > 2 and lines[-1] == "(infer.calib=FILE)"
    assert all(measure_text(line, SIZE) <= 160 for line in lines)
    # Greedy: no line could have taken the next one's first word.
    for line, following in pairwise(lines[:-1]):
        assert measure_text(f"{line} {following.split()[0]}", SIZE) > 160
    assert wrap_text(text, SIZE, 2000) == text.split("\n")
    assert wrap_text("", SIZE, 100) == []
