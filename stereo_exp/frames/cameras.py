"""Two cameras by their numbers."""

from __future__ import annotations

from collections.abc import Iterator

import cv2

from stereo_exp.data.sample import StereoSample
from stereo_exp.errors import UserError
from stereo_exp.frames.frame import pair_of


class CameraFrames:
    """Live pairs, without end; both cameras are triggered before either picture is fetched.

    Raises:
        UserError: a camera cannot be opened.
    """

    is_sequence = True

    def __init__(self, left: int, right: int) -> None:
        self._captures = [_opened(number, key) for number, key in ((left, "infer.left"), (right, "infer.right"))]

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[StereoSample]:
        try:
            index = 0
            # A list, so that both are triggered before either fails.
            while all([capture.grab() for capture in self._captures]):  # noqa: C419
                frames = [capture.retrieve() for capture in self._captures]
                if not all(found for found, _ in frames):
                    break
                left, right = (cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for _, frame in frames)
                yield pair_of(f"{index:06d}", left, right, "camera")
                index += 1
        finally:
            for capture in self._captures:
                capture.release()


def _opened(number: int, key: str) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        raise UserError(key, number, "is no camera that can be opened", "list them with: ls /dev/video*")
    return capture
