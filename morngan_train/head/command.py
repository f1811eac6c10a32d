"""The command `head`: train the head for road users of a trained generator."""

import argparse
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import BarColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeRemainingColumn
import torch

from morngan_train import checkpoint
from morngan_train.data.boxes import OBJECTS
from morngan_train.head.crops import ObjectCrops
from morngan_train.head.training import HeadTraining
from morngan_train.networks.generator import Translator
from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe
from morngan_train.training.system import build_half
from morngan_train.training.system import HEAD

SMOOTHING = 0.98
"""Of the loss that is shown."""

SAVE_EVERY = 200
"""Steps; an interrupted training goes on from what was saved, by --init."""


def add_parser(commands: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add `head` to the command line."""
    parser = commands.add_parser(
        'head',
        help='train the detection head of a generator',
        description='Train the detection head of a generator with a context encoder. By default '
        'the generator stays frozen, so the picture does not change. With --whole the generator '
        'also learns, and a loss term keeps the picture near the present one. Labelled frames '
        'are in trainA_thermal, trainB, thermal and dayLow_thermal of each data folder, see '
        'docs/detection.md.',
    )
    parser.add_argument(
        '--init', type=Path, required=True, help='checkpoint, for example models/morngan_context.pt'
    )
    parser.add_argument(
        '--data',
        type=Path,
        action='append',
        required=True,
        help='data folder; repeat it for several folders',
    )
    parser.add_argument(
        '--shares', type=float, nargs='+', help='share of the draws of each data folder'
    )
    parser.add_argument('--out', type=Path, required=True, help='checkpoint to write, *.pt')
    parser.add_argument(
        '--afresh',
        action='store_true',
        help='start with a new head instead of the head in the checkpoint',
    )
    parser.add_argument(
        '--whole',
        action='store_true',
        help='also train encoder and decoder: better detections, slower training',
    )
    parser.add_argument('--steps', type=int, default=3000, help='default: %(default)s')
    parser.add_argument(
        '--batch', type=int, default=8, help='crops per step (default: %(default)s)'
    )
    parser.add_argument('--lr', type=float, default=1e-3, help='default: %(default)s')
    parser.add_argument('--seed', type=int, default=1, help='default: %(default)s')
    parser.add_argument('--accelerator', default='auto', help='cpu, cuda, auto (default)')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train, then write a checkpoint that `export` takes."""
    state = checkpoint.load(arguments.init)
    torch.manual_seed(arguments.seed)  # of a fresh head
    recipe, translator = _with_head(state, arguments.init, afresh=arguments.afresh)
    crops = ObjectCrops(
        arguments.data,
        recipe.generator.objects,
        recipe.data,
        arguments.seed,
        arguments.steps * arguments.batch,
        arguments.shares,
    )
    training = HeadTraining(
        translator,
        crops,
        batch_size=arguments.batch,
        lr=arguments.lr,
        device=Fabric(accelerator=arguments.accelerator, devices=1).device,
        whole=arguments.whole,
    )
    kept: dict[str, Any] = {name: state[name] for name in ('step', 'epoch') if name in state}
    kept['recipe'] = recipe.model_dump(mode='json')
    shown = 0.0
    with _progress() as progress:
        task = progress.add_task('head', total=training.steps, loss=shown)
        for step, loss in training:
            shown += max(1 - SMOOTHING, 1 / step) * (loss - shown)
            progress.update(task, completed=step, loss=shown)
            if step % SAVE_EVERY == 0 or step == training.steps:
                checkpoint.save(arguments.out, {**kept, 'average': training.average()})
    Console().print(f'loss {shown:.3f}: {arguments.out}', soft_wrap=True)
    return 0


def _with_head(state: dict[str, Any], path: Path, *, afresh: bool) -> tuple[Recipe, Translator]:
    """Build the generator of a checkpoint, with its head or a fresh one.

    Raises:
        CheckpointError: The file cannot be used, or its generator cannot have a head.
    """
    recipe = parse_recipe(state['recipe'], str(path))
    shape = recipe.generator
    if shape.kind != 'context':
        raise checkpoint.CheckpointError(
            f'{path} holds a generator of kind {shape.kind}; only kind context has a head'
        )
    had = bool(shape.objects)
    if not had:
        losses = recipe.losses.model_copy(update={'objects': 1.0})
        shape = shape.model_copy(update={'objects': list(OBJECTS)})
        recipe = recipe.model_copy(update={'generator': shape, 'losses': losses})
    translator = build_half(shape, thermal=True, pretrained=False)
    own = {n: w for n, w in translator.state_dict().items() if n.startswith(HEAD)}
    weights = dict(state['average'])
    try:
        translator.load_state_dict(weights if had and not afresh else weights | own)
    except RuntimeError as error:
        raise checkpoint.CheckpointError(f'{path} does not fit its own recipe: {error}') from error
    return recipe, translator


def _progress() -> Progress:
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        TextColumn('{task.completed}/{task.total} loss {task.fields[loss]:.3f}'),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
