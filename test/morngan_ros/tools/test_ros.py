"""Tests of replay, recorder and demo over real DDS: few, as each starts processes."""

from collections.abc import Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import cv2
from dds_domain import DOMAIN
from mcap.reader import make_reader
import numpy as np
import pytest
from tiny_models import FALSE_COLOR
from tiny_models import save_detector
from tiny_models import save_generator

from morngan_ros.bags import BagReader
from morngan_ros.bags import BagWriter
from morngan_ros.bags import camera_info_message
from morngan_ros.bags import image_message
from morngan_ros.bags import stamp_ns
from morngan_ros.host.fastdds import profile_variable
from morngan_ros.sources import open_source

pytest.importorskip('rclpy', reason='needs rclpy (make test installs it)')
pytest.importorskip('vision_msgs', reason='needs vision_msgs (make test builds it)')

from morngan_ros.tools import colorize
from morngan_ros.tools import demo as demo_tool
from morngan_ros.tools.support import recording

START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 50_000_000
PATIENCE = 60


@pytest.fixture
def environment() -> dict[str, str]:
    """Variables of a private corner of DDS."""
    root = Path(__file__).resolve().parents[3]
    profile = {profile_variable(): str(root / 'config/fastdds.xml')}
    private = {
        'ROS_DOMAIN_ID': str(DOMAIN),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    }
    paths = os.pathsep.join(filter(None, (str(root), os.environ.get('PYTHONPATH'))))
    return {**os.environ, **profile, **private, 'PYTHONPATH': paths}


def command(tool: str, *arguments: object) -> list[str]:
    return [sys.executable, '-m', f'morngan_ros.tools.{tool}', *(str(a) for a in arguments)]


def run(environment: dict[str, str], tool: str, *arguments: object) -> str:
    """Run a tool to its end; returns what it printed."""
    done = subprocess.run(
        command(tool, *arguments),
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def recorder(environment: dict[str, str], out: Path, *topics: str) -> Iterator[None]:
    """Record while the block runs; then end it by SIGINT and expect a clean end."""
    process = subprocess.Popen(command('recorder', *topics, '--out', out), env=environment)
    try:
        yield
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def thermal(index: int) -> np.ndarray:
    """A 14-bit frame that differs from the others."""
    return np.random.default_rng(index).integers(0, 2**14, (64, 80), dtype=np.uint16)


def save_bag(path: Path, frames: int) -> Path:
    with BagWriter(path) as bag:
        for index in range(frames):
            stamp = START_NS + index * PERIOD_NS
            bag.write('/cam/image_raw', image_message(thermal(index), stamp, 'cam'), stamp)
            bag.write('/cam/camera_info', camera_info_message(64, 80, stamp, 'cam'), stamp)
    return path


def test_replay_gives_what_the_bag_holds_and_recorder_keeps_it(tmp_path, environment):
    bag = save_bag(tmp_path / 'bag', 8)
    topics = ('/cam/image_raw', '/cam/camera_info', '/clock')
    with recorder(environment, tmp_path / 'out.mcap', *topics):
        # The recorder subscribes to /clock and camera_info in the same breath as to the images.
        told = run(environment, 'replay', bag, '--wait', 1, '--clock', '--rate', 2)
    assert told.startswith('published 8 frames of bag bag on /cam/image_raw in ')
    with BagReader(tmp_path / 'out.mcap') as reader:
        frames = list(reader.frames('/cam/image_raw'))
        clocks = [message.clock for _, _, message in reader.messages(['/clock'])]
        infos = [message for _, _, message in reader.messages(['/cam/camera_info'])]
    assert [f.stamp_ns for f in frames] == [START_NS + i * PERIOD_NS for i in range(8)]
    assert {f.frame_id for f in frames} == {'cam'}
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.counts, thermal(index))
    assert [info.header.stamp.nanosec for info in infos] == [i * PERIOD_NS for i in range(8)]
    times = [c.sec * 10**9 + c.nanosec for c in clocks]
    assert times == sorted(times)  # never back within one round
    assert set(times) >= {f.stamp_ns for f in frames}
    assert times[-1] == START_NS + 7 * PERIOD_NS


