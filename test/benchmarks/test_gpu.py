"""The measurements of a GPU, tried on the processor at toy size: every row comes."""

import pytest
import torch

from benchmarks import gpu
from morngan_train.networks.generator import build_translator
from morngan_train.recipe import load_recipe
from morngan_train.recipe import Recipe
from morngan_train.training.tuning import Tuning


@pytest.fixture
def tiny(request) -> Recipe:
    return load_recipe(request.config.rootpath / 'config/train/tiny.yaml')


def test_a_step_of_every_phase_by_setting(tiny):
    settings = [gpu.Setting('32-true', 1, Tuning()), gpu.Setting('bf16-mixed', 2, Tuning())]
    rows = list(gpu.bench_training(tiny, 'cpu', settings, 64, 1))
    assert [row['what'] for row in rows] == 2 * [f'step, phase {p.name}' for p in tiny.phases]
    assert {(row['how'], row['size']) for row in rows} == {
        ('32-true', '1x64x64'),
        ('bf16-mixed', '2x64x64'),
    }
    assert all(row['ms'] > 0 and row['per second'] > 0 for row in rows)


def test_a_setting_that_fails_is_a_row_with_its_reason(tiny, monkeypatch):
    def full(*_args: object) -> None:
        raise torch.OutOfMemoryError('CUDA out of memory.\nTried to allocate')

    monkeypatch.setattr(gpu.Step, '__call__', full)
    (row,) = gpu.bench_training(tiny, 'cpu', [gpu.Setting('32-true', 1, Tuning())], 64, 1)
    assert row == {
        'what': 'step',
        'how': '32-true',
        'size': '1x64x64',
        'note': 'CUDA out of memory.',
    }


def test_both_generators_by_every_way(monkeypatch):
    monkeypatch.setattr(gpu, 'PROVIDERS', ('cpu', 'tensorrt'))
    ways = gpu._ways
    monkeypatch.setattr(
        gpu, '_ways', lambda *a: {k: v for k, v in ways(*a).items() if 'compile' not in k}
    )
    monkeypatch.setattr(gpu, 'build_translator', lambda: build_translator(4, 2))
    rows = list(gpu.bench_inference('cpu', 1, [(64, 64)]))
    by_how = {(row['what'], row['how']): row for row in rows}
    assert len(by_how) == 2 * 5
    for (_, how), row in by_how.items():
        assert ('note' in row) == (how == 'onnxruntime tensorrt'), row
        assert 'note' in row or row['ms'] > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason='this machine has a GPU')
def test_a_machine_without_a_gpu_is_told_so(tmp_path, capsys):
    out = tmp_path / 'gpu.json'
    assert gpu.main(['--out', str(out)]) == 0
    assert 'there is no GPU that torch' in capsys.readouterr().out
    assert not out.exists()


def test_rows_become_one_table(capsys):
    row = {'what': 'step, phase 4', 'how': 'tf32', 'ms': 250.5, 'peak GiB': 11.9}
    gpu.show([row, {'what': 'step', 'note': 'out of memory'}], 'a card')
    shown = capsys.readouterr().out
    assert all(text in shown for text in ('250.5', '11.9', 'out of memory', 'a card'))
