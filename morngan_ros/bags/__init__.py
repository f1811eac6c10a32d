"""Reading and writing rosbag2 recordings; needs no ROS."""

from morngan_ros.bags.definitions import COMPRESSED_IMAGE
from morngan_ros.bags.definitions import DETECTIONS
from morngan_ros.bags.definitions import IMAGE
from morngan_ros.bags.definitions import typestore
from morngan_ros.bags.files import bags_in
from morngan_ros.bags.files import holds_only_a_bag
from morngan_ros.bags.files import is_bag
from morngan_ros.bags.messages import camera_info_message
from morngan_ros.bags.messages import detections_message
from morngan_ros.bags.messages import header_message
from morngan_ros.bags.messages import image_message
from morngan_ros.bags.messages import sibling
from morngan_ros.bags.messages import stamp_ns
from morngan_ros.bags.messages import thermal_of
from morngan_ros.bags.part import DamageError
from morngan_ros.bags.part import OnBadFrame
from morngan_ros.bags.part import RawMessage
from morngan_ros.bags.reader import BagFrame
from morngan_ros.bags.reader import BagReader
from morngan_ros.bags.writer import BagWriter
from morngan_ros.bags.writer import STORAGES

__all__ = [
    'COMPRESSED_IMAGE',
    'DETECTIONS',
    'IMAGE',
    'STORAGES',
    'BagFrame',
    'BagReader',
    'BagWriter',
    'DamageError',
    'OnBadFrame',
    'RawMessage',
    'bags_in',
    'camera_info_message',
    'detections_message',
    'header_message',
    'holds_only_a_bag',
    'image_message',
    'is_bag',
    'sibling',
    'stamp_ns',
    'thermal_of',
    'typestore',
]