def test_replay_of_a_folder_loops_with_stamps_that_jump_back(tmp_path, environment):
    (tmp_path / 'in').mkdir()
    for index in range(3):
        cv2.imwrite(str(tmp_path / f'in/{index}.png'), thermal(index))
    timing = ('--fps', 20, '--start', START_NS // 10**9, '--loop', '--frames', 7)
    with recorder(environment, tmp_path / 'out.mcap', 'front/image_raw'):
        told = run(
            environment,
            'replay',
            tmp_path / 'in',
            '--publish-as',
            'front/image_raw',
            '--wait',
            1,
            *timing,
        )
    assert told.startswith('published 7 frames of folder in on /front/image_raw')
    with BagReader(tmp_path / 'out.mcap') as reader:
        frames = list(reader.frames())
    assert [(f.stamp_ns - START_NS) // PERIOD_NS for f in frames] == [0, 1, 2, 0, 1, 2, 0]
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.counts, thermal(index % 3))


def test_replay_feeds_every_camera(tmp_path, environment):
    topics = [f'/car/{side}/{name}' for side in 'ab' for name in ('image_raw', 'camera_info')]
    with recorder(environment, tmp_path / 'out.mcap', *topics):
        arguments = ('--frames', 5, '--fps', 20, '--wait', 1, '--ros-args', '-r', '__ns:=/car')
        run(environment, 'replay', 'sim:80x64', '--cameras', 'a', 'b', *arguments)
    with BagReader(tmp_path / 'out.mcap') as reader:
        a, b = (list(reader.frames(f'/car/{side}/image_raw')) for side in 'ab')
        assert {reader.count(topic) for topic in topics} == {5}
    assert [frame.stamp_ns for frame in a] == [frame.stamp_ns for frame in b]
    assert all(np.array_equal(one.counts, other.counts) for one, other in zip(a, b, strict=True))


def test_replay_of_a_bag_without_the_topic_of_a_camera_is_an_error(tmp_path, environment):
    bag = save_bag(tmp_path / 'bag', 2)
    names = ('--cameras', 'cam', 'left')
    done = subprocess.run(
        command('replay', bag, *names), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert 'no images for the camera on /left/image_raw; it has: /cam/image_raw' in done.stderr
    assert run(environment, 'replay', bag, '--cameras', 'cam').startswith('published 2 frames')


def test_camera_simulator_publishes_14_bit_counts_stamped_by_the_clock(tmp_path, environment):
    before = time.time_ns()
    with recorder(environment, tmp_path / 'out.mcap', 'image_raw', 'camera_info'):
        told = run(environment, 'camera_simulator', '--size', '80x64', '--frames', 5, '--wait', 1)
    assert told == 'published 5 simulated frames on /image_raw\n'
    with BagReader(tmp_path / 'out.mcap') as reader:
        frames = list(reader.frames())
        assert reader.count('/camera_info') == 5
    stamps = [f.stamp_ns for f in frames]
    assert len(stamps) == 5
    assert before < stamps[0]
    assert stamps == sorted(set(stamps))
    assert {f.frame_id for f in frames} == {'thermal_camera'}
    assert {(f.counts.shape, f.counts.dtype) for f in frames} == {((64, 80), np.dtype('u2'))}
    assert 255 < max(f.counts.max() for f in frames) < 2**14


def test_what_a_killed_recorder_wrote_is_read(tmp_path, environment):
    sent = [START_NS + index * PERIOD_NS for index in range(20)]
    with BagWriter(tmp_path / 'bag') as bag:
        for stamp in sent:  # two fill a chunk of the recorder
            counts = np.full((512, 640), (stamp - START_NS) // PERIOD_NS, np.uint16)
            bag.write('/cam/image_raw', image_message(counts, stamp, 'cam'), stamp)
    out = tmp_path / 'out.mcap'
    process = subprocess.Popen(command('recorder', '/cam/image_raw', '--out', out), env=environment)
    try:
        run(environment, 'replay', tmp_path / 'bag', '--wait', 1, '--rate', 0.25)
        time.sleep(0.5)
    finally:
        process.kill()
        process.wait()
    told = []
    read = list(open_source(out, on_bad=lambda name, error: told.append(str(error))))
    stamps = [frame.stamp_ns for frame in read]
    # A busy machine may lose some on their way.
    assert stamps == sorted(set(stamps) & set(sent))
    assert len(stamps) >= 2
    for frame in read:
        assert (frame.counts == (frame.stamp_ns - START_NS) // PERIOD_NS).all()
    assert len(told) == 1
    assert f'{len(stamps)} messages of' in told[0]


@pytest.fixture(scope='module')
def demo(tmp_path_factory) -> Path:
    """Run the demo on a small bag of simulated frames; its output and models lie in the folder."""
    folder = tmp_path_factory.mktemp('demo')
    model = save_generator(folder / 'tiny.onnx', FALSE_COLOR)
    columns = np.array([32, 32, 20, 10, 0.9], np.float32).reshape(1, 5, 1)
    detector = save_detector(folder / 'detector.onnx', columns, names={0: 'car'})
    save_simulation(folder / 'bag')
    variables = {k: v for k, v in os.environ.items() if k != 'ROS_DOMAIN_ID'}
    arguments = ('--input', folder / 'bag', '--out', folder / 'out', '--provider', 'cpu')
    done = subprocess.run(
        command('demo', *arguments, '--model', model, '--detector', detector),
        env=variables,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    (folder / 'told.txt').write_text(done.stdout)
    return folder


def save_simulation(path: Path) -> None:
    with BagWriter(path) as bag:
        for frame in open_source('sim:160x128', rate=10, start_ns=START_NS, frames=15):
            head = frame.stamp_ns, frame.frame_id
            bag.write('/thermal/image_raw', image_message(frame.counts, *head), frame.stamp_ns)
            info = camera_info_message(128, 160, *head)
            bag.write('/thermal/camera_info', info, frame.stamp_ns)


def test_demo_summary(demo):
    summary = json.loads((demo / 'out/summary.json').read_text())
    assert summary['source'] == 'bag bag /thermal/image_raw'
    assert summary['frames_published'] == 15
    assert summary['frames_colorized'] >= 14
    assert summary['frames_dropped'] == 15 - summary['frames_colorized']
    assert summary['frames_with_foreign_stamp'] == 0
    assert summary['detections'] == summary['frames_colorized']  # one car in each
    assert 0 < summary['latency_ms']['p50'] <= summary['latency_ms']['p95']
    assert (summary['provider'], summary['model']) == ('cpu', 'tiny')
    assert summary['detector'] == 'detector detector.onnx'
    assert 'contact_sheet.png' in (demo / 'told.txt').read_text()


def test_demo_recording_opens_with_mcap_and_holds_all_topics(demo):
    with (demo / 'out/demo.mcap').open('rb') as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    topics = {channel.topic for channel in summary.channels.values()}
    assert topics == {
        '/image_raw',
        '/camera_info',
        '/color/image_raw',
        '/color/camera_info',
        '/overlay/image_raw',
        '/detections',
        '/diagnostics',
    }
    stamps = {}
    with BagReader(demo / 'out/demo.mcap') as bag:
        for topic in ('/image_raw', '/color/image_raw', '/overlay/image_raw'):
            stamps[topic] = {f.stamp_ns for f in bag.frames(topic)}
    with BagReader(demo / 'bag') as bag:
        given = {f.stamp_ns for f in bag.frames()}
    assert stamps['/image_raw'] <= given
    assert stamps['/color/image_raw'] <= stamps['/image_raw']
    assert stamps['/overlay/image_raw'] <= stamps['/image_raw']


def test_demo_contact_sheet_shows_what_was_recorded(demo):
    sheet = cv2.imread(str(demo / 'out/contact_sheet.png'))
    result = recording.read(demo / 'out/demo.mcap')
    (first, *_) = recording.pictures(result, 6)
    assert sheet is not None
    tile = cv2.resize(first.color, (90, 72), interpolation=cv2.INTER_AREA)
    page = cv2.resize(sheet, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    match = cv2.matchTemplate(page, tile[..., ::-1].copy(), cv2.TM_CCOEFF_NORMED)
    assert match.max() > 0.9


def test_colorize_gives_the_pixels_of_the_node(demo, tmp_path):
    """Exposure included: it depends on all frames before, so those that the node saw are fed."""
    with BagReader(demo / 'out/demo.mcap') as reader:
        live = {stamp_ns(m.header): m for _, _, m in reader.messages(['/color/image_raw'])}
    with BagReader(demo / 'bag') as reader, BagWriter(tmp_path / 'seen') as seen:
        for _, recorded_ns, message in reader.messages(['/thermal/image_raw']):
            if stamp_ns(message.header) in live:
                seen.write('/image_raw', message, recorded_ns)
    arguments = ['--model', str(demo / 'tiny.onnx'), '--provider', 'cpu']
    out = tmp_path / 'colored'
    assert colorize.main([str(tmp_path / 'seen'), '--out', str(out), *arguments]) == 0
    with BagReader(out) as reader:
        offline = [message for _, _, message in reader.messages(['/color/image_raw'])]
    assert len(offline) == len(live) >= 14
    for message in offline:
        stamp = stamp_ns(message.header)
        np.testing.assert_array_equal(message.data, live[stamp].data)
        assert message.header.frame_id == live[stamp].header.frame_id


def test_demo_names_a_missing_model_and_a_missing_source(tmp_path, capfd):
    assert demo_tool.main(['--model', 'nowhere.onnx', '--out', str(tmp_path / 'out')]) == 2
    assert 'nowhere.onnx: no such model file' in capfd.readouterr().err
    model = save_generator(tmp_path / 'tiny.onnx')
    assert demo_tool.main(['--input', str(tmp_path / 'no'), '--model', str(model)]) == 2
    assert 'does not exist' in capfd.readouterr().err


def test_demo_ends_with_the_words_of_a_node_that_cannot_work(tmp_path, environment):
    (tmp_path / 'broken.onnx').write_bytes(b'no model')
    started = ('--input', 'sim:80x64', '--frames', 5, '--out', tmp_path / 'out')
    done = subprocess.run(
        command('demo', *started, '--model', tmp_path / 'broken.onnx'),
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert 'broken.onnx' in done.stderr
