"""Reading and writing rosbag2 recordings through the library rosbags; needs no ROS."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
import functools
import os
from pathlib import Path
import sqlite3
import struct
import sys
from types import TracebackType
from typing import Any
from typing import Literal
from typing import NamedTuple
from typing import TYPE_CHECKING
import zlib

import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.highlevel import AnyReaderError
from rosbags.interfaces import Connection
from rosbags.rosbag2 import ReaderError
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.rosbag2 import WriterError
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from rosbags.typesys.store import Typestore

from morngan_ros.calibration import Calibration
from morngan_ros.calibration import UNCALIBRATED
from morngan_ros.errors import FrameError
from morngan_ros.errors import SourceError
from morngan_ros.image_codec import decode_compressed
from morngan_ros.image_codec import decode_image

if TYPE_CHECKING:
    from morngan_ros.detector import Detection

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
DETECTIONS = 'vision_msgs/msg/Detection2DArray'

STORAGES = ('mcap', 'sqlite3')

# rosbag2 of every distribution since Humble reads version 8; 9 is refused by the older ones.
_BAG_VERSION: Literal[8] = 8

# What rosbags, and the formats below it, raise on broken files.
_BROKEN = (
    AnyReaderError,
    ReaderError,
    AssertionError,
    EOFError,
    IndexError,
    KeyError,
    OSError,
    sqlite3.Error,
    struct.error,
    TypeError,
    ValueError,
    zlib.error,
)


class RawMessage(NamedTuple):
    """One recorded message as it lies in the bag."""

    topic: str
    msgtype: str  # 'sensor_msgs/msg/Image'
    recorded_ns: int
    data: bytes  # CDR


class BagFrame(NamedTuple):
    """One image of a bag."""

    topic: str
    recorded_ns: int  # when the recorder received it
    stamp_ns: int  # when the camera took it, from the header
    frame_id: str
    counts: np.ndarray  # uint8 or uint16 [H, W]


OnBadFrame = Callable[[str, FrameError], None]


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
        Path(__file__).resolve().parents[1] / 'interfaces/vision_msgs/msg',
        *(Path(prefix) / 'share/vision_msgs/msg' for prefix in (*prefixes, sys.prefix)),
    ]
    return next((folder for folder in candidates if any(folder.glob('*.msg'))), None)


def is_bag(path: Path) -> bool:
    """Tell a bag (rosbag2 directory, .mcap, .db3; ROS 1 too, which is refused) from the rest."""
    if path.is_dir():
        return (path / 'metadata.yaml').exists()
    return path.suffix in ('.mcap', '.db3', '.bag')


class BagReader:
    """An open recording: a rosbag2 directory or a bare .mcap or .db3 file.

    Use it as a context manager.

    Raises:
        SourceError: The recording does not exist or cannot be read; also while iterating.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise SourceError(f'bag {self.path} does not exist')
        if self.path.suffix == '.bag':
            raise SourceError(
                f'{self.path} is a bag of ROS 1; convert it first: '
                f'rosbags-convert --src {self.path} --dst {self.path.stem}'
            )
        with self._named_errors():
            self._reader = AnyReader([self.path], default_typestore=typestore())

    def __enter__(self) -> 'BagReader':
        with self._named_errors():
            self._reader.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.close()

    @property
    def topics(self) -> dict[str, str]:
        """Message type of every topic, by topic."""
        return {c.topic: c.msgtype for c in self._reader.connections}

    @property
    def duration_ns(self) -> int:
        """Time from the first to the last message."""
        return self._reader.duration if self._reader.message_count else 0

    def count(self, topic: str) -> int:
        """Return how many messages a topic has."""
        return sum(c.msgcount for c in self._reader.connections if c.topic == topic)

    def image_topic(self, wanted: str | None = None) -> str:
        """Choose the topic to read images from.

        Args:
            wanted: Its name; None takes the one whose name looks most like a thermal camera's
                raw stream, uncompressed before compressed.

        Raises:
            SourceError: There is no image topic, or not the wanted one.
        """
        topics = self.topics
        images = [t for t, kind in topics.items() if kind in (IMAGE, COMPRESSED_IMAGE)]
        if not images:
            held = ', '.join(f'{t} ({kind})' for t, kind in sorted(topics.items())) or 'none'
            raise SourceError(f'bag {self.path} has no image topic; topics are: {held}')
        if wanted is not None and wanted not in images:
            raise SourceError(
                f'bag {self.path} has no image topic {wanted!r}; it has: {", ".join(images)}'
            )
        return wanted or min(images, key=lambda t: _rank(t, topics[t]))

    def raw(self, topics: Collection[str] = ()) -> Iterator[RawMessage]:
        """Iterate over serialized messages in the order of recording; of all topics by default."""
        connections = self._connections(topics)
        if not connections:
            return
        with self._named_errors():
            for connection, recorded_ns, data in self._reader.messages(connections):
                yield RawMessage(connection.topic, connection.msgtype, recorded_ns, data)

    def messages(self, topics: Collection[str] = ()) -> Iterator[tuple[str, int, Any]]:
        """Iterate over (topic, recorded_ns, message); messages have the fields of the ROS type."""
        for raw in self.raw(topics):
            with self._named_errors():
                message = self._reader.deserialize(raw.data, raw.msgtype)
            yield raw.topic, raw.recorded_ns, message

    def frames(
        self, topic: str | None = None, on_bad: OnBadFrame | None = None
    ) -> Iterator[BagFrame]:
        """Iterate over the images of one topic, raw or compressed.

        Args:
            topic: See `image_topic`.
            on_bad: Called with a name and the error of a frame that cannot be read, which is then
                skipped; without it such a frame raises FrameError.
        """
        topic = self.image_topic(topic)
        for index, (_, recorded_ns, message) in enumerate(self.messages([topic])):
            name = f'{topic} message {index}'
            try:
                counts = thermal_of(message)
            except FrameError as error:
                if on_bad is None:
                    raise FrameError(f'{self.path}, {name}: {error}', error.cause) from None
                on_bad(name, error)
                continue
            header = message.header
            yield BagFrame(topic, recorded_ns, stamp_ns(header), header.frame_id, counts)

    def _connections(self, topics: Collection[str]) -> list[Connection]:
        return [c for c in self._reader.connections if not topics or c.topic in topics]

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except _BROKEN as error:
            hint = ''
            if self.path.is_dir() and not (self.path / 'metadata.yaml').exists():
                hint = '; without metadata.yaml name the .mcap or .db3 file in it'
            raise SourceError(f'bag {self.path} cannot be read: {error}{hint}') from error


