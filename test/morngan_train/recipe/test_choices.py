"""The presets: what the paper says, what its authors ran, and what is recommended."""

import pytest

from morngan_train.classes import Label
from morngan_train.recipe.choices import Choices
from morngan_train.recipe.choices import PRESETS


def test_every_preset_says_something_of_every_choice():
    names = set(Choices.model_fields) - {'preset'}
    assert all(set(values) == names for values in PRESETS.values())


@pytest.mark.parametrize('preset', list(PRESETS))
def test_a_preset_fills_what_is_not_said(preset):
    choices = Choices.model_validate({'preset': preset, 'sga_region': 'image'})
    expected = PRESETS[preset] | {'preset': preset, 'sga_region': 'image'}
    assert choices.model_dump() == expected


def test_recommended_leaves_the_release_only_where_that_slips():
    different = {
        name for name, value in PRESETS['release'].items() if PRESETS['recommended'][name] != value
    }
    assert different == {
        'agreement',
        'denoise_before_theta_bg',
        'mining_dropout',
        'gradient_padding',
    }
    assert Choices.model_validate({}).model_dump()['agreement'] == 'both'


def test_confusers_become_train_ids():
    paper = Choices.model_validate({'preset': 'paper'})
    assert paper.sky_confuser_ids == [Label.VEGETATION, Label.POLE]


def test_the_table_of_choices():
    """Written out from the text and from the authors' code: paper, release, recommended."""
    table = {
        'agreement': ('both', 'first', 'both'),
        'labellers_after_freeze': ('both', 'segmenter_b', 'segmenter_b'),
        'sky_confusers': (['vegetation', 'pole'], ['vegetation'], ['vegetation']),
        'pole_with_sky': (False, True, True),
        'denoise_before_theta_bg': (False, True, False),
        'aca_groups': ('separate', 'merged', 'merged'),
        'scale_whole_sga': (True, False, False),
        'complete_day_labels': (False, True, True),
        'constrain_while_learning': (False, True, True),
        'ssim_from_start': (True, False, False),
        'cgr_unlabelled': (False, True, True),
        'draw_scale': ('epoch', 'step', 'step'),
        'sga_region': ('image', 'cell', 'cell'),
        'mining_dropout': (False, True, False),
        'gradient_padding': ('replicate', 'zeros', 'replicate'),
    }
    for i, preset in enumerate(('paper', 'release', 'recommended')):
        assert PRESETS[preset] == {name: values[i] for name, values in table.items()}
