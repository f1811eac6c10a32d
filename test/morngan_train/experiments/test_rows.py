"""Rows differ by their methods alone: recipes, budgets, data."""

from argparse import Namespace
from pathlib import Path

import pytest
import yaml

from morngan_train.experiments.budget import equal_budget
from morngan_train.experiments.budget import steps_of
from morngan_train.experiments.command import switches
from morngan_train.experiments.errors import ExperimentError
from morngan_train.experiments.plan import plan
from morngan_train.experiments.rows import ABLATION
from morngan_train.experiments.rows import BASELINES
from morngan_train.experiments.rows import PUBLISHED
from morngan_train.experiments.rows import Row
from morngan_train.experiments.rows import rows_of
from morngan_train.experiments.rows import Setting
from morngan_train.experiments.rows import shipped
from morngan_train.published import published_table

FLIR, KAIST = Path('flir'), Path('kaist')
FULL = Setting('full', FLIR, KAIST)
COMPACT = Setting('compact', FLIR, KAIST, shipped('compact_flir'))
STEPS = 7300
"""No schedule divides it."""


def by_name(table: str, place: Setting) -> dict[str, Row]:
    return {row.name: row for row in rows_of(table, place)}


def test_full_rows_of_table_5_are_the_recipes_that_ship():
    rows = rows_of('table5', FULL)
    assert [row.recipe for row in rows] == [shipped(name) for name in ABLATION]
    assert [row.title for row in rows] == list(published_table(5).rows)


def test_compact_rows_of_table_5_leave_out_what_the_full_ones_do():
    base = shipped('compact_flir')
    for row, full in zip(rows_of('table5', COMPACT), rows_of('table5', FULL), strict=True):
        assert row.recipe.without == full.recipe.without
        assert row.recipe == base.model_copy(
            update={
                'name': f'compact_flir_{row.name}',
                'description': full.recipe.description,
                'without': full.recipe.without,
            }
        )


@pytest.mark.parametrize('place', [FULL, COMPACT], ids=['full', 'compact'])
@pytest.mark.parametrize('table', PUBLISHED)
def test_rows_of_a_table_have_an_equal_budget(table, place):
    """Steps, seed, batch, crops and augmentation; at compact scale the aligned pairs too."""
    rows = equal_budget(rows_of(table, place), STEPS)
    assert len({steps_of(row) for row in rows}) == 1
    assert STEPS - 400 < steps_of(rows[0]) <= STEPS
    for field in ('seed', 'optimizer', 'segmenter'):
        assert len({repr(getattr(row.recipe, field)) for row in rows}) == 1
    assert (
        len({(r.recipe.data.crop, r.recipe.data.scale, repr(r.recipe.data.thermal)) for r in rows})
        == 1
    )
    pairs = {tuple((p.epochs, p.aligned, p.unpaired) for p in r.recipe.schedule) for r in rows}
    assert len(pairs) == 1 or place is FULL
    # The one use of pairs that belongs to a term: S_B learns from registered thermal.
    schedules = [row.recipe.schedule for row in rows]
    segmenting = [s for s in schedules if any(p.segments for p in s)]
    assert len({tuple(p.ta for p in s) for s in segmenting}) <= 1 or place is FULL
    assert place is COMPACT or not any(p.aligned for r in rows for p in r.recipe.schedule)


def test_baselines_keep_what_makes_them_at_compact_size():
    rows = by_name('baselines', COMPACT)
    assert [row.title for row in rows.values()] == list(BASELINES.values())
    cyclegan = rows['cyclegan'].recipe
    assert cyclegan.losses.adversarial_form == 'least_squares'
    assert (cyclegan.losses.identity, cyclegan.losses.tv) == (5.0, 0.0)
    assert cyclegan.discriminator.branches == ['rgb']
    assert cyclegan.discriminator.ndf == shipped('compact_flir').discriminator.ndf
    assert not any(p.ssim or p.segments or p.cgr or p.sr for p in cyclegan.schedule)
    assert rows['pearlgan'].recipe.generator.attention
    assert rows['dlamgan'].recipe.semantics.theta_bg is None
    assert any(p.fa for p in rows['dlamgan'].recipe.schedule)
    tir = rows['todaygan_tir'].recipe
    assert (tir.losses.sga, tir.losses.monochrome, tir.losses.tv) == (0.0, 0.0, 5.0)
    ntir, first = rows['todaygan_ntir'].recipe, by_name('table5', COMPACT)['1_baseline'].recipe
    assert switches(ntir, first) == ''
    assert switches(rows['morngan'].recipe, shipped('compact_flir')) == ''


