"""What is computed in float32, whatever the autocast, and what recipes ask for."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from morngan_train.networks.bottleneck_segmenter import BottleneckSegmenter
from morngan_train.networks.context_generator import ContextDecoder
from morngan_train.networks.context_generator import ContextEncoder
from morngan_train.networks.discriminator import Discriminator
from morngan_train.networks.efficientnet_lite import NO_WEIGHTS
from morngan_train.networks.generator import build_translator
from morngan_train.networks.generator import Translator
from morngan_train.networks.segmenter import Segmenter
from morngan_train.recipe import load_recipe
from morngan_train.recipe.recipe import GeneratorRecipe
from morngan_train.training.fabric import open_fabric
from morngan_train.training.precision import allow_tf32

RECIPES = sorted((Path(__file__).parents[3] / 'config/train').glob('*.yaml'))
POWER_ITERATION = (torch.mv, torch.vdot)

NETWORKS = {
    'generator': lambda: build_translator(4, 2),
    'compact generator': lambda: build_translator(4, 2, 'shuffle'),
    'context generator': lambda: Translator(ContextEncoder(NO_WEIGHTS), ContextDecoder()),
    'segmenter': lambda: Segmenter(4, 1),
    'bottleneck segmenter': BottleneckSegmenter,
    'discriminator': lambda: Discriminator(4, ['rgb'], 'instance'),
}


def autocast() -> torch.autocast:
    return torch.autocast('cpu', torch.bfloat16)


@pytest.mark.parametrize('name', list(NETWORKS))
def test_the_last_convolution_is_in_float32(name):
    torch.manual_seed(0)
    network = NETWORKS[name]()
    seen: list[tuple[nn.Module, torch.Tensor, torch.Tensor]] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(lambda m, i, o: seen.append((m, i[0].detach(), o)))
    with autocast():
        network(torch.rand(1, 3, 64, 64) * 2 - 1)
    assert {output.dtype for _, _, output in seen[:-1]} == {torch.bfloat16}
    last, given, output = seen[-1]
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, last(given.float()), rtol=0, atol=0)


def test_spectral_normalisation_is_outside_of_autocast():
    inside = []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            if func in POWER_ITERATION:
                inside.append(torch.is_autocast_enabled('cpu'))
            return func(*args, **(kwargs or {}))

    judge = Discriminator(4)
    with autocast(), Watch():
        judge(torch.rand(1, 3, 64, 64))
    convolutions = sum(isinstance(layer, nn.Conv2d) for layer in judge.modules())
    assert len(inside) >= 3 * convolutions
    assert not any(inside)


@pytest.mark.parametrize('path', RECIPES, ids=lambda path: path.stem)
def test_full_recipes_compute_as_the_authors_did(path):
    recipe = load_recipe(path)
    full = recipe.generator in (GeneratorRecipe(), GeneratorRecipe(attention=True))
    full |= recipe.generator == GeneratorRecipe(decoder_norm='instance')
    assert recipe.precision == ('32-true' if full else 'auto')


@pytest.mark.parametrize(('precision', 'tf32'), [('32-true', False), ('tf32', True)])
def test_tf32_is_a_choice(precision, tf32):
    """Torch allows it in convolutions by default: float32 then means ten bits."""
    allow_tf32(not tf32)
    fabric = open_fabric('cpu', precision)
    assert fabric._precision.precision == '32-true'
    assert torch.backends.cudnn.allow_tf32 == tf32
    assert torch.backends.cuda.matmul.allow_tf32 == tf32
