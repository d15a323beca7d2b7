"""`python -m stereo_exp.runtime MODEL LEFT [RIGHT] -o OUT`: pairs of any source through a compiled model.

LEFT and RIGHT are images, folders, patterns, videos, camera numbers or device paths, or URLs of streams; LEFT alone is
a ROS 2 bag, or a video, camera or stream that shows both views. A calibration rectifies them and makes depth of
disparity. OUT is a file for one pair's disparity, or a folder.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

import cv2

from stereo_exp.base import ArgumentError, UserError, exit_on_user_error, tell_missing_extras
from stereo_exp.geometry import (
    MM_PER_M,
    PNG_SCALE,
    Calibration,
    Cameras,
    Output,
    RectifiedFrames,
    Rule,
    Scale,
    SequenceWriter,
    TemporalFilter,
    open_frames,
    read_calibration,
    write_map,
    write_picture,
)
from stereo_exp.runtime.engines import AUTO, ENGINES
from stereo_exp.runtime.model import StereoModel
from stereo_exp.runtime.sequence import Background, Pace, predict_sequence
from stereo_exp.weights import NAMES, PUBLISHED, RELEASE, find_compiled_release

MAPS = (".png", ".pfm", ".npy")
_TOLD_SECONDS = 5.0
_FLAGS = {"rig": "--calib", "path": "--calib", "unit": "--calib-unit", "out": "--out", "left": "LEFT", "right": "RIGHT"}
"""From a library's argument to what is typed, where it is not --ARGUMENT."""
_OPTIONS = (
    *("engine", "threads", "device", "scale", "tile", "layout", "topics", "rectify", "focal", "baseline", "doffs"),
    *("min_confidence", "max_depth", "depth", "picture", "limits"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse, compute, write."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    with exit_on_user_error():
        try:
            _run(options)
        except ArgumentError as error:
            raise error.rename(_flag_of) from None
        except OSError as error:
            reason = error.strerror or str(error)
            place = error.filename or options.out
            raise UserError(place, None, f"cannot be written ({reason})", "give another folder") from None


def _flag_of(name: str) -> str:
    return _FLAGS.get(name, f"--{name.replace('_', '-')}" if name in _OPTIONS else name)


def _run(options: argparse.Namespace) -> None:
    _check(options)
    frames = open_frames(options.left, options.right, options.layout, options.topics, options.live)
    pairs = RectifiedFrames(frames, _cameras(options), options.rectify, options.max_frames, not options.no_check)
    with StereoModel(_folder_of(options.model), options.engine, options.threads, device=options.device) as model:
        cv2.setNumThreads(model.engine.threads)
        rule = Rule(
            options.scale,
            options.refine,
            options.fill,
            options.left_right,
            options.min_confidence,
            sizing=model.manifest.sizing,
        )
        if frames.is_sequence:
            _run_sequence(options, model, pairs, rule)
        elif options.out.suffix:
            _run_pair(options, model, pairs, rule)
        else:
            (result,) = predict_sequence(model, pairs, rule, tile=options.tile)
            files = _output(options, pairs).write_pair(result)
            print("\n".join(map(str, files.values())))


def _check(options: argparse.Namespace) -> None:
    """What needs no model, first."""
    for name in ("focal", "baseline", "max_depth"):
        value = getattr(options, name)
        if value is not None and not 0 < value < float("inf"):
            raise ArgumentError(name, value, "must be above 0 and finite", "give another value")
    if not -1e6 < options.doffs < 1e6:
        raise ArgumentError("doffs", options.doffs, "must be a finite number of px", "give another value")
    if (options.focal is None) != (options.baseline is None) or (
        options.depth is not None and options.focal is None and options.calib is None
    ):
        missing = "focal" if options.focal is None else "baseline"
        rule = "depth needs focal length (px) and baseline (m)"
        raise ArgumentError(missing, None, rule, f"add {{{missing}}} VALUE, or --calib FILE")
    if options.calib is not None and options.focal is not None:
        raise ArgumentError("focal", options.focal, "--calib says it already", "give one of the two")
    if options.picture is not None and options.picture.suffix != ".png":
        raise UserError(options.picture, None, "must end in .png", f"try {options.picture.with_suffix('.png')}")
    for path in (options.out, options.depth):
        if path is not None and path.suffix and path.suffix not in MAPS and not path.is_dir():
            raise UserError(path, None, "must end in .png, .pfm or .npy", f"try {path.with_suffix('.png')}")
    if options.limits is not None and not 0 <= options.limits[0] < options.limits[1] < float("inf"):
        shown = " ".join(f"{limit:g}" for limit in options.limits)
        raise ArgumentError("limits", shown, "must be two disparities, rising, from 0 px on", "give {limits} as 0 96")
    for name in ("view", "rerun"):
        if getattr(options, name) and options.out.suffix:
            fix = f"try --out {options.out.with_suffix('')}"
            raise UserError(f"--{name}", None, "lies in a folder of results", fix)
    if options.rerun:
        with tell_missing_extras():
            import_module("rerun")
    if not 0 <= options.min_confidence < 1:
        raise ArgumentError("min_confidence", options.min_confidence, "must be at least 0 and below 1", "try 0.5")


def _cameras(options: argparse.Namespace) -> Cameras | None:
    if options.calib is not None:
        return read_calibration(options.calib, options.calib_unit)
    return None if options.focal is None else Calibration(options.focal, options.baseline, options.doffs)


def _folder_of(model: Path) -> Path:
    """A compiled folder; the names of releases stand for theirs."""
    name = str(model)
    if name in NAMES and not model.exists():
        return find_compiled_release(PUBLISHED if name == RELEASE else NAMES[name])
    return model


def _run_pair(options: argparse.Namespace, model: StereoModel, pairs: RectifiedFrames, rule: Rule) -> None:
    """One pair to single files."""
    pace = Pace()
    (result,) = predict_sequence(model, pairs, rule, tile=options.tile, pace=pace)
    written = [write_map(options.out, result.disparity, PNG_SCALE)]
    legend = ""
    if options.picture is not None:
        colours = write_picture(options.picture, result.disparity, options.limits)
        legend = f" (blue is {colours.low:g} px, red {colours.high:g} px)"
        written.append(options.picture)
    if options.depth is not None:
        if result.depth is None:
            raise ArgumentError("depth", options.depth, "the cameras are not known", "add --calib FILE")
        written.append(write_map(options.depth, result.depth, MM_PER_M))
    height, width = result.disparity.shape
    known = result.summary()
    low, high = known.get("disparity_min", 0.0), known.get("disparity_max", 0.0)
    print(
        f"{height}x{width} px, disparity {low:.2f} to {high:.2f} px, "
        f"{1e3 * pace.work[0]:.0f} ms with {model.engine.name} {model.engine.version} on {model.engine.threads} threads"
    )
    for path in written:
        print(f"{path}{legend if path == options.picture else ''}")


def _output(options: argparse.Namespace, pairs: RectifiedFrames) -> Output:
    return Output(
        options.out,
        options.points,
        options.max_depth,
        not options.no_files,
        None if options.limits is None else Scale(*options.limits),
        pairs.frames.rate,
        view=options.view,
        rerun=options.rerun,
        expected_error=options.expected_error,
    )


def _run_sequence(options: argparse.Namespace, model: StereoModel, pairs: RectifiedFrames, rule: Rule) -> None:
    """All pairs to a folder; the last line is JSON."""
    if options.out.suffix:
        raise UserError(
            options.out, None, "is for one pair; a sequence needs a folder", f"try {options.out.with_suffix('')}"
        )
    for name in ("picture", "depth"):
        if getattr(options, name) is not None:
            told = "is for one pair; of a sequence the folder has it all"
            raise ArgumentError(name, getattr(options, name), told, "leave it out")
    pace, last = Pace(), time.monotonic()
    stopping = signal.signal(signal.SIGTERM, _stop)
    results = predict_sequence(model, pairs, rule, TemporalFilter() if options.temporal else None, options.tile, pace)
    left_out = pairs.frames.left_out
    try:
        with SequenceWriter(_output(options, pairs)) as writer:
            background = Background()
            try:
                for result in results:
                    left_out = pairs.frames.left_out
                    # Files are written while the next pair is computed.
                    background(partial(writer.add, result))
                    if time.monotonic() - last >= _TOLD_SECONDS:
                        last = time.monotonic()
                        _tell(pace.describe(), left_out.dropped, left_out.unpaired)
            except KeyboardInterrupt:
                # The usual way to stop cameras.
                if not pace.count:
                    raise
                print(f"interrupted after {pace.count} pairs", file=sys.stderr)
            finally:
                results.close()  # type: ignore[attr-defined]
                background.close()
    finally:
        signal.signal(signal.SIGTERM, stopping)
    left_out = pairs.frames.left_out
    _tell(pace.describe(), left_out.dropped, left_out.unpaired)
    engine = f"{model.engine.name} {model.engine.version}"
    facts = {**pace.facts(), "dropped": left_out.dropped, "unpaired": left_out.unpaired, "engine": engine}
    print(json.dumps({"out": str(options.out), **facts, **writer.facts()}, separators=(",", ":")))


def _tell(told: str, dropped: int, unpaired: int) -> None:
    print(f"{told}, {dropped} dropped, {unpaired} without a partner", file=sys.stderr)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        "python -m stereo_exp.runtime", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add(
        "model",
        type=Path,
        help="a compiled folder: <run_dir>/compiled, or the run folder; or release, release-light, …",
    )
    add("left", help="left view: image, folder, pattern, video, bag, camera, URL")
    add("right", nargs="?", help="right view, of the same kind; none where LEFT has both")
    add("-o", "--out", type=Path, required=True,
        help=f"of one pair the disparity: .png (16 bits, px · {PNG_SCALE}), .pfm or .npy; else a folder")  # fmt: skip
    add("--picture", type=Path, help="disparity of one pair in colours, .png")
    add("--limits", type=float, nargs=2, metavar=("LOW", "HIGH"),
        help="disparities at the ends of the colours, px (default: what fits the first pair)")  # fmt: skip
    add("--depth", type=Path, help="depth of one pair: .png (16 bits, mm), .pfm or .npy (m)")
    source = made.add_argument_group("where pairs come from")
    source.add_argument("--layout", default="auto", help="how one picture holds both views: side, top, auto (default)")
    source.add_argument("--topics", nargs=2, metavar=("LEFT", "RIGHT"), help="image topics of a bag")
    source.add_argument("--live", action="store_true", help="play films at their own speed, as if from a camera")
    source.add_argument("--max-frames", type=_count, help="stop after so many pairs")
    source.add_argument(
        "--no-check", action="store_true", help="do not look at the first pair for swapped views and rows"
    )
    cameras = made.add_argument_group("cameras")
    cameras.add_argument("--calib", nargs="+", metavar="FILE", help="calibration file, or the two of ROS")
    cameras.add_argument("--calib-unit", choices=("m", "cm", "mm"), help="of lengths in files that do not say")
    cameras.add_argument("--rectify", default="calib", help="calib (default), auto (by features, no depth), none")
    cameras.add_argument("--focal", type=float, help="focal length in px")
    cameras.add_argument("--baseline", type=float, help="distance between the cameras in m")
    cameras.add_argument("--doffs", type=float, default=0.0, help="difference of the principal points in px")
    how = made.add_argument_group("how pairs are predicted")
    how.add_argument("--engine", default=AUTO, help=f"{AUTO} (default), {', '.join(ENGINES)}")
    how.add_argument("--device", help="what the engine calls it: CPU, GPU, NPU; cpu, cuda, tensorrt, coreml, directml")
    how.add_argument("--threads", type=int, help="CPU threads (default: every core)")
    how.add_argument("--scale", type=float, help="resize the images by this first (default: enlarge what is small)")
    how.add_argument("--refine", action="store_true", help="correct it by semi-global matching: finer, sharper")
    how.add_argument("--fill", action="store_true", help="what only one camera sees: what lies behind, no guess")
    how.add_argument("--left-right", action="store_true", help="drop what the two views disagree on; twice the time")
    how.add_argument("--min-confidence", type=float, default=0.0, help="drop pixels less sure than this, 0 to 1")
    how.add_argument("--temporal", action="store_true", help="average over time where nothing moves")
    how.add_argument("--tile", type=_size, help="HxW: compute in overlapping tiles of this size")
    what = made.add_argument_group("what a folder gets")
    what.add_argument("--expected-error", action="store_true", help="by how much disparities are wrong on average, px")
    what.add_argument("--points", action="store_true", help="point clouds (PLY) where depth is known")
    what.add_argument("--max-depth", type=float, help="points farther away than this, in m, are left out of them")
    what.add_argument("--view", action="store_true", help="a page to look around in: view.html")
    what.add_argument("--rerun", action="store_true", help="a recording for the Rerun viewer (stereo_exp[viewers])")
    what.add_argument("--no-files", action="store_true", help="of a sequence the film and the first pair's files alone")
    return made


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, like 544x960")
    return int(height), int(width)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of pairs")
    return int(text)


if __name__ == "__main__":
    main()
