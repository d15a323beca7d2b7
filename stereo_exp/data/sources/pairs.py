"""One's own pairs, listed by `pair_table` or `pair_pattern`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo_exp.data.formats.disparity import read_disparity
from stereo_exp.data.sample import Calibration
from stereo_exp.data.sources.files import FilesSource, PairFiles


@dataclass(frozen=True)
class OwnPair(PairFiles):
    """The files of a pair of one's own, and its calibration where it is known."""

    calibration: Calibration | None = None


class PairsSource(FilesSource):
    """Pairs of one's own.

    Args:
        pairs: where their files lie.
        scale: disparity files hold disparity times this; None as in `read_disparity`.
        calibration: of the pairs that have none of their own; None: not known.
    """

    def __init__(
        self, pairs: Sequence[OwnPair], *, scale: float | None = None, calibration: Calibration | None = None
    ) -> None:
        super().__init__(pairs)
        self.scale, self.default_calibration = scale, calibration

    def disparity(self, pair: PairFiles, path: Path, size: tuple[int, int]) -> np.ndarray:
        return read_disparity(path, self.scale)

    def calibration(self, pair: PairFiles) -> Calibration | None:
        assert isinstance(pair, OwnPair)
        return pair.calibration or self.default_calibration
