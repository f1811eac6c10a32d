"""No gradient depends on how it lies in memory: in no network, behind no loss.

Torch's instance norm reads channels-last gradients of a single picture wrongly on CPUs, and ACA
sends such gradients.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning_fabric import Fabric
import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.data import default_collate

from morngan_train import networks
from morngan_train.classes import Label
from morngan_train.data.pairing import Pick
from morngan_train.networks.bottleneck_segmenter import BottleneckSegmenter
from morngan_train.networks.discriminator import Discriminator
from morngan_train.networks.efficientnet_lite import EfficientNetLite0
from morngan_train.networks.efficientnet_lite import NO_WEIGHTS
from morngan_train.networks.generator import Decoder
from morngan_train.networks.generator import Encoder
from morngan_train.networks.instance_norm import InstanceNorm2d
from morngan_train.networks.scene_parser import SceneParserNetwork
from morngan_train.networks.segmenter import Segmenter
from morngan_train.recipe import Recipe
from morngan_train.recipe.recipe import SegmenterRecipe
from morngan_train.training.segmentation import Segmentation
from morngan_train.training.step import Step
from morngan_train.training.trainer import open_data

TOLERANCE = 1e-4

Layout = Callable[[torch.Tensor], torch.Tensor]


def contiguous(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous()


def channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def listed_pixels(x: torch.Tensor) -> torch.Tensor:
    """As the gradient of a loss lies that lists the feature of each pixel, as ACA does."""
    return x.flatten(2).mT.contiguous().mT.unflatten(2, x.shape[2:])


def transposed(x: torch.Tensor) -> torch.Tensor:
    return x.mT.contiguous().mT


LAYOUTS = [channels_last, listed_pixels, transposed]
batches = pytest.mark.parametrize('batch_size', [1, 2])


def error(got: Iterable[torch.Tensor], expected: Iterable[torch.Tensor]) -> float:
    """Return the length of the difference as a share of the length of what is expected."""
    a, b = (torch.cat([x.flatten().double() for x in tensors]) for tensors in (got, expected))
    return float((a - b).norm() / b.norm().clamp_min(1e-30))


# One norm ---------------------------------------------------------------------------------------


@batches
@pytest.mark.parametrize('layout', [contiguous, *LAYOUTS])
def test_instance_norm_by_its_formula(layout, batch_size):
    torch.manual_seed(0)
    x = torch.randn(batch_size, 8, 12, 16, requires_grad=True)
    gradient = torch.randn(x.shape)
    (got,) = torch.autograd.grad(InstanceNorm2d(8)(x), x, layout(gradient))
    wide = x.detach().double().requires_grad_()
    variance = wide.var((2, 3), correction=0, keepdim=True)
    y = (wide - wide.mean((2, 3), keepdim=True)) / (variance + 1e-5).sqrt()
    assert error([got], torch.autograd.grad(y, wide, gradient.double())) < TOLERANCE


def test_no_network_takes_the_norm_of_torch():
    assert networks.__file__ is not None
    sources = Path(networks.__file__).parent.glob('*.py')
    assert [p.stem for p in sources if 'nn.InstanceNorm' in p.read_text()] == ['instance_norm']


# Networks ---------------------------------------------------------------------------------------

ENCODED = 16
"""Channels that the decoders here take."""

NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    'encoder': (lambda: Encoder(4, 2), 3),
    'compact encoder': (lambda: Encoder(4, 2, 'shuffle'), 3),
    'encoder with attention': (lambda: Encoder(4, 2, attention=True), 3),
    'decoder': (lambda: Decoder(4, 2), ENCODED),
    'compact decoder': (lambda: Decoder(4, 2, 'shuffle'), ENCODED),
    'decoder of pearlgan': (lambda: Decoder(4, 2, norm='instance', attention=True), ENCODED),
    'discriminator': (lambda: Discriminator(4), 3),
    'discriminator of todaygan': (lambda: Discriminator(4, norm='instance'), 3),
    'segmenter': (lambda: Segmenter(4, 1), 3),
    'bottleneck segmenter': (BottleneckSegmenter, 3),
    'parser': (SceneParserNetwork, 3),
    'efficientnet': (lambda: EfficientNetLite0(NO_WEIGHTS), 3),
}
"""Each network with the channels of its input."""


def tensors(outputs: torch.Tensor | list) -> list[torch.Tensor]:
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [x for output in outputs for x in tensors(output)]


@batches
@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('name', NETWORKS)
def test_networks_take_gradients_of_every_layout(name, layout, batch_size):
    torch.manual_seed(0)
    build, channels = NETWORKS[name]
    network = build()
    x = torch.randn(batch_size, channels, 64, 64, requires_grad=True)
    outputs = tensors(network(x))
    learning = [x, *network.parameters()]

    def gradients(layout: Layout) -> list[torch.Tensor]:
        torch.manual_seed(1)
        incoming = [layout(torch.randn(output.shape)) for output in outputs]
        found = torch.autograd.grad(outputs, learning, incoming, True, allow_unused=True)
        return [g for g in found if g is not None]

    assert error(gradients(layout), gradients(contiguous)) < TOLERANCE


# Losses -----------------------------------------------------------------------------------------


@contextmanager
def gradients_laid_out(layout: Layout) -> Iterator[None]:
    """Lay out what reaches each layer of each network that is called meanwhile."""

    def hook(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.requires_grad and output.ndim == 4:
            output.register_hook(layout)

    handle = register_module_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def loss_gradients(
    recipe: Recipe, phase: str, batch: dict[str, torch.Tensor], layout: Layout
) -> dict[str, list[torch.Tensor]]:
    """Return the gradient of each loss of a phase, by all weights that it reaches."""
    torch.manual_seed(0)  # of weights, dropout, the side of segmenters and K-means
    step = Step(recipe, Fabric(accelerator='cpu', devices=1, precision='32-true'))
    found = {}

    def descend(_learning: list[str], *objectives: dict[str, torch.Tensor]) -> None:
        weights = [w for n in step.networks.values() for w in n.parameters() if w.requires_grad]
        for name, loss in [item for losses in objectives for item in losses.items()]:
            gradient = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
            found[name] = [g for g in gradient if g is not None]

    step._descend = descend
    with gradients_laid_out(layout):
        step(batch, next(p for p in recipe.phases if p.name == phase), 1)
    return found


def as_it_is(tiny: Recipe) -> Recipe:
    return tiny


def with_everything_else(tiny: Recipe) -> Recipe:
    """Return what tiny.yaml leaves out: the baselines' norms and losses, another segmenter."""
    generator = {'attention': True, 'decoder_norm': 'instance', 'stem': 'conv7'}
    losses = {'attention': 1.0, 'accs': 1.0, 'identity': 1.0, 'adversarial_form': 'least_squares'}
    return tiny.model_copy(
        update={
            'generator': tiny.generator.model_copy(update=generator),
            'discriminator': tiny.discriminator.model_copy(update={'norm': 'instance'}),
            'segmenter': SegmenterRecipe(kind='bottleneck'),
            'losses': tiny.losses.model_copy(update=losses),
            'phases': [
                phase if phase.unpaired else phase.model_copy(update={'ra': 1.0, 'ta': 1.0})
                for phase in tiny.phases
            ],
        }
    )


