"""Running compiled models: numpy, OpenCV and the engine, neither torch nor Hydra.

model = StereoModel("outputs/stereonetplus/int_infer/20260101-120000-000000/compiled")
pair = model("left.png", "right.png")
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
