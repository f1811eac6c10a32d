"""PearlGAN's attention: its size, its maps against plain loops, and that others have none of it."""

from itertools import product

import numpy as np
import onnxruntime
import pytest
import torch

from morngan_train.export import to_onnx
from morngan_train.export.onnx_file import parity
from morngan_train.networks.attention import GuidedAttention
from morngan_train.networks.attention import STRIDES
from morngan_train.networks.colorizer import Colorizer
from morngan_train.networks.generator import build_translator
from morngan_train.networks.generator import Decoder
from morngan_train.networks.generator import Encoder
from morngan_train.networks.generator import Translator
from morngan_train.recipe import parse_recipe
from morngan_train.training.system import Generators


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_size_of_pearlgan():
    translator = build_translator(attention=True)
    assert count(GuidedAttention(256)) == 68_101
    assert count(translator.encoder) == 5_099_143 + 68_101
    assert count(translator.decoder) == 6_566_154 + 68_101
    assert count(translator) == 11_801_499


@pytest.mark.parametrize(('stem', 'first'), [('conv7', 10), ('shuffle', 4)])
def test_attention_stands_right_before_the_residual_blocks(stem, first):
    plain = build_translator(4, 3, stem)
    guided = build_translator(4, 3, stem, attention=True)
    for part, place in (('encoder', first), ('decoder', 0)):
        without = [type(layer) for layer in getattr(plain, part).layers]
        with_it = [type(layer) for layer in getattr(guided, part).layers]
        assert with_it[place] is GuidedAttention
        assert with_it[:place] + with_it[place + 1 :] == without


# Plain loops ------------------------------------------------------------------------------------


def normalized(plane: np.ndarray) -> np.ndarray:
    return (plane - plane.mean()) / np.sqrt(plane.var() + 1e-5)


