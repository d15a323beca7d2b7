"""Figures of pairs, disparity and depth, with a colour scale and its units beside each map."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
import torch
from torch import nn

from stereo_exp.base.errors import UserError
from stereo_exp.base.files import replacing
from stereo_exp.base.process import Process
from stereo_exp.data.loader import StereoBatch, collate
from stereo_exp.data.sources.motorcycle import MotorcycleSource
from stereo_exp.geometry.metrics import valid_mask
from stereo_exp.geometry.write import coloured
from stereo_exp.model.stereonetplus import predict
from stereo_exp.suite.runs.context import RunContext
from stereo_exp.suite.splits import Splits

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


# The integer network beside the float network that it came from, on a real pair.


# Differences at and beyond this many px look the same.
_DIFFERENCE_LIMIT = 2.0


def draw_against_float(
    path: Path, integer: nn.Module, floating: nn.Module, device: torch.device
) -> tuple[Path, np.ndarray]:
    """Draw left view, both disparities of Motorcycle and their difference.

    Returns:
        The file, and integer minus float disparity, float32 H×W in px.
    """
    sample = MotorcycleSource().read(0)
    batch = collate([sample], [0])
    left, right = batch.left.to(device), batch.right.to(device)
    height, width = sample.size
    ours, theirs = (predict(m, left, right)[0, :height, :width].cpu().numpy() for m in (integer, floating))
    difference = ours - theirs
    limits = disparity_limits(theirs)
    panels = [
        Panel("left", sample.left),
        Panel("integer minus float", difference, "RdBu", (-_DIFFERENCE_LIMIT, _DIFFERENCE_LIMIT)),
        Panel("float", theirs, limits=limits),
        Panel("integer", ours, limits=limits),
    ]
    heading = f"{sample.key}: integer against float, mean |difference| {np.abs(difference).mean():.3f} px"
    return draw(path, panels, heading=heading), difference


# Pictures of test images: left view, truth, prediction and error.


# Errors at and above this many px look the same, so that pictures of different runs compare.
_ERROR_LIMIT = 8.0


def draw_test_pictures(context: RunContext, model: nn.Module, splits: Splits, device: torch.device) -> list[Path]:
    """Draw the first `eval.pictures` pairs of the test split into the run's `pictures/`; returns the files."""
    wanted = context.config.eval.pictures
    files: list[Path] = []
    if not wanted:
        return files
    model.eval()
    for batch in splits.test(Process()):
        if not len(batch):
            continue
        with torch.no_grad():
            predictions = predict(model, batch.left.to(device), batch.right.to(device)).cpu()
        for i in range(len(batch)):
            name = re.sub(r"\W+", "_", batch.keys[i]).strip("_")
            path = context.dir / "pictures" / f"{len(files):02d}_{name}.png"
            files.append(_draw_pair(path, batch, i, predictions[i], int(model.maxdisp)))  # type: ignore[arg-type]
            if len(files) == wanted:
                return files
    return files


def _draw_pair(path: Path, batch: StereoBatch, i: int, prediction: torch.Tensor, maxdisp: int) -> Path:
    height, width = batch.sizes[i]
    left = batch.left[i, :, :height, :width].permute(1, 2, 0).numpy()
    shown = prediction[:height, :width].numpy()
    panels = [Panel("left", left)]
    if batch.disparity is None:
        limits = disparity_limits(shown)
        return draw(path, [*panels, Panel("disparity", shown, limits=limits)], heading=batch.keys[i])
    truth = batch.disparity[i, :height, :width]
    known = valid_mask(truth, maxdisp).numpy()
    truth_map = np.where(known, truth.numpy(), np.nan)
    error = np.abs(truth_map - shown)
    limits = disparity_limits(truth_map)
    epe = f"{np.nanmean(error):.2f} px" if known.any() else "unknown"
    panels += [
        Panel("true disparity (grey: unknown or out of range)", truth_map, limits=limits),
        Panel("error (absolute)", error, ERROR_MAP, (0.0, _ERROR_LIMIT)),
        Panel("predicted disparity", shown, limits=limits),
    ]
    return draw(path, panels, heading=f"{batch.keys[i]} · EPE {epe}")


# A sequence as a film: left view above its disparity, with one colour scale throughout.


_CODEC, _RATE = "mp4v", 10.0


class Film:
    """Writes frames as they come; the file appears when the block ends, however many frames there were by then.

    Args:
        path: an .mp4 file.
        limits: disparities at the two ends of the colour scale, px.
    """

    def __init__(self, path: Path, limits: tuple[float, float]) -> None:
        self.path, self.limits = path, limits
        self._temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
        self._writer: cv2.VideoWriter | None = None
        self._size: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        return self

    def add(self, left: np.ndarray, disparity: np.ndarray) -> None:
        """One frame: uint8 H×W×3 RGB, and float32 H×W px whose non-finite values are drawn grey.

        Raises:
            UserError: the frame has another size than the first, or the film cannot be written.
        """
        frame = cv2.cvtColor(np.concatenate((left, coloured(disparity, self.limits))), cv2.COLOR_RGB2BGR)
        size = (frame.shape[1], frame.shape[0])
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._size = size
            self._writer = cv2.VideoWriter(str(self._temporary), cv2.VideoWriter.fourcc(*_CODEC), _RATE, size)
            if not self._writer.isOpened():
                raise UserError(self.path, None, "OpenCV cannot write this film", "give infer.out another folder")
        if size != self._size:
            raise UserError("infer.left", f"{left.shape[1]}x{left.shape[0]}", "the images differ in size", "sort them")
        self._writer.write(frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.release()
            self._temporary.replace(self.path)
