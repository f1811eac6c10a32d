"""What all engines share."""

from pathlib import Path

import numpy as np
import pytest

from morngan_ros.engines.interface import known_shapes
from morngan_ros.engines.interface import run_failure
from morngan_ros.engines.interface import TensorSpec
from morngan_ros.errors import DeviceError
from morngan_ros.errors import ModelError


@pytest.mark.parametrize('provider', ['tensorrt', 'cuda'])
def test_failure_on_a_gpu_is_one_of_the_device(provider: str) -> None:
    cause = RuntimeError('Non-zero status code\nCUDA failure 700: an illegal memory access\n')
    error = run_failure(provider, Path('night.onnx'), cause)
    assert isinstance(error, DeviceError)
    assert str(error) == (
        f'night.onnx: provider {provider} failed while running: '
        'CUDA failure 700: an illegal memory access'
    )


@pytest.mark.parametrize(('provider', 'runtime'), [('openvino', 'OpenVINO'), ('cpu', 'ONNX')])
def test_failure_on_the_processor_is_one_of_the_model(provider: str, runtime: str) -> None:
    error = run_failure(provider, Path('night.onnx'), RuntimeError(''))
    assert type(error) is ModelError
    assert str(error).startswith(f'night.onnx: {runtime}')
    assert str(error).endswith('cannot run it: RuntimeError')


def spec(*shape: int | None) -> TensorSpec:
    return TensorSpec('x', shape, np.dtype(np.uint8))


def test_shapes_are_known_from_the_file_or_the_size() -> None:
    assert known_shapes([spec(1, 1, 6, 8)], None) == ((1, 1, 6, 8),)
    assert known_shapes([spec(1, 1, 6, 8)], (512, 640)) == ((1, 1, 6, 8),)
    assert known_shapes([spec(None, 3, None, None)], (512, 640)) == ((1, 3, 512, 640),)
    assert known_shapes([spec(1, 1, None, None)], None) is None
    assert known_shapes([spec(1, None, None, None)], (512, 640)) is None
    assert known_shapes([spec(1, 1, 6, 8), spec(None, 3)], (512, 640)) is None
