"""Reading rosbag2 recordings, also such as were interrupted or are broken in places."""

from collections import Counter
from collections.abc import Collection
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from typing import NamedTuple

import numpy as np
from rosbags.serde import SerdeError
from zstandard import ZstdDecompressor

from morngan_ros.bags.definitions import COMPRESSED_IMAGE
from morngan_ros.bags.definitions import IMAGE
from morngan_ros.bags.definitions import typestore
from morngan_ros.bags.files import BagFiles
from morngan_ros.bags.files import find_files
from morngan_ros.bags.files import open_part
from morngan_ros.bags.files import report_missing
from morngan_ros.bags.messages import stamp_ns
from morngan_ros.bags.messages import thermal_of
from morngan_ros.bags.part import BROKEN
from morngan_ros.bags.part import by_time
from morngan_ros.bags.part import DamageError
from morngan_ros.bags.part import OnBadFrame
from morngan_ros.bags.part import Part
from morngan_ros.bags.part import RawMessage
from morngan_ros.bags.part import Stream
from morngan_ros.bags.ranking import Candidate
from morngan_ros.bags.ranking import Content
from morngan_ros.bags.ranking import content_of
from morngan_ros.bags.ranking import encoding_of
from morngan_ros.bags.ranking import rank
from morngan_ros.errors import FrameError
from morngan_ros.errors import SourceError

_IMAGES = (IMAGE, COMPRESSED_IMAGE)

# How many messages of a topic are tried for a picture to judge it by.
_LOOKS = 5
# How many topics, and how many kinds of damage, a line names.
_NAMED = 8
_REASONS = 2

_ZSTD = b'\x28\xb5\x2f\xfd'  # begins compressed data; CDR begins with a zero


class BagFrame(NamedTuple):
    """One image of a bag."""

    topic: str
    recorded_ns: int  # when the recorder received it
    stamp_ns: int  # when the camera took it, from the header
    frame_id: str
    counts: np.ndarray  # uint8 or uint16 [H, W]


