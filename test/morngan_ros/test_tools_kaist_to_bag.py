"""Tests of tools.kaist_to_bag, on a video laid out as the archive unpacks."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from morngan_ros.bags import BagReader
from morngan_ros.bags import DETECTIONS
from morngan_ros.bags import stamp_ns
from morngan_ros.bags import typestore
from morngan_ros.tools.kaist_to_bag import main
from morngan_ros.tools.kaist_to_bag import read_annotations

pytestmark = pytest.mark.skipif(
    DETECTIONS not in typestore().types, reason='needs the definitions of vision_msgs'
)

BOXES = '% bbGt version=3\nperson 432 218 24 57 0 0 0 0 0 0 0\npeople 1 2 3 4 1 0 0 0 0 0 0\n'
START = 1_700_000_000_000_000_000


@pytest.fixture
def video(tmp_path) -> Path:
    """Frames 7, 8 and 10 of a video; 7 is annotated, 8 has nobody in it, 10 is not annotated."""
    folder = tmp_path / 'images/set04/V001'
    texts = tmp_path / 'annotations/set04/V001'
    for part in (folder / 'lwir', folder / 'visible', texts):
        part.mkdir(parents=True)
    for number in (7, 8, 10):
        grey = np.full((12, 20, 3), 10 * number, np.uint8)  # JPEGs of KAIST have three channels
        cv2.imwrite(str(folder / f'lwir/I{number:05d}.jpg'), grey)
        cv2.imwrite(str(folder / f'visible/I{number:05d}.jpg'), grey * [1, 0, 0])  # blue
    (texts / 'I00007.txt').write_text(BOXES)
    (texts / 'I00008.txt').write_text('% bbGt version=3\n')
    return folder


def read(bag: Path) -> dict[str, list]:
    with BagReader(bag) as reader:
        messages = list(reader.messages())
    return {t: [m for topic, _, m in messages if topic == t] for t, _, _ in messages}


def test_video_to_bag(video, tmp_path):
    out = tmp_path / 'bag'
    options = ['--start', '1700000000', '--visible', '--storage', 'sqlite3']
    assert main([str(video), '--out', str(out), *options]) == 0
    topics = read(out)
    assert set(topics) == {
        '/thermal/image_raw',
        '/thermal/camera_info',
        '/thermal/annotations',
        '/visible/image_raw',
    }
    # 20 Hz by the number of the frame: frame 9 is missing, its time is not.
    expected = [START, START + 50_000_000, START + 150_000_000]
    for name in ('/thermal/image_raw', '/thermal/camera_info', '/visible/image_raw'):
        assert [stamp_ns(m.header) for m in topics[name]] == expected
    images = topics['/thermal/image_raw']
    assert {(m.encoding, m.width, m.height) for m in images} == {('mono8', 20, 12)}
    assert [round(m.data.mean()) for m in images] == [70, 80, 100]
    colors = topics['/visible/image_raw']
    assert {m.encoding for m in colors} == {'rgb8'}
    red, _, blue = colors[0].data.reshape(-1, 3).mean(0)
    assert blue > 50 > red
    assert topics['/thermal/camera_info'][0].k[0] == 0  # not calibrated


def test_annotations_are_detections(video, tmp_path):
    out = tmp_path / 'bag'
    assert main([str(video), '--out', str(out), '--start', '1700000000']) == 0
    first, second = read(out)['/thermal/annotations']  # the third frame is not annotated
    assert [stamp_ns(m.header) for m in (first, second)] == [START, START + 50_000_000]
    assert second.detections == []
    person, people = first.detections
    assert person.results[0].hypothesis.class_id == 'person'
    assert people.results[0].hypothesis.class_id == 'people'
    box = person.bbox
    assert (box.center.position.x, box.center.position.y) == (432 + 12, 218 + 28.5)
    assert (box.size_x, box.size_y) == (24, 57)


def test_calibration_goes_into_the_bag(video, tmp_path):
    calibration = tmp_path / 'thermal.yaml'
    calibration.write_text(
        'image_width: 20\nimage_height: 12\ncamera_name: thermal\n'
        'camera_matrix: {rows: 3, cols: 3, data: [30, 0, 9.5, 0, 31, 5.5, 0, 0, 1]}\n'
        'distortion_model: plumb_bob\n'
        'distortion_coefficients: {rows: 1, cols: 5, data: [-0.3, 0.1, 0, 0, 0]}\n'
        'rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}\n'
        'projection_matrix: {rows: 3, cols: 4, data: [29, 0, 9, 0, 0, 30, 5, 0, 0, 0, 1, 0]}\n'
    )
    out = tmp_path / 'bag'
    assert main([str(video), '--out', str(out), '--camera-info', str(calibration)]) == 0
    info = read(out)['/thermal/camera_info'][0]
    assert (info.width, info.height, info.distortion_model) == (20, 12, 'plumb_bob')
    assert list(info.d) == [-0.3, 0.1, 0, 0, 0]
    assert list(info.k) == [30, 0, 9.5, 0, 31, 5.5, 0, 0, 1]
    assert list(info.p[:4]) == [29, 0, 9, 0]


def test_a_calibration_of_another_size_or_form_is_refused(video, tmp_path, capsys):
    wrong = tmp_path / 'wrong.yaml'
    command = [str(video), '--out', str(tmp_path / 'bag'), '--camera-info', str(wrong)]
    wrong.write_text('image_width: 20')
    assert main(command) == 2
    assert "'image_height' is missing" in capsys.readouterr().err
    numbers = '{data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}'
    wrong.write_text(
        'image_width: 640\nimage_height: 512\ndistortion_model: plumb_bob\n'
        f'distortion_coefficients: {{data: []}}\ncamera_matrix: {numbers}\n'
        f'rectification_matrix: {numbers}\nprojection_matrix: {{data: {[1] * 12}}}\n'
    )
    assert main(command) == 2
    assert 'of pictures of 640x512, these have 20x12' in capsys.readouterr().err
    assert not (tmp_path / 'bag').exists()


def test_a_video_without_annotations_is_written_all_the_same(video, tmp_path, capsys):
    (tmp_path / 'annotations').rename(tmp_path / 'elsewhere')
    out = tmp_path / 'bag'
    assert main([str(video), '--out', str(out)]) == 0
    assert 'no annotations were found' in capsys.readouterr().out
    assert '/thermal/annotations' not in read(out)
    again = [str(video), '--out', str(out), '--overwrite', '--annotations']
    assert main([*again, str(tmp_path / 'elsewhere')]) == 0
    assert len(read(out)['/thermal/annotations']) == 2
    assert main([*again, str(tmp_path)]) == 2
    assert 'holds no annotations of this video' in capsys.readouterr().err


def test_broken_frames_are_skipped_and_wrong_folders_refused(video, tmp_path, capsys):
    (video / 'lwir/I00008.jpg').write_bytes(b'no picture')
    assert main([str(video), '--out', str(tmp_path / 'bag'), '--start', '0']) == 1
    assert 'I00008.jpg' in capsys.readouterr().err
    stamps = [stamp_ns(m.header) for m in read(tmp_path / 'bag')['/thermal/image_raw']]
    assert stamps == [0, 150_000_000]
    assert main([str(video.parent), '--out', str(tmp_path / 'other')]) == 2
    assert 'no video of KAIST' in capsys.readouterr().err


def test_an_annotation_of_another_form_names_its_line(tmp_path):
    file = tmp_path / 'I00000.txt'
    file.write_text('% bbGt version=3\nperson 1 2\n')
    with pytest.raises(Exception, match=r'I00000\.txt, line 2: not a label with left, top'):
        read_annotations(file)
