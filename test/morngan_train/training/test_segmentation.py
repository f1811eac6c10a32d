"""Labels and segmentations of a step: who labels what, at which size, with which thresholds."""

import math

import pytest
import torch

from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import Phase
from morngan_train.training.objective import segmentation_losses
from morngan_train.training.segmentation import draw_side
from morngan_train.training.segmentation import resize_labels
from morngan_train.training.segmentation import Segmentation
from morngan_train.training.system import Segmenters
from morngan_train.training.system import Translations

SIDE = 64
LEARN = {'segmenters': 'learn', 'ra': 1.0, 'rb': 1.0, 'complete': True}
FROZEN = {'segmenters': 'frozen', 'fa': 1.0, 'complete': True}


def phase(**fields) -> Phase:
    return Phase(name='x', epochs=1, **fields)


def made(fake_day: torch.Tensor, fake_night: torch.Tensor) -> Translations:
    return Translations(
        fake_day=fake_day,
        fake_night=fake_night,
        again_day=fake_day,
        again_night=fake_night,
        encoded_day=fake_day,
        encoded_fake_day=fake_day,
        colored_day=None,
    )


class Sure(torch.nn.Module):
    """Says one class everywhere, as surely as it is told; notes what it is asked."""

    def __init__(self, label: int, confidence: float) -> None:
        super().__init__()
        others = torch.full((19,), (1 - confidence) / 18)
        others[label] = confidence
        self.logits = torch.nn.Parameter(others.log())
        self.sides: list[int] = []
        self.dropouts: list[bool] = []

    def features(self, image: torch.Tensor) -> torch.Tensor:
        self.sides.append(image.shape[-1])
        return image.mean(1, keepdim=True) * 0

    def classify(self, features: torch.Tensor, *, dropout: bool) -> torch.Tensor:
        self.dropouts.append(dropout)
        return features + self.logits[None, :, None, None]


def parse(recipe: Recipe, a: Sure, b: Sure, labels: torch.Tensor | None = None, **fields):
    segmenters = Segmenters(recipe)
    segmenters.a, segmenters.b = a, b
    # A thermal ramp: no picture is flat, so semantic denoising has something to compare.
    ramp = torch.linspace(-1, 1, SIDE).expand(1, 3, SIDE, SIDE)
    if labels is None:
        labels = torch.full((1, SIDE, SIDE), UNLABELLED)
    return Segmentation(segmenters, recipe)(ramp, ramp, made(ramp, ramp), labels, phase(**fields))


@pytest.fixture
def paper(tiny) -> Recipe:
    """The thresholds of the paper, without denoising."""
    semantics = tiny.semantics.model_copy(
        update={'theta_fg': 0.95, 'theta_bg': 0.99, 'completion': 0.95}
    )
    return tiny.model_copy(update={'semantics': semantics, 'without': ['sdp']})


@pytest.mark.parametrize(
    ('label', 'a', 'b', 'mined'),
    [
        (Label.CAR, 0.96, 0.96, True),
        (Label.CAR, 0.96, 0.94, False),
        (Label.CAR, 0.94, 0.96, False),  # both must be sure
        (Label.ROAD, 0.96, 0.96, False),  # background must be surer
        (Label.ROAD, 0.995, 0.995, True),
    ],
)
def test_both_segmenters_label_while_they_learn(paper, label, a, b, mined):
    semantics = parse(paper, Sure(label, a), Sure(label, b), **LEARN)
    assert (semantics.night_labels == (label if mined else UNLABELLED)).all()


def test_segmenters_that_disagree_label_nothing(paper):
    semantics = parse(paper, Sure(Label.CAR, 0.99), Sure(Label.BUS, 0.99), **LEARN)
    assert (semantics.night_labels == UNLABELLED).all()


@pytest.mark.parametrize(('b', 'mined'), [(0.96, True), (0.94, False)])
def test_after_the_freeze_s_b_labels_alone_and_one_threshold_is_enough(paper, b, mined):
    semantics = parse(paper, Sure(Label.CAR, 0.99), Sure(Label.ROAD, b), **FROZEN)
    assert (semantics.night_labels == (Label.ROAD if mined else UNLABELLED)).all()


def test_the_text_lets_both_label_after_the_freeze(paper):
    choices = paper.choices.model_copy(update={'labellers_after_freeze': 'both'})
    both = paper.model_copy(update={'choices': choices})
    semantics = parse(both, Sure(Label.CAR, 0.99), Sure(Label.ROAD, 0.999), **FROZEN)
    assert (semantics.night_labels == UNLABELLED).all()


