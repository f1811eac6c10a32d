"""Both runtimes behind the one interface."""

import logging
from pathlib import Path
import sys

import numpy as np
import pytest
from tiny_models import expected_color
from tiny_models import save_foreign_generator
from tiny_models import save_generator

from morngan_ros.engines import EngineOptions
from morngan_ros.engines import load_engine
from morngan_ros.errors import ModelError
from morngan_ros.errors import ProviderError

RUNTIMES = ('openvino', 'cpu')


def has_bf16() -> bool:
    openvino = pytest.importorskip('openvino')
    return 'BF16' in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')


@pytest.fixture(params=RUNTIMES)
def provider(request: pytest.FixtureRequest) -> str:
    pytest.importorskip({'openvino': 'openvino', 'cpu': 'onnxruntime'}[request.param])
    return str(request.param)


def test_gives_the_numbers_that_the_graph_says(tmp_path: Path, provider: str) -> None:
    engine = load_engine(
        save_generator(tmp_path / 'a.onnx'), EngineOptions(provider, precision='fp32')
    )
    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    (color,) = engine(levels)
    assert color.dtype == np.uint8
    np.testing.assert_array_equal(color[0], expected_color(levels[0, 0]))


def test_describes_the_model(tmp_path: Path, provider: str) -> None:
    path = save_generator(tmp_path / 'a.onnx', size=(8, 12))
    engine = load_engine(path, EngineOptions(provider, precision='fp32', threads=1))
    (thermal,), (color,) = engine.inputs, engine.outputs
    assert (thermal.name, thermal.shape, thermal.dtype) == ('thermal', (1, 1, 8, 12), np.uint8)
    assert (color.name, color.shape, color.dtype) == ('color', (1, 8, 12, 3), np.uint8)
    assert (engine.provider, engine.precision, engine.path) == (provider, 'fp32', path)
    assert '"contract": 1' in engine.metadata['morngan']


def test_free_axes_are_none(tmp_path: Path, provider: str) -> None:
    engine = load_engine(save_generator(tmp_path / 'a.onnx'), EngineOptions(provider))
    assert engine.inputs[0].shape == (1, 1, None, None)
    assert engine.outputs[0].shape == (1, None, None, 3)


def test_outputs_stay_when_the_engine_runs_again(tmp_path: Path, provider: str) -> None:
    engine = load_engine(
        save_generator(tmp_path / 'a.onnx'), EngineOptions(provider, precision='fp32')
    )
    (first,) = engine(np.zeros((1, 1, 4, 4), np.uint8))
    engine(np.full((1, 1, 4, 4), 255, np.uint8))
    assert (first == (0, 255, 0)).all()


def test_takes_more_sizes_than_it_keeps_compiled(tmp_path: Path, provider: str) -> None:
    engine = load_engine(
        save_generator(tmp_path / 'a.onnx'), EngineOptions(provider, precision='fp32')
    )
    for side in (4, 5, 6, 7, 8, 9, 4):
        (color,) = engine(np.full((1, 1, side, side + 1), 255, np.uint8))
        assert color.shape == (1, side, side + 1, 3)
        assert (color == (255, 0, 51)).all()


def test_strided_input_is_read_right(tmp_path: Path, provider: str) -> None:
    engine = load_engine(
        save_generator(tmp_path / 'a.onnx'), EngineOptions(provider, precision='fp32')
    )
    wide = np.arange(64, dtype=np.uint8).reshape(1, 1, 8, 8)
    (color,) = engine(wide[..., ::2])
    np.testing.assert_array_equal(color[0], expected_color(wide[0, 0, :, ::2]))


def test_wrong_arrays_are_refused(tmp_path: Path, provider: str) -> None:
    engine = load_engine(save_generator(tmp_path / 'a.onnx', size=(8, 8)), EngineOptions(provider))
    for wrong in (np.zeros((1, 1, 8, 9), np.uint8), np.zeros((1, 1, 8, 8), np.float32)):
        with pytest.raises(ModelError, match=r"takes 'thermal' uint8 \[1, 1, 8, 8\], got"):
            engine(wrong)
    with pytest.raises(ModelError, match='takes 1 inputs, got 2'):
        engine(np.zeros((1, 1, 8, 8), np.uint8), np.zeros(1))


def test_failure_inside_the_graph_names_the_file(tmp_path: Path, provider: str) -> None:
    engine = load_engine(save_foreign_generator(tmp_path / 'four.onnx'), EngineOptions(provider))
    with pytest.raises(ModelError, match=r'four\.onnx: .* cannot run it'):
        engine(np.zeros((1, 3, 6, 6), np.float32))  # 4 does not divide 6


def test_truncated_file_is_a_model_error(tmp_path: Path, provider: str) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ModelError, match=r'a\.onnx: not a complete ONNX model'):
        load_engine(path, EngineOptions(provider))


def test_whole_file_with_an_unknown_operator_is_a_model_error(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    path.write_bytes(path.read_bytes().replace(b'Round', b'Rownd'))
    for provider in ('auto', *RUNTIMES):
        with pytest.raises(ModelError, match=r'a\.onnx'):
            load_engine(path, EngineOptions(provider))


def test_auto_says_what_it_took_and_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip('openvino')
    with caplog.at_level(logging.INFO):
        engine = load_engine(save_generator(tmp_path / 'a.onnx'))
    order = ('tensorrt', 'cuda', 'openvino', 'cpu')
    assert engine.provider in order[:3]
    assert f'runs on {engine.provider}' in caplog.text
    for passed_over in order[: order.index(engine.provider)]:
        assert f'provider skipped: provider {passed_over}' in caplog.text


def test_auto_does_without_openvino(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'openvino', None)  # what an absent package does to import
    path = save_generator(tmp_path / 'a.onnx')
    assert load_engine(path).provider in ('tensorrt', 'cuda', 'cpu')
    with pytest.raises(ProviderError, match='pip install openvino'):
        load_engine(path, EngineOptions('openvino'))


def test_nothing_installed_lists_every_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'openvino', None)
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ProviderError, match=r'no provider can run it: .*pip install onnxruntime'):
        load_engine(save_generator(tmp_path / 'a.onnx'))


