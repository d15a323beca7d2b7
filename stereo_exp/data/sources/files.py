"""Pairs that lie in files of their own: what every reader of a published set shares."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from stereo_exp.base import RESTORE_OR_SKIP, ArgumentError, DataError, UserError
from stereo_exp.data.source import StereoSource
from stereo_exp.data.sources.lists import read_list
from stereo_exp.geometry import (
    Calibration,
    StereoSample,
    check_disparity,
    check_views,
    read_grey,
    read_rgb,
    zero_unknown,
)

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
            disparity = zero_unknown(values)
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


# Roots of published sets: is one there, is it the right one, and if not, what was expected.
#
# Roots may be given as the folder that holds the official one or as that folder itself.


# What gives a set away at first sight, relative to its root.
_SIGNS = {
    "kitti2015": ("disp_occ_0", "training/disp_occ_0"),
    "kitti2012": ("disp_occ", "training/disp_occ"),
    "eth3d": ("two_view_training", "two_view_training_gt", "two_view_testing"),
    "sceneflow": ("SceneFlow_finalpass_train.txt", "SceneFlow_finalpass_test.txt", "train/index.json"),
    "middlebury": ("trainingF", "trainingH", "trainingQ", "MiddEval3"),
}


@dataclass(frozen=True)
class Layout:
    """How a set lies on the disk, for people.

    Attributes:
        option: the name for `dataset=`.
        title: the set's own name.
        expected: the official folders and files.
        origin: by what name and from whom users get it.
    """

    option: str
    title: str
    expected: str
    origin: str

    def folder(self, root: Path) -> Path:
        """`root`, if it is a folder with something in it; else `UserError`."""
        try:
            if not root.is_dir():
                raise self.refusal(root, "is no folder" if root.exists() else "there is no such folder")
            if next(root.iterdir(), None) is None:
                raise self.refusal(root, "the folder is empty")
        except OSError as error:
            raise self.refusal(root, f"cannot be read ({error.strerror})") from None
        return root

    def refusal(self, root: Path, why: str | None = None) -> UserError:
        """The error for a root that does not hold this set; `why` None: it is laid out otherwise."""
        if why is None:
            why = f"does not hold {self.title}"
            other = _looks_like(root, self.option)
            if other is not None:
                return ArgumentError("root", root, f"{why} but what {{name}}={other} reads", f"use {{name}}={other}")
        return ArgumentError(
            "root",
            root,
            f"{why}; expected: {self.expected}",
            f"give the folder of {self.title} ({self.origin})",
        )


def _looks_like(root: Path, not_this: str) -> str | None:
    found = (name for name, signs in _SIGNS.items() if name != not_this and any((root / s).exists() for s in signs))
    return next(found, None)


# Some pairs of a set, by a list file: which to fine-tune on, which to hold back.


def select(pairs: Sequence[PairFiles], list_file: Path | None) -> Sequence[PairFiles]:
    """The pairs that a list names, in its order; all of them without a list.

    Args:
        pairs: every pair of the set.
        list_file: a pair a line, by its key or its left image's path, of which only the end counts
            (`000000_10.png`, or `training/colored_0/000000_10.png`). What follows on the line is left alone:
            lists with three paths a line, as KITTI's usual splits have them, serve as they are. Blank lines
            and lines that begin with `#` do not count.

    Raises:
        DataError: the list cannot be read, names nothing, or a line names no pair of the set or several.
    """
    if list_file is None:
        return pairs
    lines = read_list(list_file)[1].splitlines()
    names = _names(pairs)
    chosen = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        # A name of one's own may have blanks in it; a line of three paths has its pair in the first.
        found = names.get(_plain(line.strip())) or names.get(_plain(line.split()[0])) or ()
        if len(found) != 1:
            rule = "names several pairs" if found else "names no pair of this set"
            raise DataError(f"{list_file} line {number}", line, rule, f"pairs are named like {pairs[0].key}")
        chosen.append(pairs[found[0]])
    if not chosen:
        raise DataError(list_file, None, "the list names no pairs", f"pairs are named like {pairs[0].key}")
    return chosen


def _names(pairs: Sequence[PairFiles]) -> dict[str, tuple[int, ...]]:
    """Every end of every left path, and every key, to the pairs that it may mean; a key means its own alone."""
    names: dict[str, tuple[int, ...]] = {}
    for index, pair in enumerate(pairs):
        parts = pair.left.parts
        for start in range(len(parts)):
            name = str(PurePosixPath(*parts[start:]))
            names[name] = (*names.get(name, ()), index)
    return names | {_plain(pair.key): (index,) for index, pair in enumerate(pairs)}


def _plain(name: str) -> str:
    return str(PurePosixPath(name))
