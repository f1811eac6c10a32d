"""What can be read from an ONNX file without any runtime: that it is whole, and its metadata."""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
import hashlib
from pathlib import Path

from morngan_ros.errors import ModelError

# Numbers of the fields of ONNX messages, fixed by the standard.
_GRAPH = 7
_METADATA = 14
_KEY = 1
_VALUE = 2
_EXTERNAL_DATA = 13

# The way to all tensors: in each kind of message, the fields to follow and what is in them.
_INSIDE = {
    'model': {_GRAPH: 'graph', 25: 'function'},
    'graph': {1: 'node', 5: 'tensor', 15: 'sparse tensor'},
    'function': {7: 'node', 11: 'attribute'},
    'node': {5: 'attribute'},
    'attribute': {
        **{5: 'tensor', 10: 'tensor', 22: 'sparse tensor', 23: 'sparse tensor'},
        **{6: 'graph', 11: 'graph'},
    },
    'sparse tensor': {1: 'tensor', 2: 'tensor'},
}

# Weights of gigabytes are hashed piece by piece.
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An ONNX file on disk.

    Attributes:
        path: of the file.
        sha256: of its bytes; where weights are kept in files beside it, also of theirs.
        metadata: its metadata properties.
    """

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
        ModelError: the file is missing, empty, cut off, or something else than ONNX; or a file
            with weights is missing or not beside it.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ModelError(f'{path}: no such model file; give the path of an exported .onnx file')
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise ModelError(
            f'{path}: cannot be read ({error.strerror}); check its permissions'
        ) from error
    metadata: dict[str, str] = {}
    has_graph = False
    try:
        for number, value in _fields(data):
            if number == _GRAPH:
                has_graph = True
            elif number == _METADATA:
                key, text = _entry(value)
                metadata[key] = text
        weights = sorted(set(_locations(data)))
    except (ValueError, KeyError):
        has_graph = False
    if not has_graph:
        raise ModelError(
            f'{path}: not a complete ONNX model ({len(data)} bytes); '
            'it was cut off or is another kind of file: copy or export it again'
        )
    return ModelFile(path, _digest(path, data, weights), metadata)


def _digest(path: Path, data: memoryview, weights: Sequence[str]) -> str:
    """Hash a model and the files with its weights: training may change only those.

    Raises:
        ModelError: one of them is missing, cannot be read, or is not below the model's folder.
    """
    digest = hashlib.sha256(data)
    for name in weights:
        digest.update(_file_digest(path, Path(name)))
    return digest.hexdigest()


def _file_digest(model: Path, name: Path) -> bytes:
    if name.is_absolute() or '..' in name.parts:
        raise ModelError(
            f'{model}: names {name} for its weights, but only files in its own folder are read; '
            'export it again, in one file'
        )
    digest = hashlib.sha256()
    try:
        with (model.parent / name).open('rb') as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise ModelError(
            f'{model}: its weights {name} cannot be read ({error.strerror}); '
            'copy that file along with the model, or export it again, in one file'
        ) from error
    return digest.digest()


def _locations(message: memoryview, kind: str = 'model') -> Iterator[str]:
    """Name the files in which tensors keep their data outside, again and again.

    Raises:
        ValueError, KeyError: the bytes are no such message.
    """
    for number, value in _fields(message):
        if kind == 'tensor':
            if number == _EXTERNAL_DATA and (entry := _entry(value))[0] == 'location':
                yield entry[1]
        elif number in _INSIDE[kind]:
            yield from _locations(value, _INSIDE[kind][number])


def _entry(message: memoryview) -> tuple[str, str]:
    """Read a StringStringEntryProto.

    Raises:
        ValueError, KeyError: the bytes are none.
    """
    entry = {number: str(text, 'utf-8') for number, text in _fields(message)}
    return entry[_KEY], entry.get(_VALUE, '')


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