def test_auto_precision_uses_bf16_only_where_it_is(tmp_path: Path) -> None:
    expected = 'bf16' if has_bf16() else 'fp32'
    engine = load_engine(save_generator(tmp_path / 'a.onnx'), EngineOptions('openvino'))
    assert engine.precision == expected


def test_bf16_is_close_where_it_is_and_refused_where_not(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    if not has_bf16():
        with pytest.raises(ProviderError, match='no bf16; use precision fp32'):
            load_engine(path, EngineOptions('openvino', precision='bf16'))
        return
    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    (color,) = load_engine(path, EngineOptions('openvino', precision='bf16'))(levels)
    # 8 significant bits: an error of one part in 256 of the range of 255, twice.
    difference = color[0].astype(int) - expected_color(levels[0, 0])
    assert np.abs(difference).max() <= 2


@pytest.mark.parametrize(
    ('provider', 'precision', 'message'),
    [
        ('gpu', 'auto', "unknown provider 'gpu'; choose from auto, tensorrt, cuda, openvino, cpu"),
        ('cpu', 'int3', "unknown precision 'int3'"),
        ('cpu', 'bf16', 'computes in the types of the file'),
        ('openvino', 'fp16', 'no fp16 on a CPU'),
    ],
)
def test_what_cannot_be_is_refused_with_a_cure(
    tmp_path: Path, provider: str, precision: str, message: str
) -> None:
    with pytest.raises(ProviderError, match=message):
        load_engine(
            save_generator(tmp_path / 'a.onnx'), EngineOptions(provider, precision=precision)
        )


@pytest.mark.parametrize('provider', ['cuda', 'tensorrt'])
def test_gpu_never_falls_back_silently(tmp_path: Path, provider: str) -> None:
    """Where there is no GPU, as in most continuous integration, asking for one is an error."""
    onnxruntime = pytest.importorskip('onnxruntime')
    if 'CUDAExecutionProvider' in onnxruntime.get_available_providers():
        pytest.skip('this ONNX Runtime can use a GPU')
    with pytest.raises(ProviderError, match=f'provider {provider}: .* install onnxruntime-gpu'):
        load_engine(save_generator(tmp_path / 'a.onnx'), EngineOptions(provider))


def test_options_reach_the_provider(tmp_path: Path) -> None:
    pytest.importorskip('openvino')
    engine = load_engine(
        save_generator(tmp_path / 'a.onnx', size=(8, 8)),
        EngineOptions('openvino', provider_options={'CACHE_DIR': str(tmp_path / 'cache')}),
    )
    engine(np.zeros((1, 1, 8, 8), np.uint8))
    assert any((tmp_path / 'cache').iterdir())


def test_nothing_falls_back_that_loads(tmp_path: Path, provider: str) -> None:
    engine = load_engine(
        save_generator(tmp_path / 'a.onnx'), EngineOptions(provider, allow_fallback=True)
    )
    assert engine.provider == provider
    assert engine.fallback_reason == ''


def test_next_provider_takes_over_only_when_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, 'openvino', None)
    path = save_generator(tmp_path / 'a.onnx')
    with pytest.raises(ProviderError, match='provider openvino'):
        load_engine(path, EngineOptions('openvino'))
    with caplog.at_level(logging.WARNING):
        engine = load_engine(path, EngineOptions('openvino', allow_fallback=True))
    assert engine.provider == 'cpu'
    assert engine.fallback_reason.startswith('provider openvino: ')
    assert f'fell back to cpu: {engine.fallback_reason}' in caplog.text


def test_last_provider_falls_back_to_those_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip('openvino')
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    path = save_generator(tmp_path / 'a.onnx', size=(6, 8))
    with pytest.raises(ModelError, match='NO_SUCH'):
        load_engine(path, EngineOptions('openvino', provider_options={'NO_SUCH': '1'}))
    engine = load_engine(
        path, EngineOptions('cpu', allow_fallback=True, provider_options={'NO_SUCH': '1'})
    )
    assert engine.provider == 'openvino'
    assert engine.fallback_reason.startswith('provider cpu: ')


def test_precision_gives_way_before_the_provider(tmp_path: Path) -> None:
    pytest.importorskip('openvino')
    path = save_generator(tmp_path / 'a.onnx')
    engine = load_engine(path, EngineOptions('openvino', precision='fp16', allow_fallback=True))
    assert engine.provider == 'openvino'
    assert 'no fp16 on a CPU' in engine.fallback_reason


def test_fallback_does_not_cure_a_broken_file(tmp_path: Path) -> None:
    path = save_generator(tmp_path / 'a.onnx')
    path.write_bytes(path.read_bytes().replace(b'Round', b'Rownd'))
    with pytest.raises(ModelError, match=r'a\.onnx: no provider can run it: .*a\.onnx'):
        load_engine(path, EngineOptions('cpu', allow_fallback=True))


def test_size_is_compiled_for_at_once(tmp_path: Path) -> None:
    pytest.importorskip('openvino')
    path = save_foreign_generator(tmp_path / 'four.onnx')
    assert load_engine(path, EngineOptions('openvino', size=(8, 12)))
    with pytest.raises(ModelError, match=r'four\.onnx: OpenVINO cannot run it'):
        load_engine(path, EngineOptions('openvino', size=(6, 6)))  # 4 does not divide 6
