"""ROS 2 bags: two image topics, and what their camera infos say. `rosbags` reads them, imported where it is used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stereo_exp.base import ArgumentError, DataError, UserError
from stereo_exp.geometry.calibration import Cameras, build_camera_infos
from stereo_exp.geometry.frames.base import LeftOut, Stamped, match_times, pair_of
from stereo_exp.geometry.pair import StereoSample

BAG_SUFFIXES = frozenset((".mcap", ".db3"))
_IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_INFO = "sensor_msgs/msg/CameraInfo"
_LEFT = re.compile(r"(?<![a-z])(left|infra1|cam_?0|camera_?0|image_?0)(?![a-z0-9])")
_RIGHT = re.compile(r"(?<![a-z])(right|infra2|cam_?1|camera_?1|image_?1)(?![a-z0-9])")
_SHARE_OF_PERIOD = 0.25
# Encoding -> type of a sample, samples of a pixel, conversion to RGB.
_ENCODINGS: dict[str, tuple[str, int, int | None]] = {
    "mono8": ("u1", 1, cv2.COLOR_GRAY2RGB),
    "8uc1": ("u1", 1, cv2.COLOR_GRAY2RGB),
    "mono16": ("u2", 1, cv2.COLOR_GRAY2RGB),
    "16uc1": ("u2", 1, cv2.COLOR_GRAY2RGB),
    "rgb8": ("u1", 3, None),
    "bgr8": ("u1", 3, cv2.COLOR_BGR2RGB),
    "8uc3": ("u1", 3, cv2.COLOR_BGR2RGB),
    "rgba8": ("u1", 4, cv2.COLOR_RGBA2RGB),
    "bgra8": ("u1", 4, cv2.COLOR_BGRA2RGB),
    # ROS names the first row's first two pixels, OpenCV the second row's second and third.
    "bayer_rggb8": ("u1", 1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": ("u1", 1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": ("u1", 1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": ("u1", 1, cv2.COLOR_BayerGB2RGB),
    "yuv422": ("u1", 2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": ("u1", 2, cv2.COLOR_YUV2RGB_YUY2),
}


def is_bag(path: Path) -> bool:
    """A folder with a bag's metadata.yaml, or one file of it."""
    return (path / "metadata.yaml").is_file() or (path.suffix.lower() in BAG_SUFFIXES and path.is_file())


class BagFrames:
    """Pairs of two image topics of a ROS 2 bag, matched by the stamps in their headers.

    Args:
        path: the bag's folder, or its .mcap or .db3 file.
        topics: left and right; None: those whose names say left and right (infra1 and infra2, cam0 and cam1), if there
            are just two.

    Raises:
        UserError: `rosbags` is not installed, no bag, or it has no two such topics.
    """

    is_sequence = True
    is_live = False

    def __init__(self, path: Path, topics: tuple[str, str] | None = None) -> None:
        self.path, self.left_out = path, LeftOut()
        with self._open() as reader:
            there = {connection.topic: connection for connection in reader.connections}
            images = {name: each for name, each in there.items() if each.msgtype in _IMAGES}
            self.topics = find_topics(list(images), path) if topics is None else topics
            for topic in self.topics:
                if topic not in images:
                    rule = f"the bag has the image topics {', '.join(images) or 'none'}"
                    raise ArgumentError("topics", topic, rule, "give {topics} two of them")
            self._counts = [images[topic].msgcount for topic in self.topics]
            seconds = reader.duration / 1e9
            self.rate = (self._counts[0] - 1) / seconds if seconds > 0 and self._counts[0] > 1 else None
            self.cameras = self._cameras(reader, there)

    def __len__(self) -> int:
        return int(min(self._counts))

    def __iter__(self) -> Iterator[StereoSample]:
        self.left_out = LeftOut()
        tolerance = _SHARE_OF_PERIOD / (self.rate or 30.0)
        left, right = (self._messages(topic) for topic in self.topics)
        begin: float | None = None
        for index, (first, second) in enumerate(match_times(left, right, tolerance, self.left_out)):
            begin = first.time if begin is None else begin
            first_view, second_view = (
                to_rgb(each.item, f"{self.path}{topic}")
                for each, topic in zip((first, second), self.topics, strict=True)
            )
            yield pair_of(f"{index:06d}", first_view, second_view, self.topics[1], first.time - begin)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        try:
            from rosbags.highlevel import AnyReader
            from rosbags.typesys import Stores, get_typestore
        except ImportError:
            rule = "is a bag of ROS, and rosbags, which reads it, is not installed"
            raise ArgumentError("left", self.path, rule, 'pip install "stereo_exp[ros]"') from None
        try:
            with AnyReader([self.path], default_typestore=get_typestore(Stores.ROS2_HUMBLE)) as reader:
                yield reader
        except (UserError, GeneratorExit):
            raise
        except Exception as error:
            # Its exceptions have no common base, and a damaged database raises others.
            reason = f"rosbags cannot read it ({str(error)[:120]})"
            raise DataError(self.path, None, reason, "give another bag") from None

    def _messages(self, topic: str) -> Iterator[Stamped[Any]]:
        """Messages with the times of their headers; the bag's own order is when they arrived."""
        with self._open() as reader:
            connections = [each for each in reader.connections if each.topic == topic]
            for connection, _, raw in reader.messages(connections=connections):
                message = reader.deserialize(raw, connection.msgtype)
                stamp = message.header.stamp
                yield Stamped(stamp.sec + stamp.nanosec * 1e-9, message)

    def _cameras(self, reader: Any, there: Mapping[str, Any]) -> Cameras | None:
        found = []
        for topic in self.topics:
            info = there.get(f"{topic.rpartition('/')[0]}/camera_info")
            if info is None or info.msgtype != _INFO:
                return None
            first = next(reader.messages(connections=[info]), None)
            if first is None:
                return None
            message = reader.deserialize(first[2], _INFO)
            found.append(read_info(message, is_rectified="rect" in topic.rpartition("/")[2]))
        names = [Path(f"{self.path}{topic}") for topic in self.topics]
        return build_camera_infos((found[0], found[1]), (names[0], names[1]), None)


