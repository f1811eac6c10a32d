"""Tests of tools.colorize with a model whose pixels are known."""

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
import csv
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
import itertools
import json
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
from threading import Thread
import time

import cv2
import numpy as np
import pytest
from recordings import frames
from recordings import THERMAL
from recordings import write_mcap
from tiny_models import expected_color
from tiny_models import save_detector
from tiny_models import save_foreign_generator
from tiny_models import save_generator
from tiny_models import save_normalizing_generator

from morngan_ros.bags import BagReader
from morngan_ros.bags import BagWriter
from morngan_ros.bags import image_message
from morngan_ros.exposure import Exposure
from morngan_ros.images import codec
from morngan_ros.tools.colorize import main
from morngan_ros.tools.support import cli

START_NS = 1_700_000_000_000_000_000


@pytest.fixture(scope='module')
def model(tmp_path_factory) -> Path:
    return save_generator(tmp_path_factory.mktemp('model') / 'tiny.onnx')


@pytest.fixture(scope='module')
def detector(tmp_path_factory) -> Path:
    """Always finds one car in the middle of its 64x64 input, as YOLOv8 columns tell it."""
    columns = np.array([32, 32, 20, 10, 0.9], np.float32).reshape(1, 5, 1)
    return save_detector(
        tmp_path_factory.mktemp('detector') / 'tiny.onnx', columns, names={0: 'car'}
    )


def thermal(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 255, (48, 64), dtype=np.uint8)


def fill(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for index, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), thermal(index))
    return folder


def read_rgb(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGR2RGB)


def run(*arguments: object) -> int:
    """Run the command on ONNX Runtime, whose pixels are exact."""
    return main([*(str(a) for a in arguments), '--provider', 'cpu'])


def assert_color(picture: np.ndarray, counts: np.ndarray) -> None:
    """Compare with what the tiny model gives; it may round halves either way."""
    assert picture.shape == (*counts.shape, 3)
    assert np.abs(picture.astype(int) - expected_color(counts)).max() <= 1


def test_class_names_of_a_detector_without_them(tmp_path, model, capsys):
    columns = np.array([32, 32, 20, 10, 0.2, 0.9], np.float32).reshape(1, 6, 1)
    bare = save_detector(tmp_path / 'bare.onnx', columns, names=None)
    frames = fill(tmp_path / 'frames', ['a.png'])
    command = [frames, '--out', tmp_path / 'out', '--model', model, '--detector', bare, '--overlay']
    assert run(*command) == 2
    assert '--class-names' in capsys.readouterr().err
    assert run(*command, '--class-names', 'person, car') == 0
    with pytest.raises(SystemExit):
        run(*command, '--class-names', 'person,,car')
    assert 'names look like person,bicycle,car' in capsys.readouterr().err


def test_folder_to_folder(tmp_path, model, capsys):
    folder = fill(tmp_path / 'in', ['a.png', 'b.tiff', 'c.bmp'])
    assert run(folder, '--out', tmp_path / 'out', '--model', model) == 0
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['a.png', 'b.png', 'c.png']
    for index, name in enumerate('abc'):
        assert_color(read_rgb(tmp_path / f'out/{name}.png'), thermal(index))
    assert '3 frames of folder in' in capsys.readouterr().out


def test_16_bit_folder_goes_through_exposure(tmp_path, model):
    (tmp_path / 'in').mkdir()
    # A ramp of 14-bit counts high above zero: scaled by 255/65535 it would be one flat grey.
    ramp = np.tile(np.linspace(7000, 8000, 64).astype(np.uint16), (48, 1))
    cv2.imwrite(str(tmp_path / 'in/a.png'), ramp)
    assert run(tmp_path / 'in', '--out', tmp_path / 'out', '--model', model) == 0
    red = read_rgb(tmp_path / 'out/a.png')[0, :, 0]
    assert red[0] < 5
    assert red[-1] > 250
    assert np.all(np.diff(red.astype(int)) >= 0)


