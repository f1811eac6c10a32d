"""Recipes: what ships is valid, and a mistake is named with its cure."""

from pathlib import Path

import pytest

from morngan_train.recipe import load_recipe
from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe
from morngan_train.recipe import RecipeError
from morngan_train.recipe.phases import total_epochs

RECIPES = sorted((Path(__file__).parents[3] / 'config/train').glob('*.yaml'))
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
        ({'segmenter': {'kind': 'bottleneck', 'nsf': 12}}, 'segmenter: bottleneck has one size'),
        ({'phases': []}, 'phases'),
        ({'phases': 'flyr'}, "no such schedule; did you mean 'flir'"),
        ({'choices': {'preset': 'papr'}}, "choices.preset: 'papr': no such value; did you mean"),
        ({'choices': {'agrement': 'both'}}, "did you mean 'agreement'"),
        ({'without': ['segmentatio']}, "did you mean 'segmentation'"),
        ({'phases': 'flir', 'without': ['segmentation']}, 'need trained segmenters'),
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


TABLE_5 = {
    'table5_1_baseline': {'segmentation', 'sdp', 'memory', 'aca', 'cgr', 'sr'},
    'table5_2_sc': {'sdp', 'memory', 'aca', 'cgr', 'sr'},
    'table5_3_sdp': {'memory', 'aca', 'cgr', 'sr'},
    'table5_4_mgca': {'cgr', 'sr'},
    'table5_5_cgr': {'sr'},
    'table5_6_sr': set(),
}


def shipped(name: str) -> Recipe:
    return load_recipe(RECIPES[0].with_name(f'{name}.yaml'))


@pytest.mark.parametrize(('name', 'without'), TABLE_5.items())
def test_rows_of_table_5_differ_from_the_method_by_their_switches_alone(name, without):
    row, method = shipped(name), shipped('flir')
    assert set(row.without) == without
    changed = {'name': row.name, 'description': row.description, 'without': row.without}
    assert row == method.model_copy(update=changed)
    assert row.denoises == ('sdp' not in without)


def test_the_authors_runs():
    flir, kaist = shipped('flir'), shipped('kaist')
    assert (total_epochs(flir.schedule), total_epochs(kaist.schedule)) == (80, 160)
    assert (flir.losses.sga_threshold, kaist.losses.sga_threshold) == (0.8, 0.44)
    for recipe in (flir, kaist):
        optimizer = recipe.optimizer
        assert (optimizer.lr, optimizer.betas, optimizer.batch_size) == (2e-4, (0.5, 0.999), 1)
        assert (optimizer.pool, optimizer.ema, optimizer.clip) == (50, 0.0, None)
        assert (recipe.data.crop, recipe.data.scale) == (256, (1.0, 1.0))
        assert recipe.segmenter.nsf == recipe.discriminator.ndf == recipe.generator.ngf == 64


def test_todaygan_ntir_is_the_baseline_of_table_5():
    ntir, baseline = shipped('todaygan_ntir'), shipped('table5_1_baseline')
    named = {'name': ntir.name, 'description': ntir.description}
    assert ntir == baseline.model_copy(update=named)


def test_a_recipe_survives_its_own_file():
    """As a checkpoint stores it and `export` reads it."""
    for path in RECIPES:
        recipe = load_recipe(path)
        assert parse_recipe(recipe.model_dump(mode='json')) == recipe
