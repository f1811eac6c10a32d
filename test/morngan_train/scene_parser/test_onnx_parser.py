"""The network that judges scenes: what it may give."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper
import pytest

from morngan_ros.errors import ModelError
from morngan_train.scene_parser.onnx_parser import OnnxSceneParser

PICTURE = np.zeros((4, 6, 3), np.uint8)


def _save(path: Path, label: int) -> Path:
    """Save a parser that gives one label for every pixel, int64 [1, H, W]."""
    constants = {
        'nothing': np.array(0, np.int64),
        'label': np.array(label, np.int64),
        'axis': np.array([1], np.int64),
    }
    nodes = [
        helper.make_node('ReduceMean', ['image', 'axis'], ['mean'], keepdims=0),
        helper.make_node('Cast', ['mean'], ['whole'], to=onnx.TensorProto.INT64),
        helper.make_node('Mul', ['whole', 'nothing'], ['none']),
        helper.make_node('Add', ['none', 'label'], ['labels']),
    ]
    graph = helper.make_graph(
        nodes,
        'parser',
        [helper.make_tensor_value_info('image', onnx.TensorProto.FLOAT, [1, 3, 'H', 'W'])],
        [helper.make_tensor_value_info('labels', onnx.TensorProto.INT64, [1, 'H', 'W'])],
        [onnx.numpy_helper.from_array(v, n) for n, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)])
    model.ir_version = 10
    onnx.save(model, path)
    return path


@pytest.mark.parametrize('label', [0, 18, 255])
def test_trainids_come_through(label: int, tmp_path: Path) -> None:
    seen = OnnxSceneParser(_save(tmp_path / 'parser.onnx', label), 'cpu')(PICTURE)
    assert seen.dtype == np.uint8
    np.testing.assert_array_equal(seen, np.full((4, 6), label))


@pytest.mark.parametrize('label', [-1, 19, 256, 2**32])
def test_other_labels_are_refused_before_they_wrap_around(label: int, tmp_path: Path) -> None:
    parser = OnnxSceneParser(_save(tmp_path / 'parser.onnx', label), 'cpu')
    with pytest.raises(ModelError, match=f'parser.onnx: gave wrong labels: {label} is not a'):
        parser(PICTURE)
