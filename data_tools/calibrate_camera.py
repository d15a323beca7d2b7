"""Calibrate two cameras from pictures of a board, a chessboard or a ChArUco board.

    python -m data_tools.calibrate_camera LEFT RIGHT --board 10x7 --square 25mm

LEFT and RIGHT are folders whose pictures have the same names, or films; LEFT alone is a film that shows both views. The
last line on standard output is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stereo_exp.base import ArgumentError, Meter, UserError, exit_on_user_error, write_bytes
from stereo_exp.geometry import (
    Board,
    Calibrated,
    Calibration,
    Panel,
    Rectifier,
    calibrate_rig,
    describe_cameras,
    draw_coverage,
    encode_rig,
    open_frames,
    write_panels,
)

_LENGTHS = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}
_LITTLE_COVERED = 0.6
_LARGE_ERROR = 1.0
_FLAGS = {"squares": "--board", "square": "--square", "marker": "--charuco", "board": "--board", "left": "LEFT"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; leaves with exit code 2 after a mistake of the user's."""
    options = _parser().parse_args(arguments)
    with exit_on_user_error():
        try:
            _run(options)
        except ArgumentError as error:
            raise error.rename(lambda name: _FLAGS.get(name, f"--{name}")) from None
        except OSError as error:
            rule = f"cannot be written ({error.strerror or error})"
            raise UserError(error.filename or options.out, None, rule, "give another folder") from None


def _run(options: argparse.Namespace) -> None:
    board = Board(
        _size(options.board),
        _length("--square", options.square),
        None if options.charuco is None else _length("--charuco", options.charuco),
        options.dictionary,
        options.legacy,
    )
    frames = open_frames(options.left, options.right, options.layout)
    found, names, size = [], [], None
    with Meter("corners", len(frames)) as meter:
        for sample in frames:
            if size is not None and sample.size != size:
                rule = f"is {sample.size[1]}x{sample.size[0]}, those before {size[1]}x{size[0]}"
                raise UserError(sample.key, None, rule, "calibrate with pictures of one size")
            size = sample.size
            found.append(board.find_pair(sample.left, sample.right))
            names.append(sample.key)
            meter.advance()
    assert size is not None
    calibrated = calibrate_rig(board, found, (size[1], size[0]), options.fisheye)
    facts = _facts(calibrated, names)
    write_bytes(options.out, encode_rig(calibrated.rig, **facts))
    coverage = options.coverage or options.out.with_suffix(".png")
    shown = [
        Panel(f"{view}: corners of {len(calibrated.used)} pictures", draw_coverage(calibrated, found, at))
        for at, view in enumerate(("left", "right"))
    ]
    write_panels(coverage, shown, heading=f"{calibrated.errors[2]:.2f} px reprojection error")
    _print_table(calibrated, names, frames.left_out.unpaired)
    print(json.dumps({"out": str(options.out), "coverage_picture": str(coverage), **facts}, separators=(",", ":")))


def _facts(calibrated: Calibrated, names: list[str]) -> dict[str, object]:
    rig = calibrated.rig
    left, right, both = (round(error, 4) for error in calibrated.errors)
    return {
        "reprojection_px": both,
        "reprojection_left_px": left,
        "reprojection_right_px": right,
        "pairs": len(calibrated.used),
        "pairs_left_out": len(names) - len(calibrated.used),
        "coverage_left": round(calibrated.coverage[0], 3),
        "coverage_right": round(calibrated.coverage[1], 3),
        "focal_px": round(float(rig.matrices[0][0, 0]), 3),
        "baseline_m": round(float(np.linalg.norm(rig.translation)), 6),
    }


def _print_table(calibrated: Calibrated, names: list[str], unpaired: int) -> None:
    """For people: each picture's error, what was left out, what to do better."""
    errors = dict(zip(calibrated.used, calibrated.pair_errors, strict=True))
    for place, name in enumerate(names):
        told = f"{errors[place]:.3f} px" if place in errors else "left out: no board in both views, or a bad fit"
        print(f"{name:<24} {told}")
    if unpaired:
        print(f"{unpaired} pictures without a partner were left out")
    rig = calibrated.rig
    for view, matrix, error in zip(("left", "right"), rig.matrices, calibrated.errors, strict=False):
        centre = f"{matrix[0, 2]:.1f}, {matrix[1, 2]:.1f}"
        print(f"{view:<8} fx {matrix[0, 0]:.1f} fy {matrix[1, 1]:.1f} px, centre {centre}, error {error:.3f} px")
    rectify = Rectifier(rig)
    width, height = rig.size or (0, 0)
    rectify(*np.zeros((2, height, width, 3), np.uint8))
    known: Calibration | None = rectify.calibration
    assert known is not None
    print(f"rectified: {describe_cameras(known)}; error {calibrated.errors[2]:.3f} px")
    for view, share in zip(("left", "right"), calibrated.coverage, strict=True):
        if share < _LITTLE_COVERED:
            print(f"the board was seen in {share:.0%} of the {view} view: hold it into the corners, too")
    if calibrated.errors[2] > _LARGE_ERROR:
        print("the error is large: is the board flat, are both pictures of one moment, are its numbers right?")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_tools.calibrate_camera", description="Calibrate two cameras from pictures of a board."
    )
    add = parser.add_argument
    add("left", help="folder or pattern of the left camera's pictures, or a film; a film may show both views")
    add("right", nargs="?", help="the right camera's, with the same names")
    add("--board", required=True, metavar="COLUMNSxROWS", help="squares across and down, not corners: 10x7")
    add("--square", required=True, metavar="LENGTH", help="side of a square with its unit: 25mm")
    add("--charuco", metavar="LENGTH", help="a ChArUco board with markers of this side: 18mm")
    add("--dictionary", default="5X5_100", help="of the markers, as OpenCV names it (%(default)s)")
    add("--legacy", action="store_true", help="a ChArUco board as OpenCV drew them before 4.6")
    add("--fisheye", action="store_true", help="lenses of more than about 120°: OpenCV's fisheye model")
    add("--layout", default="auto", help="how one film holds both views: side, top, auto (default)")
    add("--out", type=Path, default=Path("camera.json"), metavar="FILE", help="the calibration (%(default)s)")
    add("--coverage", type=Path, metavar="FILE", help="picture of where corners were seen (beside the calibration)")
    return parser


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,3})[x×](\d{1,3})", text)
    if match is None:
        raise UserError("--board", text, "must be COLUMNSxROWS of squares", "write --board 10x7")
    return int(match[1]), int(match[2])


def _length(flag: str, text: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(mm|cm|m)\s*", text)
    if match is None:
        raise UserError(flag, text, "must be a length with its unit, mm, cm or m", f"write {flag} 25mm")
    return float(match[1]) * _LENGTHS[match[2]]


if __name__ == "__main__":
    main()
