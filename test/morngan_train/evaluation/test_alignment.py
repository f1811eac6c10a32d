"""Visible pictures of a part of the frame come to where that part is."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from morngan_train.data.reading import DataError
from morngan_train.evaluation.colorizers import open_colorizer

RANGES = (-1.0, 1.0), (-1.0, 1.0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A frame, a part of it squeezed, and the same part doubled as the visible picture."""
    coarse = np.random.default_rng(0).integers(0, 256, (8, 12), np.uint8)
    frame = cv2.resize(coarse, (120, 80), interpolation=cv2.INTER_CUBIC)
    part = frame[10:50, 20:80]
    pictures = {
        'testB': frame,
        'testB_aligned_ir': cv2.resize(part, (60, 20), interpolation=cv2.INTER_AREA),
        'testB_visible': cv2.resize(part, (120, 80)),
    }
    for folder, picture in pictures.items():
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / 'a.png'), picture)
    # A pixel of the squeezed part is two rows high: its centre lies half a row further down.
    maps = {'a': [[1.0, 0.0, 20.0], [0.0, 2.0, 10.5]]}
    (tmp_path / 'testB_crop_to_full.json').write_text(json.dumps(maps))
    return tmp_path


def test_the_picture_lies_where_its_crop_lies(data: Path) -> None:
    colorizer = open_colorizer('visible', data, [data / 'testB/a.png'], 'cpu', RANGES)
    frame = cv2.imread(str(data / 'testB/a.png'), cv2.IMREAD_GRAYSCALE)
    picture, as_it_was = colorizer.picture(0, frame)
    assert not as_it_was
    inside = slice(12, 48), slice(22, 78)
    difference = np.abs(picture[..., 0].astype(int) - frame)[inside]
    moved = np.abs(np.roll(picture[..., 0], 1, axis=0).astype(int) - frame)[inside]
    assert difference.mean() < 1.5 < moved.mean()
    around = picture[0, 0].astype(float)
    assert around == pytest.approx(np.full(3, frame[10:50, 20:80].mean()), abs=2)
    assert (picture[60:] == picture[0, 0]).all()


def test_without_maps_it_is_the_whole_frame(data: Path) -> None:
    (data / 'testB_crop_to_full.json').unlink()
    colorizer = open_colorizer('visible', data, [data / 'testB/a.png'], 'cpu', RANGES)
    picture, as_it_was = colorizer.picture(0, np.zeros((80, 120), np.uint8))
    assert as_it_was
    assert picture.shape == (80, 120, 3)


@pytest.mark.parametrize(
    ('content', 'message'),
    [('{', 'cannot be read'), ('{}', 'first a'), ('{"a": [[1, 0, 0]]}', 'no 2x3 map for 1')],
)
def test_damaged_maps_are_named(content: str, message: str, data: Path) -> None:
    (data / 'testB_crop_to_full.json').write_text(content)
    with pytest.raises(DataError, match=message):
        open_colorizer('visible', data, [data / 'testB/a.png'], 'cpu', RANGES)
