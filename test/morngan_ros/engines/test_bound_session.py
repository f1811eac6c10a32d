"""Buffers that stay, exercised in the memory of the processor."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import expected_color
from tiny_models import save_generator

from morngan_ros.engines.bound_session import BoundSession
from morngan_ros.engines.onnxruntime_engine import describe
from morngan_ros.engines.onnxruntime_engine import open_session

SHAPES = ((1, 1, 6, 8),)
CPU = [('CPUExecutionProvider', dict[str, str]())]


@pytest.fixture(params=['fixed', 'free'])
def bound(request: pytest.FixtureRequest, tmp_path: Path) -> BoundSession:
    """One session that knows the size of its picture, and one that learns it by running."""
    onnxruntime: Any = pytest.importorskip('onnxruntime')
    path = save_generator(tmp_path / 'a.onnx')
    axes = {'H': 6, 'W': 8} if request.param == 'fixed' else {}
    session = open_session(onnxruntime, path, CPU, axes=axes)
    inputs = describe(session.get_inputs())
    bound = BoundSession(onnxruntime, session, inputs, SHAPES, 'cpu')
    assert bound.fixed == (request.param == 'fixed')
    return bound


def test_every_frame_gives_its_own_picture(bound: BoundSession) -> None:
    frames = [np.full((1, 1, 6, 8), level, np.uint8) for level in (0, 90, 255)]
    pictures = [bound([frame])[0] for frame in frames]
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_array_equal(picture[0], expected_color(frame[0, 0]))


def test_pictures_belong_to_the_caller(bound: BoundSession) -> None:
    frame = np.full((1, 1, 6, 8), 90, np.uint8)
    (first,) = bound([frame])
    first[:] = 7
    (second,) = bound([frame])
    np.testing.assert_array_equal(second[0], expected_color(frame[0, 0]))
    assert (first == 7).all()


def test_strided_frames_are_read_right(bound: BoundSession) -> None:
    wide = np.arange(96, dtype=np.uint8).reshape(1, 1, 6, 16)
    (picture,) = bound([wide[..., ::2]])
    np.testing.assert_array_equal(picture[0], expected_color(wide[0, 0, :, ::2]))
