"""What a network's confidence is worth, counted on pairs with truth that it predicts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from stereo_exp.base import Meter
from stereo_exp.geometry import Reliability, ReliabilityCounter, Sizing, StereoSample, predict_at

Network = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From two views, uint8 H×W×3, to disparity in px and the network's own sureness in 0…1, float32 H×W."""

log = logging.getLogger(__name__)
_LEAST_PIXELS = 10_000
"""With truth: fewer say nothing."""


def count_reliability(
    network: Network,
    pairs: Iterable[StereoSample],
    sizing: Sizing,
    multiple: int,
    origin: str,
    enlarge: Sequence[bool] = (True,),
    total: int = 0,
) -> Reliability | None:
    """The tables of a network, plain and refined, from pairs that it was not trained on or hardly so.

    Args:
        network: from two views to disparity and its own sureness, of any size.
        pairs: those without truth are passed over.
        sizing: how small pairs are enlarged.
        multiple: see `Sizing.choose_size`.
        origin: what the table says it was counted on; the number of pairs is added.
        enlarge: for each pair in turn, whether it is seen as `sizing` says or as it is.
        total: pairs, for the progress; 0: nobody knows.

    Returns:
        None: not enough pixels have truth.
    """
    plain, refined = ReliabilityCounter(), ReliabilityCounter()
    network = Remembered(network)
    count = 0
    with Meter("reliability", total) as meter:
        for index, pair in enumerate(pairs):
            meter.advance()
            if pair.disparity is None:
                continue
            count += 1
            seen = sizing.choose_size(pair.size, multiple) if enlarge[index % len(enlarge)] else pair.size
            for counter, refine in ((plain, False), (refined, True)):
                disparity, sureness = predict_at(network, pair.left, pair.right, seen, refine)
                counter.add(sureness, disparity, pair.disparity, seen[1] / pair.size[1])
    if plain.num_pixels < _LEAST_PIXELS:
        return None
    return Reliability(plain.fit(), refined.fit(), f"{origin}, {count} pairs")


class Remembered:
    """A network that does not compute the same pair twice in a row: refined or not, it sees the same views."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._views: tuple[np.ndarray, np.ndarray] | None = None
        self._maps: tuple[np.ndarray, np.ndarray] | None = None

    def __call__(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The maps of two views."""
        known = self._views
        if known is None or not all(np.array_equal(*each) for each in zip(known, (left, right), strict=True)):
            self._views, self._maps = (left, right), self.network(left, right)
        assert self._maps is not None
        return self._maps


def describe_reliability(found: Reliability | None, inherited: Reliability | None) -> dict[str, str]:
    """Of a report: the pairs that confidence was counted on, or why it was not."""
    if found is not None:
        return {"confidence_table": found.origin}
    if inherited is not None:
        return {"confidence_table": f"that of the weights before: {inherited.origin}"}
    return {"confidence_table": "that of released weights"}
