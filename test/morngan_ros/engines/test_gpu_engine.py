"""The engine for GPUs, with the processor in the place of the GPU: all but the GPU itself."""

from collections.abc import Sequence
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx import TensorProto
import pytest
from tiny_models import expected_color
from tiny_models import save_detector
from tiny_models import save_foreign_generator
from tiny_models import save_generator

from morngan_ros.detector import Detector
from morngan_ros.engines import EngineOptions
from morngan_ros.engines import gpu_engine
from morngan_ros.engines import gpu_facts
from morngan_ros.engines import load_engine
from morngan_ros.engines import onnxruntime_engine
from morngan_ros.engines.bound_session import BoundSession
from morngan_ros.engines.cache import Gate
from morngan_ros.engines.cache import write_gate
from morngan_ros.engines.interface import Engine
from morngan_ros.engines.interface import Shapes
from morngan_ros.errors import DeviceError
from morngan_ros.errors import ModelError
from morngan_ros.errors import ProviderError

LEVELS = np.arange(48, dtype=np.uint8).reshape(1, 1, 6, 8)


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processor's provider answer to the names of the GPU's, with TensorRT 10.3."""
    pytest.importorskip('onnxruntime')
    for name in ('tensorrt', 'cuda'):
        monkeypatch.setitem(onnxruntime_engine.ORT_NAMES, name, 'CPUExecutionProvider')
    monkeypatch.setattr(gpu_engine, '_DEVICE', 'cpu')
    monkeypatch.setattr(gpu_facts, 'tensorrt_version', lambda: '10.3.0')
    monkeypatch.setenv('MORNGAN_CACHE', str(tmp_path / 'cache'))


def keys(tmp_path: Path) -> list[dict[str, str]]:
    return [json.loads(path.read_text()) for path in (tmp_path / 'cache').glob('*/key.json')]


def folder(engine: Engine) -> Path:
    assert engine.cache_folder is not None
    return engine.cache_folder


@pytest.mark.parametrize('provider', ['tensorrt', 'cuda'])
def test_gives_the_numbers_that_the_graph_says(tmp_path: Path, provider: str) -> None:
    engine = load_engine(save_generator(tmp_path / 'a.onnx'), EngineOptions(provider))
    assert engine.provider == provider
    assert engine.inputs[0].shape == (1, 1, None, None)
    for rows in (6, 5, 4, 3, 2, 1, 6):  # more sizes than it keeps
        (color,) = engine(LEVELS[:, :, :rows])
        np.testing.assert_array_equal(color[0], expected_color(LEVELS[0, 0, :rows]))
    with pytest.raises(ModelError, match='takes'):
        engine(LEVELS.astype(np.float32))


def test_tensorrt_has_a_folder_for_each_size(tmp_path: Path) -> None:
    engine = load_engine(save_generator(tmp_path / 'a.onnx'), EngineOptions('tensorrt'))
    assert engine.cache_folder is None
    engine(LEVELS)
    first = engine.cache_folder
    engine(LEVELS[:, :, :4])
    assert engine.cache_folder != first
    written = {key['shapes']: key for key in keys(tmp_path)}
    assert set(written) == {'thermal:1x1x6x8', 'thermal:1x1x4x8'}
    assert written['thermal:1x1x6x8']['model'] == engine.sha256
    assert written['thermal:1x1x6x8']['tensorrt'] == '10.3.0'
    assert written['thermal:1x1x6x8']['precision'] == 'fp16'


def test_cuda_keeps_no_engine(tmp_path: Path) -> None:
    engine = load_engine(save_generator(tmp_path / 'a.onnx'), EngineOptions('cuda', size=(6, 8)))
    engine(LEVELS)
    assert engine.cache_folder is None
    assert not (tmp_path / 'cache').exists()


@pytest.mark.parametrize('size', ['of the file', 'given'])
def test_known_size_is_built_at_once(tmp_path: Path, size: str) -> None:
    axes: tuple[int | str, int | str] = (6, 8) if size == 'of the file' else ('H', 'W')
    path = save_generator(tmp_path / 'a.onnx', size=axes)
    engine = load_engine(
        path, EngineOptions('tensorrt', size=None if size == 'of the file' else (6, 8))
    )
    assert [key['shapes'] for key in keys(tmp_path)] == ['thermal:1x1x6x8']
    assert folder(engine).parent == tmp_path / 'cache'


def test_building_is_told_only_when_the_cache_is_cold(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    with caplog.at_level(logging.INFO):
        engine = load_engine(path, EngineOptions('tensorrt', size=(6, 8)))
    assert 'building the TensorRT engine, which can take minutes; cached in' in caplog.text
    (folder(engine) / 'morngan_0.engine').write_bytes(b'')
    caplog.clear()
    with caplog.at_level(logging.INFO):
        load_engine(path, EngineOptions('tensorrt', size=(6, 8)))
    assert 'can take minutes' not in caplog.text


def test_options_of_the_user_have_an_engine_of_their_own(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    plain = load_engine(path, EngineOptions('tensorrt', size=(6, 8)))
    options = {'trt_builder_optimization_level': '5'}
    other = load_engine(path, EngineOptions('tensorrt', size=(6, 8), provider_options=options))
    assert plain.cache_folder != other.cache_folder


@pytest.mark.parametrize(
    ('provider', 'asked', 'tensorrt', 'chosen'),
    [
        ('tensorrt', 'auto', '10.3.0', 'fp16'),
        ('tensorrt', 'auto', '8.6.2', 'fp32'),
        ('tensorrt', 'auto', '11.0.1', 'fp32'),
        ('tensorrt', 'auto', 'unknown', 'fp32'),
        ('tensorrt', 'fp16', '8.6.2', 'fp16'),
        ('tensorrt', 'bf16', '10.3.0', 'bf16'),
        ('cuda', 'auto', '', 'fp32'),
    ],
)
def test_auto_is_fp16_only_where_instance_norms_stay_in_fp32(
    provider: str, asked: str, tensorrt: str, chosen: str
) -> None:
    assert gpu_engine.choose_precision(provider, asked, tensorrt) == chosen


def test_cuda_computes_in_the_types_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match='provider cuda: computes in the types of the file'):
        load_engine(save_generator(tmp_path / 'a.onnx'), EngineOptions('cuda', precision='fp16'))


def test_engine_that_failed_its_gate_gives_way_to_fp32(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    with caplog.at_level(logging.INFO):
        engine = load_engine(path, EngineOptions('tensorrt', size=(6, 8)))
    assert engine.precision == 'fp16'
    assert 'were not yet compared with fp32' in caplog.text

    write_gate(folder(engine), Gate(psnr=21.0, min_psnr=30.0))
    with caplog.at_level(logging.WARNING):
        again = load_engine(path, EngineOptions('tensorrt', size=(6, 8)))
    assert again.precision == 'fp32'
    assert again.cache_folder != engine.cache_folder
    assert 'its fp16 pictures reached 21.0 dB, but 30.0 dB are required' in caplog.text
    assert (
        load_engine(path, EngineOptions('tensorrt', precision='fp16', size=(6, 8))).precision
        == 'fp16'
    )

    write_gate(folder(engine), Gate(psnr=41.0, min_psnr=30.0))
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert load_engine(path, EngineOptions('tensorrt', size=(6, 8))).precision == 'fp16'
    assert 'compared' not in caplog.text


def test_failure_while_running_is_one_of_the_device(tmp_path: Path) -> None:
    engine = load_engine(save_foreign_generator(tmp_path / 'four.onnx'), EngineOptions('cuda'))
    with pytest.raises(DeviceError, match=r'four\.onnx: provider cuda failed while running: .'):
        engine(np.zeros((1, 3, 6, 6), np.float32))  # 4 does not divide 6


def test_gpu_that_fails_at_the_first_run_gives_way(tmp_path: Path) -> None:
    path = save_foreign_generator(tmp_path / 'four.onnx')
    with pytest.raises(ProviderError, match=r'provider cuda: cannot run .*four\.onnx: .'):
        load_engine(path, EngineOptions('cuda', size=(6, 6)))  # 4 does not divide 6


@pytest.mark.parametrize('provider', ['auto', 'cuda'])
def test_detector_of_any_size_gives_way_when_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    """A GPU whose kernels do not fit must not wait for the first picture to say so."""
    tried: list[Shapes] = []

    class Unfit(BoundSession):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            tried.append(arguments[3])

        def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
            raise RuntimeError('no kernel image is available')

    monkeypatch.setattr(gpu_engine, 'BoundSession', Unfit)
    prediction = np.zeros((1, 5, 40), np.float32)
    path = save_detector(tmp_path / 'a.onnx', prediction, names={0: 'car'}, size=96, dynamic=True)
    detector = Detector.load(path, EngineOptions(provider, allow_fallback=True))
    assert detector.provider in ('openvino', 'cpu')
    assert set(tried) == {((1, 3, 96, 96),)}
    if provider == 'cuda':
        assert 'no kernel image is available' in detector.engine.fallback_reason


def test_retrained_weights_outside_of_the_file_have_an_engine_of_their_own(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    onnx.save(onnx.load(path), path, save_as_external_data=True, location='d', size_threshold=0)
    old = load_engine(path, EngineOptions('tensorrt', size=(6, 8)))
    weights = bytearray((tmp_path / 'd').read_bytes())
    weights[-1] ^= 1
    (tmp_path / 'd').write_bytes(weights)
    assert (
        load_engine(path, EngineOptions('tensorrt', size=(6, 8))).cache_folder != old.cache_folder
    )


def test_failure_while_building_is_one_of_the_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> object:
        if options.get('optimize', True):  # the session that describes the model is not built
            raise RuntimeError('EP_FAIL\nno memory for the engine')
        return onnxruntime_engine.open_session(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(gpu_engine, 'open_session', fail)
    path = save_generator(tmp_path / 'a.onnx')
    words = r'provider tensorrt: cannot load .*a\.onnx: no memory for the engine'
    with pytest.raises(ProviderError, match=words):
        load_engine(path, EngineOptions('tensorrt', size=(6, 8)))
    engine = load_engine(
        path, EngineOptions('tensorrt', size=(6, 8), allow_fallback=True, precision='fp32')
    )
    assert engine.provider in ('openvino', 'cpu')
    assert 'no memory for the engine' in engine.fallback_reason


def test_another_provider_than_asked_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime goes on with the next one when the libraries of a provider are missing."""
    engine = load_engine(save_generator(tmp_path / 'a.onnx'), EngineOptions('cuda'))
    monkeypatch.setitem(onnxruntime_engine.ORT_NAMES, 'cuda', 'CUDAExecutionProvider')
    with pytest.raises(DeviceError, match='fell back to CPUExecutionProvider'):
        engine(LEVELS)