def pooled(plane: np.ndarray, stride: int) -> np.ndarray:
    rows, columns = ((side - 3) // stride + 1 for side in plane.shape)
    out = np.zeros((rows, columns))
    for y, x in product(range(rows), range(columns)):
        out[y, x] = plane[y * stride : y * stride + 3, x * stride : x * stride + 3].mean()
    return out


def resized(plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Interpolate bilinearly between the centres of pixels."""

    def places(new: int, old: int) -> list[tuple[int, int, float]]:
        centres = [max((i + 0.5) * old / new - 0.5, 0) for i in range(new)]
        return [(int(c), min(int(c) + 1, old - 1), c - int(c)) for c in centres]

    out = np.zeros(shape)
    rows, columns = places(shape[0], plane.shape[0]), places(shape[1], plane.shape[1])
    for (i, (a, b, u)), (j, (c, d, v)) in product(enumerate(rows), enumerate(columns)):
        above = plane[a, c] * (1 - v) + plane[a, d] * v
        below = plane[b, c] * (1 - v) + plane[b, d] * v
        out[i, j] = above * (1 - u) + below * u
    return out


def squeezed(planes: list[np.ndarray], weight: np.ndarray, bias: float) -> np.ndarray:
    padded = [np.pad(plane, 1, mode='reflect') for plane in planes]
    out = np.zeros_like(planes[0])
    for y, x in product(*map(range, out.shape)):
        windows = np.stack([plane[y : y + 3, x : x + 3] for plane in padded])
        out[y, x] = (windows * weight).sum() + bias
    return 1 / (1 + np.exp(-normalized(out)))


def by_loops(block: GuidedAttention, x: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return features and maps of one picture [C, h, w]; group 0 is the finest."""
    convolution, _, slope = block.prepare
    weight = convolution.weight.detach().numpy()[:, :, 0, 0]
    features = (
        np.einsum('oc,chw->ohw', weight, x) + convolution.bias.detach().numpy()[:, None, None]
    )
    features = np.stack([normalized(plane) for plane in features])
    features = np.where(features > 0, features, features * slope.weight.item())
    quarter = len(x) // 4
    out, maps = x.copy(), []
    guide = None
    for scale, stride in enumerate((16, 8, 4, 2)):
        first = (3 - scale) * quarter
        seen = [pooled(plane, stride) for plane in features[first : first + quarter]]
        if guide is not None:
            seen = [plane * resized(guide, plane.shape) + plane for plane in seen]
        layer = block.squeeze[scale][1]
        guide = squeezed(seen, layer.weight.detach().numpy()[0], layer.bias.item())
        maps.append(resized(guide, x.shape[1:]))
        for channel in range(first, first + quarter):
            out[channel] += maps[-1] * features[channel]
    return out, maps


@pytest.mark.parametrize('size', [(36, 40), (19, 23)])
def test_equals_plain_loops(size):
    torch.manual_seed(0)
    block = GuidedAttention(8)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, 8, *size)
    features, maps = block.attend(x)
    assert maps.shape == (2, 4, *size)
    for picture, got, got_maps in zip(x, features, maps, strict=True):
        expected, expected_maps = by_loops(block, picture.double().numpy())
        np.testing.assert_allclose(got_maps.detach(), np.stack(expected_maps), atol=1e-4)
        np.testing.assert_allclose(got.detach(), expected, atol=1e-4)
    assert torch.equal(block(x), features)


def test_a_flat_picture_by_hand():
    """Normalised to 0 everywhere, so that every map is sigmoid(0) and nothing is added."""
    x = torch.full((1, 8, 32, 32), 3.0)
    features, maps = GuidedAttention(8).attend(x)
    torch.testing.assert_close(features, x, atol=1e-3, rtol=0)
    half = torch.full((1, len(STRIDES), 32, 32), 0.5)
    torch.testing.assert_close(maps, half, atol=1e-3, rtol=0)


@pytest.mark.parametrize('size', [(2, 2), (2, 75), (18, 18)])
def test_pictures_too_small_for_the_coarsest_map(size):
    """Of 8 pixels a side and more, as the exported file promises; gradients are finite."""
    torch.manual_seed(0)
    x = torch.randn(1, 8, *size, requires_grad=True)
    features, maps = GuidedAttention(8).attend(x)
    assert features.shape == x.shape
    assert maps.shape == (1, 4, *size)
    assert ((maps > 0) & (maps < 1)).all()
    features.square().sum().backward()
    assert torch.isfinite(x.grad).all()


# In the generators ------------------------------------------------------------------------------


@pytest.mark.parametrize('attention', [False, True])
def test_an_encoder_gives_the_same_with_its_maps(attention):
    torch.manual_seed(0)
    encoder = Encoder(4, 2, attention=attention)
    image = torch.rand(2, 3, 32, 32)
    features, maps = encoder.with_maps(image)
    assert torch.equal(features, encoder(image))
    assert (maps is not None) == attention


@pytest.fixture
def generators() -> Generators:
    shape = {'ngf': 4, 'blocks': 2, 'stem': 'shuffle', 'attention': True}
    torch.manual_seed(0)
    return Generators(parse_recipe({'name': 'x', 'phases': 'flir', 'generator': shape}))


@torch.no_grad()
def test_encodings_and_maps_are_those_they_are_named_after(generators):
    day, night, thermal = (torch.rand(2, 3, 32, 32) * 2 - 1 for _ in range(3))
    made = generators(day, night, thermal)
    encoded_night, maps_night = generators.b.encoder.with_maps(night)
    expected = {
        'maps_day': generators.a.encoder.with_maps(day)[1],
        'maps_night': maps_night,
        'encoded_night': encoded_night,
        'encoded_fake_night': generators.b.encoder(generators.to_thermal(day)),
        'fake_day': generators.color(night),
        'again_day': generators.color(generators.to_thermal(day)),
    }
    got = {name: getattr(made, name) for name in expected}
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_nothing_is_encoded_twice(generators):
    seen = []
    for part in (generators.a, generators.b):
        part.encoder.layers[0].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    made = generators(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), None)
    assert len(seen) == 4
    assert made.maps_night is not None


def test_generators_without_attention_keep_nothing_for_it():
    recipe = parse_recipe(
        {'name': 'x', 'phases': 'flir', 'generator': {'ngf': 4, 'blocks': 2, 'stem': 'shuffle'}}
    )
    made = Generators(recipe)(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), None)
    assert made[7:] == (None,) * 4


def test_the_exported_file_equals_pytorch_at_any_size():
    """One block, and no residual ones: exporting sizes that are free takes seconds a layer."""
    torch.manual_seed(1)
    translator = Translator(Encoder(4, 0, 'shuffle', attention=True), Decoder(4, 0, 'shuffle'))
    for parameter in translator.parameters():  # weights of a trained net are not this small
        parameter.data.mul_(3)
    colorizer = Colorizer(translator)
    model = to_onnx(colorizer)
    assert parity(colorizer, model).small
    run = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=['CPUExecutionProvider']
    )
    rng = np.random.default_rng(0)
    for size in ((8, 8), (9, 301), (288, 360)):
        frame = rng.integers(0, 256, (1, 1, *size), np.uint8)
        got = run.run(None, {'thermal': frame})[0].astype(int)
        with torch.no_grad():
            expected = colorizer(torch.from_numpy(frame)).numpy()
        assert np.abs(got - expected).max() <= 1