def _rank(topic: str, kind: str) -> tuple[bool, bool, str]:
    name = topic.lower()
    derived = any(word in name for word in ('color', 'colour', 'overlay', 'rgb', 'depth'))
    return derived, kind != IMAGE, topic


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
    return decode_compressed(message.data, message.format)


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
        pixels: uint8 or uint16 [H, W], or uint8 [H, W, 3].
        stamp: Header stamp in nanoseconds.
        frame_id: Header frame.
        encoding: Default: mono8, mono16 or rgb8, as the pixels say.
    """
    if not encoding:
        encoding = 'rgb8' if pixels.ndim == 3 else f'mono{pixels.itemsize * 8}'
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


class BagWriter:
    """A new rosbag2 directory; use it as a context manager.

    Args:
        path: The directory; it must not exist.
        storage: 'mcap' or 'sqlite3'.

    Raises:
        SourceError: The directory exists already or cannot be made.
    """

    def __init__(self, path: str | Path, storage: str = 'mcap') -> None:
        self.path = Path(path)
        try:
            self._writer = Writer(
                self.path, version=_BAG_VERSION, storage_plugin=StoragePlugin[storage.upper()]
            )
            self._writer.open()
        except (WriterError, OSError) as error:
            raise SourceError(f'bag {self.path} cannot be written: {error}') from None
        self._connections: dict[str, Connection] = {}

    def __enter__(self) -> 'BagWriter':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()  # also after an error: what was written so far stays readable

    def close(self) -> None:
        """Write index and metadata; nothing can be appended any more."""
        self._writer.close()

    def write(self, topic: str, message: Any, recorded_ns: int) -> None:
        """Append a message that this module made or read."""
        kind = message.__msgtype__
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic, kind, typestore=typestore()
            )
        data = typestore().serialize_cdr(message, kind)
        self._writer.write(self._connections[topic], recorded_ns, data)
