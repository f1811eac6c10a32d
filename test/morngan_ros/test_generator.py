"""Generators that keep the contract, and those of other people."""

import hashlib
from pathlib import Path
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from tiny_models import expected_color
from tiny_models import save_detector
from tiny_models import save_foreign_generator
from tiny_models import save_generator
from tiny_models import save_reflecting_generator

from morngan_ros.engines import EngineOptions
from morngan_ros.engines import load_engine
from morngan_ros.errors import FrameError
from morngan_ros.errors import ModelError
from morngan_ros.generator import Generator
from morngan_ros.shipped import default_model


def gradient(height: int, width: int) -> np.ndarray:
    return (np.arange(height * width) % 256).astype(np.uint8).reshape(height, width)


def test_contract_model_colors_every_pixel(tmp_path: Path) -> None:
    generator = Generator.load(save_generator(tmp_path / 'a.onnx'), EngineOptions(precision='fp32'))
    thermal = gradient(17, 23)
    color = generator(thermal)
    assert color.shape == (17, 23, 3)
    np.testing.assert_array_equal(color, expected_color(thermal))


def test_result_is_fresh(tmp_path: Path) -> None:
    generator = Generator.load(save_generator(tmp_path / 'a.onnx'))
    first = generator(np.zeros((8, 8), np.uint8))
    kept = first.copy()
    second = generator(np.full((8, 8), 200, np.uint8))
    np.testing.assert_array_equal(first, kept)
    assert not np.shares_memory(first, second)
    first[:] = 0  # and the caller may write into it


