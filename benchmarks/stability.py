"""How steady disparity is over a sequence: float, int8, int8 filtered over time or refined, and OpenCV's SGBM.

    python benchmarks/stability.py [--float FILE --int FILE] [--data DIR]
    python benchmarks/stability.py --write docs/results/flicker.md --json docs/results/flicker.json

Consecutive rectified pairs, DIR/kitti_sequence/{left,right}. Counted are the pixels whose image did not change from one
frame to the next (mean over 5×5 px by at most 6 grey levels, `temporal.change`), the same for every method: by how many
px their disparity changed, and how many by more than 1 px. Prints a Markdown table, then one line of JSON.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from real.markdown import table
from real.methods import FLOAT, INT8, REFINED, SGBM, Method, comparison_options, load_methods
from real.output import check_output_options, name_block, page_text, today, write_report

from stereo_exp.base import Meter, UserError, exit_on_user_error
from stereo_exp.config import Temporal
from stereo_exp.geometry import Stability, StereoSample, TemporalFilter, open_frames

BLOCK = "stability"
FILTERED = "int8, filtered"
METHODS = (FLOAT, INT8, FILTERED, REFINED, SGBM)
SEQUENCE = "kitti_sequence"


def main() -> None:
    """Measure, print, write."""
    options = comparison_options(__doc__, BLOCK, "frames of the sequence")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with exit_on_user_error():
        check_output_options(options, name_block(BLOCK, options.network))
        folder = options.data / SEQUENCE
        if not folder.is_dir():
            raise UserError("--data", options.data, f"holds no {SEQUENCE}/left and right", "give the folder that does")
        frames = open_frames(str(folder / "left"), str(folder / "right"))
        methods, maxdisp, checkpoints = load_methods(options, [name for name in METHODS if name != FILTERED])
        count = min(len(frames), options.limit or len(frames))
        scores = measure(islice(frames, count), methods, Temporal(), count)
        report = {"frames": count, "maxdisp": maxdisp, "methods": scores, "checkpoints": checkpoints, **today()}
        write_report(options, name_block(BLOCK, options.network), report, page_text(report, render(report)))


def measure(
    frames: Iterable[StereoSample], methods: Mapping[str, Method], config: Temporal, total: int = 0
) -> dict[str, Any]:
    """`Stability.compute` of each method, and of int8 behind the filter; `total` frames, 0 where nobody knows."""
    sums = {name: Stability(config.change) for name in METHODS}
    steady = TemporalFilter(config.weight, config.change, config.jump)
    with Meter("stability", total) as meter:
        for sample in frames:
            found = {name: method(sample) for name, method in methods.items()}
            found[FILTERED] = steady(sample.left, found[INT8])
            for name, disparity in found.items():
                sums[name].update(sample.left, disparity)
            meter.advance(**{name: f"{of.compute()['change_px']:.3f}" for name, of in sums.items()})
    return {name: of.compute() for name, of in sums.items()}


def render(report: Mapping[str, Any]) -> str:
    """The table in Markdown."""
    scores = report["methods"]
    rows = [
        ["change, px", *(f"{scores[name]['change_px']:.3f}" for name in METHODS)],
        ["changed by more than 1 px", *(f"{scores[name]['flicker']:.1%}" for name in METHODS)],
    ]
    still = f"{scores[FLOAT]['still']:.0%}"
    return table([f"{report['frames']} frames, the {still} of pixels whose image is still", *METHODS], rows)


if __name__ == "__main__":
    main()
