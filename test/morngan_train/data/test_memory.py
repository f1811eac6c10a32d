"""The memory finds the true best, keeps its order, and survives a checkpoint."""

from collections import Counter

import numpy as np
import pytest
import torch

from morngan_train import checkpoint
from morngan_train.classes import Label
from morngan_train.classes import SMALL_SAMPLE
from morngan_train.data.memory import distribution
from morngan_train.data.memory import distribution_of
from morngan_train.data.memory import Memory
from morngan_train.data.memory import Window


def crop_of(*labels):
    return np.array([labels], np.uint8)


def single(label):
    return distribution(crop_of(label))


def filled(vectors):
    memory = Memory(len(vectors))
    for i, vector in enumerate(vectors):
        assert memory.store(i, Window(i, 2 * i, 64), vector, step=i)
    return memory


def mixtures(count, seed=0):
    """Distributions of crops with up to three of the small-sample classes, many of them alike."""
    rng = np.random.default_rng(seed)
    crops = [rng.choice((*SMALL_SAMPLE, Label.ROAD), rng.integers(1, 4)) for _ in range(count)]
    return np.stack([distribution(crop_of(*crop)) for crop in crops])


def best_by_loops(vectors, vector, k):
    """Sort all entries; keep those that are positive and as good as the k-th."""
    similarities = [sum(float(v[c]) * float(vector[c]) for c in range(6)) for v in vectors]
    positive = sorted((s for s in similarities if s > 1e-6), reverse=True)
    if not positive:
        return []
    kth = positive[min(k, len(positive)) - 1]
    return [i for i, s in enumerate(similarities) if s >= kth - 1e-6]


def test_distribution_by_hand():
    """Of 12 pixels 4 are persons and 2 lights; six times the distance from the mean, 1, counts."""
    labels = np.array(
        [[Label.PERSON] * 4, [Label.LIGHT, Label.LIGHT, Label.CAR, 255], [Label.ROAD] * 4], np.uint8
    )
    expected = np.array([1, -1, 3, -1, -1, -1]) / 14**0.5
    vector = distribution(labels)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, expected, atol=1e-7)
    # Shares, not counts: the same crop at four times the size.
    np.testing.assert_array_equal(distribution(np.kron(labels, np.ones((2, 2), np.uint8))), vector)


def test_cosine_of_single_classes():
    person, sign = single(Label.PERSON), single(Label.SIGN)
    assert person @ person == pytest.approx(1)
    assert person @ sign == pytest.approx(-0.2)


@pytest.mark.parametrize(
    'labels', [(), (255,), (Label.ROAD, Label.CAR, Label.TRAIN), tuple(SMALL_SAMPLE)]
)
def test_nothing_to_look_for_gives_zeros(labels):
    assert not distribution(crop_of(*labels)).any()


@pytest.mark.parametrize('k', [1, 10, 5000])
def test_nearest_is_what_sorting_finds(k):
    vectors = mixtures(3000)
    memory = filled(vectors)
    for query in mixtures(10, seed=1):
        for count in (0, 5, 1024, 1025, 3000):
            expected = best_by_loops(vectors[:count], query, k)
            assert memory.nearest(query, k, count).tolist() == expected


def test_nearest_without_ties():
    rng = np.random.default_rng(0)
    vectors = rng.random((2500, 6)).astype(np.float32)
    vectors -= vectors.mean(1, keepdims=True)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    memory = filled(vectors)
    for query in vectors[::500]:
        best = np.argsort(vectors.astype(float) @ query)[-10:]
        assert memory.nearest(query, 10, 2500).tolist() == sorted(best.tolist())


def test_all_ties_are_drawn_alike():
    """More persons than k: each of them is drawn, and nothing else, about equally often."""
    labels = [Label.PERSON, Label.SIGN, Label.ROAD] * 700
    memory = filled([single(label) for label in labels])
    query = single(Label.PERSON)
    assert memory.nearest(query, 10, 2100).tolist() == list(range(0, 2100, 3))
    rng = np.random.default_rng(0)
    drawn = Counter(memory.draw(query, 10, 2100, rng)[0] for _ in range(14000))
    assert set(drawn) == set(range(0, 2100, 3))
    # 20 are expected of each: χ² of 699 degrees of freedom is 699 ± 37.
    assert sum((n - 20) ** 2 / 20 for n in drawn.values()) < 699 + 4 * 37


def test_ties_at_the_last_place_join_the_better_ones():
    near = distribution(crop_of(Label.PERSON, Label.PERSON, Label.PERSON, Label.SIGN))
    memory = filled([near, single(Label.SIGN), single(Label.PERSON), near, near])
    assert memory.nearest(single(Label.PERSON), 1, 5).tolist() == [2]
    assert memory.nearest(single(Label.PERSON), 2, 5).tolist() == [0, 2, 3, 4]


