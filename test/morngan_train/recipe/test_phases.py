"""The schedule as data: what facts and paper say of every epoch, against the table."""

import pytest

from morngan_train.recipe import parse_recipe
from morngan_train.recipe.phases import first_epochs
from morngan_train.recipe.phases import learning_rate_factor
from morngan_train.recipe.phases import leave_out
from morngan_train.recipe.phases import Phase
from morngan_train.recipe.phases import phase_at
from morngan_train.recipe.phases import SCHEDULES
from morngan_train.recipe.phases import table
from morngan_train.recipe.phases import total_epochs

SCHEDULE = [Phase(name='0a', epochs=10, ssim=0.0), Phase(name='0b', epochs=5)]
WEIGHTS = ('ssim', 'temperature', 'ra', 'boundary', 'fb', 'rb', 'fa', 'sr', 'cgr', 'aca')


def schedule(name: str, **changes) -> list[Phase]:
    return parse_recipe({'name': 'x', 'phases': name, **changes}).schedule


def test_a_phase_of_ten_epochs_is_active_in_epochs_one_to_ten():
    names = [phase_at(SCHEDULE, epoch).name for epoch in range(1, 16)]
    assert names == ['0a'] * 10 + ['0b'] * 5
    assert total_epochs(SCHEDULE) == 15
    assert first_epochs(SCHEDULE) == [1, 11]


@pytest.mark.parametrize('epoch', [0, 16])
def test_outside_of_the_schedule(epoch):
    with pytest.raises(IndexError):
        phase_at(SCHEDULE, epoch)


@pytest.mark.parametrize(
    ('name', 'ends'),
    [
        ('flir', (10, 20, 30, 40, 75, 80)),
        ('kaist', (10, 50, 90, 100, 145, 160)),
        ('long_tail', (10, 16, 24, 32, 60, 80)),
    ],
)
def test_every_epoch_of_the_authors_schedules(name, ends):
    """Written out anew from the authors' flags: the weights of each epoch, in order of WEIGHTS."""
    a, b, one, two, three, last = ends
    phases = schedule(name)
    assert total_epochs(phases) == last
    for epoch in range(1, last + 1):
        phase = phase_at(phases, epoch)
        learns_a, learns_b = b < epoch <= three, one < epoch <= three
        frozen = epoch > three
        expected = {
            'ssim': epoch > a,
            'temperature': epoch > a,
            'ra': learns_a,
            'boundary': 0.5 * learns_b,
            'fb': epoch > one,
            'rb': two < epoch <= three,
            'fa': frozen,
            'sr': epoch > two,
            'cgr': frozen,
            'aca': frozen,
        }
        assert {w: getattr(phase, w) for w in WEIGHTS} == expected, epoch
        assert phase.complete == (epoch > one)
        assert phase.fake_night == ('attached' if epoch > two else 'detached')
        assert phase.segmenters == ('frozen' if frozen else 'learn')
        assert phase.memory == frozen
        assert phase.segments == (epoch > b)
        assert phase.mines == (epoch > two)
        assert (phase.lr_factor, phase.lr_decay, phase.aligned) == (1.0, False, 0.0)


def test_the_table_that_a_dry_run_prints():
    rows = {row['phase']: row for row in table(schedule('flir'))}
    assert {name: row['epochs'] for name, row in rows.items()} == {
        '0a': '1-10',
        '0b': '11-20',
        '1': '21-30',
        '2': '31-40',
        '3': '41-75',
        '4': '76-80',
    }
    assert rows['0b']['trained'] == 'G D'
    assert rows['1']['trained'] == 'G D S_A'
    assert rows['3']['trained'] == 'G D S_A S_B'
    assert (rows['4']['trained'], rows['4']['frozen']) == ('G D', 'S_A S_B')
    assert [rows[name]['fake night'] for name in '1234'] == ['', 'detached', 'attached', 'attached']
    assert [rows[name]['boundary'] for name in '1234'] == ['', '0.5', '0.5', '']
    assert len({tuple(row) for row in rows.values()}) == 1


def test_segmenters_may_learn_beside_the_pairs():
    pairs = Phase(name='pairs', epochs=1, unpaired=False, aligned=1.0, ra=1.0, ta=1.0)
    (row,) = table([pairs])
    assert (row['trained'], row['λ_ra'], row['λ_ta']) == ('G_BA S_A S_B', '1', '1')


def test_the_texts_reading_of_the_schedule():
    """Paper: SSIM from the start, no label completion, no constraint while segmenters learn."""
    phases = schedule('flir', choices={'preset': 'paper'})
    assert {phase.ssim for phase in phases} == {1.0}
    assert not any(phase.complete for phase in phases)
    assert [phase.fake_night for phase in phases[-3:]] == ['detached', 'detached', 'attached']


@pytest.mark.parametrize(
    ('without', 'off'),
    [
        (['cgr', 'sr'], {'cgr', 'sr'}),
        (['memory', 'aca'], {'memory', 'aca'}),
        (['sdp'], set()),
        (['ssim', 'temperature'], {'ssim', 'temperature'}),
    ],
)
def test_terms_left_out_are_off_everywhere_and_others_stay(without, off):
    before, after = schedule('flir'), schedule('flir', without=without)
    for old, new in zip(before, after, strict=True):
        for name in Phase.model_fields:
            expected = type(getattr(old, name))() if name in off else getattr(old, name)
            assert getattr(new, name) == expected, name


def test_without_segmentation_nothing_is_segmented():
    phases = schedule('flir', without=['segmentation', 'memory', 'aca'])
    assert not any(phase.segments for phase in phases)
    with pytest.raises(ValueError, match='need trained segmenters'):
        leave_out(schedule('flir'), ['segmentation'])


def test_learning_rate_falls_linearly():
    decaying = [Phase(name='flat', epochs=2), Phase(name='fall', epochs=4, lr_decay=True)]
    factors = [learning_rate_factor(decaying, epoch) for epoch in range(1, 7)]
    assert factors == [1, 1, 1, 0.75, 0.5, 0.25]


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'segmenters': 'frozen', 'rb': 1.0}, 'frozen segmenters do not learn'),
        ({'memory': True}, 'set segmenters: frozen'),
        ({'fa': 1.0}, 'set segmenters: frozen'),
        ({'unpaired': False, 'aligned': 1.0, 'sr': 1.0}, 'need unpaired night frames'),
        ({'unpaired': False, 'aligned': 1.0, 'fb': 1.0}, 'need unpaired night frames'),
        ({'ta': 1.0}, 'needs the registered day thermal'),
        ({'segmenters': 'frozen', 'aligned': 1.0, 'ta': 1.0}, 'frozen segmenters do not learn'),
        ({'unpaired': False}, 'needs a weight for aligned'),
    ],
)
def test_phases_that_make_no_sense(fields, message):
    with pytest.raises(ValueError, match=message):
        Phase(name='x', epochs=1, **fields)


def test_named_schedules_are_not_changed_by_recipes():
    schedule('flir', without=['cgr'])
    assert SCHEDULES['flir'][-1]['cgr'] == 1.0