def test_info_and_digest_come_from_the_file(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx', info={'recipe': 'compact', 'parameters': 42})
    generator = Generator.load(path)
    assert generator.name == 'compact'
    assert generator.info['parameters'] == 42
    assert generator.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert generator.provider == generator.engine.provider


REFUSES = tuple(map(int, onnxruntime.__version__.split('.')[:2])) >= (1, 24)


@pytest.mark.parametrize(
    'provider',
    [
        pytest.param(
            'cpu',
            marks=pytest.mark.skipif(
                not REFUSES, reason='this ONNX Runtime reflects further than the frame reaches'
            ),
        ),
        'openvino',
    ],
)
@pytest.mark.parametrize('reach', [1, 20, 127])
def test_frames_that_are_too_small_are_refused_with_the_least_size(tmp_path, provider, reach):
    path = save_reflecting_generator(tmp_path / 'a.onnx', reach)
    generator = Generator.load(path, EngineOptions(provider, 'fp32'))
    least = reach + 1
    for height, width in ((reach, 200), (200, reach), (1, 1)):
        with pytest.raises(FrameError) as caught:
            generator(gradient(height, width))
        assert caught.value.cause == 'empty'
        assert str(caught.value).startswith(
            f'a frame of {width}x{height} is too small for a.onnx, which takes sides of at least '
            f'{least} pixels'
        )
    thermal = gradient(least, least)
    np.testing.assert_array_equal(generator(thermal), np.dstack([thermal] * 3))


@pytest.mark.parametrize('provider', ['cpu', 'openvino'])
def test_the_smallest_frame_that_the_file_tells_holds_whatever_the_runtime_takes(
    tmp_path: Path, provider: str
) -> None:
    path = save_generator(tmp_path / 'a.onnx', info={'smallest': 33})
    generator = Generator.load(path, EngineOptions(provider))
    for height, width in ((32, 200), (200, 32), (1, 1)):
        with pytest.raises(FrameError, match=f'{width}x{height} .* at least 33 pixels') as caught:
            generator(gradient(height, width))
        assert caught.value.cause == 'empty'
    assert generator(gradient(33, 33)).shape == (33, 33, 3)


@pytest.mark.parametrize('told', [0, -1, 1.5, '33', True, [33]])
def test_a_smallest_frame_that_is_no_number_of_pixels(tmp_path: Path, told: object) -> None:
    path = save_generator(tmp_path / 'a.onnx', info={'smallest': told})
    with pytest.raises(ModelError, match=r'a\.onnx: its metadata tells .* export it again'):
        Generator.load(path)


def test_the_model_that_ships_names_its_least_size() -> None:
    generator = Generator.load(default_model('openvino'), EngineOptions('openvino'))
    with pytest.raises(FrameError, match='takes sides of at least 33 pixels'):
        generator(gradient(24, 32))
    assert generator(gradient(33, 33)).shape == (33, 33, 3)


def test_a_model_that_fails_at_any_size_is_not_a_matter_of_small_frames(tmp_path: Path) -> None:
    path = save_reflecting_generator(tmp_path / 'a.onnx', 2000)
    generator = Generator.load(path, EngineOptions('openvino'))
    with pytest.raises(ModelError, match='cannot run it'):
        generator(gradient(300, 300))


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('output_range', [(-1.0, 1.0), (0.0, 1.0)])
def test_foreign_model_is_wrapped(
    tmp_path: Path, channels: int, output_range: tuple[float, float]
) -> None:
    """Red comes as it went in, green inverted, blue is the middle of the range: 127.5 -> 128.

    13 x 9 pixels are no multiple of 4, which the model insists on: padding and cropping work, or
    this fails.
    """
    path = save_foreign_generator(
        tmp_path / 'theirs.onnx', channels=channels, output_range=output_range
    )
    generator = Generator.load(path, EngineOptions(precision='fp32'), output_range=output_range)
    thermal = gradient(13, 9)
    color = generator(thermal)
    assert generator.info == {}
    assert generator.name == 'theirs'
    np.testing.assert_array_equal(color[..., 0], thermal)
    np.testing.assert_array_equal(color[..., 1], 255 - thermal)
    assert set(np.unique(color[..., 2])) <= {127, 128}
    assert color.flags.c_contiguous


def test_foreign_input_range(tmp_path: Path) -> None:
    """Fed [0, 1] instead of [-1, 1], the model's red covers the upper half of its range."""
    path = save_foreign_generator(tmp_path / 'a.onnx')
    generator = Generator.load(path, EngineOptions(precision='fp32'), input_range=(0.0, 1.0))
    color = generator(np.array([[0, 255], [0, 255]], np.uint8))
    assert set(color[:, 0, 0]) <= {127, 128}
    assert (color[:, 1, 0] == 255).all()


def test_one_pixel_is_enough_for_a_foreign_model(tmp_path: Path) -> None:
    generator = Generator.load(
        save_foreign_generator(tmp_path / 'a.onnx'), EngineOptions(precision='fp32')
    )
    assert generator(np.array([[77]], np.uint8))[0, 0].tolist()[:2] == [77, 178]


@pytest.mark.parametrize(
    'frame',
    [
        np.zeros((8, 8), np.uint16),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((0, 8), np.uint8),
        np.zeros((8, 0), np.uint8),
        np.zeros(8, np.uint8),
    ],
)
def test_other_frames_are_refused(tmp_path: Path, frame: np.ndarray) -> None:
    generator = Generator.load(save_generator(tmp_path / 'a.onnx'))
    with pytest.raises(FrameError, match=r'takes uint8 \[H, W\] pictures, got'):
        generator(frame)


def test_a_detector_is_no_generator(tmp_path: Path) -> None:
    path = save_detector(tmp_path / 'yolo.onnx', np.zeros((1, 6, 9)), names={0: 'a', 1: 'b'})
    with pytest.raises(
        ModelError, match=r'yolo\.onnx: not a generator; expected .* found .*output0'
    ):
        Generator.load(path)


def test_a_generator_of_two_channels_is_none(tmp_path: Path) -> None:
    path = save_foreign_generator(tmp_path / 'two.onnx', outputs=2)
    with pytest.raises(ModelError, match=r'found .* float32 \[\?, 2, \?, \?\]'):
        Generator.load(path)


def test_broken_metadata_is_a_model_error(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    model = onnx.load(path)
    model.metadata_props[0].value = '{half'
    onnx.save(model, path)
    with pytest.raises(ModelError, match='`morngan` is not JSON'):
        Generator.load(path)


def test_empty_range_is_refused(tmp_path: Path) -> None:
    engine = load_engine(save_foreign_generator(tmp_path / 'a.onnx'))
    with pytest.raises(ModelError, match=r'output_range \(1.0, 1.0\) must rise'):
        Generator(engine, output_range=(1.0, 1.0))


def test_warm_up_takes_any_size(tmp_path: Path) -> None:
    generator = Generator.load(save_generator(tmp_path / 'a.onnx'))
    generator.warm_up(6, 10)
    with pytest.raises(FrameError):
        generator.warm_up(0, 10)


def test_fallback_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    assert Generator.load(path, EngineOptions('cpu', allow_fallback=True)).fallback_reason == ''
    monkeypatch.setitem(sys.modules, 'openvino', None)  # what an absent package does to import
    generator = Generator.load(path, EngineOptions('openvino', allow_fallback=True, size=(6, 8)))
    assert generator.provider == 'cpu'
    assert 'pip install openvino' in generator.fallback_reason
