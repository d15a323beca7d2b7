"""Pictures with numpy and OpenCV alone: maps in colours, panels, bars, films. Everything is RGB."""

from stereo_exp.geometry.drawing.bars import Series, draw_bars
from stereo_exp.geometry.drawing.colours import color_map
from stereo_exp.geometry.drawing.film import Film
from stereo_exp.geometry.drawing.panels import Panel, draw_panels, write_panels
from stereo_exp.geometry.drawing.scales import (
    CONFIDENCE,
    DEPTH_MAP,
    DIFFERENCE,
    DIFFERENCE_MAP,
    DISPARITY_MAP,
    ERROR,
    ERROR_MAP,
    Scale,
    fit_depth,
    fit_disparity,
)
from stereo_exp.geometry.drawing.text import draw_text

__all__ = [
    "CONFIDENCE",
    "DEPTH_MAP",
    "DIFFERENCE",
    "DIFFERENCE_MAP",
    "DISPARITY_MAP",
    "ERROR",
    "ERROR_MAP",
    "Film",
    "Panel",
    "Scale",
    "Series",
    "color_map",
    "draw_bars",
    "draw_panels",
    "draw_text",
    "fit_depth",
    "fit_disparity",
    "write_panels",
]
