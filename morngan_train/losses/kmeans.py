"""K-means with the cosine distance, for the parts of objects in feature space."""

import torch
from torch.nn import functional as F

TOLERANCE = 1e-4


@torch.no_grad()
def cosine_kmeans(features: torch.Tensor, clusters: int, *, iterations: int = 50) -> torch.Tensor:
    """Return the centres of clusters of features.

    Features go to the centre of the highest cosine similarity; a centre is the arithmetic mean of
    its features. The start is a random choice of distinct features (torch's global generator of
    the device). It ends when the square of the summed shifts of the centres falls below 1e-4; a GPU
    is not asked whether they rest, which would stall it, but goes on with centres that stay.

    Args:
        features: float32 [n, C], n at least `clusters`; equal ones are allowed.
        clusters: N_u.
        iterations: At most so many.

    Returns:
        Centres [clusters, C], without gradient.

    Raises:
        ValueError: There are fewer features than clusters.
    """
    if len(features) < clusters:
        raise ValueError(f'{len(features)} features are too few for {clusters} clusters')
    directions = F.normalize(features, dim=1)
    centres = features[torch.randperm(len(features), device=features.device)[:clusters]]
    rest = torch.zeros((), dtype=torch.bool, device=features.device)
    for _ in range(iterations):
        similarity = directions @ F.normalize(centres, dim=1).T
        moved = torch.where(rest, centres, _means(features, similarity))
        rest = (moved - centres).norm(dim=1).sum().square() < TOLERANCE
        centres = moved
        if features.is_cpu and rest:
            break
    return centres


def _means(features: torch.Tensor, similarity: torch.Tensor) -> torch.Tensor:
    """Return the mean of each cluster; an empty one restarts at the worst represented feature."""
    best, nearest = similarity.max(1)
    members = F.one_hot(nearest, similarity.shape[1]).to(features)
    counts = members.sum(0)
    means = (members.T @ features) / counts.clamp_min(1)[:, None]
    # As many as there are clusters, so that nobody has to know how many are empty.
    worst = features[best.topk(len(counts), largest=False).indices]
    empty = counts == 0
    return torch.where(empty[:, None], worst[(empty.cumsum(0) - 1).clamp_min(0)], means)
