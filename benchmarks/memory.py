"""What a pair takes of memory while it is computed, in bytes a pixel, for every engine: `python benchmarks/memory.py`.

Each measurement is a process of its own: its peak with one pair of the larger size, less the peak with one of 32×64,
which holds the libraries and the network. `StereoModel` tiles by the largest of them (`_BYTES_PER_PIXEL`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from real.peak import read_peak

SIZES = ((544, 960), (1088, 1920))
SMALL = 32, 64
CASES = {
    "openvino int8": ("release", "openvino"),
    "onnxruntime int8": ("release", "onnxruntime"),
    "torch int8": ("release", "torch"),
}


def measure(network: str, engine: str, height: int, width: int) -> int:
    """Peak of this process in bytes after one pair."""
    import numpy as np

    import stereo_exp as se

    left, right = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)
    with se.load(network, engine, threads=2) as model:
        # One tile as large as the pair: nothing is tiled however little memory is free.
        model(left, right, scale=1, tile=(height, width))
    return read_peak()


def peak(network: str, engine: str, size: tuple[int, int]) -> int:
    """`measure` in a process of its own."""
    command = [sys.executable, __file__, "--one", network, engine, *map(str, size)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs=4, metavar=("NETWORK", "ENGINE", "HEIGHT", "WIDTH"), help="one measurement")
    options = parser.parse_args()
    if options.one:
        network, engine, height, width = options.one
        print(measure(network, engine, int(height), int(width)))
        return
    found: dict[str, dict[str, int]] = {}
    for title, (network, engine) in CASES.items():
        base = peak(network, engine, SMALL)
        for height, width in SIZES:
            share = (peak(network, engine, (height, width)) - base) // (height * width)
            found.setdefault(title, {})[f"{height}x{width}"] = share
        print(f"{title:18}", *(f"{size}: {share} bytes a pixel" for size, share in found[title].items()), sep="  ")
    print(json.dumps({"bytes_per_pixel": found}, separators=(",", ":")))


if __name__ == "__main__":
    main()
