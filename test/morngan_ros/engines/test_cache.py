"""An engine's folder stands for all that the engine depends on."""

from dataclasses import fields
from dataclasses import replace
import json
from pathlib import Path

import pytest

from morngan_ros.engines.cache import cache_root
from morngan_ros.engines.cache import engine_folder
from morngan_ros.engines.cache import EngineKey
from morngan_ros.engines.cache import Gate
from morngan_ros.engines.cache import is_cold
from morngan_ros.engines.cache import read_gate
from morngan_ros.engines.cache import write_gate
from morngan_ros.errors import ProviderError

KEY = EngineKey(
    model='ab' * 32,
    onnxruntime='1.32.0',
    tensorrt='10.3.0',
    gpu='NVIDIA GeForce RTX 4070, 8.9',
    precision='fp16',
    shapes='thermal:1x1x512x640',
    options='{}',
)


def test_same_key_has_one_folder_that_says_what_it_holds(tmp_path: Path) -> None:
    folder = engine_folder(KEY, tmp_path)
    assert folder == engine_folder(replace(KEY), tmp_path)
    assert json.loads((folder / 'key.json').read_text())['gpu'] == 'NVIDIA GeForce RTX 4070, 8.9'


@pytest.mark.parametrize('ingredient', [entry.name for entry in fields(EngineKey)])
def test_any_other_ingredient_has_another_folder(tmp_path: Path, ingredient: str) -> None:
    other = replace(KEY, **{ingredient: 'another'})
    assert engine_folder(other, tmp_path) != engine_folder(KEY, tmp_path)


def test_values_do_not_run_into_each_other(tmp_path: Path) -> None:
    one = replace(KEY, onnxruntime='1.2', tensorrt='3')
    other = replace(KEY, onnxruntime='1.', tensorrt='23')
    assert engine_folder(one, tmp_path) != engine_folder(other, tmp_path)


def test_environment_chooses_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.delenv('MORNGAN_CACHE', raising=False)
    assert cache_root() == tmp_path / '.cache' / 'morngan_ros' / 'engines'
    monkeypatch.setenv('MORNGAN_CACHE', str(tmp_path / 'here'))
    assert engine_folder(KEY).parent == tmp_path / 'here'


def test_place_that_cannot_be_written_is_named_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(ProviderError, match=r'file/.*cannot be written .* MORNGAN_CACHE'):
        engine_folder(KEY, tmp_path / 'file')


def test_folder_is_cold_until_an_engine_is_in_it(tmp_path: Path) -> None:
    folder = engine_folder(KEY, tmp_path)
    (folder / 'TensorrtExecutionProvider_cache_sm89.timing').write_bytes(b'0')
    assert is_cold(folder)
    (folder / 'morngan_TRTKernel_0_0_fp16_sm89.engine').write_bytes(b'0')
    assert not is_cold(folder)


def test_gate_is_remembered(tmp_path: Path) -> None:
    assert read_gate(tmp_path) is None
    write_gate(tmp_path, Gate(29.5, 30.0))
    assert read_gate(tmp_path) == Gate(29.5, 30.0)
    assert not Gate(29.5, 30.0).passed
    assert Gate(30.0, 30.0).passed


@pytest.mark.parametrize('content', ['', '{', '{"decibels": 3}', '[]'])
def test_broken_gate_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / 'gate.json').write_text(content)
    assert read_gate(tmp_path) is None
