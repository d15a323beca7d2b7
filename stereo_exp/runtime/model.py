"""A compiled model that turns pairs of images into disparity."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from stereo_exp.base.errors import ArgumentError
from stereo_exp.base.sizes import MAX_SCALE
from stereo_exp.geometry.images import Image, as_pair, padded, padded_size
from stereo_exp.geometry.sizing import Predicted, Rule
from stereo_exp.runtime.engines import AUTO, load_engine
from stereo_exp.runtime.manifest import FULL, read_manifest
from stereo_exp.runtime.tiles import Blend, plan


class Disparity(NamedTuple):
    """What a pair becomes."""

    disparity: np.ndarray
    """float32 H×W, px of the left image as it was given, in [0, maxdisp / scale); refined, it may go beyond that."""
    confidence: np.ndarray
    """float32 H×W in [0, 1]: the probability near the disparity."""


class StereoModel:
    """A compiled model, loaded.

    Args:
        folder: what `task=compile` made: `<run_dir>/compiled`, or the run folder itself.
        engine: `onnxruntime`, `openvino`, or `auto`: the first that is installed and that the folder is for.
        threads: CPU threads of all pairs in flight together; None takes every core that this process may use.
        in_flight: pairs that `submit` and `stream` compute at once. One is fastest for a single pair, several give
            more pairs a second.

    Raises:
        UserError: no compiled folder, a file that was changed, or an engine that is not installed.
    """

    def __init__(self, folder: str | Path, engine: str = AUTO, threads: int | None = None, in_flight: int = 1) -> None:
        if in_flight < 1:
            raise ArgumentError("in_flight", in_flight, "must be at least 1", "try {in_flight}=1")
        # The form's file is checked when the engine loads it; the others need not be there on a device.
        self.manifest = read_manifest(folder, check_files=False)
        self.engine = load_engine(self.manifest, FULL, engine, threads, in_flight)
        self.in_flight = in_flight
        self._rows = [self.engine.outputs.index(name) for name in Disparity._fields]
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="stereo")

    def __call__(
        self,
        left: Image,
        right: Image,
        scale: float | None = 1.0,
        tile: tuple[int, int] | None = None,
        refine: bool = False,
    ) -> Disparity:
        """The disparity of one rectified pair.

        Args:
            left, right: files, or uint8 H×W×3 RGB, or H×W grey; any size, the same for both.
            scale: resize the images by this first and the result back. 0.5 doubles the range of disparities and is
                about four times as fast. None enlarges what is small, as `task=infer` does: see
                `stereo_exp.geometry.sizing`.
            tile: height and width of overlapping tiles in which to compute an image that is too large for the
                memory; None computes it whole. A model that was compiled for one size tiles by itself.
            refine: correct the disparity by semi-global matching, which makes it finer and its outlines sharper; see
                `stereo_exp.geometry.refine`. OpenCV does that, on as many threads as `cv2.setNumThreads` says.

        Raises:
            UserError: images of unequal sizes or of a wrong type, a file that cannot be read, or tiles too small.
        """
        found = self.predict(left, right, Rule(scale, refine, sizing=self.manifest.sizing), tile)
        return Disparity(found.disparity, found.confidence)

    def predict(self, left: Image, right: Image, rule: Rule, tile: tuple[int, int] | None = None) -> Predicted:
        """What `rule` makes of one rectified pair with this model; the rest as for `__call__`."""
        views = as_pair(left, right)
        if rule.scale is not None and not 0 < rule.scale <= MAX_SCALE:
            raise ArgumentError("scale", rule.scale, f"must be above 0 and at most {MAX_SCALE:g}", "try {scale}=0.5")
        return rule(partial(self._maps, tile=tile), *views, self.manifest.multiple, self.manifest.size)

    def enlargement(self, size: tuple[int, int]) -> float:
        """By how much `scale=None` enlarges the width of images of (height, width), and so their disparities: no more
        than fits into a model's one size."""
        return self.manifest.sizing.seen(size, self.manifest.multiple, self.manifest.size)[1] / size[1]

    def submit(
        self,
        left: Image,
        right: Image,
        scale: float | None = 1.0,
        tile: tuple[int, int] | None = None,
        refine: bool = False,
    ) -> Future[Disparity]:
        """`__call__` in the background; `in_flight` at once, the others wait their turn."""
        return self._pool.submit(self, left, right, scale, tile, refine)

    def stream(
        self,
        pairs: Iterable[tuple[Image, Image]],
        scale: float | None = 1.0,
        tile: tuple[int, int] | None = None,
        refine: bool = False,
    ) -> Iterator[Disparity]:
        """Disparities of a sequence, in its order, with `in_flight` pairs being computed while the next are fetched."""
        waiting: deque[Future[Disparity]] = deque()
        try:
            for left, right in pairs:
                waiting.append(self.submit(left, right, scale, tile, refine))
                if len(waiting) > self.in_flight:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """Wait for what is in flight and end the threads."""
        self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _maps(self, left: np.ndarray, right: np.ndarray, tile: tuple[int, int] | None) -> tuple[np.ndarray, np.ndarray]:
        height, width = left.shape[:2]
        size, window = self._sizes((height, width), tile)
        left, right = padded(left, size), padded(right, size)
        if window == size:
            maps = self._infer(left, right)
        else:
            blend = Blend(size, len(Disparity._fields))
            for part in plan(size, window, self.manifest.model.maxdisp, self.manifest.multiple):
                blend.add(part, self._infer(left[part.window], right[part.window]))
            maps = blend.result()
        disparity, confidence = (np.ascontiguousarray(values[:height, :width]) for values in maps)
        return disparity, confidence

    def _sizes(self, image: tuple[int, int], tile: tuple[int, int] | None) -> tuple[tuple[int, int], tuple[int, int]]:
        """What to pad an image to, and how much of that goes through the engine at a time."""
        multiple, fixed = self.manifest.multiple, self.manifest.size
        size = padded_size(image, multiple)
        if fixed is not None:
            if tile is not None and tuple(tile) != fixed:
                raise ArgumentError(
                    "tile", tuple(tile), f"the model was compiled for {fixed[0]}×{fixed[1]}", "leave {tile} out"
                )
            return (max(size[0], fixed[0]), max(size[1], fixed[1])), fixed
        if tile is None:
            return size, size
        if len(tile) != 2 or min(tile) < 1:
            raise ArgumentError("tile", tuple(tile), "must be (height, width) in px", "try {tile}=(544, 960)")
        wanted = padded_size((tile[0], tile[1]), multiple)
        return size, (min(wanted[0], size[0]), min(wanted[1], size[1]))

    def _infer(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, ...]:
        """H×W×3, twice, to H×W maps."""
        batch = self.manifest.batch or 1
        views = (np.ascontiguousarray(np.repeat(view[None], batch, axis=0)) for view in (left, right))
        results = self.engine.run(*views)
        return tuple(results[row][0] for row in self._rows)
