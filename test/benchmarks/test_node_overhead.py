"""What the benchmark of the node takes for granted."""

import numpy as np
import onnx
import pytest

pytest.importorskip('sensor_msgs', reason='needs ROS 2')

from benchmarks.node_overhead import ENCODINGS
from benchmarks.node_overhead import figures
from benchmarks.node_overhead import trivial_model
from benchmarks.node_overhead import verdict
from benchmarks.node_overhead import ways
from morngan_ros.engines import EngineOptions
from morngan_ros.generator import Generator


def test_the_trivial_model_keeps_the_contract(tmp_path):
    onnx.save(trivial_model(), tmp_path / 'trivial.onnx')
    generator = Generator.load(tmp_path / 'trivial.onnx', EngineOptions('cpu'))
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


def report(**stages: float) -> dict:
    """A report of the load test, as far as the benchmark reads it."""
    return {
        'node': {'stages_ms': stages, 'cores': 0.1},
        'latency_ms': {'all': {'p50': 9.0}},
        'frames_per_second': 30.0,
        'sent': 90,
        'arrived': 90,
    }


def test_goals_stand_beside_what_they_are_about():
    row = figures(report(transit=2.25, total=1.5, generator=1.0))
    assert (row['publish_ms'], row['node_ms'], row['arrival_ms']) == (3.75, 1.5, 9.0)
    assert (row['cores'], row['cores_without_model']) == (0.1, 0.07)
    assert verdict(row, 'publish_ms') == verdict(row, 'cores_without_model') == 'kept'
    late = figures(report(transit=2.25, total=2.0, generator=0.5))
    assert verdict(late, 'publish_ms') == verdict(late, 'cores_without_model') == 'broken'


def test_what_the_clocks_do_not_tell_is_not_measured():
    row = figures(report(total=1.5))
    assert verdict(row, 'publish_ms') == verdict(row, 'cores_without_model') == 'not measured'
