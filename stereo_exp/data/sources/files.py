"""Pairs that lie in files of their own: what every reader of a published set shares."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo_exp.data.formats.disparity_png import read_grey
from stereo_exp.data.formats.image import read_rgb
from stereo_exp.data.sample import (
    Calibration,
    StereoSample,
    StereoSource,
    check_disparity,
    check_views,
    known_disparity,
)
from stereo_exp.errors import RESTORE_OR_SKIP, DataError

_SEEN_BY_BOTH = 255


@dataclass(frozen=True)
class PairFiles:
    """Where the parts of one pair lie; None for what the set does not have.

    Attributes:
        key: the pair's name within its set.
        left, right: the images.
        disparity: truth of the left view.
        right_disparity: truth of the right view.
        noc: mask of the left pixels that the right camera sees too; what its values mean is the reader's affair.
        calib: calibration file.
    """

    key: str
    left: Path
    right: Path
    disparity: Path | None = None
    right_disparity: Path | None = None
    noc: Path | None = None
    calib: Path | None = None


class FilesSource(StereoSource):
    """A `StereoSource` over `PairFiles`. A reader fills in the three methods that turn files into numbers.

    Args:
        pairs: in the order in which they are read.
    """

    def __init__(self, pairs: Sequence[PairFiles]) -> None:
        self.pairs = tuple(pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def has_truth(self) -> bool:
        """Whether any pair names a file of truth."""
        return any(pair.disparity is not None for pair in self.pairs)

    def key(self, index: int) -> str:
        return self.pairs[index].key

    def read(self, index: int) -> StereoSample:
        """One pair. `DataError`: a file is missing or damaged, or its size is not the left image's."""
        pair = self.pairs[index]
        left, right = read_rgb(pair.left), read_rgb(pair.right)
        check_views(left, right, pair.right)
        disparity = noc = None
        if pair.disparity is not None:
            size = (left.shape[0], left.shape[1])
            values = self.disparity(pair, pair.disparity, size)
            check_disparity(values, size, pair.disparity)
            disparity = known_disparity(values)
            noc = self.noc(pair, disparity)
        return StereoSample(pair.key, left, right, disparity, noc, self.calibration(pair))

    @abstractmethod
    def disparity(self, pair: PairFiles, path: Path, size: tuple[int, int]) -> np.ndarray:
        """Truth as the file has it: float32 H×W, px; 0, negative or infinite where unknown.

        Args:
            pair: whose truth it is.
            path: of the left or of the right view.
            size: height and width of the images, which may tell the scale.
        """

    def noc(self, pair: PairFiles, disparity: np.ndarray) -> np.ndarray | None:
        """Bool H×W, true where the right camera sees the left pixel too; None where it is not known.

        As it stands: Middlebury's and ETH3D's mask, 255 = seen by both, 128 = occluded, 0 = unknown.
        """
        if pair.noc is None:
            return None
        return mask_of_size(read_grey(pair.noc), disparity.shape, pair.noc) == _SEEN_BY_BOTH

    def calibration(self, pair: PairFiles) -> Calibration | None:
        """What the pair's calibration file says; None where there is none."""
        return None


def mask_of_size(mask: np.ndarray, size: tuple[int, ...], path: Path) -> np.ndarray:
    """The mask itself; `DataError` unless it is as large as the truth."""
    if mask.shape != size:
        raise DataError(
            path,
            f"{mask.shape[1]}x{mask.shape[0]}",
            f"must be as large as the left image, {size[1]}x{size[0]}",
            RESTORE_OR_SKIP,
        )
    return mask
