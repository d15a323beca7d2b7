"""Stereo depth from float training to bit-exact integers on the device.

    import stereo_exp as se
    model = se.load("release")
    pair = model("left.png", "right.png")
    pair.disparity, pair.confidence, pair.depth(focal=995, baseline=0.193)

Nothing is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stereo_exp.base import VERSION as __version__
    from stereo_exp.geometry import Prediction, StereoMetrics
    from stereo_exp.runtime import StereoModel
    from stereo_exp.suite import compose, create_network, load, open_dataset, run

__all__ = [
    "Prediction",
    "StereoMetrics",
    "StereoModel",
    "__version__",
    "compose",
    "create_network",
    "load",
    "open_dataset",
    "run",
]
_HOMES = {
    "Prediction": "geometry",
    "StereoMetrics": "geometry",
    "StereoModel": "runtime",
    "__version__": "base",
    **dict.fromkeys(("compose", "create_network", "load", "open_dataset", "run"), "suite"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = import_module(f"{__name__}.{_HOMES[name]}")
    return getattr(room, "VERSION" if name == "__version__" else name)


def __dir__() -> list[str]:
    return __all__
