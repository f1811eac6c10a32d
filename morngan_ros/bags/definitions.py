"""Message types that bags are read and written with."""

import functools
import os
from pathlib import Path
import sys

from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from rosbags.typesys.store import Typestore

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
DETECTIONS = 'vision_msgs/msg/Detection2DArray'


@functools.cache
def typestore() -> Typestore:
    """Return the message types of ROS 2 and, where their definitions are found, of vision_msgs."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    folder = _vision_msgs_folder()
    if folder is not None:
        types = {}
        for path in sorted(folder.glob('*.msg')):
            types.update(get_types_from_msg(path.read_text(), f'vision_msgs/msg/{path.stem}'))
        store.register(types)
    return store


def _vision_msgs_folder() -> Path | None:
    """Find the definitions of vision_msgs: in the source tree, else where they are installed."""
    prefixes = [p for p in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    candidates = [
        Path(__file__).resolve().parents[2] / 'interfaces/vision_msgs/msg',
        *(Path(prefix) / 'share/vision_msgs/msg' for prefix in (*prefixes, sys.prefix)),
    ]
    return next((folder for folder in candidates if any(folder.glob('*.msg'))), None)
