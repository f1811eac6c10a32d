"""Relativistic least-squares adversarial loss over several score maps and branches."""

from collections.abc import Sequence

import torch

from morngan_train.networks.discriminator import Scores


def _branch(real: Sequence[torch.Tensor], fake: Sequence[torch.Tensor], y: float) -> torch.Tensor:
    """L = Σ m_i · mean[(r_i − f_i + y)²] / (n · Σ m_i), m = (1, …, n−1, n+1)."""
    n = len(real)
    weights = [*range(1, n), n + 1]
    total = torch.stack(
        [
            weight * (r.float() - f.float() + y).square().mean()
            for weight, r, f in zip(weights, real, fake, strict=True)
        ]
    ).sum()
    return total / (n * sum(weights))


def _mean_over_branches(real: Scores, fake: Scores, y: float) -> torch.Tensor:
    return torch.stack([_branch(r, f, y) for r, f in zip(real, fake, strict=True)]).mean()


def generator_loss(real: Scores, fake: Scores) -> torch.Tensor:
    """Ask that a fake scores one more than the real image: y = +1, the real side detached.

    The difference is element-wise between the score maps of one real and one fake image, so real
    and fake crops have the same size.

    Args:
        real: Scores of the real images, by branch and stage.
        fake: Scores of the fakes, attached to the generator.

    Returns:
        Scalar, at least 0.
    """
    return _mean_over_branches([[r.detach() for r in branch] for branch in real], fake, 1.0)


def discriminator_loss(real: Scores, fake: Scores) -> torch.Tensor:
    """Ask that a real image scores one more than a (pooled, detached) fake: y = −1, times 0.5."""
    return 0.5 * _mean_over_branches(real, fake, -1.0)
