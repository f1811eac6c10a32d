"""The rows and columns of a frame that are kept."""

import numpy as np
import pytest

from morngan_ros.errors import FrameError
from morngan_ros.images.crop import Crop
from morngan_ros.images.crop import read_span

FRAME = np.arange(10 * 8).reshape(10, 8)


@pytest.mark.parametrize(
    ('crop', 'expected'),
    [
        (Crop(), FRAME),
        (Crop(rows=(2, 0)), FRAME[2:]),
        (Crop(rows=(0, -2)), FRAME[:-2]),
        (Crop(rows=(-4, 0)), FRAME[-4:]),
        (Crop(rows=(-4, -1)), FRAME[-4:-1]),
        (Crop(rows=(0, 10), columns=(0, 8)), FRAME),
        (Crop(columns=(3, 5)), FRAME[:, 3:5]),
        (Crop(rows=(1, 9), columns=(1, -1)), FRAME[1:9, 1:-1]),
    ],
)
def test_it_keeps_what_a_slice_does(crop, expected):
    kept = crop(FRAME)
    np.testing.assert_array_equal(kept, expected)
    assert np.shares_memory(kept, FRAME)


@pytest.mark.parametrize(
    'crop',
    [
        Crop(rows=(0, 11)),
        Crop(rows=(10, 0)),
        Crop(rows=(0, -10)),
        Crop(rows=(-11, 0)),
        Crop(columns=(6, -2)),
        Crop(columns=(5, 3)),
    ],
)
def test_frames_that_it_does_not_fit_are_named(crop):
    with pytest.raises(FrameError, match=r'within a frame of 8x10 pixels; set crop_rows') as caught:
        crop(FRAME)
    assert caught.value.cause == 'crop'


@pytest.mark.parametrize(
    ('text', 'span'),
    [('2:514', (2, 514)), ('2:', (2, 0)), (':-2', (0, -2)), (':', (0, 0)), ('-4:-1', (-4, -1))],
)
def test_spans_are_read_as_slices_are_written(text, span):
    assert read_span(text) == span


@pytest.mark.parametrize('text', ['', '2', '2:3:4', 'a:b', '1.5:', '5:5', '9:2', '-1:-2', '2-5'])
def test_what_is_no_span_is_refused(text):
    with pytest.raises(ValueError, match=r'look like|keeps nothing'):
        read_span(text)
