"""Schema of `export` and `compile`."""

from __future__ import annotations

from dataclasses import dataclass, field

from stereo_exp.base import USUAL_SIZE, UserError, outside
from stereo_exp.config.rules import at_least, image_size, one_of, positive

FORMS = ("network", "full")
ENGINES = ("onnxruntime", "openvino", "executorch", "litert", "ncnn", "openexplorer")
CONFIDENCES = ("probability", "sureness")
VIEWS = ("together", "apart")
BIASES = ("integer", "float")
OPSETS = (11, 23)
# Below this a graph needs a fixed size, and has no `full` form.
OPEN_OPSET = 18
# Quantise and dequantise operators with a scale for each channel.
QUANTISED_OPSET = 13
MAX_OPT = 3


@dataclass
class Export:
    form: str = "network"
    """`network`: normalised images N×3×H×W in, coarse disparity and superpixel weights out, what a chip's tool chain
    takes. `full`: uint8 RGB images N×H×W×3 in, disparity in px and confidence out."""
    confidence: str = "probability"
    """Of `form=full`: `probability`, that the disparity is within 2 px, as the runtime and `infer` say it of pairs that
    are not enlarged; `sureness`, the network's own, which it is where there is no table for the weights."""
    opset: int = 21
    """ONNX operator set."""
    views: str = "together"
    """`together` on the batch axis, which is faster; `apart`: every operator twice, for runtimes without batches (ncnn)
    or with fixed ones (LiteRT). Takes a fixed size and batch."""
    biases: str = "integer"
    """Of quantised networks: `integer`, as they are, int32; `float`: the same values in float32, as TensorRT wants
    them."""
    size: list[int] | None = None
    """Height and width, rounded up to what the network takes; None leaves them open."""
    batch: int | None = None
    """Pairs at a time; None leaves it open."""
    tolerance: float | None = None
    """Parity: the largest difference in px between ONNX Runtime and torch that passes. None takes 0.01 for float
    networks and for targets whose arithmetic is exact; others are measured, not judged: their rounding depends on the
    engine."""
    parity_pairs: int = 2
    """Pairs of the test split for the parity check; 0 compares none."""

    def __post_init__(self) -> None:
        one_of("export.form", self.form, FORMS)
        one_of("export.confidence", self.confidence, CONFIDENCES)
        one_of("export.views", self.views, VIEWS)
        one_of("export.biases", self.biases, BIASES)
        if not OPSETS[0] <= self.opset <= OPSETS[1]:
            raise UserError("export.opset", self.opset, f"must be {OPSETS[0]} to {OPSETS[1]}", "try export.opset=21")
        image_size("export.size", self.size)
        if self.opset < OPEN_OPSET:
            self._check_old()
        if self.views == "apart":
            self._check_fixed("views=apart needs a fixed one")
        if self.batch is not None:
            at_least("export.batch", self.batch, 1)
        if self.tolerance is not None:
            positive("export.tolerance", self.tolerance)
        at_least("export.parity_pairs", self.parity_pairs, 0)

    def _check_old(self) -> None:
        if self.form == "full":
            rule = f"the full form needs operator set {OPEN_OPSET} or later"
            raise UserError("export.opset", self.opset, rule, "try export.opset=21 or export.form=network")
        self._check_fixed(f"operator sets below {OPEN_OPSET} need a fixed one")

    def _check_fixed(self, rule: str) -> None:
        if self.size is None or self.batch is None:
            key = "export.size" if self.size is None else "export.batch"
            value = f"[{USUAL_SIZE[0]},{USUAL_SIZE[1]}]" if self.size is None else "1"
            raise UserError(key, "null", rule, f"add {key}={value}")

    def check_stage(self, stage: str) -> None:
        """A quantised network needs operators that early sets lack.

        Raises:
            UserError: the operator set is too old for a network of `stage`.
        """
        if stage != "float" and self.opset < QUANTISED_OPSET:
            rule = f"a quantised network needs operator set {QUANTISED_OPSET} or later"
            raise UserError("export.opset", self.opset, rule, "try export.opset=21, or stage=float")


@dataclass
class Device:
    """What the static report's times are estimated for; a group of options, `compile/device=`."""

    title: str = "this machine, measured"
    """As the report shows it."""
    int8_tops: float | None = None
    """Peak of int8 multiply-accumulates, 10^12 operations a second, two for each. None of the three: measured here."""
    float32_gflops: float | None = None
    """Peak of float32 multiply-accumulates, 10^9 operations a second, two for each."""
    bandwidth_gbs: float | None = None
    """To and from memory, 10^9 bytes a second."""

    @property
    def is_measured(self) -> bool:
        """Whether the figures are those of the machine that makes the report."""
        return self.int8_tops is None

    def __post_init__(self) -> None:
        figures = {key: getattr(self, key) for key in ("int8_tops", "float32_gflops", "bandwidth_gbs")}
        missing = [key for key, value in figures.items() if value is None]
        if 0 < len(missing) < len(figures):
            key = f"compile.device.{missing[0]}"
            raise UserError(
                key, "null", "a device has all three figures or none (then they are measured)", f"add {key}=VALUE"
            )
        for key, value in figures.items():
            if value is not None:
                positive(f"compile.device.{key}", value)