def test_unreadable_picture_is_skipped_and_told(tmp_path, model, capsys):
    folder = fill(tmp_path / 'in', ['a.png', 'b.png', 'c.png'])
    (folder / 'b.png').write_bytes(b'no picture')
    assert run(folder, '--out', tmp_path / 'out', '--model', model) == 1
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['a.png', 'c.png']
    told = capsys.readouterr().err
    assert 'skipped b.png' in told
    assert '1 frames were skipped: b.png' in told


@pytest.mark.parametrize('position', [0, 1, 2])
def test_a_frame_of_which_the_model_makes_no_picture_is_skipped(tmp_path, capsys, position):
    model = save_normalizing_generator(tmp_path / 'theirs.onnx')  # NaN of a flat frame
    frames = fill(tmp_path / 'frames', ['0.png', '1.png', '2.png'])
    assert cv2.imwrite(str(frames / f'{position}.png'), np.full((48, 64), 77, np.uint8))
    assert run(frames, '--out', tmp_path / 'out', '--model', model) == cli.INCOMPLETE
    written = {path.name for path in (tmp_path / 'out').iterdir()}
    assert written == {'0.png', '1.png', '2.png'} - {f'{position}.png'}
    said = capsys.readouterr().err
    assert f'skipped {position}: {model}: gives NaN or infinity' in said
    assert f'1 frames were skipped: {position}' in said


def test_a_model_that_makes_no_picture_of_anything_ends_it_at_once(tmp_path, capsys):
    model = save_foreign_generator(tmp_path / 'theirs.onnx')
    frames = fill(tmp_path / 'frames', ['0.png', '1.png'])
    command = [frames, '--out', tmp_path / 'out', '--model', model]
    # All that it gives is far above this range: white.
    assert run(*command, '--model-output-range', -9, -8) == cli.FAILED
    said = capsys.readouterr().err
    assert 'gives an all-black or all-white picture' in said
    assert 'skipped' not in said


