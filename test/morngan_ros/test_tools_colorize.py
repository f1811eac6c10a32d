"""Tests of tools.colorize with a model whose pixels are known."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from recordings import frames
from recordings import THERMAL
from recordings import write_mcap
from tiny_models import expected_color
from tiny_models import save_detector
from tiny_models import save_generator

from morngan_ros.bags import BagReader
from morngan_ros.bags import BagWriter
from morngan_ros.bags import image_message
from morngan_ros.tools.colorize import main

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
    path = tmp_path / 'night.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 25, (64, 48))
    for level in (0, 100, 200):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    assert run(path, '--out', tmp_path / 'day.mp4', '--model', model) == 0
    capture = cv2.VideoCapture(str(tmp_path / 'day.mp4'))
    assert capture.get(cv2.CAP_PROP_FPS) == 25
    pictures = []
    while (frame := capture.read())[0]:
        pictures.append(cv2.cvtColor(frame[1], cv2.COLOR_BGR2RGB))
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
    assert '/boson/image (mono8) is taken for the thermal camera; --topic takes another' in said.err
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
    assert f'{done} messages of {(done - 1) / 10:.1f} s are whole' in said.err
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
        (['--overlay'], 'needs --detector'),
        (['--detector', 'some.onnx'], 'add --overlay'),
        (['--model', 'nowhere.onnx'], 'nowhere.onnx'),
        (['--topic', '/image_raw'], 'is no bag, so it has no topic /image_raw'),
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
    assert 'none of its frames could be read' in capsys.readouterr().err
