"""A short load over three processes: what was sent, colored and received adds up."""

import json

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

import ros_fixtures  # noqa: F401  sets a DDS domain of its own
from tiny_models import save_generator

from morngan_ros.tools import load_test

SECOND = 10**9


@pytest.mark.parametrize('encoding', ['mono8', 'mono16'])
def test_frames_add_up(tmp_path, encoding):
    model = save_generator(tmp_path / 'tiny.onnx')
    out = tmp_path / 'report.json'
    command = ['--model', str(model), '--seconds', '6', '--encoding', encoding, '--out', str(out)]
    assert load_test.main(command) == 0
    report = json.loads(out.read_text())
    node = report['node']
    assert report['sent'] == 180
    # A loaded machine may drop frames, but never unseen, and none in between node and viewer.
    assert node['received'] == node['published'] + node['dropped']
    assert node['received'] > 90
    assert report['arrived'] == node['published'] > 0
    assert (report['foreign_stamps'], report['repeated'], report['out_of_order']) == (0, 0, 0)
    assert (node['bad'], node['failed'], node['exit_code']) == (0, 0, 0)
    assert report['model'] == 'tiny'
    assert {'transit', 'total', 'generator'} <= node['stages_ms'].keys()


def test_everything_is_taken_and_the_detector_is_named(tmp_path):
    model = save_generator(tmp_path / 'tiny.onnx')
    out = tmp_path / 'report.json'
    command = ['--model', str(model), '--seconds', '4', '--everything', '--detector', 'none']
    assert load_test.main([*command, '--out', str(out)]) == 0
    report = json.loads(out.read_text())
    assert report['arrived'] == report['node']['published'] > 0
    # Without a detector the overlay is the colour, and there are no detections.
    assert report['others'] == {'detections': 0, 'overlay/image_raw': report['arrived']}
    assert report['detector'] == 'off'


def test_summary_of_frames_that_went_wrong():
    """One frame a second for 60 s: 100 ms late at first, 300 ms at last; some trouble between."""
    sent = [second * SECOND for second in range(1, 61)]
    late = {second: 0.1 if second <= 30 else 0.3 for second in range(1, 61)}
    arrivals = [(s * SECOND, round((s + late[s]) * SECOND)) for s in range(1, 61) if s != 20]
    arrivals.insert(40, arrivals[39])  # twice
    arrivals.insert(30, (25 * SECOND + 1, 31 * SECOND))  # of another stamp, and older
    report = load_test.summarize(sent, arrivals, 60.0)
    assert (report['sent'], report['arrived']) == (60, 61)
    assert (report['foreign_stamps'], report['repeated'], report['out_of_order']) == (1, 1, 1)
    assert report['latency_ms']['first'] == {'p50': 100.0, 'p95': 100.0}
    assert report['latency_ms']['last'] == {'p50': 300.0, 'p95': 300.0}


def test_missing_model_ends_with_the_reason(tmp_path, capsys):
    missing = tmp_path / 'missing.onnx'
    assert load_test.main(['--model', str(missing), '--seconds', '1']) == 2
    assert 'missing.onnx' in capsys.readouterr().err