@pytest.mark.parametrize('name', ['day.png', 'boxes.json', 'boxes.csv'])
def test_a_full_disk_ends_it(tmp_path, model, detector, capsys, name):
    """The device /dev/full has no room for any byte."""
    frames = fill(tmp_path / 'frames', ['0.png'])
    full = tmp_path / name
    full.symlink_to('/dev/full')
    if name == 'day.png':
        options = ['--out', full]
    else:
        options = ['--out', tmp_path / 'out', '--detector', detector, '--detections', full]
    assert run(frames, '--model', model, '--overwrite', *options) == cli.FAILED
    said = capsys.readouterr().err
    assert 'No space left on device' in said
    assert 'skipped' not in said


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3', 'video'])
def test_a_disk_that_fills_up_ends_it(tmp_path, model, storage):
    """A limit to the size of files stands for the disk."""
    bag = write_mcap(tmp_path / 'in.mcap', frames(range(40)))
    out = tmp_path / ('day.mp4' if storage == 'video' else 'day')
    command = [bag, '--out', out, '--model', model, '--provider', 'cpu']
    if storage != 'video':
        command += ['--storage', storage]
    limited = f'import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); \
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); \
from morngan_ros.tools.colorize import main; raise SystemExit(main({[str(a) for a in command]}))'
    done = subprocess.run(
        [sys.executable, '-c', limited], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == cli.FAILED, done.stderr
    assert 'Traceback' not in done.stderr
    (line,) = re.findall(r'^error: .*', done.stderr, flags=re.MULTILINE)
    assert str(out) in line


def test_two_pictures_of_one_name_are_refused(tmp_path, model, capsys):
    folder = fill(tmp_path / 'in', ['a.png', 'a.jpg'])
    assert run(folder, '--out', tmp_path / 'out', '--model', model) == 2
    assert 'two pictures are named a' in capsys.readouterr().err


def test_output_is_not_overwritten_unasked(tmp_path, model, capsys):
    folder = fill(tmp_path / 'in', ['a.png'])
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/a.png').write_bytes(b'precious')
    command = (folder, '--out', tmp_path / 'out', '--model', model)
    assert run(*command) == 2
    assert '--overwrite' in capsys.readouterr().err
    assert (tmp_path / 'out/a.png').read_bytes() == b'precious'
    assert run(*command, '--overwrite') == 0
    assert_color(read_rgb(tmp_path / 'out/a.png'), thermal(0))
    assert run(folder, '--out', folder, '--model', model, '--overwrite') == 2
    assert 'input and output at once' in capsys.readouterr().err


def test_video_to_video(tmp_path, model):
    path = save_video(tmp_path / 'night.avi')
    assert run(path, '--out', tmp_path / 'day.mp4', '--model', model) == 0
    assert cv2.VideoCapture(str(tmp_path / 'day.mp4')).get(cv2.CAP_PROP_FPS) == 25
    pictures = read_video(tmp_path / 'day.mp4')
    assert len(pictures) == 3
    for level, picture in zip((0, 100, 200), pictures, strict=True):
        expected = expected_color(np.full((1, 1), level, np.uint8))[0, 0].astype(float)
        # Two lossy codecs and halved chroma lie between.
        np.testing.assert_allclose(picture.mean((0, 1)), expected, atol=8)


def save_bag(path: Path) -> Path:
    with BagWriter(path) as bag:
        for index in range(3):
            stamp = START_NS + index * 50_000_000
            image = image_message(thermal(index), stamp, f'cam{index}')
            bag.write('/thermal/image_raw', image, stamp + 9)
    return path


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_bag_to_bag(tmp_path, model, detector, storage):
    bag = save_bag(tmp_path / 'night')
    out = tmp_path / 'day'
    extra = ('--detector', detector, '--overlay', '--storage', storage)
    assert run(bag, '--out', out, '--model', model, *extra) == 0
    read: dict[str, list] = {}
    with BagReader(out) as reader:
        for topic, recorded_ns, message in reader.messages():
            read.setdefault(topic, []).append((recorded_ns, message))
    assert set(read) == {'/color/image_raw', '/detections', '/overlay/image_raw'}
    for messages in read.values():
        for index, (recorded_ns, message) in enumerate(messages):
            stamp = message.header.stamp
            assert stamp.sec * 10**9 + stamp.nanosec == START_NS + index * 50_000_000
            assert recorded_ns == START_NS + index * 50_000_000 + 9
            assert message.header.frame_id == f'cam{index}'
    for index, (_, message) in enumerate(read['/color/image_raw']):
        assert message.encoding == 'rgb8'
        assert_color(message.data.reshape(48, 64, 3), thermal(index))
    for _, message in read['/detections']:
        (detection,) = message.detections
        assert detection.results[0].hypothesis.class_id == 'car'
        # 64x48 is letterboxed without scaling: 8 rows above and below.
        assert detection.bbox.center.position.x == pytest.approx(32, abs=0.5)
        assert detection.bbox.center.position.y == pytest.approx(24, abs=0.5)
    assert not np.array_equal(
        read['/overlay/image_raw'][0][1].data, read['/color/image_raw'][0][1].data
    )


def save_two_cameras(path: Path) -> Path:
    with BagWriter(path) as bag:
        for index in range(3):
            stamp = START_NS + index
            for topic, counts in (('/a/image_raw', thermal(9)), ('/boson/image', thermal(index))):
                bag.write(topic, image_message(counts, stamp, 'cam'), stamp)
    return path


def test_of_two_cameras_one_is_taken_and_said_and_the_other_can_be(tmp_path, model, capsys):
    bag = save_two_cameras(tmp_path / 'two')
    assert run(bag, '--out', tmp_path / 'day', '--model', model) == 0
    said = capsys.readouterr()
    assert '3 frames of bag two /boson/image' in said.out
    assert (
        '/boson/image (mono8) is used as the thermal camera; choose another one with --topic'
        in said.err
    )
    other = ('--topic', 'a/image_raw', '--overwrite')
    assert run(bag, '--out', tmp_path / 'day', '--model', model, *other) == 0
    said = capsys.readouterr()
    assert '3 frames of bag two /a/image_raw' in said.out
    assert 'note' not in said.err


def test_bag_that_was_cut_off_is_colorized_as_far_as_it_goes(tmp_path, model, capsys):
    path = write_mcap(tmp_path / 'cut.mcap', frames(range(20)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert run(path, '--out', tmp_path / 'day', '--model', model) == 1
    said = capsys.readouterr()
    with BagReader(tmp_path / 'day') as bag:
        done = bag.count('/color/image_raw')
    assert 5 < done < 15
    assert f'{done} frames of bag cut.mcap {THERMAL}' in said.out
    assert (
        'skipped the end of cut.mcap: the recorder was killed or the file was cut off' in said.err
    )
    assert f'{done} messages of {(done - 1) / 10:.1f} s are complete' in said.err
    assert '1 parts of the recording were skipped: the end of cut.mcap' in said.err


def test_a_thousand_bad_frames_take_few_lines(tmp_path, model, capsys):
    folder = fill(tmp_path / 'in', ['a.png'])
    for index in range(1000):
        (folder / f'b{index}.png').write_bytes(b'no picture')
    assert run(folder, '--out', tmp_path / 'out', '--model', model) == 1
    said = capsys.readouterr().err
    assert said.count('skipped') == 2
    assert '1000 frames were skipped (undecodable 1000): b0.png' in said


def test_overlay_on_pictures(tmp_path, model, detector):
    folder = fill(tmp_path / 'in', ['a.png'])
    command = (folder, '--out', tmp_path / 'out', '--model', model, '--detector', detector)
    assert run(*command, '--overlay') == 0
    changed = read_rgb(tmp_path / 'out/a.png') != expected_color(thermal(0))
    assert changed[19:30, 22:43].any()


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--overlay'], '--overlay and --detections need something that detects'),
        (['--detections', 'a.json'], '--overlay and --detections need something that detects'),
        (['--detector', 'some.onnx', '--detections', 'a.txt'], 'must end in .json or .csv'),
        (['--exposure-low', '99.5'], 'percentiles must keep 0 <= low < high'),
        (['--detector', 'some.onnx'], 'add --overlay to draw them, or --detections FILE'),
        (['--model', 'nowhere.onnx'], 'nowhere.onnx'),
        (['--topic', '/image_raw'], 'is not a bag, so it has no topic /image_raw'),
    ],
)
def test_wrong_commands_end_in_one_line(tmp_path, model, capsys, arguments, words):
    folder = fill(tmp_path / 'in', ['a.png'])
    assert run(folder, '--out', tmp_path / 'out', '--model', model, *arguments) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert words in told[0]


def test_nothing_readable_is_an_error(tmp_path, model, capsys):
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in/a.png').write_bytes(b'')
    assert run(tmp_path / 'in', '--out', tmp_path / 'out', '--model', model) == 2
    assert 'none of its frames could be colorized' in capsys.readouterr().err


def read_video(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    pictures = []
    while (frame := capture.read())[0]:
        pictures.append(cv2.cvtColor(frame[1], cv2.COLOR_BGR2RGB))
    return pictures


def save_video(path: Path, levels: tuple[int, ...] = (0, 100, 200)) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 25, (64, 48))
    for level in levels:
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path


def test_folder_to_video(tmp_path, model):
    folder = tmp_path / 'in'
    folder.mkdir()
    for level in (0, 100, 200):
        cv2.imwrite(str(folder / f'{level}.png'), np.full((48, 64), level, np.uint8))
    out = tmp_path / 'new/day.mp4'
    assert run(folder, '--out', out, '--model', model, '--rate', 12) == 0
    assert out.is_file()
    assert cv2.VideoCapture(str(out)).get(cv2.CAP_PROP_FPS) == 12
    pictures = read_video(out)
    assert len(pictures) == 3
    for level, picture in zip((0, 100, 200), pictures, strict=True):
        expected = expected_color(np.full((1, 1), level, np.uint8))[0, 0].astype(float)
        np.testing.assert_allclose(picture.mean((0, 1)), expected, atol=8)


def test_pictures_that_do_not_fit_into_the_video_are_told(tmp_path, model, capsys):
    folder = fill(tmp_path / 'in', ['a.png', 'c.png'])
    cv2.imwrite(str(folder / 'b.png'), thermal(0)[:40])
    assert run(folder, '--out', tmp_path / 'day.mp4', '--model', model) == 1
    assert len(read_video(tmp_path / 'day.mp4')) == 2
    assert 'frame has 64x40 pixels, the video 64x48; let --out name a folder' in (
        capsys.readouterr().err
    )


def test_video_to_folder(tmp_path, model):
    path = save_video(tmp_path / 'night.avi')
    assert run(path, '--out', tmp_path / 'day', '--model', model) == 0
    names = sorted(p.name for p in (tmp_path / 'day').iterdir())
    assert names == ['000000.png', '000001.png', '000002.png']


def test_bag_to_video(tmp_path, model):
    bag = save_bag(tmp_path / 'night')
    assert run(bag, '--out', tmp_path / 'day.mp4', '--model', model) == 0
    assert len(read_video(tmp_path / 'day.mp4')) == 3
    assert cv2.VideoCapture(str(tmp_path / 'day.mp4')).get(cv2.CAP_PROP_FPS) == 20


@pytest.mark.parametrize('name', ['day.png', 'day.PNG', 'day.tiff', 'day.bmp', 'day.jpg'])
def test_picture_to_picture(tmp_path, model, name):
    folder = fill(tmp_path / 'in', ['a.png', 'b.png'])
    assert run(folder / 'a.png', '--out', tmp_path / name, '--model', model) == 0
    picture = read_rgb(tmp_path / name)
    if name != 'day.jpg':
        assert_color(picture, thermal(0))
    assert picture.shape == (48, 64, 3)


def test_picture_to_folder_and_video(tmp_path, model):
    path = fill(tmp_path / 'in', ['a.png']) / 'a.png'
    assert run(path, '--out', tmp_path / 'day', '--model', model) == 0
    assert_color(read_rgb(tmp_path / 'day/a.png'), thermal(0))
    assert run(path, '--out', tmp_path / 'day.mp4', '--model', model) == 0
    assert len(read_video(tmp_path / 'day.mp4')) == 1


@pytest.mark.parametrize(
    ('out', 'words'),
    [
        ('day.png', 'can hold one frame, folder in has more; let --out name a folder'),
        ('day.mcap', 'images_to_bag first'),
    ],
)
def test_outputs_that_do_not_fit_the_input_are_refused(tmp_path, model, capsys, out, words):
    folder = fill(tmp_path / 'in', ['a.png', 'b.png'])
    assert run(folder, '--out', tmp_path / out, '--model', model) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / out).exists()