def test_only_positive_similarity_counts():
    memory = filled([single(Label.SIGN), single(Label.ROAD), single(Label.PERSON)])
    rng = np.random.default_rng(0)
    assert memory.nearest(single(Label.PERSON), 10, 3).tolist() == [2]
    assert memory.draw(single(Label.BUS), 10, 3, rng) is None
    assert memory.draw(single(Label.ROAD), 10, 3, rng) is None
    assert memory.draw(single(Label.PERSON), 10, 2, rng) is None, 'entry 2 is not looked at'
    assert memory.draw(single(Label.PERSON), 10, 3, rng) == (2, Window(2, 4, 64))


def test_an_image_is_stored_once():
    memory = Memory(3)
    assert memory.store(2, Window(1, 2, 64), single(Label.PERSON), step=5)
    assert not memory.store(2, Window(3, 4, 64), single(Label.SIGN), step=6)
    assert len(memory) == 1
    assert memory.entry(0) == (2, Window(1, 2, 64))
    assert memory.missing(1).tolist() == [0, 1]
    assert memory.missing(0).tolist() == [0, 1, 2]


def test_prefix_counts_what_was_stored_before():
    memory = Memory(5)
    for index, step in enumerate((3, 3, 7, 9)):
        memory.store(index, Window(0, 0, 8), single(Label.PERSON), step)
    assert [memory.prefix(step) for step in (-1, 3, 4, 7, 8, 9, 10, 99)] == [0, 0, 2, 2, 3, 3, 4, 4]


def test_what_is_forgotten_was_never_there():
    """Entries of steps 0 to 3; those from step 2 on go, and their images may come again."""
    memory, twin = Memory(4), Memory(4)
    person = distribution(np.array([[Label.PERSON]], np.uint8))
    for step in range(4):
        memory.store(step, Window(step, 0, 32), person, step)
        if step < 2:
            twin.store(step, Window(step, 0, 32), person, step)
    memory.forget(2)
    assert len(memory) == 2
    assert memory.missing(2).tolist() == [2, 3]
    assert memory.nearest(person, 4, 2).tolist() == [0, 1]
    for known in (memory, twin):
        assert known.store(3, Window(9, 9, 32), person, 2)
    assert all(
        torch.equal(torch.as_tensor(value), torch.as_tensor(twin.state_dict()[name]))
        for name, value in memory.state_dict().items()
    )
    memory.forget(0)
    assert len(memory) == 0


def test_pixels_of_classes_are_enough():
    labels = np.array([[Label.PERSON, Label.PERSON, Label.BUS, 255, 0]], np.uint8)
    pixels = np.array([0, 0, 2, 0, 1, 0])
    np.testing.assert_array_equal(distribution_of(pixels), distribution(labels))


def test_wrong_entries_are_refused():
    memory = Memory(3)
    memory.store(0, Window(0, 0, 8), single(Label.PERSON), step=5)
    with pytest.raises(ValueError, match='step 4 comes after step 5'):
        memory.store(1, Window(0, 0, 8), single(Label.PERSON), step=4)
    for index in (-1, 3):
        with pytest.raises(ValueError, match=f'3 images, got index {index}'):
            memory.store(index, Window(0, 0, 8), single(Label.PERSON), step=6)
    assert len(memory) == 1


def test_a_checkpoint_keeps_everything(tmp_path):
    vectors = mixtures(40)
    memory = Memory(50)
    for i, vector in enumerate(vectors):
        memory.store(49 - i, Window(i, 2, 3), vector, step=i // 4)
    checkpoint.save(tmp_path / 'last.pt', {'memory': memory.state_dict()})
    memory.store(0, Window(0, 0, 8), vectors[0], step=100)  # no business of the checkpoint

    restored = Memory(50)
    restored.store(3, Window(0, 0, 8), single(Label.BUS), step=0)  # no business of the memory
    restored.load_state_dict(checkpoint.load(tmp_path / 'last.pt')['memory'])
    assert len(restored) == 40
    assert [restored.entry(n) for n in range(40)] == [memory.entry(n) for n in range(40)]
    assert [restored.prefix(s) for s in range(12)] == [memory.prefix(s) for s in range(12)]
    assert restored.missing(40).tolist() == list(range(10))
    for query in mixtures(5, seed=2):
        assert restored.nearest(query, 3, 40).tolist() == memory.nearest(query, 3, 40).tolist()
    assert not restored.store(49, Window(0, 0, 8), vectors[0], step=100)
    assert restored.store(0, Window(0, 0, 8), vectors[0], step=100)
    with pytest.raises(ValueError, match='holds 50 NTIR images, but the data set has 51'):
        Memory(51).load_state_dict(memory.state_dict())


def test_an_empty_memory_goes_through_a_checkpoint(tmp_path):
    checkpoint.save(tmp_path / 'last.pt', {'memory': Memory(4).state_dict()})
    restored = Memory(4)
    restored.load_state_dict(checkpoint.load(tmp_path / 'last.pt')['memory'])
    assert len(restored) == 0
    assert restored.nearest(single(Label.PERSON), 10, 0).tolist() == []
    assert restored.prefix(7) == 0
