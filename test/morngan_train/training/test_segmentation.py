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
from morngan_train.training.segmentation import Parser
from morngan_train.training.segmentation import resize_labels
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
    return Parser(segmenters, recipe)(ramp, ramp, made(ramp, ramp), labels, phase(**fields))


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


@pytest.mark.parametrize('mining_dropout', [False, True])
def test_dropout_acts_on_what_learns_and_on_labels_only_by_choice(paper, mining_dropout):
    choices = paper.choices.model_copy(update={'mining_dropout': mining_dropout})
    recipe = paper.model_copy(update={'choices': choices})
    a, b = Sure(Label.CAR, 0.9), Sure(Label.CAR, 0.9)
    parse(recipe, a, b, **LEARN)
    # S_A: day for the loss and for completion, fake day for mining. S_B: night for both.
    assert a.dropouts == [True, mining_dropout, mining_dropout]
    assert b.dropouts == [True, mining_dropout]
    a, b = Sure(Label.CAR, 0.9), Sure(Label.CAR, 0.9)
    parse(recipe, a, b, **FROZEN)
    assert {*a.dropouts, *b.dropouts} == {mining_dropout}


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
    semantics = Parser(segmenters, paper)(
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
