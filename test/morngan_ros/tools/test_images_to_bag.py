"""Tests of tools.images_to_bag."""

import cv2
import numpy as np
import pytest

from morngan_ros.bags import BagReader
from morngan_ros.bags import STORAGES
from morngan_ros.tools.images_to_bag import main


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize(
    ('dtype', 'encoding'), [('u1', 'mono8'), ('u2', 'mono16'), ('f4', '32FC1')]
)
def test_folder_to_bag(tmp_path, storage, dtype, encoding):
    pictures = (
        np.random.default_rng(0).random((3, 12, 20)) * (250 if dtype == 'u1' else 60000)
    ).astype(dtype)
    (tmp_path / 'in').mkdir()
    suffix = 'tiff' if dtype == 'f4' else 'png'
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f'in/I{index:05d}.{suffix}'), picture)
    out = tmp_path / 'bag'
    options = ['--topic', '/thermal/image_raw', '--frame-id', 'cam', '--storage', storage]
    timing = ['--rate', '20', '--start', '1700000000.5']
    assert main([str(tmp_path / 'in'), '--out', str(out), *options, *timing]) == 0
    with BagReader(out) as bag:
        messages = list(bag.messages())
    by_topic = {t: [m for topic, _, m in messages if topic == t] for t, _, _ in messages}
    assert set(by_topic) == {'/thermal/image_raw', '/thermal/camera_info'}
    expected_ns = [1_700_000_000_500_000_000 + i * 50_000_000 for i in range(3)]
    for series in by_topic.values():
        stamps = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in series]
        assert stamps == expected_ns
        assert {m.header.frame_id for m in series} == {'cam'}
        assert {(m.width, m.height) for m in series} == {(20, 12)}
    for picture, message in zip(pictures, by_topic['/thermal/image_raw'], strict=True):
        assert message.encoding == encoding
        np.testing.assert_array_equal(message.data.view(dtype).reshape(12, 20), picture)
    assert all(info.k[0] == 0 for info in by_topic['/thermal/camera_info'])  # not calibrated


def test_a_bag_as_input_and_an_existing_output_are_refused(tmp_path, capsys):
    (tmp_path / 'in').mkdir()
    cv2.imwrite(str(tmp_path / 'in/a.png'), np.zeros((4, 4), np.uint8))
    command = [str(tmp_path / 'in'), '--out', str(tmp_path / 'bag')]
    assert main(command) == 0
    assert main(command) == 2
    assert '--overwrite' in capsys.readouterr().err
    assert main([*command, '--overwrite']) == 0
    assert main([str(tmp_path / 'bag'), '--out', str(tmp_path / 'other')]) == 2
    assert 'is a bag already' in capsys.readouterr().err
