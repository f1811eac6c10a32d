"""Time the scoring of as many frames as the paper's test set has."""

from pathlib import Path
import subprocess
import sys
import tempfile
from time import perf_counter

from morngan_ros.simulation.__main__ import main

FRAMES = 490
WIDTH, HEIGHT = 360, 288
"""Of FLIR as the paper prepares it."""

GOAL = 60.0
"""Seconds for APCE on two cores."""


def bench_scoring() -> dict[str, float]:
    """Run `evaluate raw --metrics apce` on simulated frames, from start to end.

    Returns:
        `frames`, `seconds` of the whole command, and `ms` a frame.
    """
    with tempfile.TemporaryDirectory() as folder:
        size = ['--width', str(WIDTH), '--height', str(HEIGHT), '--bits', '8']
        main(['--out', f'{folder}/testB', '--frames', str(FRAMES), *size])
        command = [sys.executable, '-m', 'morngan_train', 'evaluate', 'raw', '--data', folder]
        start = perf_counter()
        subprocess.run(
            [*command, '--metrics', 'apce'],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).parents[1],
        )
        seconds = perf_counter() - start
    return {
        'frames': FRAMES,
        'seconds': round(seconds, 1),
        'ms': round(1e3 * seconds / FRAMES, 1),
    }
