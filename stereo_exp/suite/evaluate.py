"""Evaluation: every pair of a split once, predictions compared at the size of the truth.

Importing this takes no torch: `task=bench` scores compiled models where there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stereo_exp.base import Meter
from stereo_exp.geometry import (
    AS_GIVEN,
    ConfidenceMetrics,
    PlaceMetrics,
    Prediction,
    Rule,
    Stability,
    StereoMetrics,
    StereoSample,
    TemporalFilter,
)
from stereo_exp.suite.runs.process import Process

if TYPE_CHECKING:
    import torch
    from torch import nn

    from stereo_exp.config import Temporal
    from stereo_exp.data import StereoBatch
    from stereo_exp.runtime import StereoModel
    from stereo_exp.suite.networks import Predictor
    from stereo_exp.suite.splits import Splits

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """A pair of a test split and what a network says of it, both at the pair's size."""

    index: int
    """Of the pair in its split."""
    sample: StereoSample
    disparity: np.ndarray
    """float32 H×W px."""
    trusted: np.ndarray | None = None
    """bool H×W, pixels that the left-right check passed; None where nothing was checked."""
    prediction: Prediction | None = None
    """With confidence and expected error; None: the rule does not say what they are worth."""


def predict_split(
    model: nn.Module | StereoModel,
    splits: Splits,
    device: torch.device,
    rule: Rule = AS_GIVEN,
    process: Process = Process(),  # noqa: B008 (immutable)
    limit: int | None = None,
) -> Iterator[Seen | None]:
    """The one loop over a test split: read, predict, crop. A module is in evaluation mode until the loop is done.

    Args:
        model: a module on `device`, or a model on an engine of its own.
        rule: how pairs are predicted. Those that it takes as they are go through the network in batches.
        process: takes its share of the pairs.
        limit: no more than the first so many pairs that can be read; None: all.

    Yields:
        None for a pair that `dataset.on_error=skip` leaves out, with a line in the log.
    """
    from stereo_exp.suite.networks import Predictor

    predictor = Predictor(model, device, rule)
    network = predictor.module
    modes = {} if network is None else {module: module.training for module in network.modules()}
    if network is not None:
        network.eval()
    count = 0
    try:
        for batch in splits.test(process):
            for key, reason in batch.skipped:
                log.warning("skipped %s: %s", key, reason)
                yield None
            for seen in _predict_batch(predictor, batch):
                yield seen
                count += 1
                if count == limit:
                    return
    finally:
        for module, training in modes.items():
            module.training = training


def _predict_batch(predictor: Predictor, batch: StereoBatch) -> Iterator[Seen]:
    from stereo_exp.model import predict, predict_maps

    whole = sureness = None
    judged = predictor.rule.reliability is not None
    if predictor.module is not None and len(batch) and all(predictor.takes_whole(size) for size in batch.sizes):
        views = [view.to(predictor.device) for view in (batch.left, batch.right)]
        if judged:
            whole, sureness = (each.cpu() for each in predict_maps(predictor.module, *views))
        else:
            whole = predict(predictor.module, *views).cpu()
    for i, index in enumerate(batch.indices):
        sample = batch.sample(i)
        if whole is None:
            found = predictor(sample)
            trusted = found.trusted if predictor.rule.left_right else None
            yield Seen(index, sample, found.disparity, trusted, found if judged else None)
            continue
        disparity, sure = (None if each is None else batch.crop(i, each).numpy() for each in (whole, sureness))
        assert disparity is not None
        judgement = None
        if sure is not None:
            seen = sample.left, sample.right, predictor.maxdisp
            judgement = predictor.rule.judge(disparity, np.ascontiguousarray(sure), seen=seen)
        yield Seen(index, sample, disparity, None, judgement)


class Scores:
    """The metrics of a split; of a mixture also those of each of its sets.

    Args:
        maxdisp: truth at or above it does not count, px.
        sets: names of the sets of a mixture; empty for a single one.
        set_of: which of them a pair belongs to, by its number.
        checked: predictions come with what a left-right check made of them.
        judged: they come with what their confidence is worth.
        placed: errors are told apart by where they lie, too.
    """

    def __init__(
        self,
        maxdisp: int,
        sets: Sequence[str],
        set_of: Callable[[int], str],
        checked: bool = False,
        judged: bool = False,
        placed: bool = False,
    ) -> None:
        self._judged = judged
        self._places = PlaceMetrics(maxdisp) if placed else None
        self.all = StereoMetrics(maxdisp, checked)
        self.by_set = {name: StereoMetrics(maxdisp, checked) for name in sets}
        # Of all pairs, and of each set; empty where nobody says what confidence is worth.
        self._confidence: dict[str | None, ConfidenceMetrics] = {}
        self._set_of = set_of

    def add(self, seen: Seen) -> None:
        """One pair more; without truth it counts as skipped."""
        sample = seen.sample
        for metrics in self._of(seen.index):
            metrics.update(seen.disparity, sample.disparity, sample.noc, seen.trusted)
        if self._places is not None:
            self._places.update(seen.disparity, sample)
        if seen.prediction is not None and sample.disparity is not None:
            maps = seen.prediction.confidence, seen.disparity, sample.disparity, seen.prediction.expected_error
            for name in (None, *([self._set_of(seen.index)] if self.by_set else [])):
                self._confidence.setdefault(name, ConfidenceMetrics()).update(*maps)

    def skip(self, index: int | None = None) -> None:
        """One pair that is not scored; its set counts it too where its number is known."""
        for metrics in [self.all] if index is None else self._of(index):
            metrics.num_skipped += 1

    def _of(self, index: int) -> list[StereoMetrics]:
        return [self.all, *([self.by_set[self._set_of(index)]] if self.by_set else [])]

    def add_up(self, process: Process, device: torch.device) -> None:
        """Take in what the other processes saw; each pair must have been given to exactly one."""
        for metrics in (self.all, *self.by_set.values()):
            metrics.totals = process.total(metrics.totals, device)
        if self._places is not None:
            self._places.totals = process.total(self._places.totals, device)
        if self._judged:
            for name in (None, *self.by_set):
                of_name = self._confidence.setdefault(name, ConfidenceMetrics())
                of_name.totals = process.total(of_name.totals, device)

    def compute(self) -> dict[str, Any]:
        """See `StereoMetrics.compute`; of a mixture also those of each data set, under `sets` by its name.

        Where confidence is judged also `ece`, and what it comes of under `confidence`: see `ConfidenceMetrics.compute`.
        Where errors are told apart, `places`: see `PlaceMetrics.compute`.
        """
        scores: dict[str, Any] = {**self.all.compute(), **self._judge(None)}
        if self._places is not None:
            scores["places"] = self._places.compute()
        if self.by_set:
            scores["sets"] = {name: {**of.compute(), **self._judge(name)} for name, of in self.by_set.items()}
        return scores

    def _judge(self, name: str | None) -> dict[str, Any]:
        found = self._confidence[name].compute() if name in self._confidence else {}
        return {"ece": found.pop("ece"), "confidence": found} if found else {}


