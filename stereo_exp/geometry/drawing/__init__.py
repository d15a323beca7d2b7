"""Pictures with numpy and OpenCV alone: maps in colours, panels, bars, films. Everything is RGB."""

from stereo_exp.geometry.drawing.bars import Series, draw_bars
from stereo_exp.geometry.drawing.colours import (
    DEPTH_MAP,
    DIFFERENCE_MAP,
    DISPARITY_MAP,
    ERROR_MAP,
    color_map,
    disparity_limits,
)
from stereo_exp.geometry.drawing.panels import Film, Panel, draw_panels, write_panels
from stereo_exp.geometry.drawing.text import draw_text

__all__ = [
    "DEPTH_MAP",
    "DIFFERENCE_MAP",
    "DISPARITY_MAP",
    "ERROR_MAP",
    "Film",
    "Panel",
    "Series",
    "color_map",
    "disparity_limits",
    "draw_bars",
    "draw_panels",
    "draw_text",
    "write_panels",
]