def test_day_labels_are_completed_where_there_are_none(paper):
    labels = torch.full((1, SIDE, SIDE), UNLABELLED)
    labels[:, :32] = Label.SKY
    fields = FROZEN  # frozen: the side of the crop, so that pixels can be compared
    sure = parse(paper, Sure(Label.ROAD, 0.96), Sure(Label.ROAD, 0.5), labels, **fields)
    assert (sure.day_labels[:, :32] == Label.SKY).all()
    assert (sure.day_labels[:, 32:] == Label.ROAD).all()
    unsure = parse(paper, Sure(Label.ROAD, 0.94), Sure(Label.ROAD, 0.5), labels, **fields)
    assert torch.equal(unsure.day_labels, labels)
    off = parse(
        paper, Sure(Label.ROAD, 0.96), Sure(Label.ROAD, 0.5), labels, **fields | {'complete': False}
    )
    assert torch.equal(off.day_labels, labels)


def test_night_labels_are_denoised_unless_left_out(tiny):
    """All is person, so nothing confuses; then sky and tree in halves, so that denoising bites."""

    class Halves(Sure):
        def classify(self, features, *, dropout):
            logits = torch.full((1, 19, *features.shape[-2:]), -20.0)
            logits[:, Label.SKY, :, : SIDE // 4] = 20
            logits[:, Label.VEGETATION, :, SIDE // 4 :] = 20
            return features + logits

    a, b = Sure(Label.CAR, 0.9), Halves(Label.SKY, 0.9)
    clean = parse(tiny, a, b, **FROZEN).night_labels
    raw = parse(tiny.model_copy(update={'without': ['sdp']}), a, b, **FROZEN).night_labels
    assert (raw != UNLABELLED).all()
    # On the ramp, trees just right of the sky are nearer to the sky's mean than to their own.
    assert (clean[:, :, SIDE // 4] == UNLABELLED).all()
    assert (clean[:, :, -1] == Label.VEGETATION).all()


def test_frozen_segmenters_see_the_crop_and_learning_ones_one_random_side(paper):
    torch.manual_seed(3)
    a, b = Sure(Label.CAR, 0.9), Sure(Label.CAR, 0.9)
    parse(paper, a, b, **LEARN)
    assert len({*a.sides, *b.sides}) == 1
    assert a.sides[0] != SIDE
    a, b = Sure(Label.CAR, 0.9), Sure(Label.CAR, 0.9)
    parse(paper, a, b, **FROZEN)
    assert {*a.sides, *b.sides} == {SIDE}


def with_choices(recipe: Recipe, **choices) -> Recipe:
    return recipe.model_copy(update={'choices': recipe.choices.model_copy(update=choices)})


def test_dropout_acts_on_what_learns_and_not_on_labels(paper):
    """As recommended: S_A sees day for the loss, then for completion, then fake day to mine."""
    recipe = with_choices(paper, mining_dropout=False)
    a, b = Sure(Label.CAR, 0.9), Sure(Label.CAR, 0.9)
    parse(recipe, a, b, **LEARN)
    assert a.dropouts == [True, False, False]
    assert b.dropouts == [True, False]
    a, b = Sure(Label.CAR, 0.9), Sure(Label.CAR, 0.9)
    parse(recipe, a, b, **FROZEN)
    assert {*a.dropouts, *b.dropouts} == {False}


def test_the_release_labels_and_learns_from_one_pass(paper):
    """One pass of the day, one of the night; the fake day is looked at to mine alone."""
    recipe = with_choices(paper, mining_dropout=True)
    a, b = Sure(Label.CAR, 0.9), Sure(Label.CAR, 0.9)
    parse(recipe, a, b, **LEARN)
    assert a.dropouts == [True, True]
    assert b.dropouts == [True]
    a, b = Sure(Label.CAR, 0.9), Sure(Label.CAR, 0.9)
    parse(recipe, a, b, **FROZEN)
    assert {*a.dropouts, *b.dropouts} == {True}


class Dropped(Sure):
    """Sure where dropout keeps its only feature, and without any idea where it is dropped."""

    def classify(self, features, *, dropout):
        kept = torch.nn.functional.dropout(torch.ones_like(features), training=dropout) > 0
        return kept * (features + self.logits[None, :, None, None])


@pytest.mark.parametrize(
    ('mining_dropout', 'mined', 'loss'),
    [
        # The labels are where the mask of the loss kept the feature: each costs -log .97.
        (True, 0.5, -math.log(0.97)),
        # Labels everywhere, and half of them where the loss sees nothing: -log 1/19 there.
        (False, 1.0, (-math.log(0.97) + math.log(19)) / 2),
    ],
)
def test_mined_pixels_cost_next_to_nothing_under_the_mask_that_mined_them(
    paper, mining_dropout, mined, loss
):
    """By hand: all pixels are car, sure to 0.97, and dropout takes every second one's feature."""
    torch.manual_seed(0)
    recipe = with_choices(paper, mining_dropout=mining_dropout, agreement='first')
    a, b = Sure(Label.CAR, 0.96), Dropped(Label.CAR, 0.97)
    semantics = parse(recipe, a, b, **LEARN)
    labelled = semantics.night_labels == Label.CAR
    assert labelled.float().mean().item() == pytest.approx(mined, abs=0.06)
    losses = segmentation_losses(semantics, phase(**LEARN))
    assert losses['segmentation_rb'].item() == pytest.approx(loss, rel=0.1)
    if mining_dropout:
        assert losses['segmentation_rb'].item() < -math.log(0.95)
    losses['segmentation_rb'].backward()  # the labels are detached, the loss is not
    assert b.logits.grad.abs().sum() > 0


def test_completed_pixels_cost_next_to_nothing_under_the_mask_that_completed_them(paper):
    torch.manual_seed(0)
    recipe = with_choices(paper, mining_dropout=True)
    semantics = parse(recipe, Dropped(Label.CAR, 0.97), Sure(Label.CAR, 0.5), **LEARN)
    losses = segmentation_losses(semantics, phase(**LEARN))
    assert losses['segmentation_ra'].item() == pytest.approx(-math.log(0.97), rel=1e-4)


@pytest.mark.parametrize(('early', 'kept'), [(True, [0.4]), (False, [0.4, 0.6])])
def test_who_has_a_say_in_the_mean_of_the_sky(paper, early, kept):
    """By hand: the tree is at 1.0, the sky at 0.4 and 0.6, sure of both, and at 0.0, less sure.

    Eight pixels at 0.0 are as sure as θ_fg, but not as θ_bg: no label in the end. In the order of
    the release they count while the sky is denoised: its mean is (0.4 + 0.6) / 10 = 0.1, so 0.6 is
    nearer to the tree (0.4) than to it (0.5) and goes. In that of the paper the mean is 0.5.
    """
    gray = torch.tensor([1.0, 0.4, 0.6, *[0.0] * 8])
    p = torch.full((1, 19, 1, len(gray)), 1e-6)
    p[:, Label.VEGETATION, :, 0] = 0.999
    p[:, Label.SKY, :, 1:3] = 0.995
    p[:, Label.SKY, :, 3:] = 0.97
    recipe = with_choices(paper, denoise_before_theta_bg=early)
    recipe = recipe.model_copy(update={'without': []})
    parser = Segmentation(Segmenters(recipe), recipe)
    night = (2 * gray - 1).expand(1, 3, 1, -1)
    labels = parser._label_night(p, p, night)[0, 0]
    assert gray[labels == Label.SKY].tolist() == pytest.approx(kept)
    assert gray[labels == Label.VEGETATION].tolist() == [1.0]


def test_sides_at_a_crop_of_256_are_the_authors():
    torch.manual_seed(0)
    drawn = {draw_side(256) for _ in range(2000)}
    assert drawn == set(range(128, 317, 4))


def test_sides_follow_the_crop():
    torch.manual_seed(0)
    drawn = {draw_side(64) for _ in range(500)}
    assert (min(drawn), max(drawn)) == (32, 80)


def test_labels_are_resized_without_new_ids():
    labels = torch.tensor([[[0, 255], [18, 7]]])
    doubled = resize_labels(labels, 4)
    assert torch.equal(doubled, labels.repeat_interleave(2, 1).repeat_interleave(2, 2))
    assert resize_labels(labels, 2) is labels


def test_true_masks_of_the_night_teach_s_b(paper):
    """S_B is 90 % sure of a car: on a mask of cars that costs −log 0.9."""
    segmenters = Segmenters(paper)
    segmenters.a, segmenters.b = Sure(Label.ROAD, 0.9), Sure(Label.CAR, 0.9)
    ramp = torch.linspace(-1, 1, SIDE).expand(1, 3, SIDE, SIDE)
    nothing = torch.full((1, SIDE, SIDE), UNLABELLED)
    masks = nothing.clone()
    masks[:, :, SIDE // 2 :] = Label.CAR
    learn = phase(ra=1.0, mb=2.0)
    semantics = Segmentation(segmenters, paper)(
        ramp, ramp, made(ramp, ramp), nothing, learn, night_masks=masks
    )
    assert semantics.night_labels is None  # nothing is mined for it
    losses = segmentation_losses(semantics, learn)
    assert losses['segmentation_mb'].item() == pytest.approx(-2 * math.log(0.9), rel=1e-4)
    losses['segmentation_mb'].backward()
    assert segmenters.b.logits.grad.abs().sum() > 0


def test_true_masks_need_segmenters_that_learn():
    with pytest.raises(ValueError, match='set ra, rb, ta and mb to 0'):
        phase(segmenters='frozen', mb=1.0)