class Evaluation(NamedTuple):
    """What came of a split."""

    scores: dict[str, Any]
    first: list[Seen]
    """As many of its first pairs as were to be kept."""


def evaluate(
    model: nn.Module | StereoModel,
    splits: Splits,
    device: torch.device,
    process: Process = Process(),  # noqa: B008 (immutable)
    rule: Rule = AS_GIVEN,
    keep: int = 0,
    placed: bool = False,
) -> Evaluation:
    """The metrics of `model` over the test split, see `Scores.compute`. Every process gets the same.

    Where no pair has truth the network does not run: all pairs are skipped, the metrics NaN; a line says so.

    Args:
        rule: how pairs are predicted.
        keep: so many of the first pairs are handed out with their predictions; of several processes none are, for each
            has seen others.
        placed: tell errors apart by where they lie, too.
    """
    maxdisp: int = model.maxdisp  # type: ignore[assignment]
    scores = Scores(
        maxdisp, splits.test_sets, splits.test_set_of, rule.left_right, rule.reliability is not None, placed
    )
    first: list[Seen] = []
    if not splits.test_has_truth:
        log.warning("no pair of the test split has truth: predictions are not scored")
        for index in range(splits.num_test):
            scores.skip(index)
        return Evaluation(scores.compute(), [])
    with Meter("evaluate", -(-splits.num_test // process.world_size), enabled=process.is_main) as meter:
        for seen in predict_split(model, splits, device, rule, process):
            if seen is None:
                scores.skip()
            else:
                scores.add(seen)
                if len(first) < keep and process.world_size == 1:
                    first.append(seen)
            meter.advance(epe=f"{scores.all.compute()['epe']:.3f}")
    scores.add_up(process, device)
    return Evaluation(scores.compute(), first)


def find_failure(scores: Mapping[str, Any], splits: Splits) -> dict[str, str]:
    """`failed`, for a report, where pairs with truth were there and none could be scored; else nothing."""
    if scores["n_images"] or not splits.test_has_truth:
        return {}
    told = "could be read and has a known disparity in range"
    return {"failed": f"no pair of the test split {told}: {scores['n_skipped']} were left out, see the log"}


def first_pairs(
    model: nn.Module | StereoModel,
    splits: Splits,
    device: torch.device,
    count: int,
    rule: Rule = AS_GIVEN,
    known: Sequence[Seen] = (),
) -> Iterator[Seen]:
    """The first `count` pairs of the test split with their predictions, those of `known` taken from there."""
    if len(known) >= min(count, splits.num_test):
        yield from known[:count]
    elif count:
        yield from (seen for seen in predict_split(model, splits, device, rule, limit=count) if seen is not None)


def flatten(scores: Mapping[str, Any], prefix: str) -> dict[str, float]:
    """Scores as a tracker takes them: `prefix/epe`, and `prefix/<set>/epe` for the sets of a mixture."""
    out: dict[str, float] = {}
    for key, value in scores.items():
        if key == "sets":
            for name, of_set in value.items():
                out |= flatten(of_set, f"{prefix}/{name}")
        elif key == "places":
            out |= {f"{prefix}/{place}/{name}": each for place, of in value.items() for name, each in of.items()}
        elif key != "confidence":
            out[f"{prefix}/{key}"] = value
    return out


# A network's stability over a sequence, as it is and behind the temporal filter.


def sequence_stability(
    model: nn.Module | StereoModel, splits: Splits, device: torch.device, config: Temporal, rule: Rule = AS_GIVEN
) -> dict[str, Any]:
    """`plain` and `filtered`, see `Stability.compute`, over the test split in its order."""
    plain, filtered = Stability(config.change), Stability(config.change)
    steady = TemporalFilter(config.weight, config.change, config.jump)
    with Meter("stability", splits.num_test) as meter:
        for seen in predict_split(model, splits, device, rule):
            if seen is not None:
                plain.update(seen.sample.left, seen.disparity)
                filtered.update(seen.sample.left, steady(seen.sample.left, seen.disparity))
            meter.advance()
    return {"plain": plain.compute(), "filtered": filtered.compute()}
