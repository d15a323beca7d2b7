"""Schema of `bench` and `align`: what is done with a compiled model."""

from __future__ import annotations

from dataclasses import dataclass, field

from stereo_exp.config.rules import at_least, image_size, one_of
from stereo_exp.errors import UserError

MODES = ("perf", "fps", "latency", "accuracy")
ENGINES = ("auto", "openvino", "onnxruntime")


@dataclass
class Bench:
    mode: str = "perf"
    """`perf`: frames one by one and the time of every operator; `fps`: several frames in flight; `latency`:
    percentiles of a single frame, the trunk and what comes after it apart; `accuracy`: EPE from the engine."""
    model: str | None = None
    """Folder of the compiled model; None takes the newest of this name and stage."""
    engine: str = "auto"
    """onnxruntime, openvino, or `auto`: the first that is installed and that the folder is for."""
    threads: int | None = None
    """CPU threads of all frames in flight together; None takes every core."""
    cores: list[int] | None = None
    """Cores to pin the process to, by number; None pins nothing."""
    size: list[int] = field(default_factory=lambda: [544, 960])
    """Height and width of the frames that are timed, rounded up to multiples of 32; a model that was compiled for one
    size takes that."""
    frames: int = 50
    """Frames that are timed."""
    warm_up: int = 5
    """Frames before them that are not."""
    in_flight: int = 2
    """Frames at once, for `fps`."""
    pairs: int | None = None
    """Pairs of the test split, for `accuracy`; None takes all."""

    def __post_init__(self) -> None:
        one_of("bench.mode", self.mode, MODES)
        one_of("bench.engine", self.engine, ENGINES)
        for key in ("frames", "in_flight"):
            at_least(f"bench.{key}", getattr(self, key), 1)
        at_least("bench.warm_up", self.warm_up, 0)
        for key in ("threads", "pairs"):
            if getattr(self, key) is not None:
                at_least(f"bench.{key}", getattr(self, key), 1)
        image_size("bench.size", self.size)


@dataclass
class Align:
    model: str | None = None
    """Folder of the compiled model; None takes the newest of this name and stage."""
    engines: list[str] | None = None
    """Engines to compare; None takes all that the folder was compiled for."""
    threads: int | None = None
    """CPU threads of the engines; None takes every core."""
    pairs: int | None = None
    """Pairs of the test split; None takes all."""
    size: list[int] | None = None
    """Height and width to compare at, rounded up to multiples of 32; None takes every pair as it is, padded to them.
    Images (and truth) that padding does not bring to this size are resized. A model that was compiled for one size
    takes that."""
    threshold: float | None = None
    """Share of equal integers below which the run fails, 1 of every tensor for itself. None: 1 for exact targets
    (pow2), 0.9 for the others, over all tensors together."""
    tolerance: float | None = None
    """Difference of any two disparities in px above which the run fails. None: 0.01 for float networks and exact
    targets, no limit for the others."""

    def __post_init__(self) -> None:
        for engine in self.engines or ():
            one_of("align.engines", engine, ENGINES[1:])
        for key in ("threads", "pairs"):
            if getattr(self, key) is not None:
                at_least(f"align.{key}", getattr(self, key), 1)
        image_size("align.size", self.size)
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UserError("align.threshold", self.threshold, "must be 0 to 1", "try align.threshold=1")
        if self.tolerance is not None:
            at_least("align.tolerance", self.tolerance, 0)
