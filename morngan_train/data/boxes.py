"""Boxes of road users: YOLO text, which the data folder holds, and Pascal VOC's XML."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from morngan_train.data.reading import DataError

OBJECTS = ('person', 'bicycle', 'car')
"""Names of the classes 0, 1, 2 in files of boxes; names and numbers that COCO's detectors have."""

BOX = ('class', 'cx', 'cy', 'width', 'height')
"""Columns of YOLO text: a whole number, then shares of the picture."""


def read_boxes(path: Path, width: int, height: int) -> np.ndarray:
    """Read YOLO boxes: class, then centre and size as shares of the picture.

    Args:
        path: Text file, a line for each box; may be empty.
        width: Of the picture in pixels.
        height: Of the picture in pixels.

    Returns:
        Rows of class, x1, y1, x2, y2 in pixels, float [N, 5].

    Raises:
        DataError: A line is no box.
    """
    return _read(path, width, height, BOX)


def read_found(path: Path, width: int, height: int) -> np.ndarray:
    """Read YOLO boxes that a detector found, as `read_boxes`, with a confidence at the end.

    Returns:
        Rows of class, x1, y1, x2, y2 in pixels, confidence, float [N, 6].

    Raises:
        DataError: A line is no such box.
    """
    return _read(path, width, height, (*BOX, 'confidence'))


def read_voc(
    path: Path, width: int, height: int, classes: Mapping[str, int]
) -> tuple[np.ndarray, Counter[str]]:
    """Read the objects of an XML file as Pascal VOC and LabelImg write it.

    Args:
        path: XML file.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        classes: Number of the class by the name of the category.

    Returns:
        Rows of class, x1, y1, x2, y2 in pixels, float [N, 5], cut at the border of the picture.
        Beside them the objects that have no row, by category: categories that `classes` lacks,
        and boxes without area.

    Raises:
        DataError: The file is no such XML, or belongs to a picture of another size.
    """
    try:
        root = ElementTree.parse(path).getroot()
        if root.tag != 'annotation':
            raise ValueError(f'its root is <{root.tag}>, not <annotation>')
        stated = tuple(
            int(float(root.findtext(f'size/{side}') or 0)) for side in ('width', 'height')
        )
        objects = [_voc_object(element) for element in root.iter('object')]
    except (ElementTree.ParseError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f'{path} cannot be read as Pascal VOC boxes: {error}') from error
    if all(stated) and stated != (width, height):
        raise DataError(
            f'{path} describes a picture of {stated[0]}x{stated[1]}, but its frame is '
            f'{width}x{height}'
        )
    rows = []
    others: Counter[str] = Counter()
    for name, corners in objects:
        box = np.clip(corners, 0, [width, height, width, height])
        if name not in classes:
            others[name] += 1
        elif (box[2:] <= box[:2]).any():
            others[f'{name} without area'] += 1
        else:
            rows.append([classes[name], *box])
    return np.array(rows, np.float64).reshape(-1, len(BOX)), others


def yolo_text(boxes: np.ndarray, width: int, height: int) -> str:
    """Write boxes as YOLO text.

    Args:
        boxes: Rows of class, x1, y1, x2, y2 in pixels, float [N, 5], inside of the picture.
        width: Of the picture in pixels.
        height: Of the picture in pixels.

    Returns:
        A line for each box, as `read_boxes` reads it; empty without boxes.
    """
    shares = boxes[:, 1:] / np.tile([width, height], 2)
    center, size = (shares[:, :2] + shares[:, 2:]) / 2, shares[:, 2:] - shares[:, :2]
    rows = zip(boxes[:, 0], np.hstack([center, size]), strict=True)
    return ''.join(f'{number:.0f} {" ".join(f"{x:.6f}" for x in box)}\n' for number, box in rows)


def _voc_object(element: ElementTree.Element) -> tuple[str, np.ndarray]:
    """Read the name of an object and x1, y1, x2, y2; raise ValueError if they are not there."""
    texts = [element.findtext(f'bndbox/{corner}') for corner in ('xmin', 'ymin', 'xmax', 'ymax')]
    corners = np.array([float(text) for text in texts if text])
    if corners.size != len(texts) or not np.isfinite(corners).all():
        raise ValueError(f'the four corners of a box are {texts}')
    return (element.findtext('name') or '').strip(), corners


def _read(path: Path, width: int, height: int, columns: tuple[str, ...]) -> np.ndarray:
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f'{path} cannot be read as text: {error}') from error
    rows = [_numbers(path, n, line, columns) for n, line in enumerate(lines, 1) if line.strip()]
    boxes = np.array(rows, np.float64).reshape(-1, len(columns))
    center, half = boxes[:, 1:3] * [width, height], boxes[:, 3:5] * [width, height] / 2
    return np.hstack([boxes[:, :1], center - half, center + half, boxes[:, 5:]])


def _numbers(path: Path, number: int, line: str, columns: tuple[str, ...]) -> list[float]:
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        values = []
    shares = [value for value in values[1:] if 0 <= value <= 1]
    if len(values) != len(columns) or values[0] % 1 or len(shares) != len(columns) - 1:
        raise DataError(
            f'{path}, line {number}: expected `{" ".join(columns)}`, a whole number and '
            f'{len(columns) - 1} shares from 0 to 1'
        )
    return values
