"""`python -m data_tools.example --out DIR`: draw the pair that comes with the package, with its truth and its cameras.

`DIR` gets `left.png`, `right.png`, `disparity.png` and `calib.json`; standard output one line of JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from stereo_exp.base.files import write_bytes, write_text
from stereo_exp.geometry.formats.disparity import encode_disparity_png
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.shapes.example import example_scene
from stereo_exp.shapes.raster import render_scene

_COMPRESSION = 9  # the files are written once and installed often


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, write, and say how many bytes the files take."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="made when missing")
    out = parser.parse_args(arguments).out
    scene, rig = example_scene()
    pair = render_scene(scene)
    write_bytes(out / "left.png", encode_png(pair.left, _COMPRESSION))
    write_bytes(out / "right.png", encode_png(pair.right, _COMPRESSION))
    write_bytes(out / "disparity.png", encode_disparity_png(pair.disparity_left))
    cameras = {"fx": rig.focal, "baseline_m": rig.baseline, "cx0": rig.cx, "cx1": rig.cx, "cy": rig.cy}
    write_text(out / "calib.json", json.dumps(cameras, indent=2) + "\n")
    size = sum(path.stat().st_size for path in out.iterdir() if path.suffix in (".png", ".json"))
    print(json.dumps({"out": str(out), "size": f"{scene.height}x{scene.width}", "bytes": size}, separators=(",", ":")))


if __name__ == "__main__":
    main()
