"""The exported generator: a thermal picture in, a daytime colour picture out."""

from dataclasses import replace
import json
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from morngan_ros.adapters.float_generator import ForeignNetwork
from morngan_ros.adapters.float_generator import MULTIPLES
from morngan_ros.adapters.float_generator import no_size_works
from morngan_ros.adapters.float_generator import padded_sizes
from morngan_ros.engines import EngineOptions
from morngan_ros.engines import load_engine
from morngan_ros.engines.interface import Engine
from morngan_ros.engines.interface import TensorSpec
from morngan_ros.engines.model_file import read_model_file
from morngan_ros.engines.smallest import smallest_side
from morngan_ros.engines.smallest import smallest_told
from morngan_ros.errors import FrameError
from morngan_ros.errors import ModelError
from morngan_ros.errors import OutputError
from morngan_ros.errors import ProviderError
from morngan_ros.object_finder import Candidates

LOGGER = logging.getLogger(__name__)

_CONTRACT = (
    "uint8 'thermal' [1, 1, H, W] -> uint8 'color' [1, H, W, 3], perhaps with float 'boxes' "
    "[1, M, 4] and 'scores' [1, M, C]"
)
_FOREIGN = 'float [1, 3 or 1, H, W] -> float [1, 3, H, W]'
# Grey levels that a frame spans of which an all black or all white picture is no picture.
_SPAN = 16
_DEFAULT = EngineOptions()


