"""python depth.py full.onnx left.png right.png out.npy [FOCAL BASELINE]: disparity in px, or depth, of rectified views.

Needs numpy, onnxruntime and opencv-python-headless alone. FOCAL is in px; depth has the unit of BASELINE.
"""

import sys

import cv2
import numpy as np
import onnxruntime

MULTIPLE = 32  # of which the network's heights and widths are multiples, px


def read_view(path: str) -> np.ndarray:
    image = cv2.imread(path, cv2.IMREAD_COLOR)
    if image is None:
        sys.exit(f"error: {path}: no image that OpenCV can read")
    height, width = image.shape[:2]
    padding = ((0, -height % MULTIPLE), (0, -width % MULTIPLE), (0, 0))
    return np.pad(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), padding, mode="edge")[None]


if len(sys.argv) not in (5, 7):
    sys.exit(__doc__)
options = onnxruntime.SessionOptions()
options.add_session_config_entry("session.x64quantprecision", "1")  # x86 without VNNI would saturate its sums
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
disparity = session.run(["disparity"], {"left": read_view(sys.argv[2]), "right": read_view(sys.argv[3])})[0][0]
height, width = cv2.imread(sys.argv[2]).shape[:2]
disparity = disparity[:height, :width]
focal, baseline = map(float, sys.argv[5:] or (0, 0))
np.save(sys.argv[4], focal * baseline / np.maximum(disparity, 1e-3) if focal else disparity)
print(f"{width}x{height} px, disparity {disparity.min():.1f} to {disparity.max():.1f} px")
