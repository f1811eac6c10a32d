"""Reading what an ONNX file says about itself."""

import hashlib
from pathlib import Path
import shutil

import numpy as np
import onnx
from onnx import external_data_helper
from onnx import helper
from onnx import numpy_helper
from onnx import TensorProto
import pytest
from tiny_models import save_generator

from morngan_ros.engines.model_file import read_model_file
from morngan_ros.errors import ModelError


def test_metadata_and_digest_are_those_of_the_file(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    file = read_model_file(str(path))
    props = {p.key: p.value for p in onnx.load(path).metadata_props}
    assert file.metadata == props
    assert set(props) == {'morngan'}
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def save_with_weights_outside(folder: Path, level: int, location: str = 'm.data') -> Path:
    """Save a generator whose pictures all have one grey level; all tensors are in `location`."""
    folder.mkdir()
    grey = (level, level, level)
    path = save_generator(folder / 'm.onnx', {0: grey, 255: grey})
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location=location, size_threshold=0)
    return path


def test_digest_covers_weights_outside_of_the_file(tmp_path: Path) -> None:
    old = save_with_weights_outside(tmp_path / 'old', 10)
    new = save_with_weights_outside(tmp_path / 'new', 20)
    assert old.read_bytes() == new.read_bytes()
    assert read_model_file(old).sha256 != read_model_file(new).sha256
    shutil.copy(old.with_name('m.data'), new.with_name('m.data'))
    assert read_model_file(old).sha256 == read_model_file(new).sha256


def test_digest_covers_constants_in_branches(tmp_path: Path) -> None:
    """A tensor outside may also be the attribute of a node, in a graph within the graph."""
    digests = set()
    for level in (1, 2):
        folder = tmp_path / str(level)
        folder.mkdir()
        value = numpy_helper.from_array(np.full(3, level, np.float32), 'value')
        external_data_helper.set_external_data(value, 'c.data', offset=0, length=12)
        (folder / 'c.data').write_bytes(value.raw_data)
        value.ClearField('raw_data')
        out = helper.make_tensor_value_info('y', TensorProto.FLOAT, [3])
        node = helper.make_node('Constant', [], ['y'], value=value)
        branch = helper.make_graph([node], 'branch', [], [out])
        choice = helper.make_node('If', ['x'], ['y'], then_branch=branch, else_branch=branch)
        asked = helper.make_tensor_value_info('x', TensorProto.BOOL, [])
        model = helper.make_model(helper.make_graph([choice], 'graph', [asked], [out]))
        (folder / 'm.onnx').write_bytes(model.SerializeToString())
        digests.add(read_model_file(folder / 'm.onnx').sha256)
    assert len(digests) == 2


def test_missing_weights_are_named(tmp_path: Path) -> None:
    path = save_with_weights_outside(tmp_path / 'old', 10)
    path.with_name('m.data').unlink()
    with pytest.raises(ModelError, match=r'm\.onnx: its weights m\.data cannot be read \(No such'):
        read_model_file(path)


@pytest.mark.parametrize('where', ['../../secret', '/etc/passw'])
def test_weights_in_other_folders_are_refused(tmp_path: Path, where: str) -> None:
    path = save_with_weights_outside(tmp_path / 'old', 10, 'weights.data')
    path.write_bytes(path.read_bytes().replace(b'weights.data', f'{where:/<12}'.encode()))
    with pytest.raises(ModelError, match='only files in its own folder are read'):
        read_model_file(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r'nothing\.onnx: no such model file; give the path'):
        read_model_file(tmp_path / 'nothing.onnx')


@pytest.mark.parametrize('share', [0.0, 0.3, 0.6, 0.99])
def test_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    whole = save_generator(tmp_path / 'whole.onnx').read_bytes()
    cut = tmp_path / 'cut.onnx'
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ModelError, match=r'cut\.onnx: not a complete ONNX model'):
        read_model_file(cut)


@pytest.mark.parametrize('content', [b'\x89PNG\r\n\x1a\n' + bytes(64), b'PK\x03\x04' + bytes(99)])
def test_other_kinds_of_file_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'picture.onnx'
    path.write_bytes(content)
    with pytest.raises(ModelError, match='another kind of file'):
        read_model_file(path)
