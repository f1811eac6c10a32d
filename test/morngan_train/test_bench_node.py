"""What the benchmark of the node takes for granted."""

import numpy as np
import onnx
import pytest

pytest.importorskip('sensor_msgs', reason='needs ROS 2')

from morngan_ros.generator import Generator
from morngan_train.bench_node import ENCODINGS
from morngan_train.bench_node import trivial_model
from morngan_train.bench_node import ways


def test_the_trivial_model_keeps_the_contract(tmp_path):
    onnx.save(trivial_model(), tmp_path / 'trivial.onnx')
    generator = Generator.load(tmp_path / 'trivial.onnx', 'cpu')
    thermal = np.random.default_rng(0).integers(0, 256, (16, 24), np.uint8)
    np.testing.assert_array_equal(generator(thermal), np.repeat(thermal[..., None], 3, axis=2))
    assert generator.name == 'trivial'


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_both_ways_give_the_same_picture(encoding):
    bridged, own = (way() for way in ways(encoding).values())
    bgr = np.asarray(bridged.data).reshape(512, 640, 3)
    rgb = np.asarray(own.data).reshape(512, 640, 3)
    np.testing.assert_array_equal(bgr, rgb[..., ::-1])
    assert (bridged.encoding, own.encoding) == ('bgr8', 'rgb8')
