"""Boxes of YOLO text and of Pascal VOC's XML."""

import numpy as np
from preparing import sized
from preparing import voc
import pytest

from morngan_train.data.boxes import read_boxes
from morngan_train.data.boxes import read_found
from morngan_train.data.boxes import read_voc
from morngan_train.data.boxes import yolo_text
from morngan_train.data.reading import DataError

CLASSES = {'person': 0, 'Car': 2}


def test_voc_gives_pixels_and_counts_what_is_no_box(tmp_path):
    path = voc(
        tmp_path / 'a.xml',
        ('person', 10, 20, 30, 60),
        (' Car ', -5, 40.5, 120, 90),
        ('dog', 1, 1, 9, 9),
        ('dog', 2, 2, 9, 9),
        ('person', 30, 20, 30, 60),
        ('person', 300, 20, 310, 60),
        size=sized(100, 80),
    )
    boxes, others = read_voc(path, 100, 80, CLASSES)
    assert boxes.tolist() == [[0, 10, 20, 30, 60], [2, 0, 40.5, 100, 80]]
    assert others == {'dog': 2, 'person without area': 2}


@pytest.mark.parametrize('size', ['', sized(0, 0)])
def test_voc_need_not_say_how_large_its_picture_is(tmp_path, size):
    path = voc(tmp_path / 'a.xml', size=size)
    boxes, others = read_voc(path, 100, 80, CLASSES)
    assert boxes.shape == (0, 5)
    assert not others


def test_voc_of_another_picture_is_refused(tmp_path):
    path = voc(tmp_path / 'a.xml', size=sized(80, 100))
    with pytest.raises(
        DataError, match=r'a\.xml describes a picture of 80x100, but its frame is 100x'
    ):
        read_voc(path, 100, 80, CLASSES)


BAD = {
    'cut off': b'<annotation><object><name>person</name>',
    'empty': b'',
    'bytes': b'\xff\xfe\x00\x01',
    'a page': b'<html><body>Too many downloads</body></html>',
    'a corner is missing': b'<annotation><object><name>person</name><bndbox><xmin>1</xmin>'
    b'<ymin>2</ymin><xmax>3</xmax></bndbox></object></annotation>',
    'words': b'<annotation><object><name>person</name><bndbox><xmin>1</xmin><ymin>2</ymin>'
    b'<xmax>3</xmax><ymax>four</ymax></bndbox></object></annotation>',
    'no number': b'<annotation><object><name>person</name><bndbox><xmin>nan</xmin><ymin>2</ymin>'
    b'<xmax>3</xmax><ymax>4</ymax></bndbox></object></annotation>',
    'a size of words': b'<annotation><size><width>w</width></size></annotation>',
}


@pytest.mark.parametrize('content', BAD.values(), ids=BAD.keys())
def test_what_is_no_voc_is_named(tmp_path, content):
    path = tmp_path / 'bad.xml'
    path.write_bytes(content)
    with pytest.raises(DataError, match=r'bad\.xml cannot be read as Pascal VOC boxes'):
        read_voc(path, 100, 80, CLASSES)


def test_yolo_text_and_back(tmp_path):
    boxes = np.array([[0, 10, 20, 30, 60], [2, 0, 40.5, 100, 80]])
    path = tmp_path / 'a.txt'
    path.write_text(yolo_text(boxes, 100, 80))
    assert path.read_text().splitlines()[0] == '0 0.200000 0.500000 0.200000 0.500000'
    np.testing.assert_allclose(read_boxes(path, 100, 80), boxes, atol=1e-4)
    path.write_text(yolo_text(boxes[:0], 100, 80))
    assert path.read_text() == ''
    assert read_boxes(path, 100, 80).shape == (0, 5)


@pytest.mark.parametrize(
    'line',
    ['0 0.5 0.5 0.2', '0.5 0.5 0.5 0.2 0.2', '0 0.5 0.5 1.2 0.2', 'car 0 0 0 0', 'nan 0 0 0 0'],
)
def test_a_line_that_is_no_box_is_named(tmp_path, line):
    path = tmp_path / 'a.txt'
    path.write_text(f'0 0.5 0.5 0.2 0.2\n\n{line}\n')
    with pytest.raises(DataError, match=r'a\.txt, line 3: expected `class cx cy width height`'):
        read_boxes(path, 100, 80)
    with pytest.raises(DataError, match=r'a\.txt, line 1: .* confidence`'):
        read_found(path, 100, 80)


def test_found_boxes_have_a_confidence(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('2 0.5 0.5 0.2 0.5 0.75\n')
    np.testing.assert_allclose(read_found(path, 100, 80), [[2, 40, 20, 60, 60, 0.75]])
