"""The node is killed while it works, and a shell starts it again, as ros2 launch would."""

from collections.abc import Iterator
import contextlib
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from ros_fixtures import Probe
from ros_fixtures import probe
from ros_fixtures import ROOT
from ros_fixtures import thermal
from ros_fixtures import wait_until
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from morngan_ros.node.messages import to_image

PERIOD = 0.1
KILLS = 2
# A quiet machine of two cores takes 2 s. Tests run beside other work, and compiling a model takes
# all cores, so the bound is far above; the time itself is printed (pytest -s).
PATIENCE = 15.0


class Loop:
    """`while true; do node; done` in a shell."""

    def __init__(self, log: Path) -> None:
        self._log = log
        node = [sys.executable, '-m', 'morngan_ros.node', '--ros-args']
        with log.open('wb') as file:
            self._shell = subprocess.Popen(
                ['sh', '-c', 'while true; do "$@"; done', 'loop', *node, '-r', '__ns:=/undead'],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        """All that the nodes have printed."""
        return self._log.read_text()

    def node(self) -> int | None:
        """Return the process that the shell waits for; None between two of them."""
        for stat in Path('/proc').glob('[0-9]*/stat'):
            with contextlib.suppress(OSError):
                state, parent = stat.read_text().rpartition(')')[2].split()[:2]
                if int(parent) == self._shell.pid and state != 'Z':
                    return int(stat.parent.name)
        return None

    def end(self) -> None:
        """End shell and node."""
        os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()


@pytest.fixture
def loop(tmp_path) -> Iterator[Loop]:
    opened = Loop(tmp_path / 'node.log')
    yield opened
    opened.end()


@contextlib.contextmanager
def camera(opened: Probe) -> Iterator[None]:
    """Send frames of 640x512 at 10 Hz, stamped by the clock, while the block lasts."""
    frame = thermal(512, 640)
    stop = threading.Event()
    publisher = opened.node.create_publisher(Image, 'image_raw', 1)

    def send() -> None:
        while not stop.wait(PERIOD):
            header = Header(frame_id='thermal')
            header.stamp = opened.node.get_clock().now().to_msg()
            publisher.publish(to_image(frame, header, 'mono8'))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def wait_for_color_of(opened: Probe, moment: float) -> None:
    """Wait for the colour of a frame that was sent after a moment."""

    def came() -> bool:
        stamps = [message.header.stamp for message in opened.messages('color/image_raw')[-1:]]
        return any(stamp.sec + stamp.nanosec * 1e-9 > moment for stamp in stamps)

    wait_until(came, 'colour')


@pytest.mark.skipif(not Path('/proc').is_dir(), reason='looks into /proc')
def test_colour_comes_back_after_a_kill(loop):
    """With the model that ships, on whatever runs it here."""
    with probe('/undead') as opened, camera(opened):
        opened.listen(Image, 'color/image_raw')
        wait_for_color_of(opened, time.time())
        taken = []
        for _ in range(KILLS):
            victim = loop.node()
            assert victim is not None
            moment = time.time()
            os.kill(victim, signal.SIGKILL)
            wait_for_color_of(opened, moment + PERIOD)
            taken.append(time.time() - moment)
            assert loop.node() not in (None, victim)
        print(f'seconds from the kill to colour: {", ".join(f"{t:.2f}" for t in taken)}')
        assert max(taken) < PATIENCE, loop.log
        stamps = [m.header.stamp for m in opened.messages('color/image_raw')]
        times = [stamp.sec * 10**9 + stamp.nanosec for stamp in stamps]
        assert times == sorted(set(times))  # no frame twice, although two nodes got the last ones
