"""Least-squares adversarial losses over several score maps and branches."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Literal

import torch

from morngan_train.networks.discriminator import Scores

Form = Literal['relativistic', 'least_squares']
Error = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _branch(real: Sequence[torch.Tensor], fake: Sequence[torch.Tensor], e: Error) -> torch.Tensor:
    """L = Σ m_i · mean[e(r_i, f_i)] / (n · Σ m_i), m = (1, …, n−1, n+1)."""
    n = len(real)
    weights = [*range(1, n), n + 1]
    total = torch.stack(
        [
            weight * e(r.float(), f.float()).mean()
            for weight, r, f in zip(weights, real, fake, strict=True)
        ]
    ).sum()
    result: torch.Tensor = total / (n * sum(weights))
    return result


def _mean_over_branches(real: Scores, fake: Scores, error: Error) -> torch.Tensor:
    return torch.stack([_branch(r, f, error) for r, f in zip(real, fake, strict=True)]).mean()


def generator_loss(real: Scores, fake: Scores, form: Form = 'relativistic') -> torch.Tensor:
    """Ask that a fake scores one more than the real image: (r − f + 1)², the real side detached.

    The difference is element-wise between the score maps of one real and one fake image, so real
    and fake crops have the same size. The form `least_squares` (LSGAN) asks for (f − 1)² instead.

    Args:
        real: Scores of the real images, by branch and stage.
        fake: Scores of the fakes, attached to the generator.
        form: Of the loss.

    Returns:
        Scalar, at least 0.
    """
    real = [[r.detach() for r in branch] for branch in real]
    if form == 'least_squares':
        return _mean_over_branches(real, fake, lambda _r, f: (f - 1).square())
    return _mean_over_branches(real, fake, lambda r, f: (r - f + 1).square())


def discriminator_loss(real: Scores, fake: Scores, form: Form = 'relativistic') -> torch.Tensor:
    """Ask that a real image scores one more than a (pooled, detached) fake: ½ (r − f − 1)².

    The form `least_squares` asks for ½ [(r − 1)² + f²] instead.
    """
    if form == 'least_squares':
        error: Error = lambda r, f: (r - 1).square() + f.square()  # noqa: E731
    else:
        error = lambda r, f: (r - f - 1).square()  # noqa: E731
    return 0.5 * _mean_over_branches(real, fake, error)