def test_one_frame_of_many_as_a_picture(tmp_path, model):
    folder = fill(tmp_path / 'in', ['a.png', 'b.png'])
    assert run(folder, '--out', tmp_path / 'a.png', '--model', model, '--frames', 1) == 0
    assert_color(read_rgb(tmp_path / 'a.png'), thermal(0))


def test_pages_become_files(tmp_path, model):
    assert cv2.imwritemulti(str(tmp_path / 'drive.tif'), [thermal(0), thermal(1)])
    assert run(tmp_path / 'drive.tif', '--out', tmp_path / 'day', '--model', model) == 0
    for index in range(2):
        assert_color(read_rgb(tmp_path / f'day/drive_{index:06d}.png'), thermal(index))


@pytest.mark.parametrize('extra', [[], ['--overlay']])
def test_boxes_as_json(tmp_path, model, detector, extra):
    folder = fill(tmp_path / 'in', ['a.png', 'b.png'])
    boxes = tmp_path / 'new/boxes.json'
    command = (folder, '--out', tmp_path / 'out', '--model', model, '--detector', detector)
    assert run(*command, '--detections', boxes, *extra) == 0
    first, second = json.loads(boxes.read_text())
    assert (first['frame'], second['frame']) == ('a', 'b')
    assert second['stamp_ns'] - first['stamp_ns'] == 100_000_000
    assert (first['width'], first['height'], first['frame_id']) == (64, 48, 'thermal_camera')
    (found,) = first['detections']
    assert found == {'label': 'car', 'score': 0.9, 'box': [22.0, 19.0, 42.0, 29.0]}
    is_drawn = not np.array_equal(read_rgb(tmp_path / 'out/a.png'), expected_color(thermal(0)))
    if extra:
        assert is_drawn
    else:
        assert_color(read_rgb(tmp_path / 'out/a.png'), thermal(0))
    assert run(*command, '--detections', boxes, *extra) == 2  # it is there already


