"""The file that crosses to the vehicle."""

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from morngan_ros.engines import EngineOptions
from morngan_ros.errors import FrameError
from morngan_ros.generator import Generator
from morngan_train import checkpoint
from morngan_train.cli import main
from morngan_train.export import export
from morngan_train.export import load_trained
from morngan_train.export import to_onnx
from morngan_train.export.onnx_file import ExportError
from morngan_train.export.onnx_file import parity
from morngan_train.export.onnx_file import Trained
from morngan_train.export.quantize import psnr
from morngan_train.networks.colorizer import Colorizer
from morngan_train.networks.generator import build_translator
from morngan_train.recipe.recipe import GeneratorRecipe
from morngan_train.training.system import build_half

SHARED = Path(__file__).parents[4] / 'shared' / 'data' / 'flir'


@pytest.fixture
def trained(recipe) -> Trained:
    torch.manual_seed(0)
    translator = build_translator(8, 3, 'shuffle')
    for parameter in translator.parameters():  # weights of a trained net are not this small
        parameter.data.mul_(3)
    return Trained(Colorizer(translator), recipe, step=6, epoch=2)


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])


def test_contract(trained, tmp_path):
    path = tmp_path / 'model.onnx'
    export(trained, path, data_name='nothing', scores={'apce': 0.5})
    model = onnx.load(path)
    assert [(o.domain, o.version) for o in model.opset_import] == [('', 18)]
    run = session(path)
    (thermal,), (color,) = run.get_inputs(), run.get_outputs()
    assert (thermal.name, thermal.type, thermal.shape[:2]) == ('thermal', 'tensor(uint8)', [1, 1])
    assert (color.name, color.type, color.shape[0], color.shape[3]) == (
        'color',
        'tensor(uint8)',
        1,
        3,
    )
    for height, width in ((64, 80), (61, 83), (8, 8)):
        frame = np.zeros((1, 1, height, width), np.uint8)
        assert run.run(None, {'thermal': frame})[0].shape == (1, height, width, 3)
    metadata = json.loads({p.key: p.value for p in model.metadata_props}['morngan'])
    assert metadata['contract'] == 1
    assert metadata['scores'] == {'apce': 0.5}
    assert metadata['steps'] == 6
    assert_instance_norms_are_single_nodes(model.graph)


def test_frames_smaller_than_the_reflection_are_refused_everywhere(recipe, tmp_path):
    """The network pads to multiples of 64: 32 pixels, more than a side of 32 can reflect."""
    shape = GeneratorRecipe(kind='context', weights='none')
    colorizer = Colorizer(build_half(shape, thermal=True))
    path = tmp_path / 'context.onnx'
    told = export(Trained(colorizer, recipe, step=6, epoch=2), path)
    assert told['smallest'] == 33
    for provider in ('cpu', 'openvino'):
        generator = Generator.load(path, EngineOptions(provider))
        for height, width in ((32, 70), (70, 20)):
            with pytest.raises(FrameError, match=f'{width}x{height} is too small') as caught:
                generator(np.zeros((height, width), np.uint8))
            assert caught.value.cause == 'empty'
        assert generator(np.zeros((33, 70), np.uint8)).shape == (33, 70, 3)


def assert_instance_norms_are_single_nodes(graph: onnx.GraphProto) -> None:
    """What makes their gradients contiguous in training leaves nothing in the file."""
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    norms = [n for n in graph.node if n.op_type == 'InstanceNormalization']
    behind_convolutions = {n.output[0] for n in norms if made_by[n.input[0]] == 'Conv'}
    assert len(behind_convolutions) == 7  # one of the stem, two of each of three blocks
    after = {node.op_type for node in graph.node if behind_convolutions & set(node.input)}
    assert after == {'Add', 'LeakyRelu'}


def test_the_file_tells_nothing_of_the_machine_it_was_made_on(trained, tmp_path):
    export(trained, tmp_path / 'model.onnx')
    content = (tmp_path / 'model.onnx').read_bytes()
    assert str(Path(__file__).parents[3]).encode() not in content
    assert b'site-packages' not in content


@pytest.mark.parametrize('stem', ['conv7', 'shuffle'])
def test_equals_pytorch(stem):
    torch.manual_seed(1)
    colorizer = Colorizer(build_translator(8, 3, stem))
    assert parity(colorizer, to_onnx(colorizer)).small


