"""Scale robustness by hand and against plain loops."""

import numpy as np
import pytest
import pytorch_msssim
import torch

from morngan_train.losses.scale_robustness import draw_scale
from morngan_train.losses.scale_robustness import rescale
from morngan_train.losses.scale_robustness import sr_loss


def picture(seed: int, size: int, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def bilinear(x: np.ndarray, size: int) -> np.ndarray:
    """Resize [C, H, H] with plain loops; pixels are areas, so centres lie at i + 1/2."""
    scale = x.shape[-1] / size
    out = np.zeros((len(x), size, size))
    for i in range(size):
        for j in range(size):
            y0, x0 = (min(max((k + 0.5) * scale - 0.5, 0), x.shape[-1] - 1) for k in (i, j))
            top, left = int(y0), int(x0)
            bottom, right = min(top + 1, x.shape[-1] - 1), min(left + 1, x.shape[-1] - 1)
            dy, dx = y0 - top, x0 - left
            out[:, i, j] = (1 - dy) * ((1 - dx) * x[:, top, left] + dx * x[:, top, right]) + dy * (
                (1 - dx) * x[:, bottom, left] + dx * x[:, bottom, right]
            )
    return out


def reference(made: np.ndarray, target: np.ndarray) -> float:
    """10 · SmoothL1 + 1 − SSIM with window 3 of pictures of one size."""
    d = np.abs(made - target)
    smooth = np.where(d < 1, 0.5 * d**2, d - 0.5).mean()
    u, v = (torch.from_numpy((x[None] + 1) / 2) for x in (made, target))
    similarity = pytorch_msssim.ssim(u, v, data_range=1, win_size=3, win_sigma=1.5)
    return 10 * smooth + 1 - similarity.item()


@pytest.mark.parametrize(
    ('psi', 'scale'), [(0.0, 0.5), (0.499, 0.5), (0.5, 1.5), (0.99, 1.5), (1.0, 1.5)]
)
def test_draw(psi, scale):
    assert draw_scale(psi) == scale


@pytest.mark.parametrize(
    ('size', 'factor', 'expected'),
    [
        ((256, 256), 0.5, (128, 128)),
        ((256, 256), 1.5, (384, 384)),
        ((288, 360), 0.5, (144, 180)),
        ((100, 36), 0.5, (48, 16)),  # 50 and 18 lie half-way between multiples of 4
        ((100, 36), 1.5, (152, 56)),
        ((64, 64), 0.7, (44, 44)),
    ],
)
def test_rescaled_sides_are_multiples_of_4(size, factor, expected):
    assert rescale(torch.zeros(2, 3, *size), factor).shape == (2, 3, *expected)


@pytest.mark.parametrize(('factor', 'size'), [(0.5, 8), (1.5, 24)])
def test_rescale_equals_plain_loops(factor, size):
    x = picture(1, 16)
    expected = bilinear(x[0].double().numpy(), size)
    np.testing.assert_allclose(rescale(x, factor)[0], expected, atol=1e-5)


def test_smaller_outputs_are_compared_at_their_size():
    """Eq. 20: the output of the original picture is scaled down."""
    small, output = picture(2, 8), picture(3, 16)
    expected = reference(small[0].double().numpy(), bilinear(output[0].double().numpy(), 8))
    assert sr_loss(small, output).item() == pytest.approx(expected, rel=1e-4)


def test_larger_outputs_are_scaled_down():
    """Eq. 21: the output of the enlarged picture is scaled down to the original."""
    large, output = picture(4, 24), picture(5, 16)
    expected = reference(bilinear(large[0].double().numpy(), 16), output[0].double().numpy())
    assert sr_loss(large, output).item() == pytest.approx(expected, rel=1e-4)


def test_by_hand():
    """Flat pictures differ by 0.4: 10 · 0.5 · 0.4² + 1 − SSIM of u = 0.1 and 0.3."""
    output = torch.full((1, 3, 16, 16), -0.8)
    similarity = (0.06 + 1e-4) / (0.10 + 1e-4)
    for size in (8, 24):
        made = torch.full((1, 3, size, size), -0.4)
        assert sr_loss(made, output).item() == pytest.approx(0.8 + 1 - similarity, rel=1e-3)


@pytest.mark.parametrize('factor', [0.5, 1.5])
def test_a_translator_of_pixels_is_robust(factor):
    """A linear map of each pixel commutes with resizing, up to what is lost by down-sampling."""
    x = torch.linspace(-0.9, 0.9, 32).expand(2, 3, 32, 32)
    assert sr_loss(-0.5 * rescale(x, factor), -0.5 * x).item() == pytest.approx(0, abs=2e-3)
    assert sr_loss(0.5 * rescale(x, factor), -0.5 * x).item() > 0.5


def test_the_window_is_that_of_the_ssim():
    small, output = picture(6, 16), picture(7, 32)
    assert abs(sr_loss(small, output, window=11) - sr_loss(small, output, window=3)) > 1e-3


@pytest.mark.parametrize('size', [8, 24])
def test_only_the_scaled_output_is_taught(size):
    scaled = picture(8, size, 2).requires_grad_()
    output = picture(9, 16, 2).requires_grad_()
    sr_loss(scaled, output).backward()
    assert output.grad is None
    assert scaled.grad.abs().amax((1, 2, 3)).min() > 0
    assert torch.isfinite(scaled.grad).all()


def test_a_batch_is_the_mean_over_pictures():
    small, output = picture(10, 8, 2), picture(11, 16, 2)
    alone = [sr_loss(small[i : i + 1], output[i : i + 1]).item() for i in range(2)]
    assert sr_loss(small, output).item() == pytest.approx(sum(alone) / 2, rel=1e-5)
