"""A short soak over real processes, and the verdict on made-up ones."""

from dataclasses import replace
import json
import os
from pathlib import Path
import time

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

import ros_fixtures  # noqa: F401  sets a DDS domain of its own
from tiny_models import FALSE_COLOR
from tiny_models import save_generator

from morngan_ros.tools.soak import plot
from morngan_ros.tools.soak import verdict
from morngan_ros.tools.soak.__main__ import main
from morngan_ros.tools.soak.director import Director
from morngan_ros.tools.soak.verdict import Record
from morngan_ros.tools.soak.verdict import Reload
from morngan_ros.tools.soak.verdict import Sample
from morngan_ros.tools.support import ros

MS = 10**6
SECOND = 10**9
START = 1_700_000_000 * SECOND
MIB = 2**20


def good() -> Record:
    """Ten minutes of a node that takes 100 ms a frame and stays as it is."""
    sent = [START + i * 100 * MS for i in range(6000)]
    return Record(
        sent=sent,
        arrivals=[(stamp, stamp + 120 * MS) for stamp in sent],
        samples=[Sample(START + i * 5 * SECOND, 300 * MIB, 40 * MIB, 27, 26) for i in range(121)],
        reloads=[
            Reload(START + 90 * SECOND, START + 91 * SECOND, 'other.onnx', True, True),
            Reload(START + 150 * SECOND, START + 150 * SECOND, 'broken.onnx', False, False),
        ],
        refused=[],
        exit_code=0,
        exit_seconds=0.4,
    )


def broken(record: Record) -> list[str]:
    return [check.name for check in verdict.judge(record) if not check.kept]


def growing(name: str, last: int, first: int) -> Record:
    """A value of the samples that rises evenly over the run."""
    record = good()
    values = np.linspace(first, last, len(record.samples)).round().astype(int)
    samples = [
        replace(sample, **{name: int(v)}) for sample, v in zip(record.samples, values, strict=True)
    ]
    return replace(record, samples=samples)


def test_a_node_that_stays_as_it_is_keeps_all_limits():
    assert broken(good()) == []
    assert verdict.frame_seconds(good()) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ('record', 'limit'),
    [
        (growing('resident', 315 * MIB, 300 * MIB), 'memory growth'),
        (growing('threads', 30, 27), 'threads, base level'),
        (growing('descriptors', 60, 26), 'open files, base level'),
    ],
)
def test_growth_is_found(record, limit):
    assert broken(record) == [limit]


def test_a_little_growth_and_what_is_there_for_a_while_are_allowed():
    assert broken(growing('resident', 308 * MIB, 300 * MIB)) == []
    record = good()
    samples = list(record.samples)
    # A guest and a second model, at the end only.
    samples[-3] = replace(samples[-3], threads=40, descriptors=40, resident=500 * MIB)
    assert broken(replace(record, samples=samples)) == []


def test_late_frames_are_found_even_if_few():
    record = good()
    late = [
        (stamp, stamp + (300 if index % 50 == 0 else 120) * MS)
        for index, stamp in enumerate(record.sent)
    ]
    assert broken(replace(record, arrivals=late)) == ['latency p99']


def test_repeated_older_and_foreign_stamps_are_found():
    record = good()
    arrivals = list(record.arrivals)
    arrivals.insert(100, arrivals[99])
    assert broken(replace(record, arrivals=arrivals)) == ['stamps published twice']
    arrivals = list(record.arrivals)
    arrivals[7], arrivals[8] = arrivals[8], arrivals[7]
    assert broken(replace(record, arrivals=arrivals)) == ['stamps older than the one before']
    arrivals = list(record.arrivals)
    arrivals[7] = (arrivals[7][0] + 1, arrivals[7][1])
    assert broken(replace(record, arrivals=arrivals)) == ['stamps that no camera sent']


@pytest.mark.parametrize(
    'change', [{'taken': False}, {'good': False}, {'end_ns': None}], ids=lambda c: next(iter(c))
)
def test_reloads_that_go_wrong_are_found(change):
    record = good()
    reloads = [replace(record.reloads[0], **change)]
    assert broken(replace(record, reloads=reloads)) == ['reloads that went wrong']


