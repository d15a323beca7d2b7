"""ROS 2 messages in and out of a model: what a node does between its subscriptions and its publishers.

Nothing here imports ROS. Whoever calls hands over the message classes: those of ROS, or `rosbags`' own, with which the
tests write messages and read them back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stereo_exp.geometry import Cameras, Prediction, build_camera_infos, points_in_metres, read_info, to_rgb
from stereo_exp.runtime.model import StereoModel

STEP = 1 / 256
"""The smallest difference of disparities that counts, px: what files hold."""
_FLOAT32 = 7
_POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4")])
Pack = Callable[[np.ndarray], Any]
"""uint8 N to what a message's `data` takes."""


class Depth(NamedTuple):
    """What is published of a pair, all with the stamp and the frame of its left image."""

    disparity: Any
    """`stereo_msgs/DisparityImage`: px, adjusted for the principal points; below `min_disparity`: unknown."""
    depth: Any
    """`sensor_msgs/Image`, 32FC1: m along the optical axis; NaN: unknown (REP 118)."""
    cloud: Any
    """`sensor_msgs/PointCloud2`, as high and wide as the image: x, y, z in m, x right, y down, z forward; rgb."""


class MessageStereo:
    """Pairs of image messages to messages of depth.

    Args:
        model: computes the disparity.
        types: class of a message by its name without the package: Image, DisparityImage, PointCloud2, PointField,
            RegionOfInterest.
        pack: makes bytes what the classes take: ROS's own take an `array.array` without looking at each.
        rectified: the images are rectified already, as topics called `image_rect` are.
        min_confidence: pixels less sure than this are unknown.
    """

    def __init__(
        self,
        model: StereoModel,
        types: Mapping[str, Any],
        pack: Pack = np.asarray,
        rectified: bool = False,
        min_confidence: float = 0.0,
    ) -> None:
        self.model, self.types, self.pack = model, types, pack
        self.rectified, self.min_confidence = rectified, min_confidence
        self._known: tuple[Any, Cameras] | None = None

    def __call__(self, left: Any, right: Any, left_info: Any, right_info: Any) -> Depth:
        """One pair, `sensor_msgs/Image` or `CompressedImage`, with its two `CameraInfo`.

        Raises:
            UserError: an encoding that is not known, cameras without a baseline, or views of two sizes.
        """
        cameras = self._cameras(left_info, right_info)
        found = self.model(to_rgb(left, "left"), to_rgb(right, "right"), calib=cameras)
        return self._messages(left.header, found)

    def _cameras(self, *infos: Any) -> Cameras:
        """Of two camera infos, read again only where they changed: look-up tables are made once."""
        fields = [read_info(info, self.rectified) for info in infos]
        key = repr([{name: np.asarray(value).tolist() for name, value in each.items()} for each in fields])
        if self._known is None or self._known[0] != key:
            self._known = (
                key,
                build_camera_infos((fields[0], fields[1]), (Path("left camera_info"), Path("right camera_info")), "m"),
            )
        return self._known[1]

    def _messages(self, header: Any, found: Prediction) -> Depth:
        camera, view = found.calibration, found.left
        assert camera is not None and view is not None
        known = found.trusted & (found.confidence >= self.min_confidence)
        metres = np.where(known, found.depth(), np.inf)
        is_far = ~np.isfinite(metres)
        metres = np.where(is_far, np.float32(np.nan), metres)
        # d = x_left − x_right − (cx_left − cx_right), as the message has it.
        adjusted = found.disparity + np.float32(camera.doffs)
        lowest = float(camera.doffs)
        adjusted = np.where(is_far, np.float32(lowest - 1), adjusted)
        height, width = adjusted.shape
        disparity = self.types["DisparityImage"](
            header=header,
            image=self._image(header, adjusted),
            f=float(camera.focal),
            t=float(camera.baseline),
            valid_window=self.types["RegionOfInterest"](
                x_offset=0, y_offset=0, height=height, width=width, do_rectify=False
            ),
            min_disparity=lowest,
            max_disparity=lowest + self.model.maxdisp - 1,
            delta_d=STEP,
        )
        return Depth(
            disparity, self._image(header, metres), self._cloud(header, points_in_metres(metres, camera), view)
        )

    def _image(self, header: Any, values: np.ndarray) -> Any:
        """A float map as 32FC1."""
        height, width = values.shape
        data = self.pack(np.ascontiguousarray(values, "<f4").view(np.uint8).ravel())
        return self.types["Image"](
            header=header, height=height, width=width, encoding="32FC1", is_bigendian=0, step=4 * width, data=data
        )

    def _cloud(self, header: Any, points: np.ndarray, view: np.ndarray) -> Any:
        """H×W×3 points, NaN where unknown, in the colours of the left view."""
        height, width = points.shape[:2]
        packed = np.empty((height, width), _POINT)
        packed["x"], packed["y"], packed["z"] = np.moveaxis(points, -1, 0)
        red, green, blue = np.moveaxis(view.astype(np.uint32), -1, 0)
        packed["rgb"] = red << 16 | green << 8 | blue
        kind = self.types["PointField"]
        fields = [
            kind(name=name, offset=4 * i, datatype=_FLOAT32, count=1) for i, name in enumerate(_POINT.names or ())
        ]
        return self.types["PointCloud2"](
            header=header,
            height=height,
            width=width,
            fields=fields,
            is_bigendian=False,
            point_step=_POINT.itemsize,
            row_step=_POINT.itemsize * width,
            data=self.pack(packed.view(np.uint8).ravel()),
            is_dense=False,
        )
