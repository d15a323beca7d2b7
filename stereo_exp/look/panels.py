"""Figures of pairs, disparity and depth, with a colour scale and its units beside each map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo_exp.atomic import replacing

DISPARITY_MAP, DEPTH_MAP, ERROR_MAP = "turbo", "turbo_r", "magma"
_PANEL_INCHES, _DPI = 5.0, 110


@dataclass(frozen=True)
class Panel:
    """One panel of a figure.

    Attributes:
        title: above it.
        image: uint8 H×W×3, or a float H×W map where non-finite values are drawn grey; None draws `note` only.
        colours: matplotlib's name of the map's colours.
        limits: values at the two ends of the scale.
        unit: beside the scale.
        note: text in place of an image.
    """

    title: str
    image: np.ndarray | None = None
    colours: str = DISPARITY_MAP
    limits: tuple[float, float] | None = None
    unit: str = "px"
    note: str = ""


def draw(path: Path, panels: Sequence[Panel], columns: int = 2, heading: str = "") -> Path:
    """Draw panels in rows of `columns` into a PNG file, atomically; returns its path."""
    # The figure class without pyplot: no global state, no window system.
    from matplotlib.figure import Figure

    rows = -(-len(panels) // columns)
    shape = next(p.image.shape for p in panels if p.image is not None)
    # Room for a title above and a colour scale beside each panel.
    size = (columns * _PANEL_INCHES, rows * (_PANEL_INCHES * 0.82 * shape[0] / shape[1] + 0.35) + 0.3)
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    for axes, panel in zip(figure.subplots(rows, columns, squeeze=False).flat, panels, strict=False):
        _draw_panel(figure, axes, panel)
    if heading:
        figure.suptitle(heading, fontsize=10)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")
    return path


def _draw_panel(figure, axes, panel: Panel) -> None:  # type: ignore[no-untyped-def]
    axes.set_title(panel.title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    if panel.image is None:
        axes.text(0.5, 0.5, panel.note, ha="center", va="center", transform=axes.transAxes, fontsize=9, wrap=True)
        return
    if panel.image.ndim == 3:
        axes.imshow(panel.image)
        return
    low, high = panel.limits or (0.0, 1.0)
    axes.set_facecolor("0.6")
    shown = np.ma.masked_invalid(panel.image)
    drawn = axes.imshow(shown, cmap=panel.colours, vmin=low, vmax=high, interpolation="nearest")
    figure.colorbar(drawn, ax=axes, label=panel.unit, shrink=0.9, extend="max")


def disparity_limits(*maps: np.ndarray) -> tuple[float, float]:
    """0 to the 99.5th percentile of the known values, rounded up to a multiple of 8 px."""
    known = np.concatenate([m[np.isfinite(m) & (m > 0)].ravel() for m in maps])
    top = float(np.percentile(known, 99.5)) if known.size else 8.0
    return 0.0, max(8.0, np.ceil(top / 8) * 8)
