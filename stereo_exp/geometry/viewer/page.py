"""The page of a pair or of a sequence, written when its last frame is there."""

from __future__ import annotations

import base64
import html
import json
import logging
import math
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from stereo_exp.base import VERSION, UserError, write_text
from stereo_exp.geometry.drawing.colours import color_table
from stereo_exp.geometry.drawing.scales import CONFIDENCE, ERROR_MAP, Scale, fit_depth, fit_disparity
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.points import depth as to_metres
from stereo_exp.geometry.viewer.packing import STEP, Maps, count_bytes, pack_frame

PAIR_BYTES, SEQUENCE_BYTES = 9_500_000, 48_000_000
"""Of the frames in a page: of a single pair, of a sequence."""
_LEAST_FRAMES = 24
"""A sequence that is too long loses frames before they get smaller than lets so many in."""
_SAMPLES = 4096
"""Values of each frame that the scales are fitted to."""
_FOCAL_WIDTHS = 1.1
"""Focal length that stands in for an unknown one, in widths of the image; the baseline is 1 then."""
_TICKS = 6
_PARTS = {"STYLE": "style.css", "MAPS": "maps.js", "CLOUD": "cloud.js", "PAGE": "page.js"}

log = logging.getLogger(__name__)


class Viewer:
    """Gathers frames and writes the page when the block ends: with one frame as a pair, with several as a sequence.

    A frame that is too large is reduced, a sequence that is too long keeps every second frame, then every fourth and so
    on; page and log say so.

    Args:
        path: an .html file.
        title: above the page.
        scale: of the disparities; None: what fits the frames that are kept.
        sequence: whether more than one frame may come.
        pair_bytes, sequence_bytes: what the frames of a page may take.
    """

    def __init__(
        self,
        path: Path | str,
        title: str = "",
        scale: Scale | None = None,
        sequence: bool = False,
        pair_bytes: int = PAIR_BYTES,
        sequence_bytes: int = SEQUENCE_BYTES,
    ) -> None:
        self.path, self.title, self.scale, self.sequence = Path(path), title, scale, sequence
        self.budget = sequence_bytes if sequence else pair_bytes
        self.stride = 1
        """Of so many frames one is kept."""
        self.factor = 1.0
        """The kept ones have so many times fewer columns and rows."""
        self._count = 0
        self._camera: dict[str, Any] | None = None
        self._frames: list[dict[str, Any]] = []
        self._samples: list[dict[str, np.ndarray]] = []

    def __enter__(self) -> Self:
        return self

    def add(
        self,
        left: np.ndarray,
        disparity: np.ndarray,
        confidence: np.ndarray,
        calibration: Calibration | None = None,
        error: np.ndarray | None = None,
        key: str = "",
    ) -> None:
        """One frame more.

        Args:
            left: uint8 H×W×3 RGB.
            disparity: float H×W px; not finite where it is unknown.
            confidence: float H×W in 0…1.
            calibration: of the cameras; the first frame's counts. None: the page has no metres, and its cloud no unit.
            error: float H×W px, how far off the disparity is expected to be; None: nobody says.
            key: the frame's name.

        Raises:
            ValueError: the maps differ in size.
        """
        index, self._count = self._count, self._count + 1
        if self._camera is None:
            self._camera = _describe_camera(calibration, left.shape[1], left.shape[0])
        if index % self.stride:
            return
        maps = Maps(left, disparity, confidence, error)
        most = self.budget // (_LEAST_FRAMES if self.sequence else 1)
        frame = pack_frame(maps.reduce(self.factor) if self.factor > 1 else maps, key, left.shape[:2])
        while count_bytes(frame) > most:
            # Bytes follow the area, roughly; a little more is taken off, so that it ends.
            self.factor *= 1.05 * math.sqrt(count_bytes(frame) / most)
            frame = pack_frame(maps.reduce(self.factor), key, left.shape[:2])
        self._frames.append(frame)
        self._samples.append(_draw_samples(maps))
        while sum(map(count_bytes, self._frames)) > self.budget and len(self._frames) > 1:
            self._frames, self._samples = self._frames[::2], self._samples[::2]
            self.stride *= 2

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An interruption ends a sequence, and what was seen until then is shown.
        if self._frames and (kind is None or issubclass(kind, KeyboardInterrupt)):
            self._write()

    def _write(self) -> None:
        about = self._about()
        if about["notes"]:
            log.info("%s: %s", self.path, "; ".join(about["notes"]))
        folder = files(__package__)
        page = (folder / "page.html").read_text("utf-8")
        frames = "\n".join(_embed(f"frame-{i}", frame) for i, frame in enumerate(self._frames))
        parts = {name: (folder / file).read_text("utf-8") for name, file in _PARTS.items()}
        title = html.escape(self.title or "stereo_exp")
        for name, text in {**parts, "TITLE": title, "ABOUT": _embed("about", about), "FRAMES": frames}.items():
            page = page.replace(f"<!--{name}-->", text)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self.path, page)
        except OSError as error:
            raise UserError(self.path, None, f"cannot be written ({error.strerror})", "give another folder") from None

    def _about(self) -> dict[str, Any]:
        """What the page's scripts read: scales, camera, what was left out."""
        camera = self._camera
        assert camera is not None
        samples = {name: [each[name] for each in self._samples if name in each] for name in ("disparity", "error")}
        layers = {
            "disparity": _describe_scale(self.scale or fit_disparity(*samples["disparity"])),
            "confidence": _describe_scale(CONFIDENCE),
        }
        if camera["known"]:
            lengths = [camera[name] for name in ("focal", "baseline", "doffs")]
            layers["depth"] = _describe_scale(fit_depth(*(to_metres(d, *lengths) for d in samples["disparity"])))
        if samples["error"]:
            top = fit_disparity(*samples["error"]).high
            layers["error"] = _describe_scale(Scale(0.0, top, ERROR_MAP))
        notes = []
        if self.stride > 1:
            notes.append(f"{len(self._frames)} of {self._count} frames, every {_ordinal(self.stride)}")
        if self.factor > 1:
            first = self._frames[-1]
            given = f"{first['full'][0]}×{first['full'][1]}"
            notes.append(f"maps reduced from {given} to {first['width']}×{first['height']} px")
        return {
            "title": self.title,
            "version": VERSION,
            "step": STEP,
            "camera": camera,
            "layers": layers,
            "frames": len(self._frames),
            "notes": notes,
        }


