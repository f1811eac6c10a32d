"""Messages of an MCAP file, also of one that was never finished or is broken in places."""

from collections import Counter
from collections.abc import Collection
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
import struct
from typing import BinaryIO
from typing import NamedTuple

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.reader import make_reader
from mcap.records import Channel
from mcap.records import Chunk
from mcap.records import McapRecord
from mcap.records import Message
from mcap.records import Schema
from mcap.stream_reader import breakup_chunk
from mcap.stream_reader import MAGIC_SIZE
from mcap.summary import Summary

from morngan_ros.bags.part import BROKEN
from morngan_ros.bags.part import by_time
from morngan_ros.bags.part import DamageError
from morngan_ros.bags.part import OnBadFrame
from morngan_ros.bags.part import Part
from morngan_ros.bags.part import RawMessage
from morngan_ros.bags.part import Stream

# Messages outside of chunks are read in blocks of about so many bytes.
_BLOCK_SIZE = 1 << 20

_HEADER = struct.Struct('<BQ')  # of each record: what it is, how long it is


class _Block(NamedTuple):
    """Whole records that are read at once: a chunk, or messages outside of chunks."""

    start_ns: int
    offset: int
    size: int
    channels: frozenset[int]  # ids of those with messages in it; empty if nobody knows


class McapPart(Part):
    """An MCAP file; by its index, or if that is missing, by reading it all once at the start.

    Args:
        path: The file.
        on_bad: Called for what is missing or broken, which is then left out.

    Raises:
        OSError, McapError, ValueError, struct.error: It is no MCAP file.
    """

    def __init__(self, path: Path, on_bad: OnBadFrame) -> None:
        super().__init__(path)
        self._on_bad = on_bad
        self._streams: dict[int, Stream] = {}
        self._blocks: list[_Block] = []
        self._file = path.open('rb')
        try:
            if not self._read_index():
                self._scan()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Iterate over the readable messages of some topics in the order of recording."""
        wanted = {
            number: stream
            for number, stream in self._streams.items()
            if stream.readable and stream.topic in topics
        }
        return by_time(
            (block.start_ns, self._messages(block, wanted))
            for block in self._blocks
            if not block.channels or block.channels & wanted.keys()
        )

    def _messages(self, block: _Block, wanted: dict[int, Stream]) -> Iterator[RawMessage]:
        for record in sorted(self._read(block), key=lambda message: message.log_time):
            if record.channel_id in wanted:
                stream = wanted[record.channel_id]
                yield RawMessage(stream.topic, stream.msgtype, record.log_time, record.data)

    def _read(self, block: _Block) -> list[Message]:
        try:
            records = _records(self._file, block.offset, block.size)
        except BROKEN as error:
            self._report_chunk(block.offset, block.size, error)
            return []
        return [record for record in records if isinstance(record, Message)]

    def _report_chunk(self, offset: int, size: int, error: BaseException) -> None:
        reason = str(error) or type(error).__name__
        self._on_bad(
            f'chunk at byte {offset} of {self.path.name}',
            DamageError(f'{size} bytes of messages cannot be read: {reason}', 'broken chunk'),
        )

    def _read_index(self) -> bool:
        """Take channels, counts and chunks from the end of the file; False if it has none."""
        reader = make_reader(self._file)
        try:
            summary = reader.get_summary()
        except BROKEN:
            return False
        if summary is None or not _is_complete(summary):
            return False
        for channel in summary.channels.values():
            self._add_channel(channel, summary.schemas)
        statistics = summary.statistics
        assert statistics is not None
        for number, count in statistics.channel_message_counts.items():
            self.counts[self._streams[number]] += count
        self.start_ns = statistics.message_start_time
        self.end_ns = statistics.message_end_time
        self._blocks = [
            _Block(
                index.message_start_time,
                index.chunk_start_offset,
                index.chunk_length,
                frozenset(index.message_index_offsets),
            )
            for index in summary.chunk_indexes
        ]
        return True

    def _add_channel(self, channel: Channel, schemas: dict[int, Schema]) -> None:
        schema = schemas.get(channel.schema_id)
        name = '' if schema is None else schema.name
        stream = Stream(channel.topic, name, channel.message_encoding)
        self._streams[channel.id] = stream
        self.counts[stream] += 0

    def _scan(self) -> None:
        """Find channels, counts and blocks by reading the file from its start."""
        size = self._file.seek(0, 2)
        schemas: dict[int, Schema] = {}
        counts: Counter[int] = Counter()
        end = MAGIC_SIZE
        for opcode, offset, length in _walk(self._file, MAGIC_SIZE, size):
            end = offset + length
            if opcode in (Opcode.DATA_END, Opcode.FOOTER):
                self.notes.append(
                    f'{self.path.name} has no index at its end, so all of it was read once; '
                    'no message is missing'
                )
                break
            if opcode in (Opcode.CHUNK, Opcode.MESSAGE, Opcode.SCHEMA, Opcode.CHANNEL):
                self._scan_record(offset, length, schemas, counts)
        else:
            self._report_end(size - end, sum(counts.values()))
        for number, stream in self._streams.items():
            self.counts[stream] += counts[number]

    def _scan_record(
        self, offset: int, size: int, schemas: dict[int, Schema], counts: Counter[int]
    ) -> None:
        try:
            records = _records(self._file, offset, size)
        except BROKEN as error:
            self._report_chunk(offset, size, error)
            return
        messages = []
        for record in records:
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, Channel) and record.id not in self._streams:
                self._add_channel(record, schemas)
            elif isinstance(record, Message):
                messages.append(record)
        if messages:
            counts.update(message.channel_id for message in messages)
            self._add_block(offset, size, messages)

    def _add_block(self, offset: int, size: int, messages: list[Message]) -> None:
        times = [message.log_time for message in messages]
        first_ns, channels = min(times), frozenset(message.channel_id for message in messages)
        self.start_ns = min(self.start_ns, first_ns) if self._blocks else first_ns
        self.end_ns = max(self.end_ns, *times)
        last = self._blocks[-1] if self._blocks else None
        if last is not None and last.offset + last.size == offset and last.size < _BLOCK_SIZE:
            last = self._blocks.pop()
            first_ns, channels = min(first_ns, last.start_ns), channels | last.channels
            offset, size = last.offset, last.size + size
        self._blocks.append(_Block(first_ns, offset, size, channels))

    def _report_end(self, missing: int, count: int) -> None:
        seconds = (self.end_ns - self.start_ns) / 1e9
        self._on_bad(
            f'the end of {self.path.name}',
            DamageError(
                'the recorder was killed or the file was cut off; '
                f'{count} messages of {seconds:.1f} s are complete, {missing} bytes after them '
                'cannot be read',
                'cut off',
            ),
        )


def _is_complete(summary: Summary) -> bool:
    """Tell whether an index names all that is needed: writers may leave out any part of it."""
    statistics = summary.statistics
    if statistics is None or (statistics.message_count and not summary.chunk_indexes):
        return False
    counted = statistics.channel_message_counts
    used = set(counted).union(*(index.message_index_offsets for index in summary.chunk_indexes))
    return (
        sum(counted.values()) == statistics.message_count
        and used <= summary.channels.keys()
        and all(
            channel.schema_id == 0 or channel.schema_id in summary.schemas
            for channel in summary.channels.values()
        )
    )


def _walk(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Iterate over opcode, offset and size of the whole records between two places of a file.

    It ends before a record that reaches beyond `stop`, and before zeros, which are no record.
    """
    while start + _HEADER.size <= stop:
        file.seek(start)
        opcode, length = _HEADER.unpack(file.read(_HEADER.size))
        size = _HEADER.size + length
        if opcode == 0 or start + size > stop:
            return
        yield opcode, start, size
        start += size


def _records(file: BinaryIO, offset: int, size: int) -> list[McapRecord]:
    """Read schemas, channels and messages, also those in chunks, from a range of whole records."""
    file.seek(offset)
    data = file.read(size)
    if len(data) < size:
        raise McapError('the file ends before')
    found: list[McapRecord] = []
    for opcode, start, length in _walk(BytesIO(data), 0, size):
        content = data[start + _HEADER.size : start + length]
        stream = ReadDataStream(BytesIO(content))
        if opcode == Opcode.CHUNK:
            found += breakup_chunk(Chunk.read(stream), validate_crc=True)
        elif opcode == Opcode.MESSAGE:
            found.append(Message.read(stream, len(content)))
        elif opcode == Opcode.SCHEMA:
            found.append(Schema.read(stream))
        elif opcode == Opcode.CHANNEL:
            found.append(Channel.read(stream))
    return found
