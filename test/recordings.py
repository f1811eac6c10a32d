"""Recordings as people have them, built record by record: for tests of bags and of tools."""

from collections.abc import Iterable
from pathlib import Path
import sqlite3
from typing import Any
from typing import NamedTuple

from mcap.writer import CompressionType
from mcap.writer import Writer
import numpy as np

from morngan_ros.bags import IMAGE
from morngan_ros.bags import image_message
from morngan_ros.bags import typestore

START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 100_000_000
THERMAL = '/thermal/image_raw'


class Recorded(NamedTuple):
    """One message of a recording."""

    time_ns: int
    topic: str
    data: bytes
    msgtype: str = IMAGE
    encoding: str = 'cdr'
    schema_encoding: str = 'ros2msg'
    schema: bytes | None = None  # None: the definition of the type


def counts(index: int, height: int = 24, width: int = 32) -> np.ndarray:
    """Counts of 14 bits that no other index has, and that do not compress."""
    rng = np.random.default_rng(index)
    return rng.integers(0, 2**14, (height, width), dtype=np.uint16)


def stamp(index: int) -> int:
    return START_NS + index * PERIOD_NS


def cdr(message: Any) -> bytes:
    return bytes(typestore().serialize_cdr(message, message.__msgtype__))


def frame(index: int, topic: str = THERMAL, pixels: np.ndarray | None = None) -> Recorded:
    """Make an image recorded at its stamp."""
    pixels = counts(index) if pixels is None else pixels
    return Recorded(stamp(index), topic, cdr(image_message(pixels, stamp(index), 'cam')))


def frames(indices: Iterable[int], topic: str = THERMAL) -> list[Recorded]:
    return [frame(index, topic) for index in indices]


def write_mcap(
    path: Path,
    messages: Iterable[Recorded],
    *,
    profile: str = 'ros2',
    compression: CompressionType = CompressionType.ZSTD,
    chunk_size: int = 1,
    **options: Any,
) -> Path:
    """Write a finished file, by default with a chunk for each message."""
    with path.open('wb') as file:
        writer = Writer(file, chunk_size=chunk_size, compression=compression, **options)
        writer.start(profile=profile, library='test')
        channels: dict[tuple[str, str], int] = {}
        for message in messages:
            key = message.topic, message.msgtype
            if key not in channels:
                channels[key] = _register(writer, message)
            writer.add_message(channels[key], message.time_ns, message.data, message.time_ns)
        writer.finish()
    return path


def _register(writer: Writer, message: Recorded) -> int:
    schema = 0
    if message.msgtype:
        text = message.schema
        if text is None:
            text = typestore().generate_msgdef(message.msgtype, ros_version=2)[0].encode()
        schema = writer.register_schema(message.msgtype, message.schema_encoding, text)
    return writer.register_channel(message.topic, message.encoding, schema)


def write_db3(path: Path, messages: Iterable[Recorded], *, close: bool = True) -> Any:
    """Write a file with the tables of rosbag2 on Humble.

    Args:
        path: The file.
        messages: What it holds.
        close: Finish it; otherwise the open connection is returned, with its messages in the file
            beside it, as a recorder leaves them that is killed.
    """
    database = sqlite3.connect(path)
    if not close:
        database.execute('PRAGMA journal_mode = WAL')
    database.executescript(
        """
        CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL);
        CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,
            serialization_format TEXT NOT NULL, offered_qos_profiles TEXT NOT NULL);
        CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL,
            timestamp INTEGER NOT NULL, data BLOB NOT NULL);
        CREATE INDEX timestamp_idx ON messages (timestamp ASC);
        INSERT INTO schema(schema_version, ros_distro) VALUES (3, 'humble');
        """
    )
    topics: dict[tuple[str, str], int] = {}
    for message in messages:
        key = message.topic, message.msgtype
        if key not in topics:
            topics[key] = len(topics) + 1
            database.execute(
                'INSERT INTO topics VALUES (?, ?, ?, ?, ?)',
                (topics[key], *key, message.encoding, ''),
            )
        database.execute(
            'INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)',
            (topics[key], message.time_ns, message.data),
        )
    database.commit()
    if not close:
        return database
    database.close()
    return path


class Told:
    """Collects what a reader tells that it left out: for `on_bad`."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.causes: list[str] = []

    def __call__(self, name: str, error: Any) -> None:
        self.lines.append(f'{name}: {error}')
        self.causes.append(error.cause)

    def __str__(self) -> str:
        return '\n'.join(self.lines)
