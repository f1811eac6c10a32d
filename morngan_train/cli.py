"""The command line of the workstation, from preparing data to comparing methods."""

import argparse
from collections.abc import Sequence
import json
from pathlib import Path
import sys

from rich.console import Console
from rich.table import Table

from morngan_ros.errors import MornganError
from morngan_train.boxes import command as boxes_command
from morngan_train.checkpoint import CheckpointError
from morngan_train.data.loader import MOST_WORKERS
from morngan_train.data.reading import DataError
from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_thermal
from morngan_train.evaluation import command as evaluate_command
from morngan_train.experiments import command as experiments_command
from morngan_train.export import export
from morngan_train.export import load_trained
from morngan_train.export.onnx_file import ExportError
from morngan_train.export.quantize import calibration_files
from morngan_train.head import command as head_command
from morngan_train.masks import command as masks_command
from morngan_train.prepare import command as prepare_command
from morngan_train.recipe import load_recipe
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import table
from morngan_train.recipe.phases import total_epochs
from morngan_train.recipe.precision import CHOICES
from morngan_train.report import command as report_command
from morngan_train.scene_parser import command as parser_command
from morngan_train.training.distributed import together
from morngan_train.training.fabric import open_fabric
from morngan_train.training.nodes import check_launched
from morngan_train.training.nodes import check_shared
from morngan_train.training.trainer import open_data
from morngan_train.training.trainer import Trainer
from morngan_train.training.tuning import LOG_EVERY
from morngan_train.training.tuning import Tuning

NO_BOXES = (
    'note: no frame has boxes, so the head for road users is not trained: train it afterwards with '
    '`python -m morngan_train head`, see docs/detection.md'
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m morngan_train', description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)

    fit = commands.add_parser(
        'fit',
        help='train a recipe',
        description='Train a recipe. A run '
        'that is stopped (Ctrl-C) goes on where it was with --resume auto.',
    )
    fit.add_argument('--config', type=Path, required=True, help='recipe, see config/train/')
    fit.add_argument(
        '--data',
        type=Path,
        action='append',
        help='data folder, see docs/data.md; several may be given, each with its --data',
    )
    fit.add_argument(
        '--shares',
        type=float,
        nargs='+',
        help='share of the draws of each data folder (default: every picture equally often)',
    )
    fit.add_argument('--out', type=Path, help='folder of the run (default: runs/RECIPE)')
    fit.add_argument('--resume', help='a checkpoint, or auto: last.pt of the run if there is one')
    fit.add_argument(
        '--init',
        type=Path,
        metavar='FILE',
        help='start from the weights of a trained generator, for example models/morngan_context.pt',
    )
    fit.add_argument('--accelerator', default='auto', help='cpu, cuda, auto (default)')
    fit.add_argument(
        '--devices', type=int, default=1, help='GPUs, or CPU processes, of a node (default: 1)'
    )
    fit.add_argument(
        '--nodes',
        type=int,
        default=1,
        help='machines; the command runs on each, by torchrun or srun (default: 1)',
    )
    fit.add_argument(
        '--precision',
        choices=CHOICES,
        help="of the networks; losses are always float32 (default: the recipe's)",
    )
    fit.add_argument(
        '--workers',
        type=int,
        default=1,
        choices=range(MOST_WORKERS + 1),
        metavar=f'0..{MOST_WORKERS}',
        help='data loading processes for each device (default: %(default)s)',
    )
    _add_tuning(fit)
    fit.add_argument(
        '--dry-run',
        action='store_true',
        help='print what each phase trains, freezes and weighs, check the data, and stop',
    )
    fit.set_defaults(run=_fit)

    out = commands.add_parser(
        'export',
        help='write the ONNX file for the vehicle',
        description='Write the ONNX file for the vehicle and prove that it equals PyTorch.',
    )
    out.add_argument(
        'checkpoint',
        type=Path,
        nargs='+',
        help='epoch_NNN.pt or last.pt of a run; the weights of several are averaged',
    )
    out.add_argument('--out', type=Path, required=True, help='file to write, NAME.onnx')
    out.add_argument('--data-name', default='', help='what it was trained on, in words')
    out.add_argument('--licence', default='Apache-2.0', help='of the weights (%(default)s)')
    out.add_argument('--scores', type=Path, help='JSON file with measured scores')
    out.add_argument(
        '--int8',
        type=Path,
        nargs='+',
        metavar='FOLDER',
        help='quantise to int8, calibrated on the thermal frames of folders, equally many of each',
    )
    out.set_defaults(run=_export)
    prepare_command.add_parser(commands)
    masks_command.add_parser(commands)
    boxes_command.add_parser(commands)
    head_command.add_parser(commands)
    evaluate_command.add_parser(commands)
    experiments_command.add_parser(commands)
    parser_command.add_parser(commands)
    report_command.add_parser(commands)
    return parser


def _add_tuning(fit: argparse.ArgumentParser) -> None:
    fit.add_argument('--compile', action='store_true', help='optimise networks by torch.compile')
    fit.add_argument(
        '--channels-last', action='store_true', help='lay pictures out with channels together'
    )
    fit.add_argument(
        '--checkpointing',
        action='store_true',
        help='compute features twice instead of keeping them: less memory, more time',
    )
    fit.add_argument(
        '--cache', action='store_true', help='decode all frames once and keep them in memory'
    )
    fit.add_argument(
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


def _export(args: argparse.Namespace) -> int:
    try:
        scores = json.loads(args.scores.read_text()) if args.scores else {}
    except (OSError, ValueError) as error:
        raise ExportError(f'{args.scores} cannot be read as JSON: {error}') from error
    folders = [list_images(folder) for folder in args.int8 or ()]
    frames = [read_thermal(file) for file in calibration_files(folders)]
    metadata = export(
        load_trained(*args.checkpoint),
        args.out,
        data_name=args.data_name,
        licence=args.licence,
        scores=scores,
        calibration=frames,
    )
    print(json.dumps(metadata, indent=2))
    print(f'wrote {args.out}; copy it to the vehicle and start the node with -p model:={args.out}')
    return 0


def _fit(args: argparse.Namespace) -> int:
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
        print(f'{"finished" if finished else "stopped; go on with --resume auto"}: {out}')
    return 0 if finished else 130


def _resume(trainer: Trainer, wanted: str | None) -> bool:
    """Restore the state of a run, if one is wanted and there; return whether it was."""
    last = trainer.out / 'last.pt'
    if wanted is None and last.is_file():
        raise CheckpointError(f'{last} exists; add --resume auto to go on, or choose another --out')
    path = last if wanted == 'auto' else Path(wanted) if wanted else None
    if path is None or (wanted == 'auto' and not last.is_file()):
        return False
    changed = trainer.resume(path)
    if changed and trainer.fabric.is_global_zero:
        fields = ', '.join(changed)
        print(f'note: the recipe differs from that of {path} in {fields}', file=sys.stderr)
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
            f'{names}: {len(crops.day)} day, {low}{len(crops.night)} night pictures, '
            f'{steps} steps an epoch, {steps * total_epochs(recipe.schedule)} in all'
        )
        if crops.labels is not None and crops.labels.finished:
            console.print(f'label maps not denoised: {", ".join(map(str, crops.labels.finished))}')
    return 0


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