def test_boxes_as_csv_beside_a_bag(tmp_path, model, detector):
    bag, boxes = save_bag(tmp_path / 'night'), tmp_path / 'boxes.csv'
    command = (bag, '--out', tmp_path / 'day', '--model', model, '--detector', detector)
    assert run(*command, '--detections', boxes) == 0
    with boxes.open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['frame'] for row in rows] == ['000000', '000001', '000002']
    assert [int(row['stamp_ns']) - START_NS for row in rows] == [0, 50_000_000, 100_000_000]
    assert (rows[0]['label'], rows[0]['score']) == ('car', '0.9000')
    assert [float(rows[0][side]) for side in ('x1', 'y1', 'x2', 'y2')] == [22, 19, 42, 29]


def test_frames_without_boxes_are_in_the_json_but_not_in_the_csv(tmp_path, model, detector):
    path = fill(tmp_path / 'in', ['a.png']) / 'a.png'
    command = (path, '--model', model, '--detector', detector, '--threshold', 0.95)
    for name in ('boxes.json', 'boxes.csv'):
        out = ('--out', tmp_path / f'{name}.png')
        assert run(*command, *out, '--detections', tmp_path / name) == 0
    assert json.loads((tmp_path / 'boxes.json').read_text())[0]['detections'] == []
    assert len((tmp_path / 'boxes.csv').read_text().splitlines()) == 1


