"""From a camera to a map: how many frames a second go through, and how old live depth is.

    python benchmarks/camera.py [--model release-slim] [--frames 240] [--threads 2]
    python benchmarks/camera.py --write docs/results/camera.md --json docs/results/camera.json

Renders a film of both views side by side, 640×480 each, as two cameras with lenses see it, and ROS' two calibration
files. Then it types what a user types, `python -m stereo_exp.runtime`, and reads its last line:

- as fast as it goes, at the pair's own size and at the one that the default rule chooses; decoding, rectification,
  network, depth and film are counted, files for each frame are off;
- at real time, with a network slowed on purpose (`--slow` times the size of the pair): the age of its depth.

Prints a Markdown table, then one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from real.command import run_module
from real.markdown import table
from real.output import add_output_options, check_output_options, page_text, today, write_report

from stereo_exp.base import UserError, exit_on_user_error
from stereo_exp.geometry import example_pair

BLOCK = "camera"
SIZE, RATE = (640, 480), 30
"""Width and height of a view; frames a second of the film."""
MATRIX = np.array([[520.0, 0, 322.5], [0, 520.0, 236.0], [0, 0, 1]])
LENS = np.array([-0.17, 0.026, 0.0004, -0.0003, 0.0])
FOCAL, BASELINE, CENTRE = 500.0, 0.12, (319.5, 239.5)
"""Of the rectified pair: px, m, px."""
WANTED_RATE = 20
PLAIN, USUAL, SLOW = "own size", "default size", "slow, at real time"


def main() -> None:
    """Render, run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", default="release-slim", help="what the runtime takes: a release, or a compiled folder"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--slow", type=float, default=2.0, help="scale that makes the network slower than the film")
    parser.add_argument("--limit", type=int, help="so many frames only, for trying")
    add_output_options(parser, BLOCK)
    options = parser.parse_args()
    with exit_on_user_error():
        check_output_options(options, BLOCK)
        with tempfile.TemporaryDirectory() as scratch:
            report = measure(Path(scratch), options) | today()
        write_report(options, BLOCK, report, page_text(report, render(report)))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The runtime's own figures of every run, and what was typed."""
    count = min(options.frames, options.limit or options.frames)
    film = write_film(folder / "both.avi", count)
    write_calibration(folder)
    runs: dict[str, Any] = {}
    for name, more in ways(options.slow).items():
        words = command(options.model, options.threads, more)
        runs[name] = {"command": " ".join(["python", *words]), **run(words, folder)}
    check_camera(folder / "res" / "camera.json")
    return {
        "model": options.model,
        "threads": options.threads,
        "film": {"frames": count, "rate": RATE, "width": SIZE[0], "height": SIZE[1], "bytes": film.stat().st_size},
        "runs": runs,
    }


def ways(slow: float) -> dict[str, list[str]]:
    """What each run adds to the command."""
    return {PLAIN: ["--scale", "1"], USUAL: [], SLOW: ["--live", "--scale", f"{slow:g}"]}


def command(model: str, threads: int, more: Sequence[str]) -> list[str]:
    """What is typed behind `python`, in the film's folder."""
    words = ["-m", "stereo_exp.runtime", model, "both.avi", "-o", "res", "--calib", "left.yaml", "right.yaml"]
    return [*words, "--no-files", "--threads", str(threads), *more]


def run(words: Sequence[str], folder: Path) -> dict[str, Any]:
    """What `python WORDS` says on its last line, and the seconds that the whole command took."""
    _, module, *rest = words
    begin = time.monotonic()
    facts = run_module(rest, module, folder)
    seconds = time.monotonic() - begin
    return {name: value for name, value in facts.items() if name != "out"} | {"seconds": round(seconds, 2)}


