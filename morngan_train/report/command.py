"""The command `report`: show evaluations and runs on one page."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from morngan_train.files import write_text
from morngan_train.report.evaluations import read_methods
from morngan_train.report.evaluations import ReportError
from morngan_train.report.page import make_page
from morngan_train.report.pictures import embed
from morngan_train.report.pictures import MOST_FRAMES
from morngan_train.report.training import read_run


def add_parser(commands: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add `report` to the command line."""
    parser = commands.add_parser(
        'report',
        help='show evaluations side by side on an HTML page',
        description='Show evaluations side by side on one self-contained HTML page; see '
        'docs/report.md. The file names become the names of the methods.',
    )
    parser.add_argument(
        'evaluations', type=Path, nargs='+', metavar='JSON', help='files of evaluate --json'
    )
    parser.add_argument(
        '--runs', type=Path, nargs='+', default=[], metavar='RUN', help='folders of fit'
    )
    parser.add_argument('--out', type=Path, required=True, help='page to write, NAME.html')
    parser.add_argument(
        '--frames',
        type=_count,
        default=MOST_FRAMES,
        metavar='N',
        help='maximum number of frames, including the worst and best of each method (%(default)s)',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page and say where it is; return 0.

    Raises:
        ReportError: See `write_report`.
        DataError: Likewise.
    """
    write_report(args.evaluations, args.runs, args.out, args.frames)
    print(f'wrote {args.out}, {args.out.stat().st_size / 1e6:.1f} MB')
    return 0


def write_report(
    evaluations: Sequence[Path], runs: Sequence[Path], out: Path, frames: int = MOST_FRAMES
) -> None:
    """Write the page.

    Args:
        evaluations: JSON files of `evaluate`, at least one.
        runs: Folders of `fit`.
        out: HTML file; an interruption leaves the previous one whole.
        frames: Show the pictures of so many at the most.

    Raises:
        ReportError: A file is missing or damaged, evaluations are of different frames, or `out`
            cannot be written.
        DataError: Pictures are missing or damaged.
    """
    methods = read_methods(evaluations)
    trained = [read_run(folder) for folder in runs]
    pictured = any(method.evaluation.pictures is not None for method in methods)
    page = make_page(methods, trained, embed(methods, frames) if pictured else None)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, page)
    except OSError as error:
        raise ReportError(f'{out} cannot be written: {error.strerror}') from error


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number of frames (1 or more)')
    return int(text)
