"""Tests of replay without listeners: pacing, pauses, and which topics it publishes."""

from collections.abc import Iterator
import json
from pathlib import Path

from dds_domain import DOMAIN
import numpy as np
import pytest
from recordings import counts
from recordings import frame
from recordings import Recorded
from recordings import write_mcap

from morngan_ros.bags import BagWriter
from morngan_ros.bags import camera_info_message
from morngan_ros.bags import image_message

pytest.importorskip('rclpy', reason='needs rclpy (make test installs it)')

from rclpy.node import Node
from rclpy.publisher import Publisher

from morngan_ros.tools import replay
from morngan_ros.tools.support import ros
from morngan_ros.tools.support.pauses import Pauses

START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 50_000_000


@pytest.fixture(autouse=True)
def private(monkeypatch) -> None:
    """Keep away from other nodes on this machine."""
    monkeypatch.setenv('ROS_DOMAIN_ID', str(DOMAIN))
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')


class Waits:
    """Stands in for the event that asks to stop: moves the clock instead of sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked = False

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.asked

    def is_set(self) -> bool:
        return self.asked


@pytest.fixture
def waits(monkeypatch) -> Waits:
    waits = Waits()
    monkeypatch.setattr(ros.time, 'monotonic', lambda: waits.now)
    return waits


@pytest.mark.parametrize('speed', [0.5, 1.0, 4.0])
def test_pacer_keeps_the_time_between_frames_at_its_speed(waits, speed):
    pacer = ros.Pacer(waits, speed)
    for millis in (0, 50, 70, 1070):
        assert pacer.wait_until(START_NS + millis * 1_000_000)
        assert waits.now - 100 == pytest.approx(millis / 1000 / speed)


def test_pacer_does_not_wait_for_what_is_late_and_begins_anew_after_a_restart(waits):
    pacer = ros.Pacer(waits)
    assert pacer.wait_until(START_NS)
    waits.now += 5
    assert pacer.wait_until(START_NS + PERIOD_NS)
    assert waits.now == 105
    pacer.restart()
    assert pacer.wait_until(START_NS)
    assert waits.now == 105


def test_pacer_ticks_forward_while_it_waits(waits):
    ticks: list[int] = []
    pacer = ros.Pacer(waits, 2.0, ticks.append)
    pacer.wait_until(START_NS)
    pacer.wait_until(START_NS + 200_000_000)
    # 0.1 s of waiting, a tick each 25 ms, that is 50 ms of recorded time.
    expected = [0, 0, 50, 100, 150, 200]
    assert [round((t - START_NS) / 1e6) for t in ticks] == expected


def test_pacer_tells_when_asked_to_stop(waits):
    pacer = ros.Pacer(waits)
    assert pacer.wait_until(START_NS)
    waits.asked = True
    assert not pacer.wait_until(START_NS + PERIOD_NS)


class Heard:
    """Stands in for a tape: notes when its events are published."""

    label = 'tape'

    def __init__(self, waits: Waits, *seconds: float) -> None:
        self._waits = waits
        self._seconds = seconds
        self.times: list[float] = []

    def __iter__(self) -> Iterator[replay.Event]:
        for second in self._seconds:
            yield replay.Event(START_NS + round(second * 1e9), self._publish, True)

    def _publish(self) -> None:
        self.times.append(round(self._waits.now - 100, 6))


HOUR = 3600
CENTURIES = 9e9


@pytest.mark.parametrize(
    ('longest', 'speed', 'recorded', 'played', 'told'),
    [
        (60, 1, (0, 1, 3), (0, 1, 3), []),
        (60, 1, (0, 7), (0, 7), ['7.0 s after 1 frames is kept']),
        (60, 1, (0, 1, 3 * HOUR), (0, 1, 61), ['3.0 hours after 2 frames is shortened to 60 s']),
        (2, 1, (0, 53, 54), (0, 2, 3), ['53.0 s after 1 frames is shortened to 2 s']),
        (0, 1, (0, CENTURIES), (0, 0), ['285.2 years after 1 frames is shortened to 0 s']),
        (10, 2, (0, 8, 30), (0, 4, 9), ['8.0 s', '22.0 s after 2 frames is shortened to 10 s']),
        (float('inf'), 1, (0, 2 * HOUR), (0, 2 * HOUR), ['2.0 hours after 1 frames is kept']),
        (1, 1, (0, 3, 6), (0, 1, 2), []),
    ],
)
def test_pauses_are_told_and_shortened(waits, capsys, longest, speed, recorded, played, told):
    tape = Heard(waits, *recorded)
    pacer = ros.Pacer(waits, speed)
    pauses = Pauses(pacer, longest)
    assert replay.play(tape, pacer, pauses) == len(recorded)
    assert tape.times == pytest.approx(played)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(told)
    for line, words in zip(lines, told, strict=True):
        assert f'a pause of {words}' in line
        assert line.endswith('--max-gap sets the longest pause')


def test_many_pauses_take_few_lines(waits, capsys):
    tape = Heard(waits, *range(0, 5000, 10))
    pacer = ros.Pacer(waits)
    pauses = Pauses(pacer, 1)
    replay.play(tape, pacer, pauses)
    pauses.sum_up()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[-1] == 'note: 499 pauses of more than 5 s in all'


def test_a_loop_after_a_pause_begins_again_one_frame_later(waits):
    tape = Heard(waits, 0, 1, 2, CENTURIES, CENTURIES + 1)
    pacer = ros.Pacer(waits)
    assert replay.play(tape, pacer, Pauses(pacer, 1), loop=True, limit=8) == 8
    assert tape.times == pytest.approx(range(8), abs=1e-4)


def test_clock_of_a_shortened_pause_jumps_once(waits):
    ticks: list[int] = []
    pacer = ros.Pacer(waits, 1.0, ticks.append)
    replay.play(Heard(waits, 0, HOUR), pacer, Pauses(pacer, 0.05))
    assert ticks == sorted(ticks)
    assert ticks[0] == START_NS
    assert all(t >= START_NS + (HOUR - 0.051) * 1e9 for t in ticks[1:])


def save_two_cameras(path: Path) -> Path:
    """A thermal camera with its camera_info and a colour one."""
    with BagWriter(path) as bag:
        for index in range(3):
            stamp = START_NS + index * PERIOD_NS
            color = np.random.default_rng(index).integers(0, 255, (8, 9, 3), dtype=np.uint8)
            bag.write('/blackfly/image_raw', image_message(color, stamp, 'rgb'), stamp)
            bag.write('/boson/image_raw', image_message(counts(index, 64, 80), stamp, 'cam'), stamp)
            bag.write('/boson/camera_info', camera_info_message(64, 80, stamp, 'cam'), stamp)
    return path


@pytest.mark.parametrize(
    ('options', 'published', 'choice'),
    [
        ((), {'/blackfly/image_raw', '/boson/image_raw', '/boson/camera_info'}, ''),
        (('--topic', '/boson/image_raw'), {'/boson/image_raw', '/boson/camera_info'}, ''),
        (('--topic', 'blackfly/image_raw'), {'/blackfly/image_raw'}, ''),
        (('--publish-as', '/t/image'), {'/t/image', '/t/camera_info'}, '/boson/image_raw (mono16)'),
        (('--topic', 'blackfly/image_raw', '--publish-as', '/t/image'), {'/t/image'}, ''),
    ],
)
def test_replay_chooses_by_topic_and_renames_by_publish_as(
    tmp_path, monkeypatch, capsys, options, published, choice
):
    created = []

    def create(node: Node, kind: type, topic: str, *rest: object) -> Publisher:
        created.append(topic)
        return publisher(node, kind, topic, *rest)

    publisher = Node.create_publisher
    bag = save_two_cameras(tmp_path / 'bag')
    monkeypatch.setattr(replay.Node, 'create_publisher', create)
    assert replay.main([str(bag), *options]) == 0
    assert {topic for topic in created if not topic.startswith('/rosout')} >= published
    assert {topic for topic in created if 'image' in topic or 'info' in topic} == published
    said = capsys.readouterr().err
    assert (choice in said and 'is used as' in said) if choice else 'is used as' not in said


def test_a_report_tells_what_was_published(tmp_path):
    bag, report = save_two_cameras(tmp_path / 'bag'), tmp_path / 'report.json'
    assert replay.main([str(bag), '--topic', '/boson/image_raw', '--report', str(report)]) == 0
    told = json.loads(report.read_text())
    assert told.pop('seconds') > 0
    assert told == {'source': 'bag bag', 'topic': '/boson/image_raw', 'frames': 3}


def test_types_that_are_not_installed_take_one_line(tmp_path, capsys):
    odd = [
        Recorded(START_NS, f'/odd{n}', b'', f'odd_msgs/msg/Odd{n}', schema=b'') for n in range(40)
    ]
    event = Recorded(START_NS, '/event', b'', 'example_interfaces/srv/Add_Event', schema=b'')
    path = write_mcap(tmp_path / 'a.mcap', [*odd, event, frame(0), frame(1)])
    assert replay.main([str(path)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith('published 2 frames of bag a.mcap on /thermal/image_raw')
    (line,) = said.err.splitlines()
    assert 'not installed are left out: example_interfaces/srv/Add_Event, odd_msgs/msg/Odd0' in line
    assert line.endswith(' and 36 more')


@pytest.mark.parametrize('loops', [(), ('--loop', '--frames', '30')])
def test_a_bag_that_was_cut_off_is_played_as_far_as_it_goes(tmp_path, capsys, loops):
    path = write_mcap(tmp_path / 'cut.mcap', [frame(index) for index in range(12)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert replay.main([str(path), '--rate', '10', *loops]) == 1
    said = capsys.readouterr()
    published = int(said.out.split()[1])
    assert published == 30 if loops else 3 < published < 9
    first, last = said.err.splitlines()
    assert first.startswith('skipped the end of cut.mcap: the recorder was killed')
    assert last == '1 parts of the recording were skipped: the end of cut.mcap'


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (('sim', '--topic', 'image_raw'), '--publish-as names the topic to publish on'),
        (('sim', '--max-gap', '-1'), '--max-gap must be zero or more seconds'),
        (('sim', '--max-gap', 'nan'), '--max-gap must be zero or more seconds'),
    ],
)
def test_replay_refuses_what_it_would_not_use(capsys, options, words):
    assert replay.main([*options]) == 2
    assert words in capsys.readouterr().err
