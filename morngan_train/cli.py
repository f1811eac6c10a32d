"""Prepare data, train, export and score generators: the command line of the workstation."""

import argparse
from collections.abc import Sequence
import sys

from morngan_ros.errors import MornganError
from morngan_train.boxes import command as boxes_command
from morngan_train.evaluation import command as evaluate_command
from morngan_train.experiments import command as experiments_command
from morngan_train.export import command as export_command
from morngan_train.head import command as head_command
from morngan_train.masks import command as masks_command
from morngan_train.prepare import command as prepare_command
from morngan_train.report import command as report_command
from morngan_train.scene_parser import command as parser_command
from morngan_train.training import command as fit_command

COMMANDS = (
    fit_command,
    export_command,
    prepare_command,
    masks_command,
    boxes_command,
    head_command,
    evaluate_command,
    experiments_command,
    parser_command,
    report_command,
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m morngan_train', description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code (2 for an error of use, 130 when interrupted)."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except MornganError as error:
        print(f'error: {_message(error)}', file=sys.stderr)
        return 2


def _message(error: Exception) -> str:
    """Return what went wrong; of an error in a loading process without its traceback there."""
    text = str(error)
    if not text.startswith('Caught '):
        return text
    return text.strip().splitlines()[-1].split('Error: ', 1)[-1]
