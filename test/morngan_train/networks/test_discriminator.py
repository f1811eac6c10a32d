"""The three sub-discriminators by their numbers."""

import pytest
import torch

from morngan_train.networks.discriminator import blur_kernel
from morngan_train.networks.discriminator import Discriminator
from morngan_train.networks.discriminator import ScoreChain


@pytest.mark.parametrize(
    ('channels', 'strided', 'parameters'),
    [(3, 4, 6_966_729), (1, 4, 6_964_681), (2, 3, 2_766_791)],
)
def test_parameters_of_a_branch(channels, strided, parameters):
    assert sum(p.numel() for p in ScoreChain(channels, 64, strided).parameters()) == parameters


def test_parameters_of_a_domain():
    assert sum(p.numel() for p in Discriminator().parameters()) == 16_698_201


def test_score_map_sizes():
    scores = Discriminator(ndf=4)(torch.zeros(1, 3, 256, 256))
    sizes = [[tuple(s.shape) for s in branch] for branch in scores]
    image = [(1, 1, 65, 65), (1, 1, 33, 33), (1, 1, 17, 17), (1, 1, 19, 19)]
    assert sizes == [image, image, image[1:]]


def test_blur_is_nearly_a_box():
    kernel = blur_kernel()
    assert kernel.shape == (5, 5)
    assert kernel.sum().item() == pytest.approx(1, abs=1e-6)
    assert kernel[2, 2].item() == pytest.approx(0.040133, abs=1e-6)
    assert kernel[0, 0].item() == pytest.approx(0.039892, abs=1e-6)


def test_weights_are_drawn_before_they_are_normalised():
    """Writing to `.weight` after wrapping changes nothing, so the draw has to come first."""
    torch.manual_seed(0)
    chain = Discriminator(ndf=32).chains['rgb']
    original = chain.convolutions[2].parametrizations.weight.original
    assert original.std().item() == pytest.approx(0.02, rel=0.02)
    # Power iteration converges over forwards: then the largest singular value is 1.
    for _ in range(50):
        chain(torch.rand(1, 3, 64, 64))
    singular = torch.linalg.svdvals(chain.convolutions[2].weight.flatten(1))[0]
    assert singular.item() == pytest.approx(1, abs=0.01)


def test_gradient_branch_sees_no_constant():
    """Gradients of the luminance do not change when brightness is added."""
    torch.manual_seed(0)
    discriminator = Discriminator(ndf=4, branches=['gradient']).eval()
    image = torch.rand(1, 3, 64, 64) - 0.5
    a, b = discriminator(image), discriminator(image + 0.3)
    for left, right in zip(a[0], b[0], strict=True):
        torch.testing.assert_close(left, right, atol=1e-5, rtol=0)
