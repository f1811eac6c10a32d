"""Jobs on a Ray cluster of this machine, and an archive that is colorized by it."""

from collections.abc import Iterator
from functools import partial
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from archive_work import add
from archive_work import die
from archive_work import refuse
import cv2
import numpy as np
import pytest
from ray_cluster import local_ray
from ray_cluster import workers
from tiny_models import expected_color
from tiny_models import save_generator

from morngan_ros.tools.colorize import main
from morngan_ros.tools.support.cluster import Job
from morngan_ros.tools.support.cluster import RETRIES
from morngan_ros.tools.support.cluster import spread

ROOT = Path(__file__).parents[3]
PATIENCE = 900


@pytest.fixture(scope='module')
def address() -> Iterator[str]:
    with local_ray() as address:
        yield address


def test_jobs_end_with_a_value_or_with_what_went_wrong(address, tmp_path):
    tries = tmp_path / 'tries'
    jobs = [
        Job('sum', partial(add, 2, 3)),
        Job('refused', refuse),
        Job('dies', partial(die, tries)),
        Job('faulty', partial(add, 2, 'x')),
    ]
    ends = {ended.job.name: ended for ended in spread(jobs, address)}
    assert (ends['sum'].value, ends['sum'].problem) == (5, '')
    assert ends['refused'].problem == 'this cannot be'
    assert 'unsupported operand' in ends['faulty'].problem
    assert ends['dies'].problem.startswith(f'its process died {RETRIES + 1} times')
    assert tries.read_text() == 'x' * (RETRIES + 1)


def test_an_archive_on_a_cluster(address, tmp_path):
    """A worker is killed in the middle of an input, which another begins again; one is damaged."""
    save_generator(tmp_path / 'tiny.onnx')
    (tmp_path / 'walk').mkdir()
    counts = np.random.default_rng(0).integers(0, 255, (48, 64), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'walk/a.png'), counts)
    (tmp_path / 'bad.mcap').write_bytes(b'no bag')
    out = tmp_path / 'out'
    words = ['sim:640x512', 'walk', 'bad.mcap', '--out', 'out', '--model', 'tiny.onnx']
    words += ['--provider', 'cpu', '--ray', address, '--frames', '40']
    with subprocess.Popen(
        [sys.executable, '-m', 'morngan_ros.tools.colorize', *words],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while not list(out.glob('.sim*/*/000001.png')):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            (worker,) = workers('sim:640x512')
            os.kill(worker, signal.SIGKILL)
            said, complaints = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 1, said + complaints
    assert 'sim:640x512: 40 frames of simulated camera' in said
    assert 'bad.mcap: error: ' in said
    assert f'failed: bad.mcap; see {out}/bad.log' in complaints
    assert len(list((out / 'sim:640x512').glob('*.png'))) == 40
    made = cv2.cvtColor(cv2.imread(str(out / 'walk/a.png')), cv2.COLOR_BGR2RGB)
    assert np.abs(made.astype(int) - expected_color(counts)).max() <= 1


def test_ray_is_asked_for_when_it_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    assert main(['a', 'b', '--out', str(tmp_path / 'out'), '--ray', 'auto']) == 2
    assert 'pip install -r requirements/cluster.txt' in capsys.readouterr().err


def test_ray_is_not_imported_unasked():
    check = 'import sys, morngan_ros.tools.colorize; assert "ray" not in sys.modules'
    subprocess.run([sys.executable, '-c', check], cwd=ROOT, check=True)
