"""Cosine K-means by hand and against plain loops."""

import numpy as np
import pytest
import torch

from morngan_train.losses.kmeans import cosine_kmeans


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-12))


def reference(features: torch.Tensor, clusters: int, iterations: int) -> np.ndarray:
    """Cluster with plain loops, from the start that torch's generator gives."""
    x = features.double().numpy()
    centres = x[torch.randperm(len(x))[:clusters].numpy()]
    for _ in range(iterations):
        nearest = [int(np.argmax([cosine(row, c) for c in centres])) for row in x]
        members = [[x[i] for i, c in enumerate(nearest) if c == k] for k in range(clusters)]
        assert all(members), 'this reference knows no empty clusters'
        moved = np.stack([np.mean(rows, axis=0) for rows in members])
        shift = sum(np.linalg.norm(a - b) for a, b in zip(moved, centres, strict=True))
        centres = moved
        if shift**2 < 1e-4:
            break
    return centres


def samples(n: int = 60, channels: int = 5) -> torch.Tensor:
    return torch.randn(n, channels, generator=torch.Generator().manual_seed(7))


def unordered(centres: torch.Tensor) -> list[list[float]]:
    return sorted([round(value, 4) for value in row] for row in centres.tolist())


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('iterations', [0, 1, 50])
def test_equals_plain_loops(seed, iterations):
    torch.manual_seed(seed)
    ours = cosine_kmeans(samples(), 4, iterations=iterations)
    torch.manual_seed(seed)
    np.testing.assert_allclose(ours, reference(samples(), 4, iterations), atol=1e-5)


@pytest.mark.parametrize('seed', range(10))
def test_directions_cluster_and_lengths_do_not(seed):
    """Two directions, each short and long; the centre is the arithmetic mean of what it holds."""
    torch.manual_seed(seed)
    features = torch.tensor([[1.0, 0.0], [100.0, 1.0], [0.0, 1.0], [1.0, 100.0]])
    assert unordered(cosine_kmeans(features, 2)) == [[0.5, 50.5], [50.5, 0.5]]


def test_ends_when_the_centres_rest():
    """Scaled by 1e-4, the first shift is within the tolerance: one iteration and no more."""
    torch.manual_seed(3)
    tiny = cosine_kmeans(samples() * 1e-4, 4)
    torch.manual_seed(3)
    once = cosine_kmeans(samples(), 4, iterations=1)
    torch.manual_seed(3)
    ended = cosine_kmeans(samples(), 4)
    torch.testing.assert_close(tiny * 1e4, once)
    assert (ended - once).abs().max() > 0.01


@pytest.mark.parametrize('seed', range(10))
def test_an_empty_cluster_restarts_where_it_is_needed(seed):
    """From most starts both centres point along x; then one of them is empty and takes y."""
    torch.manual_seed(seed)
    features = torch.tensor([[1.0, 0.0]] * 5 + [[3.0, 0.0], [0.0, 2.0]])
    assert unordered(cosine_kmeans(features, 2)) == [[0.0, 2.0], [1.3333, 0.0]]


@pytest.mark.parametrize('seed', range(10))
def test_worst_represented_is_a_matter_of_direction(seed):
    """Beside short features along x, the long one at an angle has the greatest inner product."""
    torch.manual_seed(seed)
    features = torch.tensor([[0.1, 0.0]] * 5 + [[5.0, 8.0]])
    assert [5.0, 8.0] in unordered(cosine_kmeans(features, 2, iterations=1))


def test_as_many_features_as_clusters():
    features = torch.eye(4) * torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert unordered(cosine_kmeans(features, 4)) == unordered(features)


@pytest.mark.parametrize('value', [0.0, 2.0])
def test_equal_features_are_their_own_centres(value):
    features = torch.full((6, 3), value)
    torch.testing.assert_close(cosine_kmeans(features, 4), features[:4])


def test_too_few_features_are_refused():
    with pytest.raises(ValueError, match='3 features are too few for 4 clusters'):
        cosine_kmeans(torch.eye(3), 4)


def test_centres_carry_no_gradient():
    assert not cosine_kmeans(samples().requires_grad_(), 4).requires_grad


def test_the_global_generator_decides():
    torch.manual_seed(1)
    first = cosine_kmeans(samples(), 4)
    torch.manual_seed(1)
    again = cosine_kmeans(samples(), 4)
    assert torch.equal(first, again)
    others = [cosine_kmeans(samples(), 4) for _ in range(5)]
    assert any(not torch.equal(first, other) for other in others)