def test_classes_are_those_of_the_detector(tmp_path, model, detector, capsys):
    path = fill(tmp_path / 'in', ['a.png']) / 'a.png'
    command = (path, '--out', tmp_path / 'a.png', '--model', model, '--detector', detector)
    boxes = ('--detections', tmp_path / 'boxes.json')
    assert run(*command, *boxes, '--classes', 'car') == 0
    assert len(json.loads((tmp_path / 'boxes.json').read_text())[0]['detections']) == 1
    assert run(*command, *boxes, '--overwrite', '--classes', 'boat') == 2
    assert 'boat' in capsys.readouterr().err


def test_ranges_of_a_third_party_model(tmp_path):
    path = fill(tmp_path / 'in', ['a.png']) / 'a.png'
    model = save_foreign_generator(tmp_path / 'other.onnx', output_range=(0.0, 1.0))
    out = ('--out', tmp_path / 'a.png', '--model', model)
    assert run(path, *out, '--model-output-range', '0', '1') == 0
    red, green, blue = np.moveaxis(read_rgb(tmp_path / 'a.png').astype(int), -1, 0)
    assert np.abs(red - thermal(0)).max() <= 1
    assert np.abs(green + thermal(0) - 255).max() <= 1
    assert set(blue.ravel()) <= {127, 128}


