"""The segmentation network for few pictures: its contract, and that it learns faster."""

import pytest
import torch

from morngan_train.losses.segmentation import segmentation_loss
from morngan_train.networks.bottleneck_segmenter import BottleneckSegmenter
from morngan_train.networks.segmenter import Segmenter


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def segmenter() -> BottleneckSegmenter:
    torch.manual_seed(0)
    return BottleneckSegmenter()


def test_size(segmenter):
    assert sum(p.numel() for p in segmenter.parameters()) == 1_015_779


@pytest.mark.parametrize('size', [(72, 72), (120, 120), (36, 44), (8, 8)])
def test_every_side_that_training_draws_keeps_its_size(segmenter, size):
    image = picture(2, 3, *size)
    assert segmenter.features(image).shape == (2, 64, size[0] // 4, size[1] // 4)
    assert segmenter(image).shape == (2, 19, *size)


def test_dropout_is_the_only_difference_between_modes(segmenter):
    """So that labels do not depend on whether the network learns or is frozen."""
    image = picture(1, 3, 64, 64)
    features = segmenter.train().features(image)
    torch.testing.assert_close(segmenter.eval().features(image), features, rtol=0, atol=0)
    plain = segmenter.classify(features, dropout=False)
    torch.testing.assert_close(segmenter(image), plain, rtol=0, atol=0)
    assert not torch.equal(segmenter.train()(image), plain)


def test_pictures_of_a_batch_do_not_see_each_other_in_training(segmenter):
    a, b = picture(2, 3, 64, 64).split(1)
    together = segmenter.train().features(torch.cat([a, b]))
    apart = torch.cat([segmenter.features(a), segmenter.features(b)])
    torch.testing.assert_close(together, apart, rtol=1e-3, atol=1e-4)


def test_every_weight_is_used(segmenter):
    segmenter.eval()(picture(1, 3, 64, 64)).square().sum().backward()
    for name, weight in segmenter.named_parameters():
        assert weight.grad.abs().max() > 0, name


def scene(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sky over road with a bright person somewhere on it, under noise: [1, 3, 72, 72], labels."""
    random = torch.Generator().manual_seed(step)
    top, left = torch.randint(36, 48, (2,), generator=random).tolist()
    labels = torch.full((1, 72, 72), 10)
    labels[:, 36:] = 0
    labels[:, top : top + 24, left : left + 8] = 11
    gray = torch.where(labels == 10, 0.2, torch.where(labels == 0, 0.0, 0.6))
    noise = 0.3 * torch.randn(1, 3, 72, 72, generator=random)
    return gray[:, None] + noise, labels


def loss_after(network: torch.nn.Module, steps: int) -> float:
    """Return the loss on scenes not seen, after so many steps of batch 1 at the compact rate."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, betas=(0.5, 0.999))
    for step in range(steps):
        image, labels = scene(step)
        optimizer.zero_grad()
        segmentation_loss(network(image), labels).backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        unseen = [segmentation_loss(network(x), y) for x, y in map(scene, range(900, 910))]
    return torch.stack(unseen).mean().item()


def test_it_learns_in_fewer_steps_than_the_papers():
    """At the width that compact recipes had, and for the same reason that they no longer do."""
    torch.manual_seed(0)
    few, paper = loss_after(BottleneckSegmenter(), 40), loss_after(Segmenter(nsf=12, blocks=2), 40)
    assert few < 0.5 * paper
