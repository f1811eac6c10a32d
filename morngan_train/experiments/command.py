"""The command `experiments`: a table of the paper over again, under an equal budget."""

import argparse
from collections.abc import Sequence
from functools import partial
import os
from pathlib import Path
import sys
from typing import get_args

from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import track
from rich.table import Table

from morngan_ros.tools.support.cluster import ADDRESS_HELP
from morngan_ros.tools.support.cluster import Job
from morngan_train.data.loader import MOST_WORKERS
from morngan_train.evaluation.dataset import open_test_set
from morngan_train.experiments.budget import steps_of
from morngan_train.experiments.cost import CostEstimate
from morngan_train.experiments.errors import StoppedError
from morngan_train.experiments.folder import check_begun
from morngan_train.experiments.folder import differences
from morngan_train.experiments.folder import FOREIGN
from morngan_train.experiments.folder import MODEL
from morngan_train.experiments.folder import SCORES
from morngan_train.experiments.plan import base_of
from morngan_train.experiments.plan import choose
from morngan_train.experiments.plan import plan
from morngan_train.experiments.queue import run_here
from morngan_train.experiments.queue import run_on_ray
from morngan_train.experiments.results import on_screen
from morngan_train.experiments.results import outcomes
from morngan_train.experiments.results import sheets
from morngan_train.experiments.results import write_results
from morngan_train.experiments.rows import ON_KAIST
from morngan_train.experiments.rows import Row
from morngan_train.experiments.rows import Scale
from morngan_train.experiments.rows import shipped
from morngan_train.experiments.rows import TableName
from morngan_train.experiments.run import EvaluationTools
from morngan_train.experiments.run import finish
from morngan_train.experiments.run import score_source
from morngan_train.experiments.run import Training
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import total_epochs
from morngan_train.recipe.precision import CHOICES
from morngan_train.report.command import write_report
from morngan_train.training.fabric import open_fabric
from morngan_train.training.trainer import open_data


