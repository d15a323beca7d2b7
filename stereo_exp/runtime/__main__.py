"""`python -m stereo_exp.runtime MODEL_DIR LEFT RIGHT -o out.png`: one pair through a compiled model."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import cv2

from stereo_exp.base import ArgumentError, UserError, exit_on_user_error
from stereo_exp.geometry import MM_PER_M, PNG_SCALE, depth, write_map, write_picture
from stereo_exp.runtime.engines import AUTO, ENGINES
from stereo_exp.runtime.model import StereoModel


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse, compute, write."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    with exit_on_user_error():
        _run(options)


def _run(options: argparse.Namespace) -> None:
    if options.depth is not None and (options.focal is None or options.baseline is None):
        missing = "--focal" if options.focal is None else "--baseline"
        raise UserError(missing, None, "depth needs focal length (px) and baseline (m)", f"add {missing} VALUE")
    if options.limits is not None and not 0 <= options.limits[0] < options.limits[1]:
        shown = " ".join(f"{limit:g}" for limit in options.limits)
        raise ArgumentError("limits", shown, "must be two disparities, rising, from 0 px on", "give {limits} as 0 96")
    with StereoModel(options.model, options.engine, options.threads) as model:
        cv2.setNumThreads(model.engine.threads)
        begin = time.perf_counter()
        result = model(options.left, options.right, scale=options.scale, tile=options.tile, refine=options.refine)
        seconds = time.perf_counter() - begin
        written = [write_map(options.out, result.disparity, PNG_SCALE)]
        legend = ""
        if options.picture is not None:
            colours = write_picture(options.picture, result.disparity, options.limits)
            legend = f" (blue is {colours.low:g} px, red {colours.high:g} px)"
            written.append(options.picture)
        if options.depth is not None:
            metres = depth(result.disparity, options.focal, options.baseline, options.doffs)
            written.append(write_map(options.depth, metres, MM_PER_M))
        height, width = result.disparity.shape
        print(
            f"{height}x{width} px, disparity {result.disparity.min():.2f} to {result.disparity.max():.2f} px, "
            f"{1e3 * seconds:.0f} ms with {model.engine.name} {model.engine.version} on {model.engine.threads} threads"
        )
        for path in written:
            print(f"{path}{legend if path == options.picture else ''}")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser("python -m stereo_exp.runtime", description=__doc__)
    made.add_argument("model", type=Path, help="a compiled folder: <run_dir>/compiled, or the run folder")
    made.add_argument("left", type=Path, help="left image, rectified")
    made.add_argument("right", type=Path, help="right image, of the same size")
    made.add_argument("-o", "--out", type=Path, required=True, help=f"disparity: .png (16 bits, px · {PNG_SCALE}), "
                        ".pfm or .npy")  # fmt: skip
    made.add_argument("--picture", type=Path, help="disparity in colours, .png")
    made.add_argument("--limits", type=float, nargs=2, metavar=("LOW", "HIGH"), help="disparities at the ends of its "
                        "colours, px (default: what fits the pair)")  # fmt: skip
    made.add_argument("--depth", type=Path, help="depth: .png (16 bits, mm), .pfm or .npy (m)")
    made.add_argument("--focal", type=float, help="focal length in px")
    made.add_argument("--baseline", type=float, help="distance between the cameras in m")
    made.add_argument("--doffs", type=float, default=0.0, help="difference of the principal points in px")
    made.add_argument("--engine", default=AUTO, help=f"{AUTO} (default), {', '.join(ENGINES)}")
    made.add_argument("--threads", type=int, help="CPU threads (default: every core)")
    made.add_argument("--scale", type=float, help="resize the images by this first (default: enlarge what is small)")
    made.add_argument("--refine", action="store_true", help="correct it by semi-global matching: finer, sharper")
    made.add_argument("--tile", type=_size, help="HxW: compute in overlapping tiles of this size")
    return made


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, like 544x960")
    return int(height), int(width)


if __name__ == "__main__":
    main()
