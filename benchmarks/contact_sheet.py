"""What the int8 network sees on a few real pairs: left view, disparity, refined disparity, confidence.

    python benchmarks/contact_sheet.py [--int FILE] [--data DIR] [--out docs/images/release_contact_sheet.jpg]

Motorcycle (Middlebury 2014, with scikit-image) and grey pairs of an OAK-D camera, DIR/oakd/PAIR/{left,right}.png,
calib.json; neither was trained on. Nothing is filtered or masked. Pairs are predicted as `stereo_exp.load` does it, so
confidence is the probability that users get. Disparities of a row share a scale, of its own for each row. The last line
is JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from real.methods import INT8, add_network_options, find_network
from real.output import name_block
from real.sets import add_data_option

import stereo_exp
from stereo_exp.base import Meter, UserError, exit_on_user_error, write_bytes
from stereo_exp.data import MotorcycleSource
from stereo_exp.geometry import (
    CONFIDENCE,
    Calibration,
    Panel,
    Prediction,
    Rig,
    StereoSample,
    depth,
    draw_panels,
    fit_disparity,
    open_frames,
    read_calibration,
)

SHEET = Path("docs/images/release_contact_sheet.jpg")
OAKD_PAIRS = ("living_room", "cycles", "desk")
PANEL_WIDTH, QUALITY = 300, 82

Scene = tuple[StereoSample, Calibration]


def main() -> None:
    """Predict, draw."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with exit_on_user_error():
        scenes = load_scenes(options.data, options.pairs)
        path, facts = find_network(options.int, INT8, options.network)
        predictions: list[Prediction] = []
        fine: list[np.ndarray] = []
        with stereo_exp.load(path, "torch", options.device) as model, Meter("predict", len(scenes)) as meter:
            for sample, _ in scenes:
                predictions.append(model(sample.left, sample.right))
                fine.append(model(sample.left, sample.right, refine=True).disparity)
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
    """A row for each pair, with a scale of its own, into a JPEG file; `fine`: the refined disparities."""
    panels: list[Panel] = []
    for (sample, calibration), found, sharp in zip(scenes, predictions, fine, strict=True):
        scale = fit_disparity(found.disparity, sharp)
        depth_m = _median_depth(found, calibration)
        panels += [
            Panel(f"{sample.key}, half of it nearer than {depth_m:.1f} m", sample.left),
            Panel("disparity, int8", found.disparity, scale),
            Panel("the same, refined", sharp, scale),
            Panel("confidence", found.confidence, CONFIDENCE),
        ]
    picture = draw_panels(panels, columns=4, width=PANEL_WIDTH)
    encoded, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert encoded
    write_bytes(path, data.tobytes())


def _median_depth(found: Prediction, calibration: Calibration) -> float:
    return float(np.median(depth(found.disparity, calibration.focal, calibration.baseline, calibration.doffs)))


if __name__ == "__main__":
    main()
