"""What every kind of input hands out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from stereo_exp.data.sample import StereoSample
from stereo_exp.errors import UserError


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
    if left.shape != right.shape:
        raise UserError(
            "infer.right",
            f"{right_name} ({right.shape[1]}x{right.shape[0]})",
            f"must be as large as the left image ({left.shape[1]}x{left.shape[0]})",
            "give the two views of one rectified pair",
        )
    return StereoSample(key, left, right)
