"""ROS 2 messages of a pair's depth, serialised and read back with rosbags; and the example's node, with stand-ins."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matcher import shifted_pair

from stereo_exp.base import UserError
from stereo_exp.geometry import Calibration, points_in_metres
from stereo_exp.runtime import MessageStereo, StereoModel

pytest.importorskip("rosbags", reason="rosbags is not installed (the extra ros)")
from rosbags.typesys import Stores, get_typestore

NODE = Path(__file__).resolve().parents[2] / "examples" / "ros2" / "stereo_node.py"
STORE = get_typestore(Stores.ROS2_HUMBLE)
TYPES = STORE.types
NAMES = ("stereo_msgs/msg/DisparityImage", "sensor_msgs/msg/Image", "sensor_msgs/msg/PointCloud2")
PARTS = ("sensor_msgs/msg/PointField", "sensor_msgs/msg/RegionOfInterest")
CLASSES = {name.rpartition("/")[2]: TYPES[name] for name in (*NAMES, *PARTS)}
HEIGHT, WIDTH, SHIFT = 64, 96, 9
FOCAL, BASELINE, DOFFS, CENTRE = 120.0, 0.25, 3.0, (40.5, 31.0)
VIEWS = shifted_pair(HEIGHT, WIDTH, SHIFT)


def header() -> Any:
    stamp = TYPES["builtin_interfaces/msg/Time"](sec=17, nanosec=250)
    return TYPES["std_msgs/msg/Header"](stamp=stamp, frame_id="left_optical")


def image(view: np.ndarray) -> Any:
    height, width = view.shape[:2]
    return TYPES["sensor_msgs/msg/Image"](
        header(), height, width, encoding="rgb8", is_bigendian=0, step=3 * width, data=view.ravel()
    )


def info(centre: float, shift: float) -> Any:
    """A rectified camera; the right one's projection says how far it is from the left one."""
    k = np.array([FOCAL, 0, centre, 0, FOCAL, CENTRE[1], 0, 0, 1])
    p = np.array([FOCAL, 0, centre, -FOCAL * shift, 0, FOCAL, CENTRE[1], 0, 0, 0, 1, 0])
    roi = TYPES["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    return TYPES["sensor_msgs/msg/CameraInfo"](
        header(), HEIGHT, WIDTH, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(), p, 0, 0, roi
    )


def pair() -> tuple[Any, ...]:
    return *map(image, VIEWS), info(CENTRE[0], 0.0), info(CENTRE[0] + DOFFS, BASELINE)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> StereoModel:
    from matcher import write_matcher

    return StereoModel(write_matcher(tmp_path_factory.mktemp("ros"), ("onnxruntime",)), threads=1)


@pytest.fixture(scope="module")
def returned(model: StereoModel) -> list[Any]:
    """The three messages as a subscriber gets them: through CDR and back."""
    found = MessageStereo(model, CLASSES)(*pair())
    return [
        STORE.deserialize_cdr(STORE.serialize_cdr(message, name), name)
        for message, name in zip(found, NAMES, strict=True)
    ]


def values(message: Any) -> np.ndarray:
    assert (message.encoding, message.is_bigendian, message.step) == ("32FC1", 0, 4 * WIDTH)
    return np.asarray(message.data, np.uint8).view("<f4").reshape(message.height, message.width)


def test_every_message_has_the_left_header(returned: list[Any]) -> None:
    for message in (*returned, returned[0].image):
        assert (message.header.stamp.sec, message.header.stamp.nanosec) == (17, 250)
        assert message.header.frame_id == "left_optical"


def test_disparity_is_adjusted_for_the_principal_points(model: StereoModel, returned: list[Any]) -> None:
    message, wanted = returned[0], model(*VIEWS)
    assert np.array_equal(values(message.image), wanted.disparity + np.float32(DOFFS))
    assert (message.f, message.t) == (FOCAL, BASELINE)
    assert (message.min_disparity, message.max_disparity) == (DOFFS, DOFFS + model.maxdisp - 1)
    assert message.delta_d == 1 / 256
    window = message.valid_window
    assert (window.x_offset, window.y_offset, window.height, window.width) == (0, 0, HEIGHT, WIDTH)
    # What the message promises of its fields.
    depth = message.f * message.t / values(message.image)
    assert np.allclose(depth, values(returned[1]), rtol=1e-6)


