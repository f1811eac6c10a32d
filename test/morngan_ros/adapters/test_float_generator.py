"""Third-party generators as people export them: any stride, one size, larger outputs, NaN."""

from pathlib import Path

import cv2
import numpy as np
from onnx import helper
import pytest
from tiny_models import expected_color
from tiny_models import save_detector
from tiny_models import save_float_generator
from tiny_models import save_foreign_generator
from tiny_models import save_generator
from tiny_models import save_normalizing_generator
from tiny_models import save_unet

from morngan_ros.adapters.float_generator import padded_sizes
from morngan_ros.engines import EngineOptions
from morngan_ros.errors import ModelError
from morngan_ros.errors import OutputError
from morngan_ros.generator import Generator

PROVIDERS = ['openvino', 'cpu']


def gradient(height: int, width: int) -> np.ndarray:
    row, column = np.indices((height, width))
    return ((255 * row / height + 255 * column / width) / 2).astype(np.uint8)


# Strides


@pytest.mark.parametrize('provider', PROVIDERS)
@pytest.mark.parametrize('levels', [3, 6, 8])
def test_a_unet_of_any_depth_gets_the_stride_that_it_needs(
    tmp_path: Path, provider: str, levels: int
) -> None:
    """Neither 360 nor 288 is a multiple of 2**levels; the network gives what it gets."""
    generator = Generator.load(save_unet(tmp_path / 'unet.onnx', levels), EngineOptions(provider))
    thermal = gradient(288, 360)
    np.testing.assert_array_equal(generator(thermal)[..., 1], thermal)
    small = gradient(50, 70)
    np.testing.assert_array_equal(generator(small)[..., 2], small)


@pytest.mark.parametrize('patch', [7, 14, 16, 64])
def test_a_transformer_gets_whole_patches(tmp_path: Path, patch: int) -> None:
    nodes = [
        helper.make_node('SpaceToDepth', ['input'], ['patches'], blocksize=patch),
        helper.make_node('DepthToSpace', ['patches'], ['output'], blocksize=patch),
    ]
    generator = Generator.load(
        save_float_generator(tmp_path / 'vit.onnx', nodes, {}), EngineOptions('cpu')
    )
    thermal = gradient(50, 70)
    np.testing.assert_array_equal(generator(thermal)[..., 0], thermal)


@pytest.mark.parametrize('provider', ['auto', 'openvino', 'cpu'])
def test_a_size_that_is_known_is_loaded_with_its_stride(tmp_path: Path, provider: str) -> None:
    """640 is no multiple of 256: `auto` must not pass the first provider over for that."""
    path = save_unet(tmp_path / 'unet.onnx', 8)
    generator = Generator.load(path, EngineOptions(provider, size=(512, 640)))
    assert generator.provider == ('openvino' if provider == 'auto' else provider)
    thermal = gradient(512, 640)
    np.testing.assert_array_equal(generator(thermal)[..., 0], thermal)


@pytest.mark.parametrize('provider', PROVIDERS)
@pytest.mark.parametrize('size', [None, (288, 360)])
def test_a_stride_beyond_all_is_told_in_our_words(
    tmp_path: Path, provider: str, size: tuple[int, int] | None
) -> None:
    path = save_unet(tmp_path / 'unet.onnx', 10)
    with pytest.raises(ModelError, match='256 or 224: export it for one fixed'):
        Generator.load(path, EngineOptions(provider, size=size))(gradient(288, 360))


def test_what_is_no_generator_is_loaded_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level('INFO')
    path = save_detector(tmp_path / 'yolo.onnx', np.zeros((1, 6, 9)), names={0: 'a', 1: 'b'})
    with pytest.raises(ModelError, match='no generator'):
        Generator.load(path, EngineOptions('cpu', size=(288, 360)))
    assert caplog.text.count('runs on cpu') == 1


def test_each_size_is_tried_once() -> None:
    assert [size for _, size in padded_sizes((512, 640))] == [(512, 640), (512, 768), (672, 672)]
    assert [size for _, size in padded_sizes((1792, 1792))] == [(1792, 1792)]
    assert [m for m, _ in padded_sizes((50, 70))] == [4, 32, 64, 256, 224]
    assert next(padded_sizes((50, 70), (50, None), 64)) == (64, (50, 128))


