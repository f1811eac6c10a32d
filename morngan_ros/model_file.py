"""What can be read from an ONNX file without any runtime: that it is whole, and its metadata."""

from collections.abc import Iterator
from dataclasses import dataclass
import hashlib
from pathlib import Path

from morngan_ros.errors import ModelError

# Numbers of the fields of onnx.ModelProto and StringStringEntryProto, fixed by the standard.
_GRAPH = 7
_METADATA = 14
_KEY = 1
_VALUE = 2


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An ONNX file on disk: its path, the SHA-256 of its bytes and its metadata properties."""

    path: Path
    sha256: str
    metadata: dict[str, str]


def read_model_file(path: str | Path) -> ModelFile:
    """Check that a file is a whole ONNX model and read its metadata.

    Args:
        path: the ONNX file; a leading `~` is expanded.

    Returns:
        Path, digest and metadata.

    Raises:
        ModelError: the file is missing, empty, cut off, or something else than ONNX.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ModelError(f'{path}: no such model file; give the path of an exported .onnx file')
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise ModelError(f'{path}: cannot be read ({error.strerror}); check its rights') from error
    metadata: dict[str, str] = {}
    has_graph = False
    try:
        for number, value in _fields(data):
            if number == _GRAPH:
                has_graph = True
            elif number == _METADATA:
                entry = {key: str(text, 'utf-8') for key, text in _fields(value)}
                metadata[entry[_KEY]] = entry.get(_VALUE, '')
    except (ValueError, KeyError):
        has_graph = False
    if not has_graph:
        raise ModelError(
            f'{path}: not a whole ONNX model ({len(data)} bytes); '
            'it was cut off or is another kind of file: copy or export it again'
        )
    return ModelFile(path, hashlib.sha256(data).hexdigest(), metadata)


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Walk the fields of one protobuf message; numbers that are not lengths are passed over.

    Raises:
        ValueError: the bytes are no protobuf message or end too early.
    """
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            _, at = _varint(data, at)
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f'unknown wire type {kind}')
        if at + size > len(data):
            raise ValueError('message ends too early')
        if kind == 2:
            yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError('number ends too early')
