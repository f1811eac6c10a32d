"""numpy <-> sensor_msgs and vision_msgs, with one copy out and none in."""

from collections.abc import Sequence
import copy
import sys

import cv2
from geometry_msgs.msg import PoseWithCovariance
import numpy as np
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header
from vision_msgs.msg import BoundingBox2D
from vision_msgs.msg import Detection2D
from vision_msgs.msg import Detection2DArray
from vision_msgs.msg import ObjectHypothesis
from vision_msgs.msg import ObjectHypothesisWithPose

from morngan_ros.errors import FrameError
from morngan_ros.images.codec import decode_compressed
from morngan_ros.images.codec import decode_image
from morngan_ros.images.codec import MAX_PIXELS
from morngan_ros.images.crop import Window
from morngan_ros.object_finder import Detection


def to_thermal(msg: Image) -> np.ndarray:
    """Read an image message as thermal counts.

    Data longer than `step * height` is allowed, as cv_bridge and rviz do; the rest is ignored.

    Returns:
        uint8, uint16 or float32 [H, W] in native byte order; a view of the message where it can be.
        Floats may be NaN or infinite: `Exposure` fills a few, and refuses many.

    Raises:
        FrameError: The encoding is unknown, or size, step and data do not fit together.
    """
    return decode_image(msg.encoding, msg.height, msg.width, msg.step, msg.is_bigendian, msg.data)


def compressed_to_thermal(msg: CompressedImage, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode a PNG (8 or 16 bits) or JPEG message.

    Args:
        msg: The message.
        max_pixels: Pictures that claim more are refused before they are decoded.

    Returns:
        uint8, uint16 or float32 [H, W].

    Raises:
        FrameError: The data is no complete picture, or too large.
    """
    return decode_compressed(msg.data, msg.format, max_pixels=max_pixels)


def to_image(pixels: np.ndarray, header: Header, encoding: str) -> Image:
    """Pack an array as it is.

    Args:
        pixels: uint8, uint16 or float32, [H, W] or [H, W, C], in the channel order of `encoding`.
        header: Goes into the message unchanged.
        encoding: A name of sensor_msgs/image_encodings.h that fits `pixels`.
    """
    packed = np.ascontiguousarray(pixels)
    message = Image(
        header=header,
        height=packed.shape[0],
        width=packed.shape[1],
        encoding=encoding,
        is_bigendian=sys.byteorder == 'big',
        step=packed.strides[0],
    )
    _fill(message, packed.reshape(-1).view(np.uint8).data)
    return message


def to_color_image(rgb: np.ndarray, header: Header, encoding: str) -> Image:
    """Pack a colour picture, uint8 [H, W, 3] RGB, as 'rgb8' or 'bgr8'."""
    if encoding == 'bgr8':
        rgb = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    return to_image(rgb, header, encoding)


def to_compressed(rgb: np.ndarray, header: Header, quality: int) -> CompressedImage:
    """Pack a colour picture, uint8 [H, W, 3] RGB, as JPEG of quality 1 to 100.

    Raises:
        FrameError: JPEG cannot hold a picture of this size.
    """
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    try:
        done, encoded = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error:  # what older OpenCV does instead of saying no
        done = False
    if not done:
        raise FrameError(
            f'a picture of {rgb.shape[1]}x{rgb.shape[0]} does not fit into JPEG', 'too large'
        )
    # The wording of compressed_image_transport, which viewers parse.
    message = CompressedImage(header=header, format='rgb8; jpeg compressed bgr8')
    _fill(message, encoded.data)
    return message


def _fill(message: Image | CompressedImage, data: memoryview) -> None:
    """Put bytes into a message, with one copy.

    To assign them takes two from Jazzy on, or looks at each value.
    """
    message.data.frombytes(data)


def to_detections(detections: Sequence[Detection], header: Header) -> Detection2DArray:
    """Pack detections; none gives an empty array, which says that nobody is there."""
    return Detection2DArray(
        header=header, detections=[_to_detection(detection, header) for detection in detections]
    )


def _to_detection(detection: Detection, header: Header) -> Detection2D:
    x1, y1, x2, y2 = (float(value) for value in detection.box)
    box = BoundingBox2D(size_x=x2 - x1, size_y=y2 - y1)
    box.center.position.x = (x1 + x2) / 2
    box.center.position.y = (y1 + y2) / 2
    hypothesis = ObjectHypothesis(class_id=detection.label, score=float(detection.score))
    result = ObjectHypothesisWithPose(hypothesis=hypothesis, pose=PoseWithCovariance())
    return Detection2D(header=header, results=[result], bbox=box)


def fit_camera_info(info: CameraInfo, window: Window) -> CameraInfo:
    """Fit a calibration to what is left of an image.

    Args:
        info: Not changed. A size of 0 in it means unknown.
        window: The size of the image as it came, and the part of it that is left.

    Returns:
        A plain copy if the image is what the camera sends: its region of interest, binned; also if
        it was calibrated at the size that is left. Else somebody resized it, or rows and columns
        were cut off: then region, scale and cut are worked into K and P, and neither region nor
        binning are left. Distortion does not depend on size.
    """
    fitted = copy.deepcopy(info)
    region = info.roi if info.roi.width and info.roi.height else RegionOfInterest()
    columns = region.width or info.width or window.full_width
    rows = region.height or info.height or window.full_height
    binning_x, binning_y = max(info.binning_x, 1), max(info.binning_y, 1)
    sent = columns // binning_x, rows // binning_y
    if info.width and info.height and sent == (window.width, window.height):
        return fitted
    x, y = window.full_width / columns, window.full_height / rows
    if sent == (window.full_width, window.full_height):
        x, y = 1 / binning_x, 1 / binning_y
    shift = -x * region.x_offset - window.left, -y * region.y_offset - window.top
    fit = np.array([[x, 0, shift[0]], [0, y, shift[1]], [0, 0, 1]])
    fitted.k = (fit @ np.reshape(info.k, (3, 3))).ravel()
    fitted.p = (fit @ np.reshape(info.p, (3, 4))).ravel()
    fitted.width, fitted.height = window.width, window.height
    fitted.roi = RegionOfInterest()
    fitted.binning_x = fitted.binning_y = 0
    return fitted