def _describe_camera(calibration: Calibration | None, width: int, height: int) -> dict[str, Any]:
    known = calibration is not None
    camera = calibration or Calibration(_FOCAL_WIDTHS * width, 1.0)
    centre = camera.centre or ((width - 1) / 2, (height - 1) / 2)
    return {
        "known": known,
        "focal": camera.focal,
        "baseline": camera.baseline,
        "doffs": camera.doffs,
        "centre": list(centre),
    }


def _describe_scale(scale: Scale) -> dict[str, Any]:
    ticks = scale.ticks(_TICKS)
    return {
        "low": scale.low,
        "high": scale.high,
        "logarithmic": scale.logarithmic,
        "unit": scale.unit,
        "colours": base64.b64encode(color_table(scale.colours).tobytes()).decode(),
        "ticks": [[float(scale.place(np.array(value))), text] for value, text in ticks],
    }


def _draw_samples(maps: Maps) -> dict[str, np.ndarray]:
    """Values from all over the maps, the same number of each."""
    named = {"disparity": maps.disparity, "error": maps.error}
    return {
        name: values.ravel()[:: max(1, values.size // _SAMPLES)].copy()
        for name, values in named.items()
        if values is not None
    }


def _embed(name: str, content: dict[str, Any]) -> str:
    # No file name can end the element that holds it.
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
