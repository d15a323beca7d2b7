"""A ROS 2 node: two image topics and their camera infos in; disparity, depth and a point cloud out.

Not run on ROS by us: the tests run this file with stand-ins for rclpy and message_filters, and messages that are
serialised and read back. What it does between the topics is `stereo_exp.runtime.ros`.

    pip install stereo_exp                       # into the Python that ROS uses
    python stereo_node.py --ros-args -r left/image_raw:=/camera/left/image_raw -p model:=release-slim
"""

from array import array

import message_filters
import rclpy
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField, RegionOfInterest
from stereo_msgs.msg import DisparityImage

import stereo_exp
from stereo_exp.base import UserError
from stereo_exp.runtime import MessageStereo

TYPES = {each.__name__: each for each in (DisparityImage, Image, PointCloud2, PointField, RegionOfInterest)}
# The newest message alone: a pair that waits in a queue is old before it is looked at.
NEWEST = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
PARAMETERS = {
    "model": "release",  # a release's name, or a compiled folder
    "engine": "auto",
    "device": "",  # GPU, NPU, cuda, ...; empty: the processor
    "rectified": False,  # the topics are image_rect, not image_raw
    "min_confidence": 0.0,
    "slop": 0.01,  # s by which the stamps of a pair may differ
}


class StereoNode(Node):
    """Publishes `disparity`, `depth` and `points`, each with the stamp and the frame of the left image."""

    def __init__(self) -> None:
        super().__init__("stereo")
        for name, value in PARAMETERS.items():
            self.declare_parameter(name, value)
        given = {name: self.get_parameter(name).value for name in PARAMETERS}
        model = stereo_exp.load(given["model"], engine=given["engine"], device=given["device"] or None)
        self.stereo = MessageStereo(
            model, TYPES, lambda data: array("B", data.tobytes()), given["rectified"], given["min_confidence"]
        )
        self.outputs = [
            self.create_publisher(kind, name, 1)
            for kind, name in ((DisparityImage, "disparity"), (Image, "depth"), (PointCloud2, "points"))
        ]
        image = "image_rect" if given["rectified"] else "image_raw"
        topics = [(Image, f"left/{image}"), (Image, f"right/{image}")]
        topics += [(CameraInfo, "left/camera_info"), (CameraInfo, "right/camera_info")]
        inputs = [message_filters.Subscriber(self, kind, name, qos_profile=NEWEST) for kind, name in topics]
        self.pairs = message_filters.ApproximateTimeSynchronizer(inputs, queue_size=4, slop=given["slop"])
        self.pairs.registerCallback(self.publish)

    def publish(self, *messages: object) -> None:
        """One pair."""
        try:
            for output, message in zip(self.outputs, self.stereo(*messages), strict=True):
                output.publish(message)
        except UserError as error:
            self.get_logger().error(str(error), throttle_duration_sec=5.0)


if __name__ == "__main__":
    rclpy.init()
    rclpy.spin(StereoNode())