class Generator:
    """Turn a thermal picture, uint8 [H, W], into a colour picture, uint8 [H, W, 3] RGB.

    Models that keep the contract do everything inside their graph. Third-party models (float in,
    float out) are recognised by type and shape and wrapped: scaling, padding, rounding. Frames are
    resized for a model of fixed size, and its pictures are resized back.

    Attributes:
        engine: what runs the model.
        name: the recipe's name, or the file's name without its ending.
        provider: where the model really runs.
        precision: 'int8' for a quantised file, else what the engine computes in.
        info: what the exporter wrote about the model; empty for foreign models.
        sha256: digest of the model file.
        fixed_size: height and width that the model insists on; None where it takes any.
        objects: names of what its head finds in the thermal frame; empty without a head.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        input_range: tuple[float, float] = (-1.0, 1.0),
        output_range: tuple[float, float] = (-1.0, 1.0),
        multiple: int = MULTIPLES[0],
    ) -> None:
        """Wrap an engine.

        Args:
            engine: the loaded model.
            input_range: what a third-party model takes for grey values 0 and 255.
            output_range: what a third-party model gives for colour values 0 and 255.
            multiple: of `MULTIPLES`, the first to which frames are padded for such a model.

        Raises:
            ModelError: the model is no generator, or a range is empty.
        """
        self.engine = engine
        self.provider = engine.provider
        self.sha256 = engine.sha256
        self.info = _parse_info(engine)
        self.precision = 'int8' if self.info.get('precision') == 'int8' else engine.precision
        self.name = str(self.info.get('recipe') or engine.path.stem)
        self._foreign: ForeignNetwork | None = None
        if not _keeps_contract(engine):
            _check_foreign(engine)
            self._foreign = ForeignNetwork(engine, input_range, output_range, multiple)
        self._outputs = {spec.name: i for i, spec in enumerate(engine.outputs)}
        self.objects = _object_names(engine, self.info)
        self.fixed_size = engine.inputs[0].shape[2:]
        self._resizes = False
        self._smallest = smallest_told(engine, self.info)

    @classmethod
    def load(
        cls,
        path: str | Path,
        options: EngineOptions = _DEFAULT,
        *,
        input_range: tuple[float, float] = (-1.0, 1.0),
        output_range: tuple[float, float] = (-1.0, 1.0),
    ) -> 'Generator':
        """Load a generator; arguments as of `load_engine` and of the class.

        A third-party model that does not run at the `size` of its options is loaded for the next
        larger size to which frames can be padded.

        Raises:
            ModelError: the file is missing, broken, or no generator.
            ProviderError: the provider or precision cannot be had on this machine.
        """
        failures: list[ModelError | ProviderError] = []
        for multiple, padded in _sizes_to_try(path, options.size):
            try:
                engine = load_engine(path, replace(options, size=padded))
            except (ModelError, ProviderError) as error:
                failures.append(error)
                continue
            generator = cls(
                engine, input_range=input_range, output_range=output_range, multiple=multiple
            )
            try:
                generator._try_size(options.size)
            except ModelError as error:
                # Its traceback would hold this engine while the next one is loaded.
                failures.append(error.with_traceback(None))
                del engine, generator
                continue
            return generator
        raise no_size_works(failures)

    @property
    def fallback_reason(self) -> str:
        """Why not the provider and precision run that were asked for; empty if they do."""
        return self.engine.fallback_reason

    @property
    def insists_on(self) -> str:
        """Width and height of the only size that the model takes, '256x256'; '' for any size."""
        height, width = self.fixed_size
        return f'{width or "any"}x{height or "any"}' if height or width else ''

    def __call__(self, thermal: np.ndarray) -> np.ndarray:
        """Colorize one picture.

        Args:
            thermal: uint8 [H, W], not empty.

        Returns:
            uint8 [H, W, 3] RGB, a fresh array.

        Raises:
            FrameError: `thermal` has another type or shape, or a size that the model cannot take.
            ModelError: the model fails on it or gives something else than a colour picture.
        """
        return self._run(thermal)[0]

    def with_objects(self, thermal: np.ndarray) -> tuple[np.ndarray, Candidates]:
        """Colorize one picture, and tell what the head found in the same pass.

        Args:
            thermal: uint8 [H, W], not empty.

        Returns:
            uint8 [H, W, 3] RGB, a fresh array, and the finds, in pixels of `thermal`; none from a
            model without a head.

        Raises:
            FrameError: as of a call.
            ModelError: as of a call, or boxes and scores have other shapes than they should.
        """
        color, outputs = self._run(thermal)
        if not self.objects:
            return color, Candidates(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
        boxes, scores = (outputs[self._outputs[name]] for name in ('boxes', 'scores'))
        found = _candidates(self.engine, boxes, scores, len(self.objects))
        height, width = self._fitted(*thermal.shape)
        scale = np.array([thermal.shape[1] / width, thermal.shape[0] / height])
        return color, Candidates(found.boxes * np.tile(scale, 2), found.scores, found.classes)

    def _run(self, thermal: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Colorize a picture of any size; the colour, and all that the model gave."""
        if thermal.dtype != np.uint8 or thermal.ndim != 2 or thermal.size == 0:
            raise FrameError(
                f'a generator takes uint8 [H, W] pictures, got {thermal.dtype} '
                f'{list(thermal.shape)}; bring counts to 8 bits with Exposure first'
            )
        size = self._fitted(*thermal.shape)
        if size == thermal.shape:
            return self._colorize(thermal)
        if not self._resizes:
            self._resizes = True
            LOGGER.warning(
                '%s: takes %s only, so frames of %dx%d are resized to it and back, which blurs '
                'them; export the model with free axes, or for the size of the camera',
                *(self.engine.path, self.insists_on, *thermal.shape[::-1]),
            )
        color, outputs = self._colorize(_resize(thermal, size))
        return _resize(color, thermal.shape), outputs

    def warm_up(self, height: int, width: int) -> None:
        """Run once on a ramp, so that the first frame does not wait for a compiler.

        Raises:
            ModelError: the model fails on it, or gives something else than a picture.
        """
        ramp = np.linspace(0, 255, width).astype(np.uint8)
        self(np.tile(ramp, (height, 1)))

    def _try_size(self, size: tuple[int, int] | None) -> None:
        """Run a third-party model at the padding that it was loaded for, and at no other.

        Raises:
            ModelError: the model fails there.
        """
        if size is not None and self._foreign is not None:
            self._foreign.try_size(self._fitted(*size))

    def _fitted(self, height: int, width: int) -> tuple[int, int]:
        """Tell the size that the model gets for a frame of this size."""
        return self.fixed_size[0] or height, self.fixed_size[1] or width

    def _colorize(self, thermal: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Run the model on a frame whose size it takes, and look at the picture that it gives."""
        outputs: list[np.ndarray] = []
        if self._foreign is not None:
            color = self._foreign(thermal)
        else:
            outputs = self._infer(thermal)
            color = outputs[self._outputs['color']][0]
        if color.shape != (*thermal.shape, 3):
            raise OutputError(
                f'{self.engine.path}: gives {list(color.shape)} for a picture of '
                f'{list(thermal.shape)}; a generator keeps the size of its input',
                'size',
            )
        if _is_blank(color) and np.ptp(thermal) >= _SPAN:
            raise OutputError(
                f'{self.engine.path}: gives an all-black or all-white picture: the model computes '
                'NaN, or has another range than model_output_range. Set model_output_range, or try '
                'precision fp32',
                'blank',
            )
        return color, outputs

    def _infer(self, thermal: np.ndarray) -> list[np.ndarray]:
        """Run a model of ours; a frame that is too small for it is not the model's fault.

        ONNX Runtime 1.23 reflects further than a small frame reaches, without a word. So the file
        tells its smallest frame; for one that does not, a failure is looked into.
        """
        self._check_side(thermal)
        try:
            return self.engine(thermal[None, None])
        except (ModelError, ProviderError):
            if self._smallest is None:
                self._smallest = smallest_side(self.engine)
                self._check_side(thermal)
            raise

    def _check_side(self, thermal: np.ndarray) -> None:
        """Raise FrameError for a frame that is known to be too small."""
        height, width = thermal.shape
        if min(height, width) < (self._smallest or 0):
            raise FrameError(
                f'a frame of {width}x{height} is too small for {self.engine.path.name}, which '
                f'takes sides of at least {self._smallest} pixels: enlarge the frames, or use '
                'another model',
                'empty',
            )


def _sizes_to_try(
    path: str | Path, size: tuple[int, int] | None
) -> list[tuple[int, tuple[int, int] | None]]:
    """List the sizes to load a model for, each with its multiple; models of ours take any size.

    Raises:
        ModelError: the file is missing or broken.
    """
    if size is None or 'morngan' in read_model_file(path).metadata:
        return [(MULTIPLES[0], size)]
    return list(padded_sizes(size))


def _resize(picture: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Resize uint8 [H, W] or [H, W, 3] to height and width, without aliasing."""
    height, width = size
    shrinks = height <= picture.shape[0] and width <= picture.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=way)


