"""Does a compiled model compute what the training framework computes? Tensor by tensor, and in px."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stereo_exp.deploy.reference import Answer
from stereo_exp.metrics import StereoMetrics
from stereo_exp.runtime.engines import Engine, load_engine
from stereo_exp.runtime.manifest import ALIGN, FULL, TRUNK, Manifest

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

    Raises:
        UserError: the engine is not installed, or a file is missing or was changed.
    """

    def __init__(self, manifest: Manifest, engine: str, threads: int | None) -> None:
        self._manifest = manifest
        self._full, self._trunk = (load_engine(manifest, form, engine, threads) for form in (FULL, TRUNK))
        self._inside: Engine | None = load_engine(manifest, ALIGN, engine, threads) if manifest.tensors else None
        self.result = Comparison(
            engine,
            {t.name: Count() for t in manifest.tensors},
            {name: Count() for name in LOGITS} if manifest.tensors else {},
            StereoMetrics(manifest.model.maxdisp),
        )

    def compare(self, left: np.ndarray, right: np.ndarray, wanted: Answer) -> np.ndarray:
        """Run a pair, uint8 B×H×W×3, and add it up; returns the engine's disparity, float32 B×H×W px."""
        if self._inside is not None:
            inside = _run(self._inside, left, right)
            for tensor in self._manifest.tensors:
                integers = inside[tensor.output].astype(np.int32) - tensor.zero_point
                self.result.tensors[tensor.name].add(integers, wanted.integers[tensor.name])
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

    def broken(self, found: Comparison) -> str | None:
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