@pytest.fixture
def small_objects_everywhere(monkeypatch):
    """Segmenters that have learnt nothing find none: ACA would have nothing to compare."""
    parse = Segmentation.__call__

    def labelled(self, *args):
        semantics = parse(self, *args)
        if semantics.night_labels is not None:
            semantics.night_labels[:, ::2] = Label.PERSON
            semantics.night_labels[:, 1::2] = Label.ROAD
        return semantics

    monkeypatch.setattr(Segmentation, '__call__', labelled)


@batches
@pytest.mark.parametrize('phase', ['pairs', '3', '4'])
@pytest.mark.parametrize('change', [as_it_is, with_everything_else])
def test_losses_send_gradients_of_any_layout(
    tiny, shared_data, small_objects_everywhere, change, phase, batch_size
):
    """These three phases have every loss between them."""
    recipe = change(tiny)
    data = open_data(recipe, shared_data)
    batch = default_collate([data[Pick(i)] for i in range(batch_size)])
    batch['day_labels'][:, :32], batch['day_labels'][:, 32:] = Label.PERSON, Label.ROAD
    expected = loss_gradients(recipe, phase, batch, contiguous)
    assert not {name for name, gradient in expected.items() if not any(g.any() for g in gradient)}
    got = loss_gradients(recipe, phase, batch, listed_pixels)
    errors = {name: error(got[name], gradient) for name, gradient in expected.items()}
    assert {name: e for name, e in errors.items() if not e < TOLERANCE} == {}
