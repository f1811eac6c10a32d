"""Messages of bags: made from pixels and detections, and read as thermal counts."""

from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

import numpy as np

from morngan_ros.bags.calibration import Calibration
from morngan_ros.bags.calibration import UNCALIBRATED
from morngan_ros.bags.definitions import CAMERA_INFO
from morngan_ros.bags.definitions import DETECTIONS
from morngan_ros.bags.definitions import IMAGE
from morngan_ros.bags.definitions import typestore
from morngan_ros.errors import SourceError
from morngan_ros.images.codec import decode_compressed
from morngan_ros.images.codec import decode_image
from morngan_ros.images.codec import grey_encoding

if TYPE_CHECKING:
    from morngan_ros.object_finder import Detection


def stamp_ns(header: Any) -> int:
    """Return the stamp of a std_msgs/Header in nanoseconds."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def thermal_of(message: Any) -> np.ndarray:
    """Return the counts of an Image or CompressedImage, uint8 or uint16 [H, W].

    Raises:
        FrameError: The picture cannot be read.
    """
    if hasattr(message, 'encoding'):
        return decode_image(
            message.encoding,
            message.height,
            message.width,
            message.step,
            message.is_bigendian,
            message.data,
        )
    return decode_compressed(message.data, message.format, quiet=True)


def sibling(topic: str, name: str) -> str:
    """Name a topic beside another: /thermal/image_raw -> /thermal/camera_info."""
    namespace, slash, _ = topic.rpartition('/')
    return f'{namespace}{slash}{name}'


def header_message(stamp: int, frame_id: str) -> Any:
    """Make a std_msgs/Header from a stamp in nanoseconds."""
    types = typestore().types
    time = types['builtin_interfaces/msg/Time'](*divmod(stamp, 1_000_000_000))
    return types['std_msgs/msg/Header'](time, frame_id)


def image_message(pixels: np.ndarray, stamp: int, frame_id: str, encoding: str = '') -> Any:
    """Make a sensor_msgs/Image.

    Args:
        pixels: uint8, uint16 or float32 [H, W], or uint8 [H, W, 3].
        stamp: Header stamp in nanoseconds.
        frame_id: Header frame.
        encoding: Default: mono8, mono16, 32FC1 or rgb8, as the pixels say.
    """
    if not encoding:
        encoding = 'rgb8' if pixels.ndim == 3 else grey_encoding(pixels.dtype)
    pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder('<'))
    return typestore().types[IMAGE](
        header=header_message(stamp, frame_id),
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels.strides[0],
        data=pixels.reshape(-1).view(np.uint8),
    )


def camera_info_message(
    height: int,
    width: int,
    stamp: int,
    frame_id: str,
    calibration: Calibration = UNCALIBRATED,
) -> Any:
    """Make a sensor_msgs/CameraInfo; K[0] = 0 says that the camera is not calibrated."""
    types = typestore().types
    roi = types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    return types[CAMERA_INFO](
        header=header_message(stamp, frame_id),
        height=height,
        width=width,
        distortion_model=calibration.distortion_model,
        d=np.array(calibration.d, np.float64),
        k=np.array(calibration.k, np.float64),
        r=np.array(calibration.r, np.float64),
        p=np.array(calibration.p, np.float64),
        binning_x=0,
        binning_y=0,
        roi=roi,
    )


def detections_message(detections: Sequence['Detection'], stamp: int, frame_id: str) -> Any:
    """Make a vision_msgs/Detection2DArray, as the node publishes it.

    Raises:
        SourceError: The definitions of vision_msgs are not on this machine.
    """
    if DETECTIONS not in typestore().types:
        raise SourceError(
            'the definitions of vision_msgs are missing, so a bag cannot hold detections; '
            'install ros-$ROS_DISTRO-vision-msgs or run from a source tree'
        )
    header = header_message(stamp, frame_id)
    types = typestore().types
    return types[DETECTIONS](header, [_detection_message(d, header) for d in detections])


def _detection_message(detection: 'Detection', header: Any) -> Any:
    types = typestore().types
    x1, y1, x2, y2 = (float(value) for value in detection.box)
    point = types['vision_msgs/msg/Point2D']((x1 + x2) / 2, (y1 + y2) / 2)
    box = types['vision_msgs/msg/BoundingBox2D'](
        types['vision_msgs/msg/Pose2D'](point, 0.0), x2 - x1, y2 - y1
    )
    pose = types['geometry_msgs/msg/PoseWithCovariance'](
        types['geometry_msgs/msg/Pose'](
            types['geometry_msgs/msg/Point'](0.0, 0.0, 0.0),
            types['geometry_msgs/msg/Quaternion'](0.0, 0.0, 0.0, 1.0),
        ),
        np.zeros(36),
    )
    hypothesis = types['vision_msgs/msg/ObjectHypothesisWithPose'](
        types['vision_msgs/msg/ObjectHypothesis'](detection.label, float(detection.score)), pose
    )
    return types['vision_msgs/msg/Detection2D'](header, [hypothesis], box, '')