def test_depth_and_cloud_agree(returned: list[Any]) -> None:
    depth, cloud = values(returned[1]), returned[2]
    inner = depth[:, 40:]
    assert abs(np.median(inner) - FOCAL * BASELINE / (SHIFT + DOFFS)) < 0.02
    assert [(f.name, f.offset, f.datatype, f.count) for f in cloud.fields] == [
        ("x", 0, 7, 1), ("y", 4, 7, 1), ("z", 8, 7, 1), ("rgb", 12, 7, 1)
    ]  # fmt: skip
    assert (cloud.height, cloud.width, cloud.point_step, cloud.row_step) == (HEIGHT, WIDTH, 16, 16 * WIDTH)
    assert not cloud.is_bigendian and not cloud.is_dense
    data = np.asarray(cloud.data, np.uint8).reshape(HEIGHT, WIDTH, 16)
    points = np.ascontiguousarray(data[..., :12]).view("<f4")
    assert np.array_equal(points, points_in_metres(depth, Calibration(FOCAL, BASELINE, DOFFS, CENTRE)))
    # Little-endian 0x00RRGGBB.
    assert np.array_equal(data[..., 12:15][..., ::-1], VIEWS[0]) and not data[..., 15].any()


def test_what_is_not_sure_is_unknown(model: StereoModel) -> None:
    sure = model(*VIEWS).confidence
    least = float(np.median(sure))
    found = MessageStereo(model, CLASSES, min_confidence=least)(*pair())
    unknown = sure < least
    assert 0.1 < unknown.mean() < 0.9
    assert np.array_equal(np.isnan(values(found.depth)), unknown)
    assert np.array_equal(values(found.disparity.image) < found.disparity.min_disparity, unknown)
    points = np.asarray(found.cloud.data).reshape(-1, 16)[:, :12].copy().view("<f4")
    assert np.array_equal(np.isnan(points[:, 2]), unknown.ravel())


def test_cameras_are_read_once_and_again_when_they_change(model: StereoModel) -> None:
    stereo = MessageStereo(model, CLASSES)
    first, second = stereo._cameras(*pair()[2:]), stereo._cameras(*pair()[2:])
    assert first is second
    assert stereo._cameras(info(CENTRE[0], 0.0), info(CENTRE[0], 2 * BASELINE)).baseline == 2 * BASELINE


def test_one_camera_twice_is_refused(model: StereoModel) -> None:
    with pytest.raises(UserError):
        MessageStereo(model, CLASSES)(*pair()[:2], info(CENTRE[0], 0.0), info(CENTRE[0], 0.0))


class Node:
    """What the example asks of rclpy's."""

    parameters: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, name: str) -> None:
        self.published: dict[str, list[Any]] = {}
        self.errors: list[str] = []

    def declare_parameter(self, name: str, value: Any) -> None:
        self.parameters = {name: value, **self.parameters}

    def get_parameter(self, name: str) -> Any:
        return SimpleNamespace(value=self.parameters[name])

    def create_publisher(self, kind: type, name: str, depth: int) -> Any:
        return SimpleNamespace(publish=self.published.setdefault(name, []).append)

    def get_logger(self) -> Any:
        return SimpleNamespace(error=lambda told, **how: self.errors.append(told))


class Synchronizer:
    def __init__(self, inputs: list[str], queue_size: int, slop: float) -> None:
        self.inputs = inputs

    def registerCallback(self, callback: Callable[..., None]) -> None:
        self.callback = callback


def test_the_example_node(model: StereoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    if not NODE.is_file():
        pytest.skip("examples/ is not beside the tests (they run from an installed wheel)")
    assert len(NODE.read_text().splitlines()) <= 80
    messages = {**CLASSES, "CameraInfo": TYPES["sensor_msgs/msg/CameraInfo"]}
    for each, name in [(messages[name], name) for name in messages]:
        messages[name] = type(name, (each,), {"__init__": each.__init__})
    stand_ins = {
        "rclpy": {},
        "rclpy.node": {"Node": Node},
        "rclpy.qos": {
            "HistoryPolicy": SimpleNamespace(KEEP_LAST=1),
            "QoSProfile": lambda **how: how,
            "ReliabilityPolicy": SimpleNamespace(BEST_EFFORT=2),
        },
        "message_filters": {
            "Subscriber": lambda node, kind, name, qos_profile: name,
            "ApproximateTimeSynchronizer": Synchronizer,
        },
        "sensor_msgs": {},
        "sensor_msgs.msg": messages,
        "stereo_msgs": {},
        "stereo_msgs.msg": messages,
    }
    for name, contents in stand_ins.items():
        module = ModuleType(name)
        module.__dict__.update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("stereo_exp.load", lambda name, engine, device: model)
    node = runpy.run_path(str(NODE))["StereoNode"]()
    assert node.pairs.inputs == ["left/image_raw", "right/image_raw", "left/camera_info", "right/camera_info"]
    node.pairs.callback(*pair())
    assert {name: len(sent) for name, sent in node.published.items()} == {"disparity": 1, "depth": 1, "points": 1}
    # As ROS's own classes take them: array.array, not numpy.
    assert node.published["points"][0].data.typecode == "B"
    unlike = image(VIEWS[1][:, :64])
    node.pairs.callback(pair()[0], unlike, *pair()[2:])
    assert len(node.errors) == 1 and len(node.published["depth"]) == 1
