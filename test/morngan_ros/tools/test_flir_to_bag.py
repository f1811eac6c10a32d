"""Tests of tools.flir_to_bag, on parts laid out as the archives unpack."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from morngan_ros.bags import BagReader
from morngan_ros.bags import DETECTIONS
from morngan_ros.bags import stamp_ns
from morngan_ros.bags import typestore
from morngan_ros.tools.flir_to_bag import main

pytestmark = pytest.mark.skipif(
    DETECTIONS not in typestore().types, reason='needs the definitions of vision_msgs'
)

SECOND = 1_000_000_000


def save(file: Path, counts: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), counts)


def annotate(file: Path, names: list[str]) -> None:
    """Write annotations of pictures: one car in the first, nothing in the others."""
    content = {
        'categories': [{'id': 1, 'name': 'person'}, {'id': 3, 'name': 'car'}],
        'images': [{'id': i, 'file_name': name} for i, name in enumerate(names)],
        'annotations': [{'image_id': 0, 'category_id': 3, 'bbox': [2, 3, 10, 4]}],
    }
    file.write_text(json.dumps(content))


def read(bag: Path, topic: str) -> list:
    with BagReader(bag) as reader:
        return [message for _, _, message in reader.messages([topic])]


@pytest.fixture
def first_version(tmp_path) -> Path:
    """Three frames of v1 in 8 and 16 bits, number 3 missing; the last is not annotated."""
    part = tmp_path / 'FLIR_ADAS_1_3/video'
    for number in (1, 2, 4):
        save(part / f'thermal_8_bit/FLIR_video_{number:05d}.jpeg', np.full((8, 16), 9, np.uint8))
        deep = np.full((8, 16), 7000 + number, np.uint16)
        save(part / f'thermal_16_bit/FLIR_video_{number:05d}.tiff', deep)
    names = [f'thermal_8_bit/FLIR_video_{number:05d}.jpeg' for number in (1, 2)]
    annotate(part / 'thermal_annotations.json', names)
    return part


@pytest.mark.parametrize(('bits', 'encoding'), [(8, 'mono8'), (16, 'mono16')])
def test_first_version_to_bag(first_version, tmp_path, bits, encoding):
    out = tmp_path / 'bag'
    options = ['--start', '1700000000', '--bits', str(bits)]
    assert main([str(first_version), '--out', str(out), *options]) == 0
    images = read(out, '/thermal/image_raw')
    # 30 Hz by the number in the name.
    expected = [1_700_000_000 * SECOND + round(i * SECOND / 30) for i in (0, 1, 3)]
    assert [stamp_ns(m.header) for m in images] == expected
    assert {m.encoding for m in images} == {encoding}
    if bits == 16:
        assert [int(m.data.view('<u2')[0]) for m in images] == [7001, 7002, 7004]
    assert len(read(out, '/thermal/camera_info')) == 3
    first, second = read(out, '/thermal/annotations')
    assert [stamp_ns(m.header) for m in (first, second)] == expected[:2]
    (car,) = first.detections
    assert car.results[0].hypothesis.class_id == 'car'
    assert (car.bbox.center.position.x, car.bbox.center.position.y) == (7, 5)
    assert (car.bbox.size_x, car.bbox.size_y) == (10, 4)
    assert second.detections == []


def test_second_version_keeps_recordings_apart(tmp_path, capsys):
    part = tmp_path / 'FLIR_ADAS_v2/video_thermal_test'
    names = [f'video-{which}-frame-{n:06d}-x{n}' for which, n in (('Bb', 5), ('Aa', 70), ('Aa', 9))]
    for value, name in enumerate(names):
        save(part / f'data/{name}.jpg', np.full((8, 16), 50 * value, np.uint8))
    annotate(part / 'coco.json', [f'data/{name}.jpg' for name in names])
    out = tmp_path / 'bag'
    assert main([str(part), '--out', str(out), '--start', '0', '--rate', '10']) == 0
    images = read(out, '/thermal/image_raw')
    assert [round(m.data.mean()) for m in images] == [100, 50, 0]
    # Frames 9 and 70 of Aa at 10 Hz, then Bb, ten seconds later.
    assert [stamp_ns(m.header) for m in images] == [0, 6_100_000_000, 16_100_000_000]
    found = read(out, '/thermal/annotations')
    assert [len(m.detections) for m in found] == [0, 0, 1]

    one = [str(part), '--out', str(tmp_path / 'one'), '--recording']
    assert main([*one, 'Bb']) == 0
    assert len(read(tmp_path / 'one', '/thermal/image_raw')) == 1
    assert main([*one, 'Cc', '--overwrite']) == 2
    assert 'it has: Aa, Bb' in capsys.readouterr().err


def test_wrong_parts_are_refused_and_broken_frames_skipped(first_version, tmp_path, capsys):
    out = ['--out', str(tmp_path / 'bag')]
    assert main([str(first_version.parent), *out]) == 2
    assert 'no thermal part of FLIR ADAS' in capsys.readouterr().err
    (first_version / 'thermal_8_bit/FLIR_video_00002.jpeg').write_bytes(b'no picture')
    assert main([str(first_version), *out]) == 1
    assert 'FLIR_video_00002' in capsys.readouterr().err
    assert len(read(tmp_path / 'bag', '/thermal/image_raw')) == 2


@pytest.mark.parametrize('text', ['', '[]', '{"images": []}'])
def test_unreadable_annotations_are_named(first_version, tmp_path, capsys, text):
    (first_version / 'thermal_annotations.json').write_text(text)
    assert main([str(first_version), '--out', str(tmp_path / 'bag')]) == 2
    assert 'thermal_annotations.json cannot be read as annotations' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('entry', 'words'),
    [
        ({'image_id': 0, 'category_id': 79, 'bbox': [1, 2, 3, 4]}, 'there is no category 79'),
        ({'image_id': 7, 'category_id': 3, 'bbox': [1, 2, 3, 4]}, 'there is no image 7'),
        ({'image_id': 0, 'category_id': 3, 'bbox': []}, 'not the four numbers of a box: []'),
        ({'image_id': 0, 'category_id': 3, 'bbox': [1, 2, 3]}, 'not the four numbers of a box'),
        ({'image_id': 0, 'category_id': 3, 'bbox': None}, 'not the four numbers of a box: None'),
        ({'image_id': 0, 'category_id': 3, 'bbox': ['a', 2, 3, 4]}, 'not the four numbers'),
        ({'image_id': 0, 'category_id': 3, 'bbox': [1, 2, 0, 4]}, 'a box without extent'),
        ({'image_id': 0, 'category_id': 3, 'bbox': [1, 2, -3, 4]}, 'a box without extent'),
        ({'image_id': 0, 'category_id': 3}, "KeyError('bbox')"),
        ({'image_id': [], 'category_id': 3, 'bbox': [1, 2, 3, 4]}, 'TypeError('),
        (None, 'TypeError('),
        ('text', 'TypeError('),
    ],
)
def test_an_odd_annotation_is_skipped_named_once_and_counted(
    first_version, tmp_path, capsys, entry, words
):
    file = first_version / 'thermal_annotations.json'
    content = json.loads(file.read_text())
    content['annotations'] += [entry] * 300
    file.write_text(json.dumps(content))
    assert main([str(first_version), '--out', str(tmp_path / 'bag')]) == 1
    told = [one for one in capsys.readouterr().err.splitlines() if one[:5] != 'write']
    assert told[0].startswith('skipped annotation 1: ')
    assert words in told[0]
    assert told[1].startswith('300 annotations were skipped (')
    assert told[1].endswith('annotation 5 and 295 more')
    assert len(told) == 2
    found = read(tmp_path / 'bag', '/thermal/annotations')
    assert [len(message.detections) for message in found] == [1, 0]


def test_odd_pictures_and_categories_of_the_annotations_are_skipped(
    first_version, tmp_path, capsys
):
    file = first_version / 'thermal_annotations.json'
    content = json.loads(file.read_text())
    content['images'] += [{'id': 8}, {'file_name': 'x.jpeg'}, {'id': 9, 'file_name': None}]
    content['categories'] += [{'id': 4}, 5]
    file.write_text(json.dumps(content))
    assert main([str(first_version), '--out', str(tmp_path / 'bag')]) == 1
    told = capsys.readouterr().err
    assert '5 annotations were skipped (incomplete category 2, incomplete image 3)' in told
    assert len(read(tmp_path / 'bag', '/thermal/annotations')) == 2


def test_files_that_are_no_frames_are_skipped_named_and_counted(first_version, tmp_path, capsys):
    folder = first_version / 'thermal_8_bit'
    for name in ('photo.jpeg', 'FLIR_video_00001 (copy).jpeg', 'FLIR.jpeg'):
        save(folder / name, np.zeros((8, 16), np.uint8))
    for number in (1, 2, 4):
        (folder / f'._FLIR_video_{number:05d}.jpeg').write_bytes(b'\0\5\x16\7')
    (folder / 'Thumbs.db').touch()
    assert main([str(first_version), '--out', str(tmp_path / 'bag')]) == 1
    told = capsys.readouterr().err
    assert 'note: 3 hidden files such as ._FLIR_video_00001.jpeg are no frames' in told
    assert '3 files were skipped (name 3): FLIR.jpeg, ' in told
    assert len(read(tmp_path / 'bag', '/thermal/image_raw')) == 3
    for file in folder.glob('FLIR_video_?????.jpeg'):
        file.unlink()
    assert main([str(first_version), '--out', str(tmp_path / 'other')]) == 2
    assert 'no picture in it is named as they are' in capsys.readouterr().err


def test_hidden_files_alone_are_no_loss(first_version, tmp_path, capsys):
    (first_version / 'thermal_8_bit/._FLIR_video_00001.jpeg').write_bytes(b'\0\5\x16\7')
    assert main([str(first_version), '--out', str(tmp_path / 'bag')]) == 0


def test_annotations_of_other_frames_are_said(first_version, tmp_path, capsys):
    annotate(first_version / 'thermal_annotations.json', ['thermal_8_bit/FLIR_99999.jpeg'])
    assert main([str(first_version), '--out', str(tmp_path / 'bag')]) == 0
    assert 'annotates none of these frames' in capsys.readouterr().out
