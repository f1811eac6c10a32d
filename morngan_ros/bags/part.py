"""What a file of a recording offers, whole or damaged, whatever its format."""

from abc import ABC
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from heapq import heappop
from heapq import heappush
import math
from pathlib import Path
import re
import sqlite3
import struct
from typing import NamedTuple
from typing import TypeAlias

from mcap.exceptions import McapError
from zstandard import ZstdError

from morngan_ros.errors import FrameError

#: What the formats and their libraries raise on broken bytes; lz4 raises RuntimeError.
BROKEN = (
    EOFError,
    LookupError,
    McapError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    sqlite3.Error,
    struct.error,
    TypeError,
    ValueError,
    ZstdError,
)

# 'sensor_msgs/msg/Image', 'example_interfaces/srv/AddTwoInts_Event'
_ROS_TYPE = re.compile(r'[A-Za-z]\w*/\w+/\w+')


class DamageError(FrameError):
    """A stretch of a recording cannot be read.

    Args:
        message: What is wrong and how much is missing, for people.
        cause: The kind of damage in two words, by which it is counted: 'cut off', 'broken chunk'.
    """


#: Called with the name of a frame or of a stretch of a bag that cannot be read, and the reason.
OnBadFrame = Callable[[str, FrameError], None]


class RawMessage(NamedTuple):
    """One recorded message as it lies in the bag."""

    topic: str
    msgtype: str  # 'sensor_msgs/msg/Image'
    recorded_ns: int
    data: bytes  # CDR


class Stream(NamedTuple):
    """Messages of one topic and one type."""

    topic: str
    msgtype: str
    encoding: str  # 'cdr' is what ROS 2 writes; 'json', 'protobuf'

    @property
    def readable(self) -> bool:
        """Whether these are messages of ROS 2."""
        return self.encoding == 'cdr' and _ROS_TYPE.fullmatch(self.msgtype) is not None


class Part(ABC):
    """One open file of a recording.

    Attributes:
        path: The file.
        counts: How many messages each stream has, those without messages included.
        start_ns: When its first message was recorded; 0 without messages.
        end_ns: When its last message was recorded.
        notes: What a reader of it should know though nothing is lost, for people.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[Stream] = Counter()
        self.start_ns = 0
        self.end_ns = 0
        self.notes: list[str] = []

    @abstractmethod
    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Iterate over the readable messages of some topics in the order of recording."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""


def by_time(sources: Iterable[tuple[int, Iterator[RawMessage]]]) -> Iterator[RawMessage]:
    """Merge sources of messages by their time; each is opened when its time has come.

    Args:
        sources: Time of the first message in nanoseconds and the messages, for each source.
    """
    waiting: _Waiting = []
    for number, (start_ns, messages) in enumerate(sorted(sources, key=lambda source: source[0])):
        yield from _until(start_ns, waiting)
        _enter(number, messages, waiting)
    yield from _until(math.inf, waiting)


# A heap of sources: time of the next message, number of the source, that message, the others.
# The number keeps messages of one time in the order of their sources.
_Waiting: TypeAlias = list[tuple[int, int, RawMessage, Iterator[RawMessage]]]


def _enter(number: int, messages: Iterator[RawMessage], waiting: _Waiting) -> None:
    message = next(messages, None)
    if message is not None:
        heappush(waiting, (message.recorded_ns, number, message, messages))


def _until(end_ns: float, waiting: _Waiting) -> Iterator[RawMessage]:
    while waiting and waiting[0][0] < end_ns:
        _, number, message, messages = heappop(waiting)
        yield message
        _enter(number, messages, waiting)