def add_parser(commands: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add `experiments` to the command line."""
    parser = commands.add_parser(
        'experiments',
        help='train and score the rows of a table of the paper',
        description='Train the rows of a table of the paper under an equal budget, one after '
        'another or on a Ray cluster. Score them, and print our scores beside those of the '
        'paper; see docs/experiments.md. After an interruption (Ctrl-C), run the same command '
        'again to resume.',
    )
    parser.add_argument('table', choices=get_args(TableName))
    parser.add_argument(
        '--scale',
        choices=get_args(Scale),
        required=True,
        help='compact: compact_flir.yaml with the changes of each row; full: the recipes '
        'without changes',
    )
    parser.add_argument(
        '--data',
        type=_path,
        required=True,
        help='data folder: KAIST for table3 and table4, FLIR for the other tables',
    )
    parser.add_argument('--data-kaist', type=_path, help='data folder of KAIST, for table6')
    parser.add_argument(
        '--out',
        type=_path,
        help='folder (default: runs/TABLE_SCALE; runs/kaist_SCALE for table3 and table4)',
    )
    parser.add_argument(
        '--rows', type=_list, metavar='A,B', help='rows to train, by number or name'
    )
    parser.add_argument('--steps', type=int, help="steps of each row (default: the base recipe's)")
    parser.add_argument('--seed', type=int, help="seed of each row (default: the base recipe's)")
    parser.add_argument(
        '--base', type=Path, help='recipe to use instead of compact_flir.yaml, with --scale compact'
    )
    parser.add_argument(
        '--foreign',
        type=_foreign,
        action='append',
        default=[],
        metavar='NAME=SOURCE',
        help='also score SOURCE: an ONNX file, a folder of pictures, or any other source of '
        'evaluate',
    )
    parser.add_argument('--detector', type=_path, help='ONNX file of a YOLO export, for AP')
    parser.add_argument('--parser', type=_path, help='ONNX file of a Cityscapes network, for IoU')
    parser.add_argument(
        '--accelerator',
        default='auto',
        help='cpu, cuda, auto (default); with --ray, cuda declares a GPU for each row',
    )
    parser.add_argument('--precision', choices=CHOICES, help="see fit (default: the recipe's)")
    parser.add_argument(
        '--workers',
        type=int,
        default=1,
        choices=range(MOST_WORKERS + 1),
        metavar=f'0..{MOST_WORKERS}',
        help='data loading processes (default: %(default)s)',
    )
    parser.add_argument(
        '--jobs',
        type=int,
        choices=range(1, 257),
        metavar='1..256',
        help='cores of a row: processes for apce, and the cores that a row requests from Ray '
        '(default: all cores; with --ray, one more than --workers)',
    )
    parser.add_argument(
        '--ray', metavar='ADDRESS', help=f'train rows in parallel on a Ray cluster: {ADDRESS_HELP}'
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='print rows, switches and steps, measure a step of each phase, and stop',
    )
    parser.set_defaults(run=run)


def _path(text: str) -> Path:
    """Read a path; it is absolute, for rows may be done in other folders."""
    return Path(text).resolve()


def _list(text: str) -> list[str]:
    return text.split(',')


def _foreign(text: str) -> tuple[str, str]:
    name, _, source = text.partition('=')
    if not name or not source or Path(name).name != name:
        raise argparse.ArgumentTypeError(f'{text!r} is not NAME=SOURCE')
    return name, source


def run(args: argparse.Namespace) -> int:
    """Train, score, print, write.

    Returns:
        0; 1 if a row could not be finished; 130 when interrupted.

    Raises:
        ExperimentError: Rows would not be comparable, or there is no such row.
        RecipeError: A recipe cannot be used.
        DataError: A data folder lacks what a row needs.
        FabricError: There is no such accelerator.
        MornganError: Detector or parser cannot be used.
    """
    rows = plan(args)
    chosen = choose(rows, args.rows)
    # Tables 3 and 4 have the same rows: what one has trained is there for the other.
    group = 'kaist' if args.table in ON_KAIST else args.table
    out = args.out or _path(f'runs/{group}_{args.scale}')
    for row in rows:
        check_begun(row, out / row.name)
    # What is missing must not come out after a night of training.
    for row in chosen:
        open_data(row.recipe, row.train)
        open_test_set(row.test)
    tools = _tools(args)
    tools.check()
    if args.dry_run:
        _dry_run(args, rows, chosen, _fabric(args, chosen[0]))
        return 0
    if args.ray is None:
        _fabric(args, chosen[0])  # an accelerator that is not there must come out now
    # The other rows of a table need the same tools.
    others = [r for r in rows if r not in chosen and (out / r.name / MODEL).exists()]
    jobs = [*_foreign_jobs(args, out, tools), *_row_jobs(args, [*chosen, *others], out, tools)]
    out.mkdir(parents=True, exist_ok=True)
    done = partial(_write, args.table, rows, out)
    try:
        problems = run_on_ray(jobs, args.ray, done) if args.ray else run_here(jobs, done)
    except StoppedError:
        print('stopped; run the same command again to resume', file=sys.stderr)
        return 130
    _show(args, rows, out)
    for problem in problems:
        print(f'not finished: {problem}', file=sys.stderr)
    return 1 if problems else 0


def _tools(args: argparse.Namespace) -> EvaluationTools:
    jobs = args.jobs or (args.workers + 1 if args.ray else os.cpu_count() or 1)
    return EvaluationTools(args.detector, args.parser, jobs)


def _fabric(args: argparse.Namespace, row: Row) -> Fabric:
    return open_fabric(args.accelerator, args.precision or row.recipe.precision)


def _foreign_jobs(args: argparse.Namespace, out: Path, tools: EvaluationTools) -> list[Job]:
    """List what is to be done for models and pictures that were made elsewhere."""
    jobs = []
    for name, source in args.foreign:
        # What is no file is a baseline of `evaluate`.
        absolute = str(Path(source).resolve()) if Path(source).exists() else source
        folder = out / f'{FOREIGN}{name}'
        to_kaist = args.table == 'table6' and name.endswith('_fk')
        data = args.data_kaist if to_kaist else args.data
        jobs.append(Job(name, partial(score_source, absolute, folder, data, tools), tools.jobs))
    return jobs


def _row_jobs(
    args: argparse.Namespace, rows: Sequence[Row], out: Path, tools: EvaluationTools
) -> list[Job]:
    """List what is to be done for rows: one device of the accelerator each."""
    training = Training(args.accelerator, args.precision, args.workers)
    cores, gpus = max(tools.jobs, args.workers + 1), int(args.accelerator == 'cuda')
    return [
        Job(row.name, partial(finish, row, out / row.name, training, tools), cores, gpus)
        for row in rows
    ]


def _write(table: TableName, rows: Sequence[Row], out: Path) -> None:
    write_results(table, outcomes(rows, out), out)


def _dry_run(
    args: argparse.Namespace, rows: Sequence[Row], chosen: Sequence[Row], fabric: Fabric
) -> None:
    """Print what every row trains and what it will take on this machine."""
    clock = CostEstimate(fabric)
    console = Console(stderr=True)
    shown = Table('', 'row', 'name in the paper', 'changes to the base', 'steps', 'hours')
    base = base_of(args) or shipped('kaist' if args.table in ON_KAIST else 'flir')
    numbers = {row.name: number for number, row in enumerate(rows, 1)}
    total = 0.0
    for row in track(chosen, 'timing', console=console):
        hours = clock.seconds(row) / 3600
        total += hours
        epochs = f'{total_epochs(row.recipe.schedule)} x {row.recipe.steps_per_epoch}'
        shown.add_row(
            str(numbers[row.name]),
            row.name,
            f'{row.title} {row.direction}',
            switches(row.recipe, base) or 'nothing',
            f'{steps_of(row)} = {epochs}',
            f'{hours:.1f}',
        )
    screen().print(shown)
    screen().print(
        f'{total:.1f} hours of training on {fabric.device}, by a step or two of each phase'
    )


def switches(recipe: Recipe, base: Recipe) -> str:
    """Say in few words what tells a recipe from its base."""
    told = {name: value for name, value, _ in differences(recipe, base)}
    told.pop('steps_per_epoch', None)
    left_out = told.pop('without', [])
    words = [f'without {", ".join(left_out)}'] if left_out else []
    words += [name if name == 'phases' else f'{name}={value}' for name, value in told.items()]
    return '; '.join(words)


def screen() -> Console:
    """Return where tables go; a pipe has no width to fit into, and nothing may be cut off."""
    return Console() if sys.stdout.isatty() else Console(width=200)


def _show(args: argparse.Namespace, rows: Sequence[Row], out: Path) -> None:
    """Print and write the table, and the page of all rows that are scored."""
    found = outcomes(rows, out)
    for sheet in sheets(args.table, found):
        screen().print(on_screen(sheet))
    write_results(args.table, found, out)
    pages = {row.test: [r for r in rows if r.test == row.test] for row in rows}
    for test, tested in pages.items():
        # Not the folders' own names: two data sets may lie in folders that are called alike.
        name = 'page' if len(pages) == 1 else f'page_{"flir" if test == args.data else "kaist"}'
        end = f'_{"kf" if test == args.data else "fk"}' if len(pages) > 1 else ''
        foreign = sorted(out.glob(f'{FOREIGN}*{end}'))
        folders = [out / row.name for row in tested] + foreign
        _write_page(folders, out / f'{name}.html')
    print(f'wrote {out}/table.md, table.json and pages')


def _write_page(folders: Sequence[Path], page: Path) -> None:
    scored = [folder / SCORES for folder in folders if (folder / SCORES).exists()]
    runs = [folder for folder in folders if (folder / 'log.jsonl').exists()]
    if scored:
        write_report(scored, runs, page)
