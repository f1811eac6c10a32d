"""Semantic denoising against cases worked by hand and a pixel-by-pixel implementation."""

import numpy as np
import pytest
import torch

from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED
from morngan_train.labels.denoising import denoise_day
from morngan_train.labels.denoising import denoise_night

ROAD, POLE, TREE, SKY, PERSON = (
    int(label) for label in (Label.ROAD, Label.POLE, Label.VEGETATION, Label.SKY, Label.PERSON)
)
PRESENT = [ROAD, POLE, TREE, SKY, PERSON, UNLABELLED]


def day(row: dict[int, list[int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Denoise a picture of one row, given as grey values by class."""
    labels = np.array([[label for label, values in row.items() for _ in values]], np.uint8)
    gray = np.array([[value for values in row.values() for value in values]], np.uint8)
    rgb = np.repeat(gray[..., None], 3, axis=2)
    return gray[0], labels[0], denoise_day(labels, rgb)[0]


def night(row: dict[int, list[float]], **choices: object) -> dict[int, list[float]]:
    """Denoise a row of grey values in [0, 1]; return what every class keeps."""
    labels = torch.tensor([[[label for label, values in row.items() for _ in values]]])
    gray = torch.tensor([[[value for values in row.values() for value in values]]])
    thermal = (gray * 2 - 1)[:, None].expand(-1, 3, -1, -1)
    kept = denoise_night(labels, thermal, **choices)[0, 0]
    assert kept.dtype == torch.int64
    return {
        label: [round(value, 4) for value in gray[0, 0][kept == label].tolist()] for label in row
    }


def slow_denoise(
    labels: np.ndarray, features: np.ndarray, order: list, *, pole_with_sky: bool
) -> np.ndarray:
    """Eq. 5-7 pixel by pixel: labels [P], features [P, C]."""
    out = labels.copy()

    def mean(label: int) -> np.ndarray | None:
        pixels = [features[i] for i in range(len(out)) if out[i] == label]
        return np.mean(pixels, axis=0) if pixels else None

    first = {label: mean(label) for label in range(19)}
    current = dict(first)
    for label, confusers in order:
        own = first[label]
        if label == POLE and pole_with_sky and first[POLE] is not None and first[SKY] is not None:
            own = 0.5 * (first[POLE] + first[SKY])
        for i in range(len(out)):
            if out[i] != label:
                continue
            inner = ((features[i] - own) ** 2).sum()
            for confuser in confusers:
                rival = current[confuser]
                if rival is not None and ((features[i] - rival) ** 2).sum() < inner:
                    out[i] = UNLABELLED
        refreshed = mean(label)
        current[label] = current[label] if refreshed is None else refreshed
    return out


def test_a_colour_nearer_to_the_sky_is_no_tree():
    """Means by hand: tree 80, sky 200. Of the trees 170 is nearer to 200."""
    gray, labels, denoised = day({TREE: [30, 40, 170], SKY: [190, 210]})
    assert labels[denoised != labels].tolist() == [TREE]
    assert gray[denoised == UNLABELLED].tolist() == [170]


def test_day_judges_the_sky_by_refreshed_trees_but_trees_by_the_undenoised_sky():
    """Sky mean 170, undenoised. Tree mean (20 + 40 + 150) / 3 = 70: 150 goes, refreshed mean 30.

    Of the sky, 110 is nearer to its own 170 (60) than to the refreshed 30 (80) and stays, although
    the first mean of the trees, 70, was nearer (40). 90 goes (60 < 80).
    """
    gray, _, denoised = day({TREE: [20, 40, 150], SKY: [90, 110, 240, 240]})
    assert gray[denoised == UNLABELLED].tolist() == [150, 90]


def test_day_poles_come_before_the_sky():
    """Pole mean 100, sky 160: the pole's 140 goes, so its mean is 60, and the sky's 120 stays."""
    gray, _, denoised = day({POLE: [60, 140], SKY: [120, 200]})
    assert gray[denoised == UNLABELLED].tolist() == [140]


def test_equal_distances_are_no_noise():
    """120 is 20 away from both means, 100 (tree) and 140 (sky)."""
    _, labels, denoised = day({TREE: [80, 120], SKY: [140]})
    np.testing.assert_array_equal(denoised, labels)


def test_colour_counts_not_brightness():
    """The grey sum of the reddish tree pixel is that of the trees; its colour is the sky's."""
    labels = np.array([[TREE, TREE, TREE, SKY]], np.uint8)
    rgb = np.array([[[0, 90, 0], [0, 90, 0], [90, 0, 0], [90, 0, 0]]], np.uint8)
    assert denoise_day(labels, rgb)[0].tolist() == [TREE, TREE, UNLABELLED, SKY]


def test_day_touches_nothing_else_and_not_its_input():
    labels = np.array([[ROAD, PERSON, UNLABELLED, SKY]], np.uint8)
    rgb = np.array([[[9, 9, 9], [200, 0, 0], [0, 0, 0], [250, 250, 250]]], np.uint8)
    before = labels.copy()
    denoised = denoise_day(labels, rgb)
    assert denoised.dtype == np.uint8
    np.testing.assert_array_equal(denoised, before)
    denoised[:] = 0
    np.testing.assert_array_equal(labels, before)


def test_day_refuses_a_picture_of_another_size():
    with pytest.raises(ValueError, match=r'\(4, 4\).*\(4, 5, 3\)'):
        denoise_day(np.zeros((4, 4), np.uint8), np.zeros((4, 5, 3), np.uint8))


@pytest.mark.parametrize('seed', range(4))
def test_day_equals_the_slow_implementation(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array(PRESENT, np.uint8), (13, 17))
    centre = np.array([{TREE: 60, SKY: 190, POLE: 120}.get(label, 90) for label in labels.flat])
    noise = rng.normal(0, 100, (labels.size, 3))
    rgb = np.clip(centre[:, None] + noise, 0, 255).astype(np.uint8)
    order = [(TREE, (SKY,)), (POLE, (SKY,)), (SKY, (TREE, POLE))]
    expected = slow_denoise(labels.ravel(), rgb.astype(float), order, pole_with_sky=False)
    assert 10 < (expected != labels.ravel()).sum() < 100  # Of 221: the case is no trivial one.
    denoised = denoise_day(labels, rgb.reshape(13, 17, 3))
    np.testing.assert_array_equal(denoised.ravel(), expected)


def test_night_order_by_hand():
    """Every step of the released order in one picture; tree mean .5275.

    sky {tree}: mean .2; the sky's .4 goes (.1275 < .2), refreshed .1333.
    pole {sky}: own mean (.5 + .2) / 2 = .35; .3 is nearer to it than to .1333, .2 is not.
    person {tree}: mean .75; .6 goes (.0725 < .15), refreshed .9.
    tree {sky, person}: .25 is sky (.1167 < .2775), .8 a person (.1 < .2725). .7 stays
    (.1725 < .2), which the first mean of the people, .75, would have taken; .36 stays
    (.1675 < .2267), which the first mean of the sky, .2, would have taken.
    """
    row = {
        SKY: [0.0, 0.2, 0.2, 0.4],
        POLE: [0.2, 0.3, 1.0],
        PERSON: [0.6, 0.9],
        TREE: [0.25, 0.8, 0.7, 0.36],
        ROAD: [0.5],
    }
    kept = {SKY: [0.0, 0.2, 0.2], POLE: [0.3, 1.0], PERSON: [0.9], TREE: [0.7, 0.36], ROAD: [0.5]}
    assert night(row) == kept


def test_poles_with_the_sky_and_without():
    """Means: pole .5, sky .0. .2 is nearer to (.5 + 0) / 2 than to 0; alone, it is sky."""
    row = {SKY: [0.0], POLE: [0.2, 0.8]}
    assert night(row)[POLE] == [0.2, 0.8]
    assert night(row, pole_with_sky=False)[POLE] == [0.8]


def test_the_pole_mean_is_averaged_with_the_undenoised_sky():
    """Sky .3 before, .15 after (.75 goes); the pole mean .55 becomes .425 (.35 if refreshed).

    The pole's .26 is nearer to .15 (.11) than to .425 (.165), but not than to .35 (.09).
    """
    kept = night({SKY: [0.0, 0.15, 0.3, 0.75], TREE: [0.75, 1.0], POLE: [0.26, 0.84]})
    assert kept[SKY] == [0.0, 0.15, 0.3]
    assert kept[POLE] == [0.84]


def test_sky_confusers_are_a_choice():
    """Sky mean .3, tree 1, pole .6: the sky's .5 is nearer to the pole only."""
    row = {SKY: [0.0, 0.4, 0.5], TREE: [1.0], POLE: [0.6]}
    assert night(row)[SKY] == [0.0, 0.4, 0.5]
    assert night(row, sky_confusers=(Label.VEGETATION, Label.POLE))[SKY] == [0.0, 0.4]


def test_an_emptied_class_keeps_its_old_mean():
    """The sky, .1 and .5, lies on its confusers and goes; its mean .3 still judges the poles."""
    kept = night(
        {SKY: [0.1, 0.5], TREE: [0.0, 0.2], POLE: [0.35, 0.65], ROAD: [1.0]},
        sky_confusers=(Label.VEGETATION, Label.POLE),
        pole_with_sky=False,
    )
    assert kept[SKY] == []
    assert kept[POLE] == [0.65]


@pytest.mark.parametrize('label', [SKY, TREE, POLE, PERSON, ROAD])
def test_missing_confusers_are_skipped(label):
    """Alone, a class has nobody to lose pixels to, however far they are from its mean."""
    assert night({label: [0.0, 0.1, 1.0]}) == {label: [0.0, 0.1, 1.0]}
    _, labels, denoised = day({label: [0, 10, 250]})
    np.testing.assert_array_equal(denoised, labels)


@pytest.mark.parametrize('value', [-1.0, 0.3, 1.0])
def test_a_constant_crop_keeps_its_labels(value):
    labels = torch.tensor(PRESENT).repeat(100).reshape(1, 20, 30)
    thermal = torch.full((1, 3, 20, 30), value)
    assert torch.equal(denoise_night(labels, thermal), labels)


@pytest.mark.parametrize('pole_with_sky', [True, False])
@pytest.mark.parametrize('sky_confusers', [(TREE,), (TREE, POLE)])
def test_night_equals_the_slow_implementation(sky_confusers, pole_with_sky):
    """A batch of pictures of unlike contents; each is judged by its own means."""
    rng = np.random.default_rng(7)
    contents = [PRESENT, [POLE, TREE, PERSON], [SKY, PERSON], [ROAD], [POLE, SKY, TREE]]
    labels = np.stack([rng.choice(content, (12, 15)) for content in contents])
    centre = np.zeros(256)
    centre[[SKY, POLE, TREE, PERSON, ROAD]] = -0.6, -0.3, 0.1, 0.6, 0.3
    gray = np.clip(centre[labels] + rng.normal(0, 0.3, labels.shape), -1, 1).astype(np.float32)
    order = [(SKY, sky_confusers), (POLE, (SKY,)), (PERSON, (TREE,)), (TREE, (SKY, PERSON))]
    expected = np.stack(
        [
            slow_denoise(m.ravel(), g.reshape(-1, 1), order, pole_with_sky=pole_with_sky)
            for m, g in zip(labels, gray.astype(float), strict=True)
        ]
    ).reshape(labels.shape)
    assert (expected != labels).sum() > 50
    thermal = torch.from_numpy(gray)[:, None].expand(-1, 3, -1, -1)
    denoised = denoise_night(
        torch.from_numpy(labels),
        thermal,
        sky_confusers=sky_confusers,
        pole_with_sky=pole_with_sky,
    )
    np.testing.assert_array_equal(denoised.numpy(), expected)


def test_night_computes_in_float32_and_is_detached():
    generator = torch.Generator().manual_seed(3)
    labels = torch.tensor(PRESENT)[torch.randint(len(PRESENT), (2, 32, 32), generator=generator)]
    thermal = torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1
    expected = denoise_night(labels, thermal)
    with torch.autocast('cpu', torch.bfloat16):
        denoised = denoise_night(labels, thermal.requires_grad_())
    assert torch.equal(denoised, expected)
    assert not denoised.requires_grad
    assert not torch.equal(expected, labels)
    half = thermal.detach().bfloat16()
    assert torch.equal(denoise_night(labels, half), denoise_night(labels, half.float()))
