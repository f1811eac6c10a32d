"""What a recorded demo holds: frames by stamp, latencies, detections, the node's own words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from mcap.exceptions import McapError
from mcap.reader import make_reader
import numpy as np

from morngan_ros.bags import stamp_ns
from morngan_ros.bags import thermal_of
from morngan_ros.bags import typestore
from morngan_ros.errors import SourceError
from morngan_ros.exposure import Exposure

RAW = ('/image_raw', '/image_raw/compressed')
COLOR = '/color/image_raw'
OVERLAY = '/overlay/image_raw'
DETECTIONS = '/detections'
DIAGNOSTICS = '/diagnostics'


@dataclass
class Recording:
    """Facts of one recording; times in nanoseconds.

    Attributes:
        path: The .mcap file.
        sent: When each input frame was published, by its stamp.
        received: When each colour frame reached the recorder, by its stamp.
        detections: How many objects were found, by stamp.
        node: The node's last diagnostics: 'provider', 'model', 'dropped', ...
    """

    path: Path
    sent: dict[int, int] = field(default_factory=dict)
    received: dict[int, int] = field(default_factory=dict)
    detections: dict[int, int] = field(default_factory=dict)
    node: dict[str, str] = field(default_factory=dict)

    @property
    def colorized(self) -> list[int]:
        """Stamps of the input frames that have a colour frame, in their order."""
        return sorted(self.sent.keys() & self.received.keys())

    @property
    def strangers(self) -> int:
        """How many colour frames have a stamp that no input frame has."""
        return len(self.received.keys() - self.sent.keys())

    def latency_ms(self, quantile: float) -> float | None:
        """Return the time from publishing an input frame to receiving its colour frame.

        From the publisher's own send time to the reception at the recorder, a third process: all
        that a subscriber would wait. None if there is no colour frame.
        """
        waits = [self.received[stamp] - self.sent[stamp] for stamp in self.colorized]
        return round(float(np.quantile(waits, quantile)) / 1e6, 2) if waits else None

    @property
    def rate(self) -> float:
        """Input frames a second, as they were published."""
        times = sorted(self.sent.values())
        span = (times[-1] - times[0]) / 1e9 if times else 0.0
        return (len(times) - 1) / span if span > 0 else 0.0


@dataclass
class RecordedFrame:
    """One frame to show.

    Attributes:
        stamp: Header stamp in nanoseconds.
        thermal: uint8 [H, W].
        color: uint8 [H, W, 3] RGB.
        overlay: The same with detections drawn; None if it was not recorded.
    """

    stamp: int
    thermal: np.ndarray
    color: np.ndarray
    overlay: np.ndarray | None = None


def read(path: Path) -> Recording:
    """Read the facts of a recording.

    Raises:
        SourceError: The file cannot be read.
    """
    recording = Recording(path)
    for topic, sent, received, message in _messages(path):
        if topic in RAW:
            recording.sent[stamp_ns(message.header)] = sent
        elif topic == COLOR:
            recording.received[stamp_ns(message.header)] = received
        elif topic == DETECTIONS:
            recording.detections[stamp_ns(message.header)] = len(message.detections)
        elif topic == DIAGNOSTICS:
            for status in message.status:
                recording.node.update({entry.key: entry.value for entry in status.values})
    return recording


def pictures(recording: Recording, count: int) -> list[RecordedFrame]:
    """Read some frames, spread over the whole recording.

    Args:
        recording: What `read` gave.
        count: How many at most.

    Returns:
        Frames in the order of their stamps. Raw 16-bit counts are exposed each by itself.
    """
    stamps = recording.colorized
    chosen = {stamps[i] for i in np.linspace(0, len(stamps) - 1, count).round().astype(int)}
    found: dict[int, dict[str, np.ndarray]] = {stamp: {} for stamp in sorted(chosen)}
    topics = (*RAW, COLOR, OVERLAY)
    for topic, _, _, message in _messages(recording.path, topics):
        stamp = stamp_ns(message.header)
        if stamp in chosen:
            found[stamp][topic] = _pixels(topic, message)
    return [
        RecordedFrame(
            stamp,
            next(parts[topic] for topic in RAW if topic in parts),
            parts[COLOR],
            parts.get(OVERLAY),
        )
        for stamp, parts in found.items()
    ]


def _pixels(topic: str, message: Any) -> np.ndarray:
    if topic in RAW:
        return Exposure()(thermal_of(message), 0.0)
    return np.asarray(message.data).reshape(message.height, message.width, 3)


def _messages(
    path: Path, topics: tuple[str, ...] | None = None
) -> Iterator[tuple[str, int, int, Any]]:
    """Iterate over (topic, publish time, log time, message)."""
    with _named_errors(path), path.open('rb') as file:
        for schema, channel, record in make_reader(file).iter_messages(topics):
            assert schema is not None
            message = typestore().deserialize_cdr(record.data, schema.name)
            yield channel.topic, record.publish_time, record.log_time, message


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (McapError, OSError) as error:
        raise SourceError(f'recording {path} cannot be read: {error}') from error
