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


XML = (
    '<annotation><object><name>person</name><bndbox>'
    '<x>432</x><y>218</y><w>24</w><h>57</h></bndbox></object></annotation>'
)
CORNERS = (
    '<annotation><size><width>640</width></size><object><name>person</name><bndbox>'
    '<xmin>432</xmin><ymin>218</ymin><xmax>456</xmax><ymax>275</ymax></bndbox></object>'
    '</annotation>'
)


@pytest.mark.parametrize('content', [BOXES, XML, CORNERS], ids=['text', 'XML', 'corners'])
@pytest.mark.parametrize(
    'layout',
    ['set04/V001/{}', 'set04/V001/lwir/{}', 'set04_V001_{}'],
)
def test_layouts_and_formats_that_go_around(video, tmp_path, layout, content):
    suffix = '.txt' if content == BOXES else '.xml'
    file = tmp_path / 'improved' / layout.format(f'I00007{suffix}')
    file.parent.mkdir(parents=True)
    file.write_text(content)
    if 'lwir' in layout:  # those of the visible picture lie elsewhere in it
        other = file.parents[1] / 'visible' / file.name
        other.parent.mkdir()
        other.write_text('person 1 1 1 9\n')
    out = tmp_path / 'bag'
    command = [str(video), '--out', str(out), '--annotations', str(tmp_path / 'improved')]
    assert main(command) == 0
    (message,) = read(out)['/thermal/annotations']
    box = message.detections[0].bbox
    assert (box.center.position.x, box.center.position.y) == (432 + 12, 218 + 28.5)
    assert (box.size_x, box.size_y) == (24, 57)


@pytest.mark.parametrize('below', ['', 'lwir'])
def test_the_folder_of_the_video_itself_may_be_named(video, tmp_path, below):
    folder = tmp_path / 'annotations/set04/V001'
    if below:
        (folder / 'lwir').mkdir()
        for file in folder.glob('*.txt'):
            file.rename(folder / 'lwir' / file.name)
    out = tmp_path / 'bag'
    assert main([str(video), '--out', str(out), '--annotations', str(folder)]) == 0
    assert len(read(out)['/thermal/annotations']) == 2


@pytest.mark.parametrize(
    ('file', 'words'),
    [
        ('set04/V001/I00099.txt', 'annotates other frames of set04/V001 than the 3'),
        ('set04/V001.vbb', r'.vbb files of MATLAB are not read'),
        ('set05/V001/I00007.txt', 'holds no annotations of this video'),
        ('kaist_test.json', 'holds no annotations of this video'),
        ('set04/V001/I00007.json', 'holds no annotations of this video'),
    ],
)
def test_annotations_that_are_named_and_not_used_are_an_error(video, tmp_path, capsys, file, words):
    (tmp_path / 'named' / file).parent.mkdir(parents=True)
    (tmp_path / 'named' / file).write_text(BOXES)
    out = tmp_path / 'bag'
    command = [str(video), '--out', str(out), '--annotations', str(tmp_path / 'named')]
    assert main(command) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ('line', 'reason'),
    [
        ('person 1 2', "not the four numbers of a box: ['1', '2']"),
        ('person', 'not the four numbers of a box: []'),
        ('person a b c d', 'not the four numbers of a box'),
        ('person nan 2 3 4', 'not the four numbers of a box'),
        ('person 1 2 0 4', 'a box without extent'),
        ('0 0.5 0.5 0.1 0.2', 'shares of the picture, as YOLO writes'),
        ('\xff\xfe', 'not the four numbers of a box'),
    ],
)
def test_an_odd_line_is_skipped_named_once_and_counted(video, tmp_path, capsys, line, reason):
    text = '% bbGt version=3\n' + f'{line}\n' * 200 + 'person 432 218 24 57\n'
    (tmp_path / 'annotations/set04/V001/I00007.txt').write_text(text, encoding='latin-1')
    out = tmp_path / 'bag'
    assert main([str(video), '--out', str(out)]) == 1
    assert len(read(out)['/thermal/annotations'][0].detections) == 1
    told = [one for one in capsys.readouterr().err.splitlines() if 'write' not in one[:6]]
    assert told[0].startswith('skipped I00007.txt, line 2: ')
    assert reason in told[0]
    assert told[1].startswith('200 annotations were skipped (box 200): I00007.txt, line 2, ')
    assert len(told) == 2


def test_a_broken_file_of_annotations_costs_one_frame_its_boxes(video, tmp_path, capsys):
    folder = tmp_path / 'annotations/set04/V001'
    (folder / 'I00007.txt').unlink()
    (folder / 'I00007.xml').write_text('<annotation><obj')
    (folder / 'I00010.xml').write_text(
        '<annotation><object><name>cyclist</name></object></annotation>'
    )
    assert main([str(video), '--out', str(tmp_path / 'bag')]) == 1
    told = capsys.readouterr().err
    assert 'skipped I00007.xml: unclosed token' in told
    assert "skipped I00010.xml, object 1: not the four numbers of a box: ['', '', '', '']" in told
    assert len(read(tmp_path / 'bag')['/thermal/image_raw']) == 3
    assert [len(m.detections) for m in read(tmp_path / 'bag')['/thermal/annotations']] == [0, 0]