def test_other_faults_are_found():
    failed = [replace(sample, counters={'failed': 1, 'bad': 2}) for sample in good().samples]
    record = replace(
        good(), samples=failed, refused=['max_rate: no'], exit_code=-9, exit_seconds=13.0
    )
    assert broken(record) == [
        'parameter changes refused',
        'frames that failed',
        'frames taken for bad',
        'exit code',
        'seconds to end',
    ]


def test_a_run_without_frames_breaks_limits_instead_of_failing():
    empty = replace(good(), sent=[], arrivals=[], samples=[], reloads=[])
    found = broken(empty)
    assert {'latency p99', 'memory growth', 'threads, base level', 'frames that arrived'} <= set(
        found
    )
    assert verdict.minutes(empty) == []


def test_minutes_and_reloads_are_told_apart():
    record = good()
    slow = [
        (s, a + 500 * MS) if START + 90 * SECOND <= a <= START + 91 * SECOND else (s, a)
        for s, a in record.arrivals
    ]
    record = replace(record, arrivals=slow)
    rows = verdict.minutes(record)
    assert [row['minute'] for row in rows] == list(range(1, 11))
    assert rows[1]['latency_ms'] == {'p50': 120.0, 'p99': 620.0}
    assert [row['reloads'] for row in rows[:4]] == [0, 1, 1, 0]
    assert rows[0]['frames_per_second'] == pytest.approx(10, abs=0.1)
    assert (rows[0]['resident_mib'], rows[0]['shared_mib']) == (300, 40)
    outside = verdict.latencies(verdict.outside_reloads(record))
    assert outside == {'p50': 120.0, 'p99': 120.0}


def test_the_plot_shows_growth():
    (memory, _, _) = plot.series(growing('resident', 600 * MIB, 300 * MIB))
    page = plot.draw([memory], [])
    line = page[..., 2].astype(int) - page[..., 0] > 60  # blue, at least half of it
    columns = np.flatnonzero(line.any(axis=0))
    left, right = (np.flatnonzero(line[:, columns[i]]).mean() for i in (0, -1))
    assert right < left - 50  # rows count from the top


def test_one_reload_at_a_time():
    """Nobody answers here: the second reload, due after 0.75 s, must not be asked for."""
    models = Path('one.onnx'), Path('two.onnx'), Path('broken.onnx')
    with ros.node('director', None) as (node, _):
        director = Director(node, os.getpid(), 10.0, models, pytest.fail)
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            director.work()
            time.sleep(0.01)
    assert [reload.model for reload in director.reloads] == ['two.onnx']


def test_soak_of_a_real_node(tmp_path):
    """18 s with everything that changes; limits on growth need longer, the others hold."""
    models = [
        save_generator(tmp_path / 'one.onnx'),
        save_generator(tmp_path / 'two.onnx', FALSE_COLOR),
    ]
    out = tmp_path / 'soak.json'
    command = ['--minutes', '0.3', '--rate', '100', '--size', '80x64', '--provider', 'cpu']
    command += ['--threads', '1', '--models', *map(str, models), '--out', str(out)]
    assert main(command) in (0, 1)
    report = json.loads(out.read_text())
    checks = {check['name']: check['kept'] for check in report['checks']}
    unsure = {'latency p99', 'memory growth', 'threads, base level', 'open files, base level'}
    assert {name for name, kept in checks.items() if not kept} <= unsure
    assert set(checks) >= unsure
    assert report['frames']['arrived'] > 100
    assert {(r['model'], r['taken']) for r in report['reloads']} == {
        ('one.onnx', True),
        ('two.onnx', True),
        ('broken.onnx', False),
    }
    assert len(report['samples']) > 50
    for sample in report['samples']:
        assert 10 * MIB < sample['resident'] - sample['shared'] < sample['resident']
    assert cv2.imread(str(out.with_suffix('.png'))) is not None


def test_a_missing_model_is_told_at_once(tmp_path, capsys):
    missing = str(tmp_path / 'missing.onnx')
    assert main(['--models', missing, missing]) == 2
    assert 'missing.onnx: no such model file' in capsys.readouterr().err