def test_equals_pytorch_on_real_frames(trained, tmp_path):
    files = sorted((SHARED / 'trainB').glob('*.png'))[:20] if SHARED.is_dir() else []
    if len(files) < 20:
        pytest.skip('needs 20 night frames in ../shared/data/flir/trainB')
    export(trained, tmp_path / 'model.onnx')
    run = session(tmp_path / 'model.onnx')
    for file in files:
        frame = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)[None, None]
        with torch.no_grad():
            expected = trained.colorizer(torch.from_numpy(frame)).numpy().astype(int)
        got = run.run(None, {'thermal': frame})[0]
        assert np.abs(got - expected).max() <= 1
        assert got.std() > 1  # a flat picture would prove nothing


def test_colorizer_equals_the_translator(trained):
    """Bytes in, bytes out is the same as scaling by hand, for sides that are multiples of 4."""
    translator = build_translator(8, 3, 'shuffle')
    frame = torch.randint(0, 256, (1, 1, 32, 40), dtype=torch.uint8)
    with torch.no_grad():
        y = translator(frame.float().div(127.5).sub(1).expand(1, 3, 32, 40))
        expected = y.add(1).mul(127.5).round().byte().permute(0, 2, 3, 1)
        got = Colorizer(translator)(frame)
    assert (got.int() - expected.int()).abs().max() <= 1


def test_a_file_that_differs_from_pytorch_is_not_written(trained, tmp_path, monkeypatch):
    torch.manual_seed(5)
    other = Colorizer(build_translator(8, 3, 'shuffle'))
    monkeypatch.setattr('morngan_train.export.onnx_file.to_onnx', lambda _: to_onnx(other))
    with pytest.raises(ExportError, match='differs from PyTorch'):
        export(trained, tmp_path / 'model.onnx')
    assert not (tmp_path / 'model.onnx').exists()


def test_int8_keeps_the_contract_and_nearly_the_picture(trained, tmp_path):
    """With symmetric int8 inside, PSNR stays far above what a broken graph would give."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (3, 8, 10), np.uint8)
    frames = [cv2.resize(c, (80, 64), interpolation=cv2.INTER_CUBIC) for c in coarse]
    metadata = export(trained, tmp_path / 'int8.onnx', calibration=frames)
    export(trained, tmp_path / 'fp32.onnx')
    assert metadata['precision'] == 'int8'
    quantized, exact = (
        session(tmp_path / name).run(None, {'thermal': frames[0][None, None]})[0]
        for name in ('int8.onnx', 'fp32.onnx')
    )
    assert quantized.dtype == np.uint8
    assert quantized.shape == exact.shape
    assert not np.array_equal(quantized, exact)
    assert psnr([quantized], [exact]) > 25
    assert metadata['psnr_to_fp32'] > 25
    # Two convolutions in each of three residual blocks have a quantised weight of their own.
    graph = onnx.load(tmp_path / 'int8.onnx').graph
    weights = [t for t in graph.initializer if t.data_type == onnx.TensorProto.INT8 and t.dims]
    assert len([w for w in weights if len(w.dims) == 4]) == 6


def test_psnr_by_hand():
    """A constant error of 5: 20 · log10(255 / 5) = 34.15 dB."""
    black = np.zeros((4, 4), np.uint8)
    assert psnr([black], [black + 5]) == pytest.approx(34.1514, abs=1e-3)


def test_command_line(trained, recipe, tmp_path, capsys):
    state = {
        'recipe': recipe.model_dump(mode='json'),
        'epoch': 2,
        'step': 6,
        'average': build_translator(4, 2, 'shuffle').state_dict(),
    }
    checkpoint.save(tmp_path / 'epoch_002.pt', state)
    out = tmp_path / 'model.onnx'
    assert main(['export', str(tmp_path / 'epoch_002.pt'), '--out', str(out)]) == 0
    assert out.is_file()
    assert load_trained(tmp_path / 'epoch_002.pt').epoch == 2
    assert main(['export', str(tmp_path / 'missing.pt'), '--out', str(out)]) == 2
    assert 'does not exist' in capsys.readouterr().err


def test_several_checkpoints_are_averaged(recipe, tmp_path):
    translators = [build_translator(4, 2, 'shuffle') for _ in range(2)]
    for i, translator in enumerate(translators):
        state = {'recipe': recipe.model_dump(mode='json'), 'step': i, 'epoch': i}
        state['average'] = translator.state_dict()
        checkpoint.save(tmp_path / f'{i}.pt', state)
    mean = load_trained(tmp_path / '1.pt', tmp_path / '0.pt')
    assert mean.epoch == 1
    name = 'encoder.layers.1.weight'
    expected = (translators[0].state_dict()[name] + translators[1].state_dict()[name]) / 2
    torch.testing.assert_close(mean.colorizer.translator.state_dict()[name], expected)
