"""Does a compiled model compute what the training framework computes? Tensor by tensor, and in px."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node

from stereo_exp.base import ArgumentError, Meter
from stereo_exp.data import collate
from stereo_exp.deploy.source import Source
from stereo_exp.geometry import StereoMetrics, StereoSample, pad_edges
from stereo_exp.model import NEIGHBOURS, Logits, StereoOutput, full_disparity, normalize, predict
from stereo_exp.runtime import ALIGN, FULL, TRUNK, Engine, Manifest, exact_options, load_engine

# The training framework's own answer: the integer network in torch, with every integer inside it.


@dataclass(frozen=True)
class Answer:
    """What the network makes of a pair."""

    integers: dict[str, np.ndarray]
    """Quantised activation -> its integers minus the zero point, in the order of the graph."""
    logits: tuple[np.ndarray, np.ndarray]
    """Disparity and superpixel logits, float32."""
    disparity: np.ndarray
    """float32 B×H×W px."""


class Reference:
    """Runs a source's network and keeps its quantised activations.

    Raises:
        ValueError: the source's tensors are not those of its graph.
    """

    def __init__(self, source: Source) -> None:
        # For a float network `ops` would only bring operators that it does not have.
        self._tensors: dict[str, tuple[str, int]] = {}
        self._source = source
        if source.tensors:
            nodes = _quantize_nodes(source.trunk)
            found = [(float(n.args[1]), int(n.args[2])) for n in nodes]  # type: ignore[arg-type]
            if found != [(t.scale, t.zero_point) for t in source.tensors]:
                raise ValueError("the tensors of the source are not those of its graph")
            pairs = zip(nodes, source.tensors, strict=True)
            self._tensors = {n.name: (t.name, t.zero_point) for n, t in pairs}

    @torch.no_grad()
    def __call__(self, left: np.ndarray, right: np.ndarray) -> Answer:
        """uint8 B×H×W×3 RGB, H and W multiples of the network's."""
        views = (normalize(torch.from_numpy(v).permute(0, 3, 1, 2)) for v in (left, right))
        recorder = _Recorder(self._source.trunk, set(self._tensors))
        logits = Logits(*recorder.run(*views))
        integers = {}
        for node, (name, zero_point) in self._tensors.items():
            integers[name] = recorder.seen[node].numpy().astype(np.int32) - zero_point
        regression: Any = self._source.model.regression
        disparity = full_disparity(regression(logits))
        return Answer(integers, (logits.disparity.numpy(), logits.superpixel.numpy()), disparity.numpy())


class _Recorder(Interpreter):
    def __init__(self, module: nn.Module, wanted: set[str]) -> None:
        super().__init__(module)
        self.wanted = wanted
        self.seen: dict[str, Tensor] = {}

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        if n.name in self.wanted:
            self.seen[n.name] = result
        return result


def _quantize_nodes(trunk: GraphModule) -> list[Node]:
    from stereo_exp.quant import QUANTISE

    return [node for node in trunk.graph.nodes if node.target == QUANTISE]


LOGITS = ("disparity_logits", "superpixel_logits")
"""Outputs of the `trunk` form."""


@dataclass
class Count:
    """How many values of one tensor are equal."""

    equal: int = 0
    values: int = 0
    worst: float = 0.0
    """Largest absolute difference, in integers (of logits: in their own unit)."""

    @property
    def share(self) -> float:
        """Of equal values; 1 where nothing was compared."""
        return self.equal / self.values if self.values else 1.0

    def add(self, found: np.ndarray, wanted: np.ndarray) -> None:
        """Compare; another shape counts as different throughout."""
        self.values += wanted.size
        if found.shape != wanted.shape:
            self.worst = float("inf")
            return
        self.equal += int((found == wanted).sum())
        difference = np.abs(found.astype(np.float64) - wanted)
        self.worst = max(self.worst, float(difference.max(initial=0.0)))


