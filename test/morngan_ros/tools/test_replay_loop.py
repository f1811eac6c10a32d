"""A bag that loops, on simulated time, at several speeds: stamps, headers and exposure stay."""

from collections.abc import Iterator
import contextlib
from itertools import pairwise
import os
from pathlib import Path
import signal
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from diagnostic_msgs.msg import DiagnosticArray
from ros_fixtures import colorizer
from ros_fixtures import PATIENCE
from ros_fixtures import Probe
from ros_fixtures import probe
from ros_fixtures import ROOT
from ros_fixtures import thermal
from ros_fixtures import wait_until
from sensor_msgs.msg import Image
from tiny_models import save_generator

from morngan_ros.bags import BagWriter
from morngan_ros.bags import image_message
from morngan_ros.bags import stamp_ns

START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 100_000_000
FRAMES = 16
STAMPS = [START_NS + index * PERIOD_NS for index in range(FRAMES)]
GREY = {0: (0.0, 0.0, 0.0), 255: (255.0, 255.0, 255.0)}


@pytest.fixture
def bag(tmp_path) -> Path:
    """1.6 s of 14-bit counts that get brighter and brighter, so that the exposure moves."""
    with BagWriter(tmp_path / 'bag') as writer:
        for index, stamp in enumerate(STAMPS):
            counts = 3000 + 150 * index + 4 * thermal(seed=index).astype(np.uint16)
            writer.write('/thermal/image_raw', image_message(counts, stamp, 'lwir'), stamp)
    return tmp_path / 'bag'


@contextlib.contextmanager
def replay(bag: Path, rate: float) -> Iterator[None]:
    """Play again and again while the block lasts."""
    command = [sys.executable, '-m', 'morngan_ros.tools.replay', str(bag), '--clock', '--loop']
    command += ['--rate', str(rate), '--publish-as', '/loop/image_raw', '--wait', '1']
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL)
    try:
        yield
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def passes(messages: list[Image]) -> list[list[Image]]:
    """Split where stamps jump back."""
    jumps = [
        index
        for index, (before, after) in enumerate(pairwise(messages), 1)
        if stamp_ns(after.header) <= stamp_ns(before.header)
    ]
    return [messages[begin:end] for begin, end in pairwise([0, *jumps, len(messages)])]


def whole(messages: list[Image]) -> list[list[Image]]:
    """Return the passes of which no frame is missing; a busy machine may drop some."""
    return [one for one in passes(messages) if [stamp_ns(image.header) for image in one] == STAMPS]


def play(opened: Probe, bag: Path, rate: float) -> list[Image]:
    """Replay until the loop has begun anew and one pass was whole; returns what came."""
    before = len(opened.messages('color/image_raw'))

    def came() -> list[Image]:
        return opened.messages('color/image_raw')[before:]

    with replay(bag, rate):
        wait_until(
            lambda: len(passes(came())) > 1 and bool(whole(came())), f'two passes at rate {rate}'
        )
    return came()


def test_pictures_do_not_depend_on_the_speed_of_a_looping_bag(tmp_path, bag):
    model = save_generator(tmp_path / 'grey.onnx', GREY, info={'recipe': 'tiny'})
    parameters = {
        'model': model,
        'provider': 'cpu',
        'threads': 1,
        'use_sim_time': True,
        # No frame is lost on its way, and if the machine stalls for a moment, they wait.
        'input_reliability': 'reliable',
        'input_depth': 50,
        'output_depth': 50,
    }
    with colorizer(tmp_path, '/loop', **parameters) as process, probe('/loop') as opened:
        process.wait_for_log('generator tiny runs on')
        opened.listen(Image, 'color/image_raw')
        opened.listen(DiagnosticArray, '/diagnostics')
        shown = {}
        for rate in (0.5, 1.0, 4.0):
            came = play(opened, bag, rate)
            assert {stamp_ns(image.header) for image in came} <= set(STAMPS)
            assert {image.header.frame_id for image in came} == {'lwir'}
            shown[rate] = [np.asarray(image.data) for image in whole(came)[0]]
        known = len(opened.messages('/diagnostics'))
        wait_until(lambda: len(opened.messages('/diagnostics')) > known, 'diagnostics to go on')
        assert process.alive
    for rate in (0.5, 4.0):
        for index, (one, other) in enumerate(zip(shown[1.0], shown[rate], strict=True)):
            np.testing.assert_array_equal(one, other, f'frame {index} at rate {rate}')
    # The exposure lags behind the drift: pictures get brighter, so the window has a memory.
    means = [picture.mean() for picture in shown[1.0]]
    assert means[3] > means[0] + 5
