"""Whether rendered pairs are true: the right view, carried to the left by truth + offset, is least off at offset 0.

    python benchmarks/mesh_truth.py --pairs 50

Prints the residual of each kind by offset, the median of its pairs, and how fast pairs came; the last line is JSON.
Exit code 1 if a pair's residual is least elsewhere.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import cv2
import numpy as np

from stereo_exp.base import exit_on_user_error
from stereo_exp.shapes import MESH_WEIGHTS

OFFSETS = (-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0)
_VIEWS = 12
_MOST = 20.0  # a highlight or a reflection has a disparity of its own


def find_residuals(left: np.ndarray, right: np.ndarray, disparity: np.ndarray, occlusion: np.ndarray) -> list[float]:
    """The mean difference, 0..255 and at most 20, at each of `OFFSETS`, of pixels that both see, with texture, off
    outlines. The median would tie where pictures are dark, as it counts in thirds of a grey level."""
    height, width = disparity.shape
    low, high = (each(disparity, np.ones((5, 5))) for each in (cv2.erode, cv2.dilate))
    texture = np.abs(cv2.Sobel(left.mean(axis=2).astype(np.float32), cv2.CV_32F, 1, 0)) > 12
    hidden = cv2.dilate(occlusion.astype(np.uint8), np.ones((3, 3))) > 0
    columns = np.arange(width, dtype=np.float32)[None] - disparity
    rows = np.ascontiguousarray(np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], columns.shape))
    used = texture & ~hidden & (high - low < 1) & (columns > 3) & (columns < width - 4)
    if used.sum() < 100:
        return []
    found = []
    for offset in OFFSETS:
        carried = cv2.remap(right, columns - np.float32(offset), rows, cv2.INTER_CUBIC)
        away = np.abs(carried.astype(np.float32) - left).mean(axis=2)[used]
        found.append(float(np.minimum(away, _MOST).mean()))
    return found


def main() -> None:
    """Render, measure, print."""
    parser = argparse.ArgumentParser(description="Check the truth of rendered pairs of meshes.")
    parser.add_argument("--pairs", type=int, default=50, help="of each kind (default: %(default)s)")
    parser.add_argument("--kinds", default=",".join(MESH_WEIGHTS), help="split by commas (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first scene (default: %(default)s)")
    options = parser.parse_args()
    summary, wrong = {}, 0
    print("kind       " + "".join(f"{offset:8.2f}" for offset in OFFSETS) + "   least at 0   bare   s a pair")
    with exit_on_user_error():
        from stereo_exp.shapes import sample_views

        for kind in options.kinds.split(","):
            rows, bare, seconds = [], 0, 0.0
            for number in range(options.pairs):
                if number % _VIEWS == 0:
                    views = sample_views(kind, options.seed + number // _VIEWS, 320, 640)
                started = time.process_time()
                pair = next(views).pair
                seconds += time.process_time() - started
                found = find_residuals(pair.left, pair.right, pair.disparity_left, pair.occlusion)
                bare += not found
                if found:
                    rows.append(found)
                    if int(np.argmin(found)) != OFFSETS.index(0.0):
                        print(f"{kind} seed {options.seed + number // _VIEWS} view {number % _VIEWS}: {found}")
            least = sum(int(np.argmin(row)) == OFFSETS.index(0.0) for row in rows)
            wrong += len(rows) - least
            median = np.median(rows, axis=0) if rows else np.full(len(OFFSETS), np.nan)
            each = seconds / options.pairs
            print(
                f"{kind:<11}"
                + "".join(f"{value:8.2f}" for value in median)
                + f"{least:7d}/{len(rows)}{bare:7d}{each:10.2f}"
            )
            summary[kind] = {
                "least_at_zero": least,
                "pairs": len(rows),
                "bare": bare,
                "cpu_seconds_a_pair": round(each, 3),
            }
    print(json.dumps(summary, separators=(",", ":")))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