@dataclass
class Comparison:
    """One engine against the reference, over all pairs so far."""

    engine: str
    tensors: dict[str, Count]
    """Quantised activation -> how many of its integers are equal, in the order of the graph."""
    logits: dict[str, Count]
    """The same for the outputs of the deployed trunk, float32 bit by bit."""
    metrics: StereoMetrics
    max_px: float = 0.0
    """Largest difference of the disparities."""
    _sum_px: float = field(default=0.0, repr=False)
    _num_px: int = field(default=0, repr=False)

    @property
    def mean_px(self) -> float:
        """Mean absolute difference of the disparities."""
        return self._sum_px / self._num_px if self._num_px else 0.0

    @property
    def integers_equal(self) -> float:
        """Share over all quantised activations."""
        values = sum(c.values for c in self.tensors.values())
        return sum(c.equal for c in self.tensors.values()) / values if values else 1.0

    def differing(self) -> list[str]:
        """Tensors and logits with a value that differs, in the order of the graph."""
        return [name for name, count in (self.tensors | self.logits).items() if count.equal < count.values]

    def add_disparity(self, found: np.ndarray, wanted: np.ndarray) -> None:
        """B×H×W px of both."""
        difference = np.abs(found.astype(np.float64) - wanted)
        # NaN is as far off as can be.
        difference = np.where(np.isfinite(difference), difference, np.inf)
        self.max_px = max(self.max_px, float(difference.max(initial=0.0)))
        self._sum_px += float(difference.sum())
        self._num_px += difference.size


class Aligned:
    """The three forms of one engine, run beside the reference.

    Args:
        manifest: the compiled folder.
        engine: one that it was compiled for.
        threads: CPU threads; None takes every core.
        device: of the engine; None: the processor.

    Raises:
        UserError: the engine is not installed, or a file is missing or was changed.
    """

    def __init__(self, manifest: Manifest, engine: str, threads: int | None, device: str | None = None) -> None:
        self._manifest = manifest
        self._full, self._trunk = (
            load_engine(manifest, form, engine, threads, device=device) for form in (FULL, TRUNK)
        )
        has_integers = manifest.model.target is not None
        # ExecuTorch has none: of it the logits are compared, into which every integer goes.
        has_inside = bool(manifest.tensors) and ALIGN in manifest.engines[engine]
        self._inside: Engine | None = (
            load_engine(manifest, ALIGN, engine, threads, device=device) if has_inside else None
        )
        self.result = Comparison(
            engine,
            {t.name: Count() for t in manifest.tensors} if has_inside else {},
            {name: Count() for name in LOGITS} if has_integers else {},
            StereoMetrics(manifest.model.maxdisp),
        )

    def compare(self, left: np.ndarray, right: np.ndarray, wanted: Answer) -> np.ndarray:
        """Run a pair, uint8 B×H×W×3, and add it up; returns the engine's disparity, float32 B×H×W px."""
        if self._inside is not None:
            inside = _run(self._inside, left, right)
            for tensor in self._manifest.tensors:
                integers = inside[tensor.output].astype(np.int32) - tensor.zero_point
                self.result.tensors[tensor.name].add(integers, wanted.integers[tensor.name])
        if self.result.logits:
            trunk = _run(self._trunk, left, right)
            for name, logits in zip(LOGITS, wanted.logits, strict=True):
                self.result.logits[name].add(trunk[name], logits)
        disparity = _run(self._full, left, right)["disparity"]
        self.result.add_disparity(disparity, wanted.disparity)
        return disparity


def _run(engine: Engine, left: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(engine.outputs, engine.run(left, right), strict=True))


@dataclass(frozen=True)
class Limits:
    """What must hold for a compiled model to pass."""

    equal: float | None
    """Smallest share of equal integers: of every tensor where it is 1, of all of them together below; None: there are
    no integers."""
    max_px: float | None
    """Largest difference of disparities; None does not limit it."""

    def find_violation(self, found: Comparison) -> str | None:
        """What does not hold, in one line; None where everything does."""
        if self.equal is not None:
            names = found.differing()
            if (self.equal == 1 and names) or found.integers_equal < self.equal:
                first = names[0]
                share = (found.tensors | found.logits)[first].share
                return (
                    f"{found.engine}: {first} differs first ({100 * share:.4f} % of its values equal), "
                    f"{len(names)} of {len(found.tensors) + len(found.logits)} tensors in all"
                )
        if self.max_px is not None and not found.max_px <= self.max_px:
            return f"{found.engine}: disparities differ by up to {found.max_px:.4g} px, more than {self.max_px:g}"
        return None


