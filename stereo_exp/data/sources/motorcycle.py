"""The one real pair that needs no download: Middlebury 2014 Motorcycle, out of scikit-image's wheel."""

from __future__ import annotations

import numpy as np

from stereo_exp.base.errors import UserError
from stereo_exp.data.source import StereoSource
from stereo_exp.geometry.pair import Calibration, StereoSample

# Quarter-size calibration, from the docstring of skimage.data.stereo_motorcycle.
CALIBRATION = Calibration(focal=994.978, baseline=0.193001, doffs=31.086, centre=(311.193, 254.877))

_FIX = "pip install stereo_exp[train] brings it"


class MotorcycleSource(StereoSource):
    """A data set of one pair, 741×500 px, disparity 7 to 60 px, 7 % of the pixels unknown.

    scikit-image marks unknown pixels with infinity (its docstring says NaN): both become 0. Its docstring has
    the views the other way round too; in fact left (x, y) matches right (x - d, y), as everywhere in this
    project.

    Raises:
        UserError: scikit-image is not installed.
    """

    def __init__(self) -> None:
        try:
            from skimage.data import stereo_motorcycle  # takes a while to import
        except ImportError:
            raise UserError("scikit-image", "missing", "it brings the Motorcycle pair", _FIX) from None
        self._left, self._right, disparity = stereo_motorcycle()
        self._disparity = np.where(np.isfinite(disparity), disparity, 0).astype(np.float32)

    def __len__(self) -> int:
        return 1

    def key(self, index: int) -> str:
        range(1)[index]  # an index out of range must not read as the only pair
        return "motorcycle"

    def read(self, index: int) -> StereoSample:
        return StereoSample(self.key(index), self._left, self._right, self._disparity, calibration=CALIBRATION)
