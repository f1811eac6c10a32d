"""Checkpoint -> one ONNX file with the contract that the vehicle relies on, and its model card."""

from collections.abc import Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import subprocess
from typing import Any
import warnings

import numpy as np
import onnx
import onnxruntime
import torch

from morngan_train import checkpoint
from morngan_train.errors import TrainError
from morngan_train.export.quantize import psnr
from morngan_train.export.quantize import quantize
from morngan_train.export.quantize import residual_convolutions
from morngan_train.export.quantize import wide_convolutions
from morngan_train.files import written_whole
from morngan_train.networks.colorizer import Colorizer
from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe
from morngan_train.training.system import build_half

CONTRACT = 1
OPSET = 18
TOLERANCE = 1
"""Largest difference of a uint8 value between PyTorch and the exported file."""
BOX_TOLERANCE = 0.5
"""Pixels."""
FIDELITY_FRAMES = 8


class ExportError(TrainError):
    """The exported file does not do what the PyTorch generator does."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A generator with its weights, and where they come from."""

    colorizer: Colorizer
    recipe: Recipe
    step: int
    epoch: int


def load_trained(path: Path, *more: Path) -> Trained:
    """Build the generator of a checkpoint (`last.pt` or `epoch_NNN.pt`).

    Args:
        path: The checkpoint; recipe, step and epoch are taken from it.
        *more: Checkpoints of the same run; the weights of all are averaged, which evens out what
            adversarial training changes from one epoch to the next.

    Raises:
        CheckpointError: A file cannot be used, or they do not fit together.
    """
    states = [checkpoint.load(p) for p in (path, *more)]
    state = states[0]
    recipe = parse_recipe(state['recipe'], str(path))
    shape = recipe.generator
    # Decoders of both domains have one shape, so that this is G_BA's.
    translator = build_half(shape, thermal=True, pretrained=False)
    try:
        weights = [s['average'] for s in states]
        translator.load_state_dict(
            {name: torch.stack([w[name] for w in weights]).mean(0) for name in weights[0]}
        )
    except (KeyError, RuntimeError) as error:
        raise checkpoint.CheckpointError(f'{path} does not fit its own recipe: {error}') from error
    step = int(state['step'])
    epoch = int(state.get('epoch', step // recipe.steps_per_epoch if recipe.steps_per_epoch else 0))
    return Trained(Colorizer(translator), recipe, step, epoch)


def export(
    trained: Trained,
    path: Path,
    *,
    data_name: str = '',
    licence: str = 'Apache-2.0',
    scores: dict[str, Any] | None = None,
    calibration: Sequence[np.ndarray] = (),
) -> dict[str, Any]:
    """Write the ONNX file, prove that it equals PyTorch, and return its metadata.

    Args:
        trained: What to export.
        path: Target, `*.onnx`.
        data_name: What it was trained on, in words, for the metadata.
        licence: Of the weights.
        scores: Figures measured elsewhere, for the metadata.
        calibration: Thermal frames, uint8 [H, W]; given, the file is quantised to int8, and its
            PSNR to the float file on the first of them goes into the metadata.

    Returns:
        The metadata stored in the file under the key `morngan`.

    Raises:
        ExportError: A uint8 value differs from PyTorch by more than 1.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    model = to_onnx(trained.colorizer)
    difference = parity(trained.colorizer, model)
    if not difference.small:
        raise ExportError(
            f'the exported generator differs from PyTorch by {difference}; '
            'please report this with your versions of torch and onnxruntime'
        )
    metadata = describe(trained, data_name=data_name, licence=licence, scores=scores or {})
    if calibration:
        exact = model
        context = trained.recipe.generator.kind == 'context'
        inner = wide_convolutions if context else residual_convolutions
        model = quantize(exact, calibration, inner(exact))
        metadata['precision'] = 'int8'
        metadata['psnr_to_fp32'] = round(_fidelity(exact, model, calibration[:FIDELITY_FRAMES]), 1)
    onnx.helper.set_model_props(model, {'morngan': json.dumps(metadata)})
    onnx.checker.check_model(model)
    with written_whole(path) as partial:
        onnx.save(model, partial)
    return metadata


def _fidelity(
    exact: onnx.ModelProto, model: onnx.ModelProto, frames: Sequence[np.ndarray]
) -> float:
    """Return the PSNR in dB between two models on some frames."""
    pictures = [
        [run.run(None, {'thermal': frame[None, None]})[0] for frame in frames]
        for run in (_session(exact), _session(model))
    ]
    return psnr(*pictures)


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    providers = ['CPUExecutionProvider']
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=providers)


def to_onnx(colorizer: Colorizer) -> onnx.ModelProto:
    """Trace a colorizer to ONNX opset 18 with dynamic height and width.

    The outputs are `color`, and `boxes` and `scores` if it finds objects.

    Raises:
        ExportError: A side was traced as a constant.
    """
    example = torch.zeros(1, 1, 126, 130, dtype=torch.uint8)
    # Bounds of its own finding: given some, the solver stumbles over paddings to 64.
    sides = dict.fromkeys((2, 3), torch.export.Dim.AUTO)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        program = torch.onnx.export(
            _WithObjects(colorizer) if colorizer.finds else colorizer,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            verbose=False,
            input_names=['thermal'],
            output_names=['color', 'boxes', 'scores'][: 3 if colorizer.finds else 1],
            dynamic_shapes={'thermal': sides},
        )
    assert program is not None  # it is None only when a file name is given
    model = program.model_proto
    _forget_sources(model)
    _name_sides(model)
    return model


class _WithObjects(torch.nn.Module):
    """What is traced of a colorizer that finds objects."""

    def __init__(self, colorizer: Colorizer) -> None:
        super().__init__()
        self.colorizer = colorizer

    def forward(self, thermal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.colorizer.with_objects(thermal)


def _name_sides(model: onnx.ModelProto) -> None:
    """Call the sides of the frame by their names."""
    *_, height, width = model.graph.input[0].type.tensor_type.shape.dim
    *_, rows, columns, _colors = model.graph.output[0].type.tensor_type.shape.dim
    if not (height.dim_param and width.dim_param):
        raise ExportError('torch traced the size of the frame as a constant; please report this')
    for side, name in ((height, 'height'), (width, 'width'), (rows, 'height'), (columns, 'width')):
        side.dim_param = name


def _forget_sources(model: onnx.ModelProto) -> None:
    """Drop the trace of this machine's source files that the exporter leaves on every node."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ''
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]


def describe(
    trained: Trained, *, data_name: str, licence: str, scores: dict[str, Any]
) -> dict[str, Any]:
    """Collect what a file should tell about itself."""
    recipe = trained.recipe
    translator = trained.colorizer.translator
    # LeakyReLU slopes were PReLU parameters during training and are counted as such.
    slopes = sum(isinstance(m, torch.nn.LeakyReLU) for m in translator.modules())
    return {
        'contract': CONTRACT,
        'recipe': recipe.name,
        'description': recipe.description,
        'generator': recipe.generator.model_dump(),
        'objects': recipe.generator.objects,
        'smallest': trained.colorizer.least,
        'parameters': sum(p.numel() for p in translator.parameters()) + slopes,
        'training_data': data_name,
        'epochs': trained.epoch,
        'steps': trained.step,
        'commit': _commit(),
        'scores': scores,
        'precision': 'fp32',
        'licence': licence,
    }


def _commit() -> str:
    """Return the present git commit, or an empty string outside of a checkout."""
    command = ['git', '-C', str(Path(__file__).parent), 'rev-parse', '--short', 'HEAD']
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ''


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest differences between PyTorch and the exported file."""

    color: int = 0
    """Of 255."""
    box: float = 0.0
    """Pixels, of the object that is seen best."""
    score: float = 0.0

    @property
    def small(self) -> bool:
        """Whether the file does what PyTorch does."""
        return self.color <= TOLERANCE and self.box <= BOX_TOLERANCE and self.score <= 0.01

    def __str__(self) -> str:
        return f'{self.color} of 255, {self.box:.2f} pixels of a box, {self.score:.4f} of a score'


@torch.no_grad()
def parity(colorizer: Colorizer, model: onnx.ModelProto) -> Difference:
    """Compare PyTorch with ONNX Runtime on noise and ramps."""
    session = _session(model)
    rng = np.random.default_rng(0)
    worst = Difference()
    for height, width in ((128, 160), (126, 131)):
        ramp = np.linspace(0, 255, height * width).reshape(1, 1, height, width).astype(np.uint8)
        for frame in (ramp, rng.integers(0, 256, ramp.shape, np.uint8)):
            found = session.run(None, {'thermal': frame})
            thermal = torch.from_numpy(frame)
            expected = colorizer.with_objects(thermal) if colorizer.finds else (colorizer(thermal),)
            worst = _worse(worst, found, [x.numpy() for x in expected])
    return worst


def _worse(
    worst: Difference, found: Sequence[np.ndarray], expected: Sequence[np.ndarray]
) -> Difference:
    color = int(np.abs(found[0].astype(int) - expected[0]).max())
    if len(expected) == 1:
        return Difference(max(worst.color, color))
    # Cells of equal scores may change places: the scores as a list tell, and the boxes of the best.
    scores = [np.sort(output[2].max(2)) for output in (found, expected)]
    best = [output[1][0, output[2][0].max(1).argmax()] for output in (found, expected)]
    return Difference(
        max(worst.color, color),
        max(worst.box, float(np.abs(best[0] - best[1]).max())),
        max(worst.score, float(np.abs(scores[0] - scores[1]).max())),
    )