def summary(found: Comparison) -> dict[str, Any]:
    """One engine's line of the report."""
    names = found.differing()
    counts = found.tensors | found.logits
    return {
        "engine": found.engine,
        "integers_equal": found.integers_equal if found.tensors else None,
        "tensors": len(found.tensors),
        "differing": sum(name in found.tensors for name in names),
        **{f"{name}_equal": count.share for name, count in found.logits.items()},
        "first_difference": names[0] if names else None,
        "first_difference_equal": counts[names[0]].share if names else None,
        "max_px": found.max_px,
        "mean_px": found.mean_px,
        **found.metrics.compute(),
    }


# Does an exported ONNX file compute what torch computes? In pixels, on pairs of the test split.


class Parity(NamedTuple):
    """Differences of ONNX Runtime's disparity from torch's."""

    max_px: float
    mean_px: float
    """Over all pixels of all pairs."""
    pairs: int


def measure(
    path: Path,
    form: str,
    source: Source,
    pairs: Iterable[StereoSample | None],
    count: int,
    size: tuple[int, int] | None,
) -> Parity:
    """Compare on pairs, each padded to what the network takes, and padded or cropped to `size` where the file has a
    fixed one.

    Args:
        pairs: read in this process, not by a loader's workers: their end is a SIGCHLD to a process with an engine in
            it, and on a virtual machine with AMX one such process was ended by SIGSEGV after its engine had used tile
            registers. None: a pair that was left out.
        count: how many there are.

    Raises:
        UserError: ONNX Runtime is not installed, or refuses the file.
    """
    session = _session(path)
    batch_size = session.get_inputs()[0].shape[0]
    repeats = batch_size if isinstance(batch_size, int) else 1
    worst, total, pixels, compared = 0.0, 0.0, 0, 0
    with Meter("parity", count) as meter:
        for sample in pairs:
            if sample is None:
                continue
            pair = collate([sample], [0], multiple=source.multiple)
            left, right = (fit(view, size).repeat(repeats, 1, 1, 1) for view in (pair.left, pair.right))
            wanted = predict(source.model, left, right).numpy()
            found = _run_onnx(session, form, source, left, right)
            difference = np.abs(found.astype(np.float64) - wanted)
            worst, total = max(worst, float(difference.max())), total + float(difference.sum())
            pixels, compared = pixels + difference.size, compared + 1
            meter.advance(max=f"{worst:.2e} px")
    return Parity(worst, total / max(pixels, 1), compared)


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        fix = 'pip install "stereo_exp[onnxruntime]", or compare no pairs'
        raise ArgumentError("pairs", None, "the check runs the file: ONNX Runtime is not installed", fix) from None
    return onnxruntime.InferenceSession(str(path), exact_options(), providers=["CPUExecutionProvider"])


def _run_onnx(session: Any, form: str, source: Source, left: torch.Tensor, right: torch.Tensor) -> np.ndarray:
    if form == "full":
        views = [view.permute(0, 2, 3, 1).contiguous().numpy() for view in (left, right)]
        return session.run(["disparity"], dict(zip(("left", "right"), views, strict=True)))[0]
    views = [normalize(view).numpy() for view in (left, right)]
    found = session.run(["unfolded", "weights"], dict(zip(("left", "right"), views, strict=True)))
    unfolded, weights = (torch.from_numpy(x) for x in found)
    own = NEIGHBOURS[source.regression.neighbours]
    output = StereoOutput(unfolded[:, own : own + 1], unfolded, weights, unfolded, (), source.regression)
    return full_disparity(output).numpy()


def fit(view: torch.Tensor, size: tuple[int, int] | None) -> torch.Tensor:
    """B×3×H×W cropped and padded (see `pad_edges`), at the bottom and the right, to `size`; None leaves it."""
    if size is None:
        return view
    height, width = size
    images = view[..., :height, :width].permute(0, 2, 3, 1).numpy()
    fitted = np.stack([pad_edges(image, size) for image in images])
    return torch.from_numpy(fitted).permute(0, 3, 1, 2).contiguous()