def test_telemetry_is_cut_off_before_the_exposure(tmp_path, model, detector):
    """Two rows of counters would wash the picture out."""
    ramp = np.tile(np.linspace(7000, 8000, 64).astype(np.uint16), (48, 1))
    rubbish = np.random.default_rng(0).integers(0, 65536, (2, 64)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / 'clean.png'), ramp)
    cv2.imwrite(str(tmp_path / 'below.png'), np.concatenate([ramp, rubbish]))
    cv2.imwrite(str(tmp_path / 'above.png'), np.concatenate([rubbish, ramp]))
    border = np.pad(ramp, ((0, 0), (3, 1)), constant_values=65535)
    cv2.imwrite(str(tmp_path / 'border.png'), border)

    def color(name: str, *options: str) -> np.ndarray:
        out = tmp_path / f'{name}_color.png'
        assert run(tmp_path / f'{name}.png', '--out', out, '--model', model, *options) == 0
        return read_rgb(out)

    expected = color('clean')
    assert expected.shape == (48, 64, 3)
    np.testing.assert_array_equal(color('below', '--rows', ':-2'), expected)
    np.testing.assert_array_equal(color('above', '--rows', '2:'), expected)
    np.testing.assert_array_equal(color('border', '--columns', '3:-1'), expected)
    boxes = ('--detector', detector, '--detections', tmp_path / 'boxes.json')
    out = ('--out', tmp_path / 'again.png', '--model', model)
    assert run(tmp_path / 'above.png', *out, *boxes, '--rows', '2:') == 0
    (record,) = json.loads((tmp_path / 'boxes.json').read_text())
    assert (record['width'], record['height']) == (64, 48)
    assert record['detections'][0]['box'] == [22.0, 19.0, 42.0, 29.0]


def test_frames_that_the_crop_does_not_fit_are_skipped(tmp_path, model, capsys):
    folder = fill(tmp_path / 'in', ['a.png'])
    cv2.imwrite(str(folder / 'b.png'), thermal(1)[:20])
    out = ('--out', tmp_path / 'out', '--model', model)
    assert run(folder, *out, '--rows', '24:40') == 1
    assert 'skipped b: rows 24:40' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(folder, *out, '--rows', '40:24')
    assert '40:24 keeps nothing of a frame' in capsys.readouterr().err


def test_exposure_is_that_of_the_node(tmp_path, model):
    ramp = np.tile(np.linspace(7000, 8000, 64).astype(np.uint16), (48, 1))
    cv2.imwrite(str(tmp_path / 'a.png'), ramp)
    options = ('--exposure-mode', 'fixed_range', '--exposure-range-low', 6000)
    out = ('--out', tmp_path / 'out.png', '--model', model)
    assert run(tmp_path / 'a.png', *out, *options, '--exposure-range-high', 9000) == 0
    exposure = Exposure(mode='fixed_range', range_low=6000, range_high=9000)
    assert_color(read_rgb(tmp_path / 'out.png'), exposure(ramp, 0.0))


def test_dead_pixels_are_filled_and_told(tmp_path, model, capsys):
    folder = tmp_path / 'in'
    folder.mkdir()
    kelvin = np.tile(np.linspace(280, 300, 64).astype(np.float32), (48, 1))
    few, many = kelvin.copy(), kelvin.copy()
    few[5, 5], many[:10] = np.nan, np.nan
    for name, picture in (('a', few), ('b', many), ('c', kelvin)):
        cv2.imwrite(str(folder / f'{name}.tiff'), picture)
    assert run(folder, '--out', tmp_path / 'out', '--model', model) == 1
    told = capsys.readouterr().err
    assert '1 pixels were NaN or infinite, and were filled' in told
    assert '1 frames were skipped: b' in told
    difference = read_rgb(tmp_path / 'out/a.png').astype(int) - read_rgb(tmp_path / 'out/c.png')
    assert np.abs(difference).max() <= 3


def test_a_palette_is_warned_of_once(tmp_path, model, caplog):
    codec._watch_palette.warned = False
    folder = tmp_path / 'in'
    folder.mkdir()
    for index in range(3):
        jet = cv2.applyColorMap(thermal(index), cv2.COLORMAP_JET)
        cv2.imwrite(str(folder / f'{index}.png'), jet)
    assert run(folder, '--out', tmp_path / 'out', '--model', model) == 0
    assert [record.message for record in caplog.records if 'white hot' in record.message]
    assert len(caplog.records) == 1


