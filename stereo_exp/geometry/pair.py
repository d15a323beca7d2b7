"""One stereo pair as every source hands it out, and the rules it must keep."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from stereo_exp.base import RESTORE_OR_SKIP, DataError


@dataclass(frozen=True)
class Calibration:
    """What turns disparity into depth: depth [m] = focal · baseline / (disparity + doffs).

    Attributes:
        focal: focal length, px of the image it belongs to.
        baseline: distance of the two cameras, metres.
        doffs: x of the right camera's principal point minus the left's, px; 0 for most rectified rigs.
        centre: x and y of the left camera's principal point, px of the whole image; None: not known. Points in space
            need it, depth does not.
        size: width and height of the images that it belongs to, px; None: not known.
    """

    focal: float
    baseline: float
    doffs: float = 0.0
    centre: tuple[float, float] | None = field(default=None, compare=False)
    size: tuple[int, int] | None = field(default=None, compare=False)

    def resize(self, size: tuple[int, int]) -> Calibration:
        """Of the same images resized to `size`, width and height; unchanged where its own size is not known.

        Pixel centres lie at whole numbers, so that x becomes (x + 0.5) · scale - 0.5, as OpenCV resizes.
        """
        if self.size is None or self.size == size:
            return replace(self, size=size)
        across, down = (new / old for new, old in zip(size, self.size, strict=True))
        centre = None
        if self.centre is not None:
            centre = (self.centre[0] + 0.5) * across - 0.5, (self.centre[1] + 0.5) * down - 0.5
        return Calibration(self.focal * across, self.baseline, self.doffs * across, centre, size)


@dataclass(frozen=True)
class StereoSample:
    """A rectified pair: left pixel (x, y) matches right pixel (x - disparity, y).

    Attributes:
        key: names the pair within its data set, stable from run to run.
        left, right: uint8 H×W×3, RGB.
        disparity: float32 H×W, px of the left image, finite; 0 or less = unknown. None: the set has no truth.
        noc: bool H×W, true where the left pixel is also seen by the right camera. None: not known.
        calibration: None where the data set has none.
        time: when it was taken, s from the source's own start; of live sources on `time.monotonic`'s clock. None: not
            known.
    """

    key: str
    left: np.ndarray
    right: np.ndarray
    disparity: np.ndarray | None = None
    noc: np.ndarray | None = None
    calibration: Calibration | None = None
    time: float | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, px."""
        return self.left.shape[0], self.left.shape[1]


def check_sample(sample: StereoSample) -> StereoSample:
    """Refuse a pair that no source may hand out: unequal sizes, or a truth with NaN or infinity in it."""
    check_views(sample.left, sample.right, sample.key)
    if sample.disparity is not None:
        check_disparity(sample.disparity, sample.size, sample.key)
        if not np.isfinite(sample.disparity).all():
            raise DataError(sample.key, "inf", "unknown disparity is 0 in a sample", "report this as a bug")
    if sample.noc is not None and sample.noc.shape != sample.size:
        raise DataError(sample.key, sample.noc.shape, f"its mask must be {sample.size}", "restore the mask")
    return sample


def check_views(left: np.ndarray, right: np.ndarray, source: object) -> None:
    """Refuse a pair whose views differ in size; `source` names the right image in the error."""
    check_sizes(left.shape[:2], right.shape[:2], source)


def check_sizes(left: tuple[int, ...], right: tuple[int, ...], source: object) -> None:
    """`check_views` on (height, width) alone."""
    if left != right:
        raise DataError(
            source,
            f"{right[1]}x{right[0]}",
            f"must be as large as the left image, {left[1]}x{left[0]}",
            RESTORE_OR_SKIP,
        )


def check_disparity(values: np.ndarray, size: tuple[int, int], source: object) -> None:
    """Refuse a disparity map of several channels, of another size than the image, or with NaN in it.

    Infinity is the field's mark for "unknown" (Middlebury, ETH3D) and passes.
    """
    if values.ndim != 2:
        raise DataError(source, f"{values.shape[2]} channels", "a disparity map has one channel", RESTORE_OR_SKIP)
    if values.shape != size:
        raise DataError(
            source,
            f"{values.shape[1]}x{values.shape[0]}",
            f"must be as large as the left image, {size[1]}x{size[0]}",
            RESTORE_OR_SKIP,
        )
    num_nan = int(np.isnan(values).sum())
    if num_nan:
        raise DataError(
            source,
            f"NaN in {num_nan} of {values.size} pixels",
            "disparity must be a number (inf: unknown)",
            RESTORE_OR_SKIP,
        )


def zero_unknown(values: np.ndarray) -> np.ndarray:
    """Disparity as `StereoSample` wants it: infinity becomes 0, everything else stays; float32 H×W."""
    infinite = np.isinf(values)
    return np.where(infinite, np.float32(0), values) if infinite.any() else values
