"""Work for archives and clusters in tests, where other processes can import it."""

import argparse
import os
from pathlib import Path
import signal

from morngan_ros.errors import MornganError


def write_or_die(options: argparse.Namespace) -> int:
    """Write a file, unless the name of the input tells what else happens."""
    name = Path(options.input).name
    if name == 'killed':
        os.kill(os.getpid(), signal.SIGKILL)
    if name == 'faulty':
        raise ZeroDivisionError('a fault of ours')
    options.out.write_text(name)
    print(f'1 frames of {name} -> {options.out}')
    return 1 if name == 'partly' else 0


def write_boxes(options: argparse.Namespace) -> int:
    options.out.write_text('')
    options.detections.write_text('[]')
    return 0


def add(a: int, b: int) -> int:
    return a + b


def die(tries: Path) -> None:
    """Count the tries, and die at once."""
    with tries.open('a') as file:
        file.write('x')
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    raise MornganError('this cannot be')