def test_table_6_trains_on_one_data_set_and_tests_on_the_other():
    rows = by_name('table6', COMPACT)
    there, back = rows['morngan_kf'], rows['morngan_fk']
    assert (there.train, there.test, there.direction) == (KAIST, FLIR, 'K→F')
    assert (back.train, back.test, back.direction) == (FLIR, KAIST, 'F→K')
    assert there.recipe.losses.sga_threshold == 0.44
    assert back.recipe.losses.sga_threshold == 0.8
    assert {row.title for row in rows.values()} < set(published_table(6).rows)
    full = by_name('table6', FULL)
    assert switches(full['morngan_kf'].recipe, shipped('kaist')) == ''
    with pytest.raises(ExperimentError, match='--data-kaist'):
        rows_of('table6', Setting('full', FLIR))


@pytest.mark.parametrize('table', ['table3', 'table4'])
def test_tables_3_and_4_train_and_test_every_method_on_kaist(table):
    rows = by_name(table, COMPACT)
    assert [row.title for row in rows.values()] == list(BASELINES.values())
    assert {(row.train, row.test) for row in rows.values()} == {(KAIST, KAIST)}
    assert rows['morngan'].recipe.losses.sga_threshold == 0.44
    assert rows['cyclegan'].recipe.losses.adversarial_form == 'least_squares'
    full = by_name(table, FULL)
    assert switches(full['morngan'].recipe, shipped('kaist')) == ''
    assert full['pearlgan'].recipe.losses.accs == 1.0


@pytest.mark.parametrize('table', ['table3', 'baselines', 'table6'])
def test_methods_of_the_paper_are_trained_or_come_from_elsewhere(table):
    """Eight methods and the visible frames: nobody is forgotten."""
    trained = {row.title for row in rows_of(table, COMPACT)}
    for number in PUBLISHED[table]:
        theirs = set(published_table(number).rows)
        assert theirs - trained <= {'UNIT', 'DRIT++', 'ForkGAN', 'Reference NVC'}


def test_table_7_varies_the_clusters_and_nothing_else():
    rows = rows_of('table7', COMPACT)
    assert [row.recipe.semantics.clusters for row in rows] == [2, 3, 4, 5, 6]
    assert [row.title for row in rows] == list(published_table(7).rows)
    base = shipped('compact_flir')
    assert switches(rows[0].recipe, base) == 'semantics.clusters=2'
    assert switches(rows[2].recipe, base) == ''


def options(**changes: object) -> Namespace:
    given = {'table': 'table5', 'scale': 'full', 'data': FLIR, 'data_kaist': None, 'base': None}
    return Namespace(**{**given, 'foreign': [], 'seed': None, 'steps': None, **changes})


def test_a_schedule_keeps_its_shares_under_another_number_of_steps():
    rows = plan(options(table='baselines', steps=4000, seed=7))
    assert {steps_of(row) for row in rows} == {4000}
    assert {row.recipe.steps_per_epoch for row in rows} == {4000 // 200, 4000 // 80}
    assert {row.recipe.seed for row in rows} == {7}
    with pytest.raises(ExperimentError, match='399 steps are fewer than the 400'):
        plan(options(table='baselines', steps=399))


def test_without_a_number_the_budget_is_that_of_the_base(tested, base, tmp_path):
    compact = plan(options(scale='compact'))
    assert {steps_of(row) for row in compact} == {30 * 200}
    # Where a recipe does not say how long an epoch is, the larger folder does: 3 pictures.
    path = tmp_path / 'open.yaml'
    path.write_text(yaml.safe_dump(yaml.safe_load(base.read_text()) | {'steps_per_epoch': None}))
    rows = plan(options(scale='compact', data=tested, base=path))
    assert {steps_of(row) for row in rows} == {4 * 3}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'base': Path('x.yaml')}, '--base needs --scale compact'),
        ({'foreign': [('UNIT', 'unit.onnx')]}, 'table5 compares variants of one method'),
        (
            {'table': 'table6', 'data_kaist': KAIST, 'foreign': [('UNIT', 'unit.onnx')]},
            '--foreign UNIT: in table6 names end in _kf',
        ),
    ],
)
def test_options_that_do_not_fit_together(changes, message):
    with pytest.raises(ExperimentError, match=message):
        plan(options(**changes))