def test_a_failure_is_not_printed_frame_after_frame(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    generator = Generator.load(save_unet(tmp_path / 'unet.onnx', 10), EngineOptions('cpu'))
    with pytest.raises(ModelError):
        generator(gradient(50, 70))
    assert 'onnxruntime' not in capfd.readouterr().err


# Sizes of outputs


def resized(path: Path, height: float, width: float) -> Path:
    scales = np.array([1, 1, height, width], np.float32)
    nodes = [helper.make_node('Resize', ['input', '', 'scales'], ['output'], mode='nearest')]
    return save_float_generator(path, nodes, {'scales': scales}, output_size=('P', 'Q'))


@pytest.mark.parametrize('scale', [(2, 2), (0.5, 0.5), (1, 2), (4, 4)])
@pytest.mark.parametrize('provider', PROVIDERS)
def test_another_size_is_refused_and_not_cut(
    tmp_path: Path, scale: tuple[float, float], provider: str
) -> None:
    generator = Generator.load(resized(tmp_path / 'a.onnx', *scale), EngineOptions(provider))
    given = [int(64 * scale[0]), int(96 * scale[1])]
    expected = rf'gives \[1, 3, {given[0]}, {given[1]}\] for a picture of \[64, 96\]'
    with pytest.raises(OutputError, match=expected) as error:
        generator.warm_up(64, 96)
    assert error.value.cause == 'size'


def test_a_network_without_shortcuts_gets_its_stride_by_the_size_that_it_gives(
    tmp_path: Path,
) -> None:
    """It drops what does not fill 32 pixels instead of failing: 50 rows would come out as 32."""
    nodes = [
        helper.make_node(
            'AveragePool', ['input'], ['low'], kernel_shape=[32, 32], strides=[32, 32]
        ),
        helper.make_node('Resize', ['low', '', 'scales'], ['output'], mode='nearest'),
    ]
    constants = {'scales': np.array([1, 1, 32, 32], np.float32)}
    path = save_float_generator(tmp_path / 'a.onnx', nodes, constants, output_size=('P', 'Q'))
    assert Generator.load(path, EngineOptions('cpu'))(gradient(50, 70)).shape == (50, 70, 3)


# Fixed sizes


@pytest.mark.parametrize('foreign', [True, False], ids=['foreign', 'contract'])
@pytest.mark.parametrize('shape', [(64, 80), (20, 24), (48, 16), (30, 200)])
def test_frames_are_resized_for_a_model_of_fixed_size(
    tmp_path: Path, foreign: bool, shape: tuple[int, int]
) -> None:
    path = tmp_path / 'a.onnx'
    if foreign:
        save_float_generator(
            path, [helper.make_node('Identity', ['input'], ['output'])], {}, size=(32, 32)
        )
    else:
        save_generator(path, {0: (0, 0, 0), 255: (255, 255, 255)}, size=(32, 32))
    generator = Generator.load(path, EngineOptions('cpu', size=shape))
    thermal = gradient(*shape)
    color = generator(thermal)
    assert color.shape == (*shape, 3)
    assert np.abs(color[..., 0].astype(int) - thermal).mean() < 8
    assert generator.insists_on == '32x32'
    same = gradient(32, 32)
    np.testing.assert_array_equal(generator(same)[..., 0], same)


def test_one_fixed_axis_is_enough(tmp_path: Path) -> None:
    nodes = [helper.make_node('Identity', ['input'], ['output'])]
    path = save_float_generator(tmp_path / 'a.onnx', nodes, {}, size=(32, 'W'))
    generator = Generator.load(path, EngineOptions('cpu', size=(48, 50)))
    assert generator(gradient(48, 50)).shape == (48, 50, 3)
    assert generator.insists_on == 'anyx32'


def test_resizing_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    generator = Generator.load(
        save_generator(tmp_path / 'a.onnx', size=(16, 24)), EngineOptions('cpu')
    )
    generator(gradient(16, 24))
    assert 'resized' not in caplog.text
    for _ in range(3):
        generator(gradient(32, 48))
    assert caplog.text.count('takes 24x16 only, so frames of 48x32 are resized') == 1


# What is no picture


@pytest.mark.parametrize('provider', PROVIDERS)
def test_nan_of_a_single_frame_is_the_fault_of_the_model(tmp_path: Path, provider: str) -> None:
    generator = Generator.load(
        save_normalizing_generator(tmp_path / 'a.onnx'), EngineOptions(provider)
    )
    generator.warm_up(32, 32)
    with pytest.raises(OutputError, match='gives NaN or infinity') as error:
        generator(np.full((32, 32), 77, np.uint8))
    assert error.value.cause == 'not finite'
    assert generator(gradient(32, 32)).shape == (32, 32, 3)


@pytest.mark.parametrize('provider', PROVIDERS)
@pytest.mark.parametrize(
    ('operator', 'constant'),
    [('Div', 0.0), ('Mul', np.inf), ('Mul', np.nan), ('Mul', 3.3e38)],
    ids=['0 / 0', 'infinity', 'NaN', 'overflow'],
)
def test_what_is_not_finite_is_refused_at_warm_up(
    tmp_path: Path, provider: str, operator: str, constant: float
) -> None:
    nodes = [
        helper.make_node('Mul', ['input', 'ten'], ['large']),
        helper.make_node(operator, ['large', 'constant'], ['output']),
    ]
    constants = {'ten': np.float32(10), 'constant': np.float32(constant)}
    path = save_float_generator(tmp_path / 'a.onnx', nodes, constants)
    with pytest.raises(OutputError, match='gives NaN or infinity'):
        Generator.load(path, EngineOptions(provider)).warm_up(32, 32)


def test_one_pixel_of_nan_is_enough(tmp_path: Path) -> None:
    """The logarithm of the darkest pixels alone is none."""
    nodes = [helper.make_node('Log', ['raised'], ['output'])]
    nodes.insert(0, helper.make_node('Add', ['input', 'one'], ['raised']))
    path = save_float_generator(tmp_path / 'a.onnx', nodes, {'one': np.float32(1 - 1e-3)})
    generator = Generator.load(path, EngineOptions('cpu'))
    thermal = np.full((16, 16), 100, np.uint8)
    generator(thermal)
    thermal[5, 5] = 0
    with pytest.raises(OutputError, match='NaN'):
        generator(thermal)


@pytest.mark.parametrize('level', [0, 255])
def test_a_blank_picture_of_a_contract_model_is_refused(tmp_path: Path, level: int) -> None:
    """NaN inside the graph becomes black on its way to bytes."""
    path = save_generator(tmp_path / 'a.onnx', {0: (level,) * 3, 255: (level,) * 3})
    generator = Generator.load(path, EngineOptions('cpu'))
    with pytest.raises(OutputError, match='all-black or all-white') as error:
        generator.warm_up(16, 16)
    assert error.value.cause == 'blank'
    assert (generator(np.full((8, 8), 9, np.uint8)) == level).all()  # as dull as the frame


def test_values_of_another_range_are_refused_at_warm_up(tmp_path: Path) -> None:
    """A network that gives 1000 to 2000, or bytes, taken for -1 to 1, is white all over."""
    path = save_foreign_generator(tmp_path / 'a.onnx', output_range=(1000.0, 2000.0))
    with pytest.raises(OutputError, match='model_output_range'):
        Generator.load(path, EngineOptions('cpu')).warm_up(16, 16)
    Generator.load(path, EngineOptions('cpu'), output_range=(1000.0, 2000.0)).warm_up(16, 16)


@pytest.mark.parametrize(
    ('real', 'given', 'warns'),
    [
        ((-1.0, 1.0), (-1.0, 1.0), False),
        ((0.0, 1.0), (0.0, 1.0), False),
        ((0.0, 1.0), (-1.0, 1.0), True),
        ((0.0, 255.0), (-1.0, 1.0), True),
        ((-1.0, 1.0), (0.0, 1.0), True),
        ((-1.1, 1.1), (-1.0, 1.0), False),
    ],
)
def test_a_range_that_does_not_fit_is_told_once(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    real: tuple[float, float],
    given: tuple[float, float],
    warns: bool,
) -> None:
    path = save_foreign_generator(tmp_path / 'a.onnx', output_range=real)
    generator = Generator.load(path, EngineOptions('cpu'), output_range=given)
    for _ in range(3):
        generator.warm_up(16, 16)
    assert caplog.text.count('but model_output_range is') == int(warns)


def test_a_black_frame_may_become_a_black_picture(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx', {0: (0, 0, 0), 255: (255, 255, 255)})
    generator = Generator.load(path, EngineOptions('cpu'))
    assert not generator(np.zeros((8, 8), np.uint8)).any()


def test_resizing_keeps_colors(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx', size=(64, 64))
    thermal = cv2.resize(np.array([[0, 255]], np.uint8), (200, 120))
    color = Generator.load(path, EngineOptions(precision='fp32'))(thermal)
    assert np.abs(color.astype(int) - expected_color(thermal)).max() < 12
