"""Recipes: what ships is valid, and a mistake is named with its cure."""

from pathlib import Path

import pytest

from morngan_train.recipe import load_recipe
from morngan_train.recipe import parse_recipe
from morngan_train.recipe import RecipeError

RECIPES = sorted((Path(__file__).parents[2] / 'config/train').glob('*.yaml'))
MINIMAL = {'name': 'x', 'phases': [{'name': '0', 'epochs': 1}]}


@pytest.mark.parametrize('path', RECIPES, ids=lambda path: path.stem)
def test_recipes_that_ship_are_valid(path):
    assert load_recipe(path).name == path.stem


def test_defaults_are_the_papers():
    recipe = parse_recipe(MINIMAL)
    assert (recipe.generator.ngf, recipe.generator.blocks, recipe.generator.stem) == (
        64,
        9,
        'conv7',
    )
    assert recipe.phases[0].aligned == 0


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'genrator': {}}, "genrator: no such field; did you mean 'generator'"),
        ({'generator': {'nfg': 3}}, "generator.nfg: no such field; did you mean 'ngf'"),
        ({'generator': {'ngf': 'wide'}}, 'generator.ngf: Input should be a valid integer'),
        ({'phases': [{'name': '0', 'epochs': 1, 'sim': 1}]}, "did you mean 'ssim'"),
        ({'data': {'crop': 30}}, 'data.crop'),
        ({'phases': []}, 'phases'),
        ({'phases': [{'name': 'p', 'epochs': 1, 'unpaired': False}]}, 'needs a weight for aligned'),
        (
            {'phases': [{'name': 'p', 'epochs': 1, 'unpaired': False, 'aligned': 1, 'cgr': 1}]},
            'need unpaired night frames',
        ),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(RecipeError, match=message.replace('.', r'\.')):
        parse_recipe({**MINIMAL, **change})


def test_files_that_are_no_recipe(tmp_path):
    with pytest.raises(RecipeError, match=r'missing\.yaml'):
        load_recipe(tmp_path / 'missing.yaml')
    (tmp_path / 'list.yaml').write_text('- 1\n- 2\n')
    with pytest.raises(RecipeError, match='mapping'):
        load_recipe(tmp_path / 'list.yaml')
