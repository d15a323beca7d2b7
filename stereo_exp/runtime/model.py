"""A compiled model that turns pairs of images into disparity."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack, overload

import numpy as np

from stereo_exp.base import MAX_SCALE, USUAL_SIZE, ArgumentError
from stereo_exp.geometry import (
    Calibration,
    Errors,
    Image,
    Prediction,
    Reach,
    Rectifier,
    Rig,
    Rule,
    StereoSample,
    as_arrays,
    as_pair,
    fit_cameras,
    is_array,
    pad_edges,
    read_calibration,
    round_up_size,
    tell_beyond,
    tell_unlikely,
)
from stereo_exp.geometry import depth as depth  # offered beside the model
from stereo_exp.runtime.engines import AUTO, Engine, load_engine
from stereo_exp.runtime.manifest import FULL, Manifest, read_manifest, with_reliability
from stereo_exp.runtime.tiles import SEAM, Blend, plan

Frame = tuple[Image, Image] | StereoSample
"""One pair of a sequence."""


class Options(TypedDict, total=False):
    """How a pair is predicted."""

    scale: float | None
    """Resize the views by this before the network sees them, and the result back. 0.5 doubles the range of disparities
    and is about four times as fast. None, the default, enlarges what is small by the rule that comes with the weights:
    see `stereo_exp.geometry.sizing`."""
    refine: bool
    """Correct the disparity by semi-global matching: finer, with sharper outlines; see `stereo_exp.geometry.refine`.
    OpenCV does that, on as many threads as `cv2.setNumThreads` says."""
    fill: bool
    """Give what the right camera cannot see the disparity of what lies behind; see `stereo_exp.geometry.filling`."""
    left_right: bool
    """Predict the right view as well and distrust what disagrees: `Prediction.trusted`. Twice the time."""
    tile: tuple[int, int] | None
    """Height and width of overlapping tiles in which to compute a pair. None, the default, tiles what is too large for
    the memory, and says so in the log. A model that was compiled for one size tiles by itself."""
    calib: str | Path | Sequence[str | Path] | Calibration | Rig | None
    """The cameras: a calibration file, or the two of ROS, or what was read of them. `Prediction.depth` then knows them;
    views of a rig with distortion are rectified first. Of images of another size they are scaled, or refused: see
    `stereo_exp.geometry.fit_cameras`."""


MAPS = ("disparity", "confidence")
"""What an engine gives by name, in the order in which it is handled here."""
_BYTES_PER_PIXEL = 500
"""Memory that a pair takes at most while it is computed. `python benchmarks/memory.py` found 149 with OpenVINO, 350
with ONNX Runtime, 490 in torch."""
_SHARE = 0.5
"""Of the free memory that one pair may take before it is tiled."""
_MEMORY = Path("/proc/meminfo")

log = logging.getLogger(__name__)


class StereoModel:
    """A network that turns pairs of images into disparity, on the engine that computes it.

    Args:
        folder: what `task=compile` made: `<run_dir>/compiled`, or the run folder itself. `stereo_exp.load` opens
            releases and checkpoints, too.
        engine: `onnxruntime`, `openvino`, or `auto`: the first that is installed and that the folder is for.
        threads: CPU threads of all pairs in flight together; None takes every core that this process may use.
        in_flight: pairs that `submit` and sequences compute at once. One is fastest for a single pair, several give
            more pairs a second.
        device: what the engine calls it: CPU, GPU or NPU of OpenVINO; cpu, cuda, tensorrt, coreml or directml of ONNX
            Runtime; None: the processor.

    Raises:
        UserError: no compiled folder, a file that was changed, or an engine that is not installed.
    """

    def __init__(
        self,
        folder: str | Path,
        engine: str = AUTO,
        threads: int | None = None,
        in_flight: int = 1,
        device: str | None = None,
    ) -> None:
        # The form's file is checked when the engine loads it; the others need not be there on a device.
        manifest = read_manifest(folder, check_files=False)
        _check_in_flight(in_flight)
        loaded = load_engine(manifest, FULL, engine, threads, in_flight, device=device)
        self._take(with_reliability(manifest), loaded, in_flight)

    @classmethod
    def of_engine(cls, manifest: Manifest, engine: Engine, in_flight: int = 1) -> Self:
        """A model around an engine that is loaded already.

        Args:
            manifest: what it computes; of a network that was never compiled, `engines` is empty.
            engine: gives `disparity` and `confidence` of the full form.
        """
        _check_in_flight(in_flight)
        made = cls.__new__(cls)
        made._take(manifest, engine, in_flight)
        return made

    def _take(self, manifest: Manifest, engine: Engine, in_flight: int) -> None:
        self.manifest, self.engine, self.in_flight = manifest, engine, in_flight
        self._rows = [engine.outputs.index(name) for name in MAPS]
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="stereo")
        self._told: set[tuple[int, int]] = set()
        self._lock = Lock()
        self._cameras: tuple[Any, tuple[int, int], Calibration | Rectifier] | None = None

    def __repr__(self) -> str:
        model, engine = self.manifest.model, self.engine
        return f"StereoModel({model.name}, {model.stage}, {engine.name} {engine.version}, maxdisp={model.maxdisp})"

    @property
    def maxdisp(self) -> int:
        """Disparities of what the network sees lie in [0, maxdisp) px; enlarged, in a shorter range."""
        return self.manifest.model.maxdisp

    @overload
    def __call__(self, left: Image, right: Image, /, **options: Unpack[Options]) -> Prediction: ...
    @overload
    def __call__(
        self, left: Iterable[Frame], right: None = None, /, **options: Unpack[Options]
    ) -> Iterator[Prediction]: ...
    def __call__(
        self, left: Image | Iterable[Frame], right: Image | None = None, /, **options: Unpack[Options]
    ) -> Prediction | Iterator[Prediction]:
        """The disparity of rectified pairs: of one, of a batch, or of a sequence.

        Args:
            left, right: files; or uint8 arrays H×W×3 RGB or H×W grey; or uint8 tensors 3×H×W or 1×H×W; any size, the
                same for both. With one axis ahead they are a batch. `left` alone is an iterable of frames, each a pair
                (left, right) of these or a `StereoSample`; it is read as it goes, `in_flight` pairs at once.
            options: how: see `Options`.

        Returns:
            A `Prediction`, all its maps with a batch's axis ahead; of frames an iterator of them, in their order.

        Raises:
            UserError: images of unequal sizes or of a wrong type, a file that cannot be read, or tiles too small.
        """
        if unknown := set(options) - set(Options.__annotations__):
            raise TypeError(f"no option {', '.join(sorted(unknown))}; there are {', '.join(Options.__annotations__)}")
        if right is None:
            frames: Any = left
            return self.stream(frames, **options)
        # Two files are looked at together: what their tags and bits say must be the same for both.
        files = not is_array(left) and not is_array(right)
        views = as_pair(left, right) if files else (as_arrays(left, "left"), as_arrays(right, "right"))
        if views[0].ndim == 4 or views[1].ndim == 4:
            return self._batch(*views, **options)
        first, second = as_pair(*views, None if is_array(right) else right)
        calibration: Calibration | None = None
        if (calib := options.get("calib")) is not None:
            first, second, calibration = self._rectified(first, second, calib)
        rule = Rule(
            options.get("scale"),
            options.get("refine", False),
            options.get("fill", False),
            options.get("left_right", False),
            sizing=self.manifest.sizing,
        )
        found = self.predict(first, second, rule, options.get("tile"))
        found = replace(found, calibration=calibration, left=first, reach=Reach.of(found.reach.disparity, calibration))
        if found.num_beyond:
            tell_beyond(found.num_beyond, found.disparity.size, found.reach)
        return found

    def _batch(self, left: np.ndarray, right: np.ndarray, **options: Unpack[Options]) -> Prediction:
        if left.ndim != right.ndim or len(left) != len(right) or not len(left):
            found = " and ".join("×".join(map(str, view.shape)) for view in (left, right))
            raise ArgumentError("right", found, "both views of a batch have as many images, one at least", "pair them")
        pairs = [self(*pair, **options) for pair in zip(left, right, strict=True)]
        disparity, confidence, trusted, first = (
            np.stack([getattr(pair, name) for pair in pairs]) for name in (*MAPS, "trusted", "left")
        )
        beyond = None
        if any(pair.num_beyond for pair in pairs):
            beyond = np.stack([np.zeros(trusted.shape[1:], bool) if p.beyond is None else p.beyond for p in pairs])
        errors = [pair.errors for pair in pairs if isinstance(pair.errors, Errors)]
        known = pairs[0].calibration
        return Prediction(disparity, confidence, trusted, known, first, pairs[0].reach, beyond, errors or None)

    def _rectified(
        self, left: np.ndarray, right: np.ndarray, calib: str | Path | Sequence[str | Path] | Calibration | Rig
    ) -> tuple[np.ndarray, np.ndarray, Calibration]:
        """Both views with their rows side by side, and the cameras that they then belong to."""
        size, is_new = (left.shape[1], left.shape[0]), False
        with self._lock:
            # One file is read once, and the look-up tables of one rig are made once.
            if self._cameras is None or self._cameras[1] != size or not _is_same(self._cameras[0], calib):
                found = calib if isinstance(calib, Calibration | Rig) else read_calibration(calib)
                fitted = fit_cameras(found, size)
                self._cameras = calib, size, Rectifier(fitted) if isinstance(fitted, Rig) else fitted
                is_new = True
            known: Calibration | Rectifier | None = self._cameras[2]
            if isinstance(known, Rectifier):
                left, right = known(left, right)
                known = known.calibration
            assert isinstance(known, Calibration)
            if is_new:
                tell_unlikely(known)
            return left, right, known

    def predict(self, left: Image, right: Image, rule: Rule, tile: tuple[int, int] | None = None) -> Prediction:
        """What `rule` makes of one rectified pair with this model; the rest as for `__call__`."""
        views = as_pair(left, right)
        if rule.scale is not None and not 0 < rule.scale <= MAX_SCALE:
            raise ArgumentError("scale", rule.scale, f"must be above 0 and at most {MAX_SCALE:g}", "try {scale}=0.5")
        if rule.reliability is None:
            rule = replace(rule, reliability=self.manifest.reliability)
        maps = partial(self._maps, tile=tile)
        return rule(maps, *views, self.manifest.multiple, self.manifest.size, self.maxdisp)

    def maps(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the network itself says of two views, uint8 H×W×3, as they are: disparity in px and its own sureness in
        0…1, both float32 H×W; `Manifest.reliability` makes a probability of that."""
        return self._maps(left, right, None)

    def enlargement(self, size: tuple[int, int]) -> float:
        """By how much `scale=None` enlarges the width of images of (height, width), and so their disparities: no more
        than fits into a model's one size."""
        return self.manifest.sizing.choose_size(size, self.manifest.multiple, self.manifest.size)[1] / size[1]

    def submit(self, left: Image, right: Image, **options: Unpack[Options]) -> Future[Prediction]:
        """`__call__` of one pair in the background; `in_flight` at once, the others wait their turn."""
        return self._pool.submit(partial(self, left, right, **options))

    def stream(self, frames: Iterable[Frame], **options: Unpack[Options]) -> Iterator[Prediction]:
        """Predictions of a sequence, in its order, with `in_flight` pairs being computed while the next are fetched."""
        waiting: deque[Future[Prediction]] = deque()
        try:
            for frame in frames:
                left, right = (frame.left, frame.right) if isinstance(frame, StereoSample) else frame
                waiting.append(self.submit(left, right, **options))
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
        left, right = pad_edges(left, size), pad_edges(right, size)
        if window == size:
            maps = self._infer(left, right)
        else:
            blend = Blend(size, len(MAPS))
            for part in plan(size, window, self.manifest.model.maxdisp, self.manifest.multiple):
                blend.add(part, self._infer(left[part.window], right[part.window]))
            maps = blend.result()
        disparity, confidence = (np.ascontiguousarray(values[:height, :width]) for values in maps)
        return disparity, confidence

    def _sizes(self, image: tuple[int, int], tile: tuple[int, int] | None) -> tuple[tuple[int, int], tuple[int, int]]:
        """What to pad an image to, and how much of that goes through the engine at a time."""
        multiple, fixed = self.manifest.multiple, self.manifest.size
        size = round_up_size(image, multiple)
        if fixed is not None:
            if tile is not None and tuple(tile) != fixed:
                raise ArgumentError(
                    "tile", tuple(tile), f"the model was compiled for {fixed[0]}×{fixed[1]}", "leave {tile} out"
                )
            return (max(size[0], fixed[0]), max(size[1], fixed[1])), fixed
        if tile is None:
            tile = self._tile_for(size)
        if tile is None:
            return size, size
        if len(tile) != 2 or min(tile) < 1:
            raise ArgumentError("tile", tuple(tile), "must be (height, width) in px", "try {tile}=(544, 960)")
        wanted = round_up_size((tile[0], tile[1]), multiple)
        return size, (min(wanted[0], size[0]), min(wanted[1], size[1]))

    def _tile_for(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """Tiles for what would not fit into the free memory; None: it fits."""
        fits = int(free_memory() * _SHARE / _BYTES_PER_PIXEL)
        if size[0] * size[1] <= fits:
            return None
        # As wide as can be: at every seam maxdisp columns are computed twice.
        least = self.maxdisp + SEAM + self.manifest.multiple
        height = min(size[0], USUAL_SIZE[0])
        width = max(min(size[1], fits // height), least)
        tile = round_up_size((height, width), self.manifest.multiple)
        if size not in self._told:
            self._told.add(size)
            told = "%dx%d: more than half of the free memory: computed in overlapping tiles of %dx%d; tile= sets others"
            log.info(told, size[1], size[0], tile[1], tile[0])
        return tile

    def _infer(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, ...]:
        """H×W×3, twice, to H×W maps."""
        batch = self.manifest.batch or 1
        views = (np.ascontiguousarray(np.repeat(view[None], batch, axis=0)) for view in (left, right))
        results = self.engine.run(*views)
        return tuple(results[row][0] for row in self._rows)


def _is_same(before: Any, now: Any) -> bool:
    """Whether two calls named the same cameras; arrays in them are not compared."""
    return before is now or (not isinstance(now, Calibration | Rig) and bool(before == now))


def _check_in_flight(in_flight: int) -> None:
    if in_flight < 1:
        raise ArgumentError("in_flight", in_flight, "must be at least 1", "try {in_flight}=1")


def free_memory() -> float:
    """Bytes that may be taken without swapping; infinite where the system does not say."""
    try:
        lines = _MEMORY.read_text().splitlines()
    except OSError:
        return math.inf
    found = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return math.inf if found is None else 1024.0 * int(found)
