"""ROS 2 bags: images of every encoding, matched by the stamps of their headers, with the cameras that they bring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stereo_exp.base.errors import DataError, UserError
from stereo_exp.geometry.frames import BagFrames, open_frames
from stereo_exp.geometry.frames.bags import find_topics
from stereo_exp.geometry.pair import Calibration
from stereo_exp.geometry.rectified import RectifiedFrames
from stereo_exp.geometry.rectify import Rig

pytest.importorskip("rosbags", reason="rosbags is not installed (the extra ros)")
from rosbags.rosbag2 import Writer
from rosbags.typesys import Stores, get_typestore

HEIGHT, WIDTH, PERIOD = 24, 32, 50_000_000
STORE = get_typestore(Stores.ROS2_HUMBLE)
TYPES = STORE.types


def view(seed: int) -> np.ndarray:
    """uint8 H×W×3 RGB, smooth."""
    noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 4)


def header(stamp: int) -> Any:
    time = TYPES["builtin_interfaces/msg/Time"](sec=stamp // 10**9, nanosec=stamp % 10**9)
    return TYPES["std_msgs/msg/Header"](stamp=time, frame_id="camera")


def encode(image: np.ndarray, encoding: str) -> tuple[np.ndarray, int]:
    """Bytes and how many a row has, four of them padding."""
    made = {
        "rgb8": lambda: image,
        "bgr8": lambda: image[..., ::-1],
        "rgba8": lambda: np.dstack([image, image[..., :1]]),
        "mono8": lambda: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None],
        "mono16": lambda: (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype("<u2") << 4)[..., None],
        "bayer_rggb8": lambda: mosaic(image),
    }[encoding]()
    rows = np.ascontiguousarray(made).reshape(HEIGHT, -1).view(np.uint8)
    padded = np.pad(rows, ((0, 0), (0, 4)))
    return padded.ravel(), padded.shape[1]


def mosaic(image: np.ndarray) -> np.ndarray:
    """Red at the first pixel, blue at the second of the second row."""
    found = image[..., 1].copy()
    found[::2, ::2], found[1::2, 1::2] = image[::2, ::2, 0], image[1::2, 1::2, 2]
    return found[..., None]


def image_message(image: np.ndarray, encoding: str, stamp: int) -> Any:
    if encoding == "jpeg":
        data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])[1].ravel()
        return TYPES["sensor_msgs/msg/CompressedImage"](header=header(stamp), format="jpeg", data=data)
    data, step = encode(image, encoding)
    return TYPES["sensor_msgs/msg/Image"](
        header=header(stamp), height=HEIGHT, width=WIDTH, encoding=encoding, is_bigendian=0, step=step, data=data
    )


def info_message(shift: float, bend: float, stamp: int) -> Any:
    matrix = np.array([[50.0, 0, 15.5], [0, 50, 11.5], [0, 0, 1]])
    project = np.hstack([matrix, np.array([[shift], [0], [0]])])
    region = TYPES["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    return TYPES["sensor_msgs/msg/CameraInfo"](
        header=header(stamp),
        height=HEIGHT,
        width=WIDTH,
        distortion_model="plumb_bob",
        d=np.array([bend, 0, 0, 0, 0]),
        k=matrix.ravel(),
        r=np.eye(3).ravel(),
        p=project.ravel(),
        binning_x=0,
        binning_y=0,
        roi=region,
    )


def write_bag(
    folder: Path, encoding: str = "rgb8", lost: tuple[int, ...] = (), topic: str = "image_raw", bend: float = 0.0
) -> Path:
    """Six pairs, the right view 3 ms behind; of `lost` ones the right view is not there."""
    kind = "sensor_msgs/msg/CompressedImage" if encoding == "jpeg" else "sensor_msgs/msg/Image"
    with Writer(folder, version=9) as writer:
        images = [writer.add_connection(f"/stereo/{v}/{topic}", kind, typestore=STORE) for v in ("left", "right")]
        infos = [
            writer.add_connection(f"/stereo/{v}/camera_info", "sensor_msgs/msg/CameraInfo", typestore=STORE)
            for v in ("left", "right")
        ]
        for i in range(6):
            for at in (0, 1):
                stamp = 10**18 + i * PERIOD + at * 3_000_000
                info = info_message(-6.0 * at, bend, stamp)
                writer.write(infos[at], stamp, STORE.serialize_cdr(info, info.__msgtype__))
                if at and i in lost:
                    continue
                message = image_message(view(10 * i + at), encoding, stamp)
                writer.write(images[at], stamp + 10**6, STORE.serialize_cdr(message, kind))
    return folder


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "mono8", "mono16", "bayer_rggb8", "jpeg"])
def test_pairs_come_as_they_were_recorded(tmp_path: Path, encoding: str) -> None:
    frames = open_frames(str(write_bag(tmp_path / "bag", encoding)), None)
    found = list(frames)
    assert len(found) == len(frames) == 6
    assert frames.rate == pytest.approx(20, rel=0.05)
    for i, sample in enumerate(found):
        assert sample.time == pytest.approx(i * PERIOD / 1e9, abs=1e-6)
        for at, image in enumerate((sample.left, sample.right)):
            expected = view(10 * i + at)
            if encoding.startswith("mono"):
                expected = np.repeat(cv2.cvtColor(expected, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
            inner = np.abs(image.astype(int) - expected)[2:-2, 2:-2]
            assert inner.max() <= {"bayer_rggb8": 40, "jpeg": 30}.get(encoding, 0)
            assert inner.mean() < 5


def test_views_that_were_lost_are_counted(tmp_path: Path) -> None:
    frames = open_frames(str(write_bag(tmp_path / "bag", lost=(1, 4))), None)
    assert [round(sample.time / 0.05) for sample in frames if sample.time is not None] == [0, 2, 3, 5]
    assert frames.left_out.unpaired == 2


def test_camera_infos_are_the_calibration(tmp_path: Path) -> None:
    straight = BagFrames(write_bag(tmp_path / "a"))
    assert straight.cameras == Calibration(50.0, pytest.approx(0.12))
    bent = RectifiedFrames(BagFrames(write_bag(tmp_path / "b", bend=-0.1)), check=False)
    assert isinstance(bent.cameras, Rig)
    next(iter(bent))
    assert bent.calibration == Calibration(50.0, pytest.approx(0.12))
    # Images that ROS rectified already are left alone.
    rectified = BagFrames(write_bag(tmp_path / "c", topic="image_rect", bend=-0.1))
    assert rectified.cameras == Calibration(50.0, pytest.approx(0.12))


def test_topics(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag")
    assert len(list(BagFrames(bag, ("/stereo/left/image_raw", "/stereo/right/image_raw")))) == 6
    with pytest.raises(UserError, match="exchange the two cameras"):
        BagFrames(bag, ("/stereo/right/image_raw", "/stereo/left/image_raw"))
    with pytest.raises(UserError, match="topics=/no: the bag has the image topics /stereo/left/image_raw"):
        BagFrames(bag, ("/no", "/stereo/left/image_raw"))
    with pytest.raises(UserError, match="no pairs of a left and a right image topic"):
        find_topics(["/camera/color/image_raw"], bag)
    with pytest.raises(UserError, match="2 pairs"):
        find_topics([f"/{a}/{v}/image" for a in "ab" for v in ("left", "right")], bag)
    assert find_topics(["/cam/infra2/image", "/cam/infra1/image", "/cam/color/image"], bag)[0] == "/cam/infra1/image"


def test_damaged_bags(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag")
    database = next(bag.glob("*.db3"))
    database.write_bytes(database.read_bytes()[:3000])
    with pytest.raises(UserError):
        list(open_frames(str(bag), None))
    (bag / "metadata.yaml").write_text("nothing: [")
    with pytest.raises(DataError, match="rosbags cannot read it"):
        open_frames(str(bag), None)