def test_broken_file_is_a_model_error(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    path.write_bytes(path.read_bytes().replace(b'Round', b'Rownd'))
    with pytest.raises(ModelError, match=r'a\.onnx: ONNX Runtime cannot run it'):
        load_engine(path, EngineOptions('tensorrt'))


def test_cuda_graph_needs_outputs_of_known_size(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    assert load_engine(path, EngineOptions('cuda', size=(6, 8), cuda_graph=True))(LEVELS)[
        0
    ].shape == (1, 6, 8, 3)
    graph = helper.make_graph(
        [helper.make_node('NonZero', ['x'], ['y'])],
        'as many as there are',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 1, 2, 2])],
        [helper.make_tensor_value_info('y', TensorProto.INT64, [4, 'found'])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=10)
    onnx.save(model, tmp_path / 'b.onnx')
    engine = load_engine(tmp_path / 'b.onnx', EngineOptions('cuda'))
    for count in (0, 2, 1):  # as the boxes of a detector, for which no memory can stay
        frame = np.diag([count > 0, count > 1]).astype(np.float32)
        assert engine(frame[None, None])[0].shape == (4, count)
    with pytest.raises(ProviderError, match='a CUDA graph needs outputs of a known size'):
        load_engine(tmp_path / 'b.onnx', EngineOptions('cuda', cuda_graph=True))


def test_quantised_files_are_known_by_what_the_exporter_wrote() -> None:
    assert gpu_engine.is_int8({'morngan': '{"precision": "int8"}'})
    for metadata in ({}, {'morngan': '{"precision": "fp32"}'}, {'morngan': '{'}, {'morngan': '[]'}):
        assert not gpu_engine.is_int8(metadata)
