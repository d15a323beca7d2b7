"""What the int8 network sees on a few real pairs: left view, disparity, refined disparity, confidence.

    python benchmarks/contact_sheet.py [--int FILE] [--data DIR] [--out docs/images/release_contact_sheet.jpg]

Motorcycle (Middlebury 2014, with scikit-image) and grey pairs of an OAK-D camera, DIR/oakd/PAIR/{left,right}.png,
calib.json; neither was trained on. Nothing is filtered or masked. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from real.methods import INT8, add_network_options, load_network
from real.output import name_block
from real.sets import add_data_option

from stereo_exp.base import Meter, UserError, exit_on_user_error, replacing
from stereo_exp.data import MotorcycleSource
from stereo_exp.geometry import (
    DISPARITY_MAP,
    Calibration,
    Prediction,
    Rig,
    StereoSample,
    depth,
    open_frames,
    read_calibration,
    refine_disparity,
)

SHEET = Path("docs/images/release_contact_sheet.jpg")
OAKD_PAIRS = ("living_room", "cycles", "desk")
LIMITS = 0.0, 64.0
"""Disparities at the ends of the colour scale, px, in every sheet."""
PANEL_INCHES, DPI, QUALITY = 3.0, 110, 82

Scene = tuple[StereoSample, Calibration]


def main() -> None:
    """Predict, draw."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with exit_on_user_error():
        scenes = load_scenes(options.data, options.pairs)
        predict, facts = load_network(options.int, INT8, options.device, options.network)
        predictions: list[Prediction] = []
        fine: list[np.ndarray] = []
        with Meter("predict", len(scenes)) as meter:
            for sample, _ in scenes:
                predictions.append(predict(sample))
                fine.append(refine_disparity(sample.left, sample.right, predictions[-1].disparity))
                meter.advance()
        draw_sheet(options.out, scenes, predictions, fine)
    summary = {
        sample.key: {"confidence": float(found.confidence.mean()), "median_depth_m": _median_depth(found, calibration)}
        for (sample, calibration), found in zip(scenes, predictions, strict=True)
    }
    size = options.out.stat().st_size
    print(json.dumps({"out": str(options.out), "bytes": size, "checkpoint": facts, "pairs": summary}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_network_options(parser, (INT8,))
    add_data_option(parser)
    parser.add_argument("--pairs", nargs="+", default=OAKD_PAIRS, metavar="PAIR", help="folders below DIR/oakd")
    parser.add_argument("--out", type=Path, help=f"default: {SHEET}, with the name of another --network")
    options = parser.parse_args()
    options.out = options.out or SHEET.with_stem(name_block(SHEET.stem, options.network))
    return options


def load_scenes(data: Path, pairs: Sequence[str]) -> list[Scene]:
    """Motorcycle and the named OAK-D pairs, each with its calibration.

    Raises:
        UserError: a pair is not there, or its calibration is none of a rectified pair.
    """
    motorcycle = MotorcycleSource().read(0)
    assert motorcycle.calibration is not None
    scenes = [(motorcycle, motorcycle.calibration)]
    for name in pairs:
        folder = data / "oakd" / name
        if not folder.is_dir():
            raise UserError("--pairs", name, f"there is no folder {folder}", "give others, or --data=DIR")
        (sample,) = open_frames(str(folder / "left.png"), str(folder / "right.png"))
        calibration = read_calibration(folder / "calib.json")
        if isinstance(calibration, Rig):
            raise UserError(folder / "calib.json", None, "is of a pair that is not rectified", "give another pair")
        scenes.append((StereoSample(name, sample.left, sample.right), calibration))
    return scenes


def draw_sheet(
    path: Path, scenes: Sequence[Scene], predictions: Sequence[Prediction], fine: Sequence[np.ndarray]
) -> None:
    """A row for each pair, one scale for each column, into a JPEG file; `fine`: the refined disparities."""
    from matplotlib.figure import Figure

    heights = [sample.size[0] / sample.size[1] for sample, _ in scenes]
    figure = Figure((4 * PANEL_INCHES, PANEL_INCHES * sum(heights) + 0.9), dpi=DPI, layout="constrained")
    grid = figure.subplots(len(scenes), 4, squeeze=False, height_ratios=heights)
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
    for row, (sample, calibration), found, sharp in zip(grid, scenes, predictions, fine, strict=True):
        row[0].imshow(sample.left)
        row[0].set_ylabel(f"{sample.key}, {sample.size[1]}×{sample.size[0]}", fontsize=8)
        disparity = row[1].imshow(found.disparity, cmap=DISPARITY_MAP, vmin=LIMITS[0], vmax=LIMITS[1])
        row[1].set_xlabel(f"median depth {_median_depth(found, calibration):.2f} m", fontsize=8)
        row[2].imshow(sharp, cmap=DISPARITY_MAP, vmin=LIMITS[0], vmax=LIMITS[1])
        confidence = row[3].imshow(found.confidence, cmap="gray", vmin=0, vmax=1)
    grid[0, 0].set_title("left view", fontsize=9)
    grid[0, 1].set_title("disparity, int8", fontsize=9)
    grid[0, 2].set_title("the same, refined", fontsize=9)
    grid[0, 3].set_title("confidence", fontsize=9)
    for column, (image, label) in enumerate(((disparity, "px"), (confidence, "probability near the estimate")), 1):
        bar = figure.colorbar(
            image, ax=grid[:, column], location="bottom", label=label, extend="max" if column == 1 else "neither"
        )
        bar.ax.tick_params(labelsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="jpeg", pil_kwargs={"quality": QUALITY, "optimize": True})


def _median_depth(found: Prediction, calibration: Calibration) -> float:
    return float(np.median(depth(found.disparity, calibration.focal, calibration.baseline, calibration.doffs)))


if __name__ == "__main__":
    main()
