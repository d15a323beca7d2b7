"""Running compiled models: numpy, OpenCV and the engine, neither torch nor Hydra.

model = StereoModel("outputs/stereonetplus/int_infer/20260101-120000-000000/compiled")
disparity, confidence = model("left.png", "right.png")
"""

from stereo_exp.geometry.points import depth
from stereo_exp.runtime.manifest import Manifest, read_manifest
from stereo_exp.runtime.model import Disparity, StereoModel

__all__ = ["Disparity", "Manifest", "StereoModel", "depth", "read_manifest"]
