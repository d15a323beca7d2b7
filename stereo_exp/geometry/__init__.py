"""Pairs and what is measured on them, with numpy and OpenCV alone, so that boards have it too.

Views are uint8 H×W×3 RGB; disparities are float32 H×W in px, 0 where nothing is known.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