def write_film(path: Path, count: int) -> Path:
    """The example pair, moving, as cameras with lenses see it: both views in one picture, MJPEG."""
    pair = example_pair()
    views = [cv2.resize(view, SIZE, interpolation=cv2.INTER_AREA) for view in (pair.left, pair.right)]
    seen = where_seen()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, (2 * SIZE[0], SIZE[1]))
    for index in range(count):
        shift = np.float32(20 * np.sin(2 * np.pi * index / 60))
        raw = [
            cv2.remap(view, seen[..., 0] + shift, seen[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for view in views
        ]
        writer.write(cv2.cvtColor(np.hstack(raw), cv2.COLOR_RGB2BGR))
    writer.release()
    if not path.is_file():
        raise UserError(path, None, "OpenCV writes no MJPEG here", "install another build of OpenCV")
    return path


def where_seen() -> np.ndarray:
    """Float32 H×W×2: the rectified pixel that each pixel of the camera shows."""
    width, height = SIZE
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 1, 2).astype(np.float64)
    rectified = np.array([[FOCAL, 0, CENTRE[0]], [0, FOCAL, CENTRE[1]], [0, 0, 1]])
    found = cv2.undistortPoints(pixels, MATRIX, LENS, P=rectified)
    return found.reshape(height, width, 2).astype(np.float32)


def write_calibration(folder: Path) -> None:
    """`left.yaml` and `right.yaml`, as ROS' camera_calibration writes them."""
    for name, shift in (("left", 0.0), ("right", -FOCAL * BASELINE)):
        project = [FOCAL, 0, CENTRE[0], shift, 0, FOCAL, CENTRE[1], 0, 0, 0, 1, 0]
        parts = {
            "camera_matrix": (3, 3, MATRIX.ravel().tolist()),
            "distortion_coefficients": (1, 5, LENS.tolist()),
            "rectification_matrix": (3, 3, np.eye(3).ravel().tolist()),
            "projection_matrix": (3, 4, [float(each) for each in project]),
        }
        facts: dict[str, Any] = {"image_width": SIZE[0], "image_height": SIZE[1], "camera_name": name}
        facts["distortion_model"] = "plumb_bob"
        facts |= {key: {"rows": rows, "cols": cols, "data": data} for key, (rows, cols, data) in parts.items()}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(facts, sort_keys=False))


def check_camera(path: Path) -> None:
    """The rectified camera beside the film is the one that the pair was made for."""
    found = json.loads(path.read_text())
    wanted = {"fx": FOCAL, "baseline": BASELINE, "cx": CENTRE[0], "cy": CENTRE[1]}
    wrong = {name: found.get(name) for name, value in wanted.items() if not np.isclose(found.get(name, np.nan), value)}
    if wrong:
        raise UserError(path, None, f"is of another camera ({wrong})", "mend the rectification first")


def render(report: Mapping[str, Any]) -> str:
    """The table of runs, and whether the goals are met."""
    runs = report["runs"]
    head = [f"{report['model']}, {SIZE[0]}×{SIZE[1]}, {report['threads']} threads"]
    head += ["frames/s", "work, ms (p95)", "age, ms (p95)", "dropped"]
    rows = []
    for name, found in runs.items():
        age = f"{found['age_ms']:.0f} ({found['age_p95_ms']:.0f})" if "age_ms" in found else "–"
        work = f"{found['work_ms']:.0f} ({found['work_p95_ms']:.0f})"
        rows.append([name, f"{found['frames_per_second']:.1f}", work, age, str(found["dropped"])])
    slow, rate = runs[SLOW], runs[PLAIN]["frames_per_second"]
    young = slow["age_ms"] < 2 * slow["work_ms"] and slow["dropped"] > 0
    goals = [
        [f"{PLAIN}: frames/s", f"≥ {WANTED_RATE}", f"{rate:.1f}", _met(rate >= WANTED_RATE)],
        [f"{SLOW}: age, frames dropped", "< 2 × work", f"{slow['age_ms'] / slow['work_ms']:.2f} ×", _met(young)],
    ]
    return "\n\n".join([table(head, rows), table(["goal", "wanted", "found", "met"], goals)])


def _met(is_met: bool) -> str:
    return "yes" if is_met else "no"


if __name__ == "__main__":
    main()
