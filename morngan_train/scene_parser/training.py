"""The training of a scene parser: every draw hangs on seed and step, so a run can go on."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import copy
from dataclasses import dataclass
import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
import torch
from torch.nn import functional as F

from morngan_train import checkpoint
from morngan_train.classes import UNLABELLED
from morngan_train.networks.scene_parser import SceneParserNetwork
from morngan_train.scene_parser.onnx_parser import normalize
from morngan_train.scene_parser.samples import draw
from morngan_train.scene_parser.samples import Pair
from morngan_train.scene_parser.samples import shares

WARM_UP = 0.03
"""Share of the steps in which the rate rises to its full value."""

KEPT = 0.998
"""Of the running mean of the weights, which is what is exported, at each step."""

SAVE_EVERY = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train.

    Attributes:
        steps: In all.
        batch: Samples a step.
        size: Height and width of a sample.
        rate: Largest learning rate.
        decay: Of the weights, as AdamW has it.
        seed: Of weights and draws.
    """

    steps: int = 3000
    batch: int = 8
    size: tuple[int, int] = (192, 256)
    rate: float = 3e-3
    decay: float = 0.02
    seed: int = 0


def train(
    pairs: list[Pair],
    settings: Settings,
    last: Path,
    check: Callable[[torch.nn.Module], float] | None = None,
    check_every: int = 1000,
) -> SceneParserNetwork:
    """Train on pictures and label maps.

    Args:
        pairs: To draw from.
        settings: How; those of a checkpoint must be the same.
        last: Checkpoint, written now and then; the run goes on from it if it is there.
        check: Scores the network now and then, for the progress bar.
        check_every: Steps between two scores.

    Returns:
        The running mean of the weights, in evaluation mode.

    Raises:
        CheckpointError: The checkpoint is of other settings, other pictures or another network.
        DataError: A file cannot be used.
        KeyboardInterrupt: Ctrl-C; the checkpoint is of the last step done.
    """
    torch.manual_seed(settings.seed)
    network = SceneParserNetwork()
    # Faster on a processor; torch's own types do not know of it.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(network.parameters(), settings.rate, weight_decay=settings.decay)
    # Rare classes weigh more, but not as much more as they are rarer: a tenth of the most at most.
    weights = torch.from_numpy(1 / np.log(1.1 + shares(pairs))).float()
    parts = {'network': network, 'mean': mean, 'optimizer': optimizer}
    made_of = {'settings': repr(settings), 'data': _names(pairs)}
    step = _resume(last, made_of, parts)
    score = ''
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task('parser', total=settings.steps, completed=step)
        try:
            while step < settings.steps:
                loss = _step(network, optimizer, weights, pairs, settings, step)
                step += 1
                _follow(mean, network, min(KEPT, step / (step + 10)))
                if step % SAVE_EVERY == 0:
                    _save(last, made_of, parts, step)
                if check is not None and step % check_every == 0:
                    score = f', mIoU {check(mean):.3f}'
                    progress.console.print(f'step {step}: loss {loss:.3f}{score}')
                progress.update(task, completed=step, description=f'loss {loss:.3f}{score}')
        finally:
            _save(last, made_of, parts, step)
    return mean


def _resume(last: Path, made_of: Mapping[str, str], parts: dict[str, Any]) -> int:
    """Load the checkpoint, if there is one; return the steps done."""
    if not last.is_file():
        return 0
    state = checkpoint.load(last)
    for name, here in made_of.items():
        if state.get(name) != here:
            raise checkpoint.CheckpointError(
                f'{last} was written with {name} {state.get(name)}, not {here}; give the same '
                'options, or remove the file'
            )
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except (KeyError, RuntimeError, ValueError) as error:
        raise checkpoint.CheckpointError(
            f'{last} holds another network, perhaps of an older version; remove the file'
        ) from error
    return int(state['step'])


def _save(last: Path, made_of: Mapping[str, str], parts: dict[str, Any], step: int) -> None:
    states = {name: part.state_dict() for name, part in parts.items()}
    checkpoint.save(last, {**states, **made_of, 'step': step})


def _names(pairs: Sequence[Pair]) -> str:
    """Tell pictures from others: how many there are, and a digest of their names and sizes."""
    files = [f'{path.name} {path.stat().st_size}' for pair in pairs for path in pair]
    return f'{len(pairs)} pictures ({hashlib.sha256(repr(files).encode()).hexdigest()[:8]})'


def _step(
    network: SceneParserNetwork,
    optimizer: torch.optim.Optimizer,
    weights: torch.Tensor,
    pairs: list[Pair],
    settings: Settings,
    step: int,
) -> float:
    """Take one step; return the loss."""
    for group in optimizer.param_groups:
        group['lr'] = settings.rate * pace(step, settings.steps)
    # The dropout is drawn anew at each step as well.
    torch.manual_seed(settings.seed * 1_000_003 + step)
    images, labels = _batch(pairs, settings, step)
    scores = network.train()(images.contiguous(memory_format=torch.channels_last))
    # Half of the resolution will do, and costs a quarter.
    labels = labels[:, ::2, ::2]
    scores = F.interpolate(scores, size=labels.shape[-2:], mode='bilinear')
    loss = F.cross_entropy(scores, labels, weights, ignore_index=UNLABELLED, reduction='sum')
    # A piece of picture may have no label at all: no mean, but no step into nowhere either.
    total = weights[labels[labels != UNLABELLED]].sum().clamp(min=1.0)
    optimizer.zero_grad()
    (loss / total).backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimizer.step()
    return float(loss.detach() / total)


def pace(step: int, steps: int) -> float:
    """Return the share of the full rate: a short rise, then half a cosine down to nothing."""
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def _batch(pairs: list[Pair], settings: Settings, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw the samples of a step: every pair once before any a second time."""
    images, labels = [], []
    for i in range(step * settings.batch, (step + 1) * settings.batch):
        turn, place = divmod(i, len(pairs))
        order = np.random.default_rng((settings.seed, turn)).permutation(len(pairs))
        rng = np.random.default_rng((settings.seed, turn, place))
        rgb, classes = draw(pairs[order[place]], settings.size, rng)
        images.append(normalize(rgb))
        labels.append(classes.astype(np.int64))
    return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(labels))


@torch.no_grad()
def _follow(mean: torch.nn.Module, network: torch.nn.Module, kept: float) -> None:
    """Move the running mean towards the weights; counts are taken over."""
    for old, new in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - kept)
        else:
            old.copy_(new)
