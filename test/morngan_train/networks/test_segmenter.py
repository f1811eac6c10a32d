"""The segmentation network by its numbers, and against the same layers written as functions."""

import pytest
import torch
from torch.nn import functional as F

from morngan_train.networks.segmenter import coordinates
from morngan_train.networks.segmenter import Segmenter


def count(*modules: torch.nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def small() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter(nsf=4, blocks=2)


def test_paper_segmenter_has_the_authors_size():
    segmenter = Segmenter()
    assert count(segmenter.front) == 5_102_919
    assert count(segmenter.up) == 655_362
    assert count(segmenter.pyramid, segmenter.head) == 205_593
    assert count(segmenter) == 5_963_874


@pytest.mark.parametrize('size', [(8, 8), (36, 44), (64, 32)])
def test_shapes(small, size):
    image = picture(2, 3, *size)
    assert small.features(image).shape == (2, 16, *size)
    assert small(image).shape == (2, 19, *size)


def test_coordinates_by_hand():
    grid = coordinates(torch.zeros(2, 3, 3, 5))
    assert grid.shape == (2, 2, 3, 5)
    x, y = grid[1]
    assert x[0].tolist() == x[2].tolist() == [-1, -0.5, 0, 0.5, 1]
    assert y[:, 0].tolist() == y[:, 4].tolist() == [-1, 0, 1]


def reference(segmenter: Segmenter, image: torch.Tensor) -> torch.Tensor:
    """Compute the layers of the table one after the other, from the bare weights in their order."""
    weights = segmenter.parameters()

    def norm(x):
        centred = x - x.mean((2, 3), keepdim=True)
        return centred / (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()

    def prelu(x):
        return torch.where(x > 0, x, next(weights) * x)

    def act(x):
        return prelu(norm(x))

    h, w = image.shape[-2:]
    grid = torch.tensor(
        [[[2 * j / (w - 1) - 1, 2 * i / (h - 1) - 1] for j in range(w)] for i in range(h)]
    )
    x = torch.cat([image, grid.permute(2, 0, 1).expand(len(image), 2, h, w)], 1)
    x = act(F.conv2d(F.pad(x, (3, 3, 3, 3), mode='reflect'), next(weights)))
    for _ in range(2):
        x = act(F.conv2d(x, next(weights), stride=2, padding=1))
    for _ in range(2):
        y = act(F.conv2d(x, next(weights), padding=1))
        x = x + norm(F.conv2d(y, next(weights), padding=1))
    for _ in range(2):
        x = act(F.conv_transpose2d(x, next(weights), stride=2, padding=1))
    seen = [act(F.conv2d(x, next(weights)))]
    for dilation in (6, 12, 18):
        seen.append(act(F.conv2d(x, next(weights), padding=dilation, dilation=dilation)))
    pooled = prelu(F.conv2d(x.mean((2, 3), keepdim=True), next(weights)))
    seen.append(pooled.expand_as(x))
    x = act(F.conv2d(torch.cat(seen, 1), next(weights)))
    x = F.conv2d(x, next(weights), next(weights))
    assert next(weights, None) is None
    return x


def test_network_equals_its_table(small):
    image = picture(2, 3, 44, 36)
    slopes = (p for p in small.parameters() if p.numel() == 1)
    with torch.no_grad():
        for i, slope in enumerate(slopes):  # distinct, so that no two can be exchanged
            slope.fill_(0.1 + 0.05 * i)
        torch.testing.assert_close(
            small.eval()(image), reference(small, image), rtol=1e-3, atol=1e-5
        )


def test_dropout_is_the_only_difference_between_modes(small):
    image = picture(1, 3, 16, 16)
    features = small.train().features(image)
    torch.testing.assert_close(small.eval().features(image), features, rtol=0, atol=0)
    plain = small.classify(features, dropout=False)
    torch.testing.assert_close(small.eval()(image), plain, rtol=0, atol=0)
    assert not torch.equal(small.train()(image), plain)


def test_dropout_drops_half_and_doubles_the_rest(small):
    """A classifier that shows one feature sees it doubled or not at all."""
    with torch.no_grad():
        small.head.weight.zero_()
        small.head.weight[0, 0] = 1
    features = torch.full((1, 16, 64, 64), 3.0)
    logits = small.classify(features, dropout=True)[:, 0]
    assert set(logits.unique().tolist()) == {0.0, 6.0}
    assert (logits == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert (small.classify(features, dropout=False)[:, 0] == 3).all()


def test_pictures_of_a_batch_do_not_see_each_other(small):
    a, b = picture(2, 3, 24, 24).split(1)
    together = small.eval()(torch.cat([a, b]))
    torch.testing.assert_close(together, torch.cat([small(a), small(b)]), rtol=1e-3, atol=1e-5)


def test_every_pixel_of_the_input_and_every_weight_is_used(small):
    """All but the pooled branch, whose constant the norm behind the projection takes away."""
    image = picture(1, 3, 16, 16).requires_grad_()
    small(image).square().sum().backward()
    assert (image.grad.abs().sum(1) > 0).all()
    for name, weight in small.named_parameters():
        largest = weight.grad.abs().max()
        assert largest < 1e-3 if name.startswith('pyramid.pooled') else largest > 1e-3, name


def test_initial_weights():
    torch.manual_seed(0)
    segmenter = Segmenter(nsf=16)
    filters = torch.cat([p.flatten() for p in segmenter.parameters() if p.dim() == 4])
    assert filters.std().item() == pytest.approx(0.02, rel=0.01)
    assert (segmenter.head.bias == 0).all()
    slopes = [p for name, p in segmenter.named_parameters() if p.numel() == 1]
    assert len(slopes) == 15
    assert all(slope.item() == 0.25 for slope in slopes)
