"""The paper's generator by its numbers, and the compact one as the same code."""

import pytest
import torch

from morngan_train.networks.generator import build_translator
from morngan_train.networks.generator import Decoder
from morngan_train.networks.generator import Encoder


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_paper_generator_has_the_papers_size():
    translator = build_translator()
    assert count(translator.encoder) == 5_099_143
    assert count(translator.decoder) == 6_566_154
    assert count(translator) == 11_665_297  # 46.66 MB in float32; the paper says 46.7 MB


@pytest.mark.parametrize('stem', ['conv7', 'shuffle'])
def test_shapes_and_range(stem):
    encoder, decoder = Encoder(8, 2, stem), Decoder(8, 3, stem)
    image = torch.rand(2, 3, 36, 44) * 2 - 1
    features = encoder(image)
    assert features.shape == (2, 32, 9, 11)
    out = decoder(features)
    assert out.shape == image.shape
    assert out.abs().max() < 1


@pytest.mark.parametrize('stem', ['conv7', 'shuffle'])
def test_pictures_of_a_batch_do_not_see_each_other(stem):
    """Instance and group norm look at one picture: batching is only a matter of speed."""
    translator = build_translator(8, 3, stem)
    a, b = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    together = translator(torch.cat([a, b]))
    torch.testing.assert_close(together, torch.cat([translator(a), translator(b)]))


def test_initial_weights():
    torch.manual_seed(0)
    translator = build_translator(32, 4)
    convolutions = [m for m in translator.modules() if isinstance(m, torch.nn.Conv2d)]
    weights = torch.cat([m.weight.flatten() for m in convolutions])
    assert abs(weights.std().item() - 0.02) < 2e-4
    assert all((m.bias == 0).all() for m in convolutions)
    assert all(
        m.weight.item() == 0.25 for m in translator.modules() if isinstance(m, torch.nn.PReLU)
    )
