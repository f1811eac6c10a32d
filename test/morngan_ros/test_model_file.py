"""Reading what an ONNX file says about itself."""

import hashlib
from pathlib import Path

import onnx
import pytest
from tiny_models import save_generator

from morngan_ros.errors import ModelError
from morngan_ros.model_file import read_model_file


def test_metadata_and_digest_are_those_of_the_file(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    file = read_model_file(str(path))
    props = {p.key: p.value for p in onnx.load(path).metadata_props}
    assert file.metadata == props
    assert set(props) == {'morngan'}
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r'nothing\.onnx: no such model file; give the path'):
        read_model_file(tmp_path / 'nothing.onnx')


@pytest.mark.parametrize('share', [0.0, 0.3, 0.6, 0.99])
def test_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    whole = save_generator(tmp_path / 'whole.onnx').read_bytes()
    cut = tmp_path / 'cut.onnx'
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ModelError, match=r'cut\.onnx: not a whole ONNX model'):
        read_model_file(cut)


@pytest.mark.parametrize('content', [b'\x89PNG\r\n\x1a\n' + bytes(64), b'PK\x03\x04' + bytes(99)])
def test_other_kinds_of_file_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'picture.onnx'
    path.write_bytes(content)
    with pytest.raises(ModelError, match='another kind of file'):
        read_model_file(path)
