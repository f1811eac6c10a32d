"""Value ranges and luminance: x in [-1, 1] is what networks see, u = (x + 1) / 2 is in [0, 1]."""

import torch

LUMA = (0.299, 0.587, 0.114)


def to_unit(x: torch.Tensor) -> torch.Tensor:
    """Map [-1, 1] to [0, 1]."""
    return (x + 1) / 2


def luminance(image: torch.Tensor) -> torch.Tensor:
    """Return 0.299 R + 0.587 G + 0.114 B: [N, 3, H, W] -> [N, 1, H, W], in the image's range."""
    red, green, blue = image.split(1, dim=1)
    result: torch.Tensor = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return result
