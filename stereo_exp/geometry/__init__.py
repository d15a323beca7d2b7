"""Pairs and what is measured on them, with numpy and OpenCV alone, so that boards have it too.

Views are uint8 H×W×3 RGB; disparities are float32 H×W in px, 0 where nothing is known.
"""
