"""Running compiled models: numpy, OpenCV and the engine, neither torch nor Hydra.

model = StereoModel("outputs/stereonetplus/int_infer/20260101-120000-000000/compiled")
pair = model("left.png", "right.png")
"""

from stereo_exp.runtime.manifest import Manifest, read_manifest
from stereo_exp.runtime.model import StereoModel, depth

__all__ = ["Manifest", "StereoModel", "depth", "read_manifest"]