def find_topics(names: list[str], path: Path) -> tuple[str, str]:
    """The left and the right one of image topics.

    Raises:
        ArgumentError: there are none, or several.
    """
    sides = [[name for name in names if pattern.search(name.lower())] for pattern in (_LEFT, _RIGHT)]
    found = [(a, b) for a in sides[0] for b in sides[1] if _LEFT.sub("*", a.lower()) == _RIGHT.sub("*", b.lower())]
    # Of raw and compressed ones, the first is as good.
    if len(found) != 1:
        rule = f"has {len(found) or 'no'} pairs of a left and a right image topic ({', '.join(names) or 'none'})"
        raise ArgumentError("topics", path, rule, "give {topics} the left one and the right one")
    return found[0]


def read_info(message: Any, is_rectified: bool) -> dict[str, Any]:
    """The fields of a CameraInfo; of images that were rectified already, those of the rectified camera."""
    project = np.asarray(message.p, np.float64).reshape(3, 4)
    fields: dict[str, Any] = {"width": int(message.width), "height": int(message.height), "p": project}
    if is_rectified:
        return {**fields, "distortionmodel": "plumb_bob", "k": project[:, :3], "d": [0.0] * 5, "r": np.eye(3)}
    return {
        **fields,
        "distortionmodel": str(message.distortion_model),
        "k": np.asarray(message.k, np.float64),
        "d": np.asarray(message.d, np.float64).tolist(),
        "r": np.asarray(message.r, np.float64),
    }


def to_rgb(message: Any, source: str) -> np.ndarray:
    """An Image or CompressedImage as uint8 H×W×3 RGB; of 16 bits the upper 8 that are used.

    Raises:
        DataError: an encoding that is not known, or fewer bytes than it says.
    """
    if hasattr(message, "format"):
        decoded = cv2.imdecode(np.asarray(message.data, np.uint8), cv2.IMREAD_COLOR)
        if decoded is None:
            raise DataError(source, message.format, "is no image that OpenCV decodes", "record it again")
        return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    encoding = str(message.encoding).lower()
    if encoding not in _ENCODINGS:
        raise DataError(source, encoding, f"must be one of {', '.join(_ENCODINGS)}", "convert the topic's images")
    kind, samples, code = _ENCODINGS[encoding]
    height, width, step = int(message.height), int(message.width), int(message.step)
    data = np.asarray(message.data, np.uint8)
    row = width * samples * np.dtype(kind).itemsize
    if step < row or height < 1 or width < 1 or data.size < height * step:
        raise DataError(source, f"{data.size} bytes", f"too few for {width}x{height} {encoding}", "record it again")
    rows = np.ascontiguousarray(data[: height * step].reshape(height, step)[:, :row])
    order = ">" if message.is_bigendian else "<"
    pixels = rows.view(np.dtype(f"{order}{kind}")).reshape(height, width, samples)
    if kind == "u2":
        bits = next(bits for bits in (8, 10, 12, 14, 16) if int(pixels.max()) < 1 << bits)
        pixels = (pixels >> (bits - 8)).astype(np.uint8)
    return np.ascontiguousarray(pixels) if code is None else cv2.cvtColor(pixels, code)
