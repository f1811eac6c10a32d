"""Building and comparing an engine, for real on the processor."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_models import save_detector
from tiny_models import save_foreign_generator
from tiny_models import save_generator

from morngan_ros.errors import SourceError
from morngan_ros.exposure import Exposure
from morngan_ros.images.crop import Crop
from morngan_ros.shipped import default_model
from morngan_ros.tools import build_engine
from morngan_ros.tools.support import cli

SIZE = '--size=160x128'


@pytest.fixture(autouse=True)
def runtimes() -> None:
    pytest.importorskip('onnxruntime')
    pytest.importorskip('openvino')


def test_shipped_model_passes_against_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert build_engine.main(['--provider=openvino', SIZE]) == 0
    out = capsys.readouterr().out
    assert 'morngan_context.onnx: openvino, int8, 160x128' in out
    assert 'PSNR to fp32 over 8 frames: ' in out
    assert 'kept in' not in out  # OpenVINO keeps nothing


def test_gate_between_int8_and_fp32(capsys: pytest.CaptureFixture[str]) -> None:
    """Eight bits are worth 30 to 60 dB, and the tool tells on which side of the gate they are."""
    fp32 = default_model().with_name('morngan_context_fp32.onnx')
    command = ['--provider=openvino', f'--reference={fp32}', SIZE]
    assert build_engine.main([*command, '--min-psnr=30']) == 0
    assert build_engine.main([*command, '--min-psnr=60']) == cli.INCOMPLETE
    error = capsys.readouterr().err
    assert 'is below the required 60 dB; use --precision fp32' in error


def test_same_bytes_pass_every_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save_generator(tmp_path / 'a.onnx')
    command = [str(model), '--provider=cpu', '--precision=fp32', SIZE, '--min-psnr=99']
    assert build_engine.main(command) == 0
    assert 'PSNR to fp32 over 8 frames: 99.0 dB' in capsys.readouterr().out


def test_other_colors_fail(tmp_path: Path) -> None:
    model = save_generator(tmp_path / 'a.onnx')
    other = save_generator(tmp_path / 'b.onnx', {0: (0, 0, 0), 255: (255, 255, 255)})
    assert build_engine.main([str(model), f'--reference={other}', SIZE]) == cli.INCOMPLETE


def test_pictures_that_are_none_fail_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An engine whose sums overflow; the reference is sound."""
    model = save_generator(tmp_path / 'a.onnx')
    black = save_generator(tmp_path / 'black.onnx', {0: (0, 0, 0), 255: (0, 0, 0)})
    command = [str(black), f'--reference={model}', SIZE, '--min-psnr=1']
    assert build_engine.main(command) == cli.INCOMPLETE
    said = capsys.readouterr()
    assert 'PSNR to fp32 over 8 frames: 0.0 dB\n8 of 8 pictures are unusable' in said.out
    assert '0.0 dB is below the 1 dB' in said.err


def test_a_model_that_gives_nan_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_foreign_generator(tmp_path / 'a.onnx', output_range=(-1.0, np.inf))
    assert build_engine.main([str(model), SIZE]) == cli.FAILED
    assert 'error: ' + str(model) + ': gives NaN or infinity' in capsys.readouterr().err


def test_names_of_the_classes_of_a_detector(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_generator(tmp_path / 'a.onnx')
    detector = save_detector(tmp_path / 'b.onnx', np.zeros((1, 6, 9)), names=None)
    command = [str(model), f'--detector={detector}', SIZE]
    assert build_engine.main(command) == cli.FAILED
    assert '--class-names' in capsys.readouterr().err
    assert build_engine.main([*command, '--class-names=person,car']) == 0


def test_frames_of_a_folder_are_scaled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index in range(3):
        frame = np.full((40, 60), 80 * index, np.uint8)
        cv2.imwrite(str(tmp_path / f'{index}.png'), frame)
    model = save_generator(tmp_path / 'a.onnx')
    detector = save_detector(tmp_path / 'b.onnx', np.zeros((1, 6, 9)), names={0: 'a', 1: 'b'})
    command = [str(model), f'--frames={tmp_path}', f'--detector={detector}', SIZE]
    assert build_engine.main(command) == 0
    assert 'over 3 frames' in capsys.readouterr().out


def test_frames_are_cropped_and_exposed_as_the_node_does(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(7000, 8000, 64).astype(np.uint16), (48, 1))
    cv2.imwrite(str(tmp_path / 'a.png'), np.pad(ramp, ((0, 2), (0, 0)), constant_values=65535))
    exposure = Exposure(mode='fixed_range', range_low=6000, range_high=9000)
    (frame,) = build_engine.read_frames(str(tmp_path), (64, 48), 8, Crop(rows=(0, -2)), exposure)
    np.testing.assert_array_equal(frame, exposure(ramp, 0.0))


def test_provider_that_cannot_be_had_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    onnxruntime = pytest.importorskip('onnxruntime')
    if 'TensorrtExecutionProvider' in onnxruntime.get_available_providers():
        pytest.skip('this ONNX Runtime can use TensorRT')
    assert build_engine.main(['--provider=tensorrt', SIZE]) == cli.FAILED
    assert 'error: provider tensorrt: ' in capsys.readouterr().err


def test_nothing_to_compare_on_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match='holds no pictures'):
        build_engine.read_frames(str(tmp_path), (8, 8), 3)