@dataclass
class Compile:
    opt: int = 3
    """How much the graphs are rewritten, none of which changes a bit of the logits: 0 only what an engine needs to be
    exact, 1 float work between integers is left out, 2 also operators that the engines are faster with, 3 also
    operators of the engine's own."""
    engines: list[str] = field(default_factory=lambda: ["onnxruntime", "openvino"])
    """What to compile for: onnxruntime, openvino, executorch, litert and ncnn (of a fixed size),
    openexplorer."""
    size: list[int] | None = None
    """Height and width, rounded up to what the network takes; None leaves them open."""
    batch: int | None = None
    """Pairs at a time; None leaves it open."""
    report_size: list[int] = field(default_factory=lambda: list(USUAL_SIZE))
    """Height and width for the static report, and for `openexplorer`, where `compile.size` leaves them open; rounded
    up to what the network takes."""
    calibration_pairs: int = 20
    """Training pairs that `openexplorer` gets to calibrate with."""
    device: Device = field(default_factory=Device)

    def __post_init__(self) -> None:
        if not 0 <= self.opt <= MAX_OPT:
            raise UserError("compile.opt", self.opt, f"must be 0 to {MAX_OPT}", "try compile.opt=3")
        if not self.engines:
            raise UserError("compile.engines", "[]", "needs at least one engine", "try compile.engines=[onnxruntime]")
        for engine in self.engines:
            known = (*ENGINES, *outside("compile.engines"), *outside("compile.tool_chains"))
            if engine not in known:
                rule = f"must be among {', '.join(known)}"
                raise UserError("compile.engines", engine, rule, "try compile.engines=[onnxruntime,openvino]")
        at_least("compile.calibration_pairs", self.calibration_pairs, 1)
        image_size("compile.size", self.size)
        image_size("compile.report_size", self.report_size)
        if self.batch is not None:
            at_least("compile.batch", self.batch, 1)


# Schema of `bench` and `align`: what is done with a compiled model.


MODES = ("perf", "fps", "latency", "accuracy")
RUN_ENGINES = ("auto", "openvino", "onnxruntime", "executorch", "litert", "ncnn")


@dataclass
class Engine:
    """What computes the network."""

    name: str = "auto"
    """auto, the fastest that is installed; torch; openvino; onnxruntime; executorch; litert; ncnn. All but the first
    two compute compiled networks; the releases are compiled for openvino and onnxruntime."""
    device: str | None = None
    """Where, as the engine calls it: cpu or cuda of torch; CPU, GPU or NPU of OpenVINO; cpu, cuda, tensorrt, coreml or
    directml of ONNX Runtime. None: of torch a GPU where there is one, of the others the processor."""
    threads: int | None = None
    """CPU threads of all pairs in flight together; None takes every core."""

    def __post_init__(self) -> None:
        one_of("engine", self.name, ("auto", "torch", *RUN_ENGINES[1:], *outside("engine")))
        if self.threads is not None:
            at_least("engine.threads", self.threads, 1)


@dataclass
class Bench:
    mode: str = "perf"
    """`perf`: frames one by one and the time of every operator; `fps`: several frames in flight; `latency`:
    percentiles of a single frame, the trunk and what comes after it apart; `accuracy`: EPE from the engine."""
    model: str | None = None
    """Folder of the compiled model, or `release`; None takes the newest of this name, else the release."""
    cores: list[int] | None = None
    """Cores to pin the process to, by number; None pins nothing."""
    size: list[int] = field(default_factory=lambda: list(USUAL_SIZE))
    """Height and width of the frames that are timed, rounded up to what the network takes; a model that was compiled
    for one size takes that."""
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
        for key in ("frames", "in_flight"):
            at_least(f"bench.{key}", getattr(self, key), 1)
        at_least("bench.warm_up", self.warm_up, 0)
        if self.pairs is not None:
            at_least("bench.pairs", self.pairs, 1)
        image_size("bench.size", self.size)


@dataclass
class Align:
    model: str | None = None
    """Folder of the compiled model, or `release`; None takes the newest of this name, else the release."""
    engines: list[str] | None = None
    """Engines to compare; None takes all that the folder was compiled for."""
    pairs: int | None = None
    """Pairs of the test split; None takes all."""
    size: list[int] | None = None
    """Height and width to compare at, rounded up to what the network takes; None takes every pair as it is, padded.
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
            one_of("align.engines", engine, (*RUN_ENGINES[1:], *outside("engine")))
        if self.pairs is not None:
            at_least("align.pairs", self.pairs, 1)
        image_size("align.size", self.size)
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UserError("align.threshold", self.threshold, "must be 0 to 1", "try align.threshold=1")
        if self.tolerance is not None:
            at_least("align.tolerance", self.tolerance, 0)
