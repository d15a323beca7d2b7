"""The pair that comes along, for a first look without images at hand: a room, rendered, with truth and cameras.

`python -m stereo_exp.shapes.example --out stereo_exp/geometry/example` drew it. The folder serves as input as it is:
`left.png` and `right.png`, `disparity.png` (16 bits, px · 256, of the left view), and `calib.json`.
"""

from __future__ import annotations

from pathlib import Path

from stereo_exp.geometry.calibration import read_calibration
from stereo_exp.geometry.formats.disparity import read_disparity_png
from stereo_exp.geometry.formats.image import read_rgb
from stereo_exp.geometry.pair import Calibration, StereoSample

__all__ = ["FOLDER", "example_pair"]

FOLDER = Path(__file__).resolve().parent


def example_pair() -> StereoSample:
    """The pair, 544×960 px, disparity 21 to 63 px known everywhere, depth 1.4 to 4.3 m.

    Raises:
        DataError: a file is missing from this installation, or damaged.
    """
    calibration = read_calibration(FOLDER / "calib.json")
    assert isinstance(calibration, Calibration)
    left, right = (read_rgb(FOLDER / f"{view}.png") for view in ("left", "right"))
    return StereoSample("example", left, right, read_disparity_png(FOLDER / "disparity.png"), calibration=calibration)