def _is_blank(color: np.ndarray) -> bool:
    """Tell whether every byte is 0, or every byte 255; most pictures tell by their first pixel."""
    level = color[0, 0, 0]
    return level in (0, 255) and bool((color == level).all())


def _parse_info(engine: Engine) -> dict[str, Any]:
    text = engine.metadata.get('morngan')
    if text is None:
        return {}
    try:
        info = json.loads(text)
    except ValueError as error:
        raise ModelError(
            f'{engine.path}: its metadata `morngan` is not JSON ({error}); export it again'
        ) from error
    if not isinstance(info, dict):
        raise ModelError(
            f'{engine.path}: its metadata `morngan` is not a JSON object; export it again'
        )
    return info


def _keeps_contract(engine: Engine) -> bool:
    outputs = {spec.name: spec for spec in engine.outputs}
    if len(engine.inputs) != 1 or set(outputs) not in ({'color'}, {'color', 'boxes', 'scores'}):
        return False
    return (
        _matches(engine.inputs[0], 'u', (1, 1, None, None), name='thermal')
        and _matches(outputs['color'], 'u', (1, None, None, 3))
        and ('boxes' not in outputs or _matches(outputs['boxes'], 'f', (1, None, 4)))
        and ('scores' not in outputs or _matches(outputs['scores'], 'f', (1, None, None)))
    )


def _object_names(engine: Engine, info: dict[str, Any]) -> tuple[str, ...]:
    """Read the names of what the head finds; none without a head.

    Raises:
        ModelError: they are not as many as the model has scores for.
    """
    count = next((spec.shape[2] for spec in engine.outputs if spec.name == 'scores'), 0)
    names = info.get('objects') or []
    if count == 0:
        return ()
    if not isinstance(names, list) or len(names) != (count or len(names)) or not names:
        raise ModelError(
            f'{engine.path}: has scores for {count} classes, but its metadata names '
            f'{names or "none"}; export it again'
        )
    return tuple(str(name) for name in names)


def _candidates(engine: Engine, boxes: np.ndarray, scores: np.ndarray, classes: int) -> Candidates:
    """Pair every box with each class that it has a score for.

    Raises:
        OutputError: the arrays do not belong together.
    """
    if boxes.shape[1:] != (scores.shape[1], 4) or scores.shape[2] != classes:
        raise OutputError(
            f'{engine.path}: gives boxes {list(boxes.shape)} and scores {list(scores.shape)}; '
            f'expected [1, M, 4] and [1, M, {classes}]',
            'boxes',
        )
    rows, kinds = np.nonzero(scores[0])  # NaN is not zero
    return Candidates(boxes[0, rows], scores[0, rows, kinds], kinds)


def _check_foreign(engine: Engine) -> None:
    fits = (
        len(engine.inputs) == 1
        and len(engine.outputs) == 1
        and any(_matches(engine.inputs[0], 'f', (1, c, None, None)) for c in (1, 3))
        and _matches(engine.outputs[0], 'f', (1, 3, None, None))
    )
    if not fits:
        found = ' -> '.join(
            ', '.join(str(spec) for spec in specs) for specs in (engine.inputs, engine.outputs)
        )
        raise ModelError(
            f'{engine.path}: not a generator; expected {_CONTRACT} or {_FOREIGN}, found {found}; '
            'export one with morngan_train or give another file'
        )


def _matches(spec: TensorSpec, kind: str, shape: tuple[int | None, ...], name: str = '') -> bool:
    """Compare a tensor with a pattern; a free axis on either side fits everything."""
    return (
        spec.dtype.kind == kind
        and (kind == 'f' or spec.dtype == np.uint8)
        and (not name or spec.name == name)
        and len(spec.shape) == len(shape)
        and all(a is None or b is None or a == b for a, b in zip(spec.shape, shape, strict=True))
    )