class BagReader:
    """An open recording: a rosbag2 directory or a bare .mcap or .db3 file, compressed or not.

    Only what is asked for is read: topics in other encodings do no harm. Use it as a context
    manager.

    Args:
        path: The recording.
        on_bad: Called for what is missing or broken, which is then left out; without it damage
            raises SourceError.

    Attributes:
        topics: Message type of every topic that ROS 2 can read, by topic.
        notes: What was guessed or found odd, for people; complete once the recording is open.

    Raises:
        SourceError: The recording does not exist or cannot be read; also while iterating.
    """

    def __init__(self, path: str | Path, on_bad: OnBadFrame | None = None) -> None:
        self.path = Path(path)
        self.topics: dict[str, str] = {}
        self.notes: list[str] = []
        self._on_bad = on_bad
        self._files = find_files(self.path)
        self._parts: list[Part] = []
        self._counts: Counter[Stream] = Counter()
        self._damage: list[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> 'BagReader':
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(TemporaryDirectory(prefix='bag_')))
            for part in self._open_parts(self._files, scratch):
                stack.callback(part.close)
                self._parts.append(part)
            for part in self._parts:
                self._counts.update(part.counts)
            report_missing(self._files, self._counts.total(), self._report)
            self._stack = stack.pop_all()
        self.notes = [*self._files.notes, *(note for part in self._parts for note in part.notes)]
        # A topic of two types has the one with more messages.
        for stream, _ in reversed(self._counts.most_common()):
            if stream.readable:
                self.topics[stream.topic] = stream.msgtype
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def duration_ns(self) -> int:
        """Time from the first to the last message."""
        parts = [part for part in self._parts if part.counts.total()]
        if not parts:
            return 0
        return max(part.end_ns for part in parts) - min(part.start_ns for part in parts)

    def count(self, topic: str) -> int:
        """Return how many messages a topic has."""
        return sum(
            count
            for stream, count in self._counts.items()
            if (stream.topic, stream.msgtype) == (topic, self.topics.get(topic))
        )

    def image_topic(self, wanted: str | None = None) -> str:
        """Choose the topic to read images from; see `choose_images`."""
        return self.choose_images(wanted)[0]

    def choose_images(self, wanted: str | None = None) -> tuple[str, str]:
        """Choose the topic to read images from.

        Args:
            wanted: Its name; None takes the one that looks most like a thermal camera's raw
                stream, by its name and its first picture.

        Returns:
            Its name, and a sentence that says what it was chosen among; empty if there was no
            choice to make.

        Raises:
            SourceError: There is no image topic, or not the wanted one.
        """
        images = [topic for topic, kind in self.topics.items() if kind in _IMAGES]
        if not images:
            reasons = '; '.join([f'topics are: {self._held()}', *self._damage[:_REASONS]])
            raise SourceError(f'bag {self.path} has no image topic; {reasons}')
        if wanted is not None:
            for topic in (wanted, f'/{wanted}'):
                if topic in images:
                    return topic, ''
            held = _listing(images)
            raise SourceError(f'bag {self.path} has no image topic {wanted!r}; it has: {held}')
        if len(images) == 1:
            return images[0], ''
        best, *others = sorted(map(self._look, images), key=rank)
        rest = _listing([str(other) for other in others])
        return best.topic, (
            f'bag {self.path} has {len(images)} image topics; {best} is used as the thermal '
            f'camera; choose another one with --topic: {rest}'
        )

    def raw(self, topics: Collection[str] = ()) -> Iterator[RawMessage]:
        """Iterate over serialized messages in the order of recording; of all topics by default."""
        wanted = topics or self.topics
        for message in by_time((part.start_ns, part.messages(wanted)) for part in self._parts):
            if message.msgtype == self.topics[message.topic]:
                yield message._replace(data=_unpacked(message.data))

    def messages(self, topics: Collection[str] = ()) -> Iterator[tuple[str, int, Any]]:
        """Iterate over (topic, recorded_ns, message); messages have the fields of the ROS type."""
        for raw in self.raw(topics):
            try:
                message = _deserialize(raw)
            except FrameError as error:
                raise SourceError(f'bag {self.path} cannot be read: {error}') from error
            yield raw.topic, raw.recorded_ns, message

    def frames(
        self, topic: str | None = None, on_bad: OnBadFrame | None = None
    ) -> Iterator[BagFrame]:
        """Iterate over the images of one topic, raw or compressed.

        Args:
            topic: See `choose_images`.
            on_bad: Called with a name and the error of a frame that cannot be read, which is then
                skipped; without it such a frame raises FrameError.
        """
        topic = self.image_topic(topic)
        for index, raw in enumerate(self.raw([topic])):
            name = f'{topic} message {index}'
            try:
                message = _deserialize(raw)
                counts = thermal_of(message)
            except FrameError as error:
                if on_bad is None:
                    raise FrameError(f'{self.path}, {name}: {error}', error.cause) from None
                on_bad(name, error)
                continue
            header = message.header
            yield BagFrame(topic, raw.recorded_ns, stamp_ns(header), header.frame_id, counts)

    def _open_parts(self, files: BagFiles, scratch: Path) -> Iterator[Part]:
        """Open those files that can be opened: at least one."""
        errors = []
        for path in files.paths:
            try:
                yield open_part(path, scratch, self._report)
            except SourceError as error:
                errors.append((path.name, str(error)))
        if len(errors) == len(files.paths):
            raise SourceError(f'bag {self.path} cannot be read: {": ".join(errors[0])}')
        for name, reason in errors:
            self._report(name, DamageError(reason, 'unreadable file'))

    def _report(self, name: str, error: FrameError) -> None:
        if self._on_bad is None:
            raise SourceError(f'bag {self.path} cannot be read: {name}: {error}')
        self._damage.append(f'{name}: {error}')
        self._on_bad(name, error)

    def _look(self, topic: str) -> Candidate:
        """Judge a topic by its first picture; the first messages of a camera may be broken."""
        kind = self.topics[topic]
        candidate = Candidate(topic, kind, Content.EMPTY)
        for raw in islice(self.raw([topic]), _LOOKS):
            candidate = candidate._replace(content=Content.UNKNOWN)
            try:
                message = _deserialize(raw)
            except FrameError:
                continue
            candidate = Candidate(topic, kind, content_of(message), encoding_of(message))
            if candidate.content != Content.UNKNOWN:
                break
        return candidate

    def _held(self) -> str:
        """List the topics, for people; such as ROS 2 cannot read too."""
        return (
            _listing(
                sorted(
                    f'{stream.topic} ({stream.msgtype})'
                    if stream.readable
                    else f'{stream.topic} ({stream.msgtype or "no type"} in {stream.encoding})'
                    for stream in self._counts
                )
            )
            or 'none'
        )


def _listing(names: list[str]) -> str:
    more = [f'{len(names) - _NAMED} more'] if len(names) > _NAMED else []
    return ', '.join(names[:_NAMED] + more)


def _unpacked(data: bytes) -> bytes:
    """Decompress what rosbag2 compressed message by message."""
    if not data.startswith(_ZSTD):
        return data
    try:
        return ZstdDecompressor().decompressobj().decompress(data)
    except BROKEN:
        return data  # it is no message, which shows when it is read


def _deserialize(raw: RawMessage) -> Any:
    if raw.msgtype not in typestore().types:
        raise FrameError(f'the definition of {raw.msgtype} on {raw.topic} is not known')
    try:
        return typestore().deserialize_cdr(raw.data, raw.msgtype)
    except (SerdeError, *BROKEN) as error:
        raise FrameError(f'its bytes are not a complete {raw.msgtype}: {error}', 'layout') from None