def test_thousands_of_bad_frames_are_a_few_lines(tmp_path, model, capfd):
    """One line for each cause, then counts; the libraries that decode write to stderr as well."""
    folder = fill(tmp_path / 'in', ['good.png'])
    png = cv2.imencode('.png', thermal(0))[1].tobytes()
    jpeg = cv2.imencode('.jpg', thermal(0))[1].tobytes()
    broken = {
        'cut.png': png[: len(png) // 2],
        'sum.png': png[:45] + bytes(200) + png[245:],
        'text.png': b'no picture',
        'empty.png': b'',
        'rubbish.jpg': jpeg[:200] + bytes(300) + jpeg[500:700] + b'\xff\xd9',
    }
    for index in range(400):
        for name, data in broken.items():
            (folder / f'{index:04d}_{name}').write_bytes(data)
    code = run(folder, '--out', tmp_path / 'out', '--model', model)
    lines = [line for line in capfd.readouterr().err.splitlines() if 'time left' not in line]
    assert code == 1
    assert len(lines) < 8, lines
    assert sum(line.startswith('skipped ') for line in lines) == 2
    assert 'undecodable 1600, empty 400' in lines[-1] or 'empty 400, undecodable 1600' in lines[-1]
    assert 'and 1995 more' in lines[-1]


def test_names_that_are_not_utf8_are_no_trouble(tmp_path, model, capsys):
    """In a process of its own: there the names reach real streams."""
    folder = fill(tmp_path / 'in', ['a.png'])
    (folder / 'b.png').write_bytes(b'no picture')
    folder = folder.rename(Path(os.fsdecode(os.fsencode(tmp_path) + b'/w\xe4rme')))
    arguments = [str(folder), '--out', str(folder / 'out'), '--model', str(model)]
    done = subprocess.run(
        [sys.executable, '-m', 'morngan_ros.tools.colorize', *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert 'were skipped: b.png' in done.stderr
    assert '1 frames of folder w' in done.stdout
    assert (folder / 'out/a.png').exists()
    video = save_video(tmp_path / 'night.avi').rename(folder / 'night.avi')
    assert run(video, '--out', tmp_path / 'day.mp4', '--model', model) == 2
    assert run(folder / 'a.png', '--out', folder / 'day.mp4', '--model', model) == 2
    assert capsys.readouterr().err.count('is not UTF-8; rename it') == 2


def test_text_that_is_not_utf8_gives_a_message(capsys):
    @cli.reports_errors
    def main(argv: Sequence[str] | None) -> int:
        b'frame;w\xe4rme'.decode('utf-8')
        return 0

    assert main([]) == cli.FAILED
    assert capsys.readouterr().err == (
        "error: a text is not UTF-8, at b'frame;w\\xe4rme'; save it as UTF-8\n"
    )


@contextmanager
def network_camera(rate: float = 20.0) -> Iterator[str]:
    """Serve an endless Motion JPEG while the block lasts, as network cameras do."""

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header('Content-Type', 'multipart/x-mixed-replace; boundary=frame')
            self.end_headers()
            with suppress(OSError):
                for index in itertools.count():
                    data = cv2.imencode('.jpg', thermal(index % 5))[1].tobytes()
                    head = f'--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}'
                    self.wfile.write(head.encode() + b'\r\n\r\n' + data + b'\r\n')
                    time.sleep(1 / rate)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(('127.0.0.1', 0), Camera) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.server_port}/video'
        finally:
            server.shutdown()
            thread.join()


def test_a_network_camera_for_some_frames(tmp_path, model, capsys):
    with network_camera() as address:
        out = ('--out', tmp_path / 'day.mp4', '--model', model)
        assert run(address, *out, '--frames', 5) == 0
    assert len(read_video(tmp_path / 'day.mp4')) == 5
    assert f'5 frames of stream {address}' in capsys.readouterr().out


def test_a_network_camera_until_somebody_ends_it(tmp_path, model):
    out = tmp_path / 'day'
    module = [sys.executable, '-m', 'morngan_ros.tools.colorize']
    with network_camera() as address:
        process = subprocess.Popen(
            [*module, address, '--out', str(out), '--model', str(model), '--provider', 'cpu'],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while not (out / '000003.png').exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert f'frames of stream {address}' in said
    assert_color(read_rgb(out / '000000.png'), read_jpeg(0))


def read_jpeg(index: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode('.jpg', thermal(index))[1], cv2.IMREAD_GRAYSCALE)
