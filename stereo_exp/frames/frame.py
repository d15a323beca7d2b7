"""What every kind of input hands out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from stereo_exp.data.sample import StereoSample
from stereo_exp.runtime.images import check_one_size


class Frames(Protocol):
    """Pairs in order."""

    is_sequence: bool
    """Whether one pair follows another in time, as a video's do."""

    def __len__(self) -> int:
        """How many pairs there are; 0 where nobody knows (cameras, some videos)."""
        ...

    def __iter__(self) -> Iterator[StereoSample]:
        """The pairs, without truth.

        Raises:
            UserError: a file is damaged, the views differ in size, or a device stops.
        """
        ...


def pair_of(key: str, left: np.ndarray, right: np.ndarray, right_name: object) -> StereoSample:
    """A pair of one size.

    Raises:
        UserError: the views differ in size.
    """
    check_one_size(left, right, "infer.right", right_name)
    return StereoSample(key, left, right)
