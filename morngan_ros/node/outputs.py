"""The topics on which results leave the node: each costs nothing while nobody watches it."""

from collections.abc import Callable
from collections.abc import Collection
from copy import copy
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from morngan_ros import overlay
from morngan_ros.host.fastdds import segment_bytes
from morngan_ros.host.fastdds import too_large
from morngan_ros.images.crop import Window
from morngan_ros.node.messages import fit_camera_info
from morngan_ros.node.messages import to_color_image
from morngan_ros.node.messages import to_compressed
from morngan_ros.node.messages import to_detections
from morngan_ros.node.qos_mismatch import QosWatch
from morngan_ros.node.topic_errors import named_topic
from morngan_ros.pipeline import Result


class Outputs:
    """The publishers of one node.

    Attributes:
        encoding: 'rgb8' or 'bgr8', of the colour image and the overlay.
        jpeg_quality: 1 to 100.
        overlay: Whether the overlay is drawn where it is watched.
        camera_info: Tells the calibration of the camera; None while it is not known.
    """

    def __init__(self, node: Node, qos: QoSProfile, watch: QosWatch) -> None:
        self.encoding = 'rgb8'
        self.jpeg_quality = 90
        self.overlay = True
        self.camera_info: Callable[[], CameraInfo | None] = lambda: None
        self._logger = node.get_logger()
        self._segment = segment_bytes()
        self._image_bytes = 0
        self._advised = False

        def publisher(kind: type, topic: str) -> 'Publisher[Any]':
            overrides = QoSOverridingOptions.with_default_policies()
            with named_topic(node.resolve_topic_name(topic)):
                return node.create_publisher(
                    kind,
                    topic,
                    copy(qos),  # rclpy writes the overrides of this topic into it
                    event_callbacks=watch.publisher(topic),
                    qos_overriding_options=overrides,
                )

        self._color = publisher(Image, 'color/image_raw')
        # The name follows a remap of color/image_raw, as with image_transport in C++.
        jpeg_topic = f'{node.resolve_topic_name("color/image_raw")}/compressed'
        self._jpeg = publisher(CompressedImage, jpeg_topic)
        self._info = publisher(CameraInfo, 'color/camera_info')
        self._overlay = publisher(Image, 'overlay/image_raw')
        self._detections = publisher(Detection2DArray, 'detections')

    def watched(self, *, detecting: bool) -> 'list[Publisher[Any]]':
        """List the publishers that have subscribers and something to say.

        Args:
            detecting: Whether there is a detector; without one, detections are not published,
                for an empty array says that nobody is there.
        """
        publishers = [self._color, self._jpeg, self._info]
        if self.overlay:
            publishers.append(self._overlay)
        if detecting:
            publishers.append(self._detections)
        return [p for p in publishers if p.get_subscription_count() > 0]

    def need_detections(self, watched: 'Collection[Publisher[Any]]') -> bool:
        """Tell whether somebody watches what the detector finds."""
        return self._detections in watched or self._overlay in watched

    def pack(
        self, watched: 'Collection[Publisher[Any]]', result: Result, header: Header, window: Window
    ) -> 'list[tuple[Publisher[Any], Any]]':
        """Make the messages that are watched.

        Args:
            watched: From `watched`.
            result: What became of the frame.
            header: Of the thermal image.
            window: The part of the thermal image that the result shows.
        """
        color = result.color
        self._image_bytes = color.nbytes
        self._advise_profile()
        packed: list[tuple[Publisher[Any], Any]] = []
        if self._color in watched:
            packed.append((self._color, to_color_image(color, header, self.encoding)))
        if self._info in watched and (known := self.camera_info()) is not None:
            info = fit_camera_info(known, window)
            info.header = header
            packed.append((self._info, info))
        if self._detections in watched:
            packed.append((self._detections, to_detections(result.detections, header)))
        if self._overlay in watched:
            drawn = overlay.draw(color, result.detections)
            packed.append((self._overlay, to_color_image(drawn, header, self.encoding)))
        if self._jpeg in watched:
            packed.append((self._jpeg, to_compressed(color, header, self.jpeg_quality)))
        return packed

    @property
    def transport_warning(self) -> str:
        """Why images that are watched get lost on their way, and the cure; empty if they do not."""
        if 2 * self._image_bytes <= self._segment:
            return ''
        if 'fastrtps' not in rclpy.get_rmw_implementation_identifier():
            return ''
        watched = self.watched(detecting=False)
        if self._color not in watched and self._overlay not in watched:
            return ''
        return too_large(self._image_bytes, self._segment)

    def _advise_profile(self) -> None:
        """Log once when frames will get lost on their way; diagnostics go on to say it."""
        if not self._advised and (transport_warning := self.transport_warning):
            self._advised = True
            self._logger.warning(transport_warning)
