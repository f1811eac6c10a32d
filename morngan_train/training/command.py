"""The command `fit`: train a recipe."""

import argparse
from pathlib import Path
import sys

from rich.console import Console
from rich.table import Table

from morngan_train.checkpoint import CheckpointError
from morngan_train.data.loader import MOST_WORKERS
from morngan_train.data.reading import DataError
from morngan_train.recipe import load_recipe
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import table
from morngan_train.recipe.phases import total_epochs
from morngan_train.recipe.precision import CHOICES
from morngan_train.training.distributed import together
from morngan_train.training.fabric import open_fabric
from morngan_train.training.nodes import check_launched
from morngan_train.training.nodes import check_shared
from morngan_train.training.trainer import open_data
from morngan_train.training.trainer import Trainer
from morngan_train.training.tuning import LOG_EVERY
from morngan_train.training.tuning import Tuning

NO_BOXES = (
    'note: no frame has boxes, so the detection head is not trained; train it afterwards with '
    '`python -m morngan_train head`, see docs/detection.md'
)


def add_parser(commands: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add `fit` to the command line."""
    parser = commands.add_parser(
        'fit',
        help='train a recipe',
        description='Train a recipe. After an interruption (Ctrl-C), add --resume auto to resume.',
    )
    parser.add_argument('--config', type=Path, required=True, help='recipe, see config/train/')
    parser.add_argument(
        '--data',
        type=Path,
        action='append',
        help='data folder, see docs/data.md; repeat --data for several folders',
    )
    parser.add_argument(
        '--shares',
        type=float,
        nargs='+',
        help='share of the draws of each data folder (default: every picture equally often)',
    )
    parser.add_argument('--out', type=Path, help='folder of the run (default: runs/RECIPE)')
    parser.add_argument('--resume', help='a checkpoint, or auto: last.pt of the run if it exists')
    parser.add_argument(
        '--init',
        type=Path,
        metavar='FILE',
        help='start from the weights of a trained generator, for example models/morngan_context.pt',
    )
    parser.add_argument('--accelerator', default='auto', help='cpu, cuda, auto (default)')
    parser.add_argument(
        '--devices', type=int, default=1, help='GPUs, or CPU processes, on each node (default: 1)'
    )
    parser.add_argument(
        '--nodes',
        type=int,
        default=1,
        help='machines; the command runs on each, by torchrun or srun (default: 1)',
    )
    parser.add_argument(
        '--precision',
        choices=CHOICES,
        help="precision of the networks; losses are always float32 (default: the recipe's)",
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=1,
        choices=range(MOST_WORKERS + 1),
        metavar=f'0..{MOST_WORKERS}',
        help='data loading processes for each device (default: %(default)s)',
    )
    _add_tuning(parser)
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='print what each phase trains, freezes and weights, check the data, and stop',
    )
    parser.set_defaults(run=run)


def _add_tuning(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--compile', action='store_true', help='optimise networks with torch.compile'
    )
    parser.add_argument(
        '--channels-last', action='store_true', help='store pictures with channels last'
    )
    parser.add_argument(
        '--checkpointing',
        action='store_true',
        help='recompute features instead of storing them: less memory, more time',
    )
    parser.add_argument(
        '--cache', action='store_true', help='decode all frames once and keep them in memory'
    )
    parser.add_argument(
        '--log-every',
        type=_positive,
        metavar='N',
        help=f'steps between two readings of the losses (default: 1 on a CPU, else {LOG_EVERY})',
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'must be at least 1, not {value}')
    return value


def run(args: argparse.Namespace) -> int:
    """Train, or show what would be trained.

    Returns:
        0, or 130 when it was stopped.

    Raises:
        TrainError: Recipe, data, checkpoint or machine do not fit.
    """
    recipe = load_recipe(args.config)
    if args.dry_run:
        return _dry_run(recipe, args.data, args.shares)
    if args.data is None:
        raise DataError('--data FOLDER is missing; see docs/data.md for what it holds')
    _check_shares(args.data, args.shares)
    out = args.out or Path('runs') / recipe.name
    check_launched(args.devices, args.nodes)
    precision = args.precision or recipe.precision
    fabric = open_fabric(args.accelerator, precision, args.devices, args.nodes)
    check_shared(fabric, out)
    trainer = Trainer(
        recipe,
        args.data,
        out,
        fabric,
        shares=args.shares,
        workers=args.workers,
        tuning=Tuning(
            compile=args.compile,
            channels_last=args.channels_last,
            checkpointing=args.checkpointing,
            cache=args.cache,
            log_every=args.log_every,
        ),
    )
    if not _resume(trainer, args.resume) and args.init is not None:
        trainer.start_from(args.init)
    if recipe.generator.objects and trainer.data.night_boxes is None and fabric.is_global_zero:
        print(NO_BOXES, file=sys.stderr)
    # No process may write the checkpoint that another is about to look for.
    with together():
        fabric.barrier()
    finished = trainer.fit()
    if fabric.is_global_zero:
        print(f'{"finished" if finished else "stopped; resume with --resume auto"}: {out}')
    return 0 if finished else 130


def _resume(trainer: Trainer, wanted: str | None) -> bool:
    """Restore the state of a run, if one is wanted and there; return whether it was."""
    last = trainer.out / 'last.pt'
    if wanted is None and last.is_file():
        raise CheckpointError(
            f'{last} exists; add --resume auto to resume, or choose another --out'
        )
    path = last if wanted == 'auto' else Path(wanted) if wanted else None
    if path is None or (wanted == 'auto' and not last.is_file()):
        return False
    changed = trainer.resume(path)
    if changed and trainer.fabric.is_global_zero:
        fields = ', '.join(changed)
        print(f'note: the recipe differs from the recipe of {path} in {fields}', file=sys.stderr)
    return True


def _check_shares(data: list[Path], shares: list[float] | None) -> None:
    if shares is not None and (len(shares) != len(data) or min(shares) <= 0):
        raise DataError(
            f'--shares has {len(shares)} values for {len(data)} data folders: give each a positive '
            'one, in the order of --data'
        )


def _dry_run(recipe: Recipe, data: list[Path] | None, shares: list[float] | None) -> int:
    rows = table(recipe.schedule)
    used = [name for name in rows[0] if any(row[name] for row in rows)]
    shown = Table(*used, title=f'{recipe.name}: {total_epochs(recipe.schedule)} epochs')
    for row in rows:
        shown.add_row(*(row[name] for name in used))
    # A pipe has no width to fit into: nothing may be cut off there.
    console = Console() if sys.stdout.isatty() else Console(width=200)
    console.print(shown)
    choices = recipe.choices.model_dump()
    console.print(', '.join(f'{name}: {value}' for name, value in choices.items()))
    if data is not None:
        _check_shares(data, shares)
        crops = open_data(recipe, data, shares)
        steps = recipe.steps_per_epoch or len(crops)
        names = ', '.join(map(str, data))
        low = f'{len(crops.low)} at low resolution, ' if crops.low else ''
        console.print(
            f'{names}: {len(crops.day)} day, {low}{len(crops.night)} night pictures, {steps} '
            f'steps per epoch, {steps * total_epochs(recipe.schedule)} in total'
        )
        if crops.labels is not None and crops.labels.finished:
            console.print(f'label maps not denoised: {", ".join(map(str, crops.labels.finished))}')
    return 0
