"""The context generator: shapes, independence of the batch, gates, export."""

import numpy as np
import onnx
import onnxruntime
import pytest
from scipy import ndimage
import torch

from morngan_train.checkpoint import CheckpointError
from morngan_train.export import to_onnx
from morngan_train.export.onnx_file import parity
from morngan_train.export.quantize import psnr
from morngan_train.export.quantize import quantize
from morngan_train.export.quantize import wide_convolutions
from morngan_train.networks.colorizer import Colorizer
from morngan_train.networks.context_generator import ContextDecoder
from morngan_train.networks.context_generator import ContextEncoder
from morngan_train.networks.generator import Translator
from morngan_train.recipe.recipe import GeneratorRecipe
from morngan_train.training.system import build_half

RECIPE = GeneratorRecipe(kind='context', weights='none')


@pytest.fixture(scope='module')
def night_to_day() -> Translator:
    torch.manual_seed(0)
    return build_half(RECIPE, thermal=True)


def images(n: int, height: int = 128, width: int = 64) -> torch.Tensor:
    gray = torch.rand(n, 1, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return gray.expand(-1, 3, -1, -1)


def test_parameters_of_one_direction(night_to_day):
    assert sum(p.numel() for p in night_to_day.parameters()) == 3_513_228
    day = build_half(RECIPE, thermal=False)
    more = sum(p.numel() for p in day.parameters()) - 3_513_228
    assert more == 8 * 24 * 9  # the detail path of a colour picture sees 12 channels, not 4


def test_features_lie_at_the_strides_that_the_decoder_joins(night_to_day):
    features = night_to_day.encoder(images(1))
    assert [128 // f.shape[2] for f in features] == [4, 8, 16, 32, 64, 4, 2]
    compared = night_to_day.encoder.compared(features)
    assert compared.shape == (1, 80, 32, 16)


@torch.no_grad()
def test_a_picture_is_colorized_alike_in_any_batch_and_mode(night_to_day):
    batch = images(3)
    together = night_to_day.train()(batch)
    alone = torch.cat([night_to_day.eval()(image[None]) for image in batch])
    assert together.shape == batch.shape
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_every_weight_learns(night_to_day):
    night_to_day.zero_grad()
    night_to_day(images(1)).square().mean().backward()
    still = [name for name, p in night_to_day.named_parameters() if not p.grad.abs().sum() > 0]
    assert still == []


@torch.no_grad()
def test_four_pixels_of_a_last_feature_start_equal():
    """Else the picture starts as a checkerboard (ICNR)."""
    weight = ContextDecoder().paint.weight
    for first in range(0, 12, 4):
        assert torch.equal(weight[first], weight[first + 3])


@torch.no_grad()
def test_closed_gates_let_no_detail_through():
    encoder, decoder = ContextEncoder('none'), ContextDecoder()
    decoder.gate.weight.zero_()
    decoder.gate.bias.zero_()
    features = encoder(images(1))
    other = (*features[:-1], torch.randn_like(features[-1]))
    assert torch.equal(decoder(features), decoder(other))
    decoder.gate.bias.fill_(1.0)
    assert not torch.allclose(decoder(features), decoder(other))


@torch.no_grad()
def test_the_filter_in_front_is_a_binomial_one():
    plain, filtered = ContextEncoder('none'), ContextEncoder('none', prefilter=True)
    filtered.load_state_dict(plain.state_dict())
    image = images(2)
    taps = np.poly1d([0.5, 0.5]) ** 4
    by_hand = image.numpy().astype(np.float64)
    for axis in (2, 3):
        by_hand = ndimage.correlate1d(by_hand, taps.coefficients, axis, mode='mirror')
    expected = plain(torch.from_numpy(by_hand).float())
    for feature, wanted in zip(filtered(image), expected, strict=True):
        torch.testing.assert_close(feature, wanted, rtol=1e-3, atol=1e-4)


def test_a_colour_picture_is_not_filtered():
    shape = RECIPE.model_copy(update={'prefilter': True})
    assert build_half(shape, thermal=True).encoder.prefilter
    assert not build_half(shape, thermal=False).encoder.prefilter


def test_weights_come_from_a_file_or_not_at_all(tmp_path):
    with pytest.raises(CheckpointError, match='does not exist'):
        build_half(GeneratorRecipe(kind='context', weights=str(tmp_path / 'a.pth')), thermal=True)
    trained = build_half(GeneratorRecipe(kind='context'), thermal=True)
    again = build_half(GeneratorRecipe(kind='context'), thermal=True, pretrained=False)
    stems = [half.encoder.pretrained.stem.weight for half in (trained, again)]
    assert not torch.allclose(*stems)


@pytest.fixture(scope='module')
def colorizer(night_to_day) -> Colorizer:
    return Colorizer(night_to_day)


@pytest.fixture(scope='module')
def exported(colorizer) -> onnx.ModelProto:
    return to_onnx(colorizer)


def run(model: onnx.ModelProto, frame: np.ndarray) -> np.ndarray:
    providers = ['CPUExecutionProvider']
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=providers)
    return session.run(None, {'thermal': frame})[0]


def test_the_file_equals_torch_at_any_size(colorizer, exported):
    """Padding to 64 and cropping back are part of the file."""
    assert colorizer.least == 33
    assert parity(colorizer, exported).small
    for height, width in ((33, 70), (64, 64), (65, 129)):
        frame = np.random.default_rng(0).integers(0, 256, (1, 1, height, width), np.uint8)
        color = run(exported, frame)
        assert color.shape == (1, height, width, 3)
        expected = colorizer(torch.from_numpy(frame)).numpy().astype(int)
        assert np.abs(color - expected).max() <= 1


def test_int8_is_for_the_inner_convolutions_of_the_decoder(exported):
    weights = {node.name: node.input[1] for node in exported.graph.node if node.op_type == 'Conv'}
    chosen = [weights[name].removeprefix('translator.') for name in wide_convolutions(exported)]
    merges = [f'decoder.merges.{i}.weight' for i in range(4)]
    assert chosen == ['encoder.coarse.weight', *merges]


def test_a_file_in_int8_shows_the_same_picture(exported):
    smooth = np.linspace(0, 255, 128 * 160).reshape(128, 160).astype(np.uint8)
    quantized = quantize(exported, [smooth, smooth.T.copy()], wide_convolutions(exported))
    pictures = [[run(model, smooth[None, None])] for model in (exported, quantized)]
    assert psnr(*pictures) > 35


def test_a_file_with_a_head_finds_what_torch_finds():
    """Boxes to half a pixel, scores to 0.01, in frames of any size; colour as without."""
    torch.manual_seed(3)
    shape = GeneratorRecipe(kind='context', objects=['person', 'car'])
    finder = Colorizer(build_half(shape, thermal=True))
    with torch.no_grad():  # a fresh head is sure of nothing
        finder.translator.decoder.head.tell.weight.normal_(0, 0.1)
    exported = to_onnx(finder)
    assert [output.name for output in exported.graph.output] == ['color', 'boxes', 'scores']
    assert parity(finder, exported).small
    session = onnxruntime.InferenceSession(
        exported.SerializeToString(), providers=['CPUExecutionProvider']
    )
    for height, width in ((33, 70), (65, 129)):
        frame = np.random.default_rng(0).integers(0, 256, (1, 1, height, width), np.uint8)
        color, boxes, scores = session.run(None, {'thermal': frame})
        assert boxes.shape == (1, 100, 4)
        assert scores.shape == (1, 100, 2)
        expected = finder.with_objects(torch.from_numpy(frame))
        assert np.abs(color.astype(int) - expected[0].numpy()).max() <= 1
        # Cells of equal scores may change places.
        theirs = np.hstack([expected[1].numpy()[0], 50 * expected[2].numpy()[0]])[:20]
        ours = np.hstack([boxes[0], 50 * scores[0]])
        apart = np.abs(theirs[:, None] - ours[None]).max(2).min(1)
        assert apart.max() < 0.5  # pixels of a box, or 0.01 of a score
        assert np.array_equal(finder(torch.from_numpy(frame)).numpy(), expected[0].numpy())
