"""Structural similarity (Wang et al., 2004) with a Gaussian window, differentiable."""

import torch

K1, K2, SIGMA = 0.01, 0.03, 1.5


def _window(size: int, like: torch.Tensor) -> torch.Tensor:
    x = torch.arange(size, dtype=like.dtype, device=like.device) - size // 2
    g = torch.exp(-x.square() / (2 * SIGMA**2))
    return g / g.sum()


def _smooth(x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """Separable valid filtering of every channel, as two sums of shifted views."""
    size = len(g)
    height, width = x.shape[-2] - size + 1, x.shape[-1] - size + 1
    x = torch.stack([g[i] * x[..., i : i + height, :] for i in range(size)]).sum(0)
    return torch.stack([g[i] * x[..., :, i : i + width] for i in range(size)]).sum(0)


def ssim(x: torch.Tensor, y: torch.Tensor, window: int = 3) -> torch.Tensor:
    """Return the mean SSIM of two images; valid windows only, may be negative.

    Args:
        x: [N, C, H, W] in [0, 1].
        y: The same shape and range.
        window: Side of the Gaussian window in pixels, odd; 3 in MornGAN and PearlGAN.

    Returns:
        Scalar in (-1, 1].
    """
    g = _window(window, x)
    moments = _smooth(torch.cat([x, y, x * x, y * y, x * y]), g)
    mu_x, mu_y, xx, yy, xy = moments.chunk(5)
    c1, c2 = K1**2, K2**2
    luminance = (2 * mu_x * mu_y + c1) / (mu_x**2 + mu_y**2 + c1)
    structure = (2 * (xy - mu_x * mu_y) + c2) / (xx - mu_x**2 + yy - mu_y**2 + c2)
    return (luminance * structure).mean()
