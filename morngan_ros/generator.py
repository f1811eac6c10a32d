"""The exported generator: a thermal picture in, a daytime colour picture out."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from morngan_ros.engine import load_engine
from morngan_ros.engines.engine_interface import Engine
from morngan_ros.engines.engine_interface import TensorSpec
from morngan_ros.errors import FrameError
from morngan_ros.errors import ModelError

#: Sizes are padded to a multiple of this for foreign models; two stride-2 stages are usual.
MULTIPLE = 4

_CONTRACT = "uint8 'thermal' [1, 1, H, W] -> uint8 'color' [1, H, W, 3]"
_FOREIGN = 'float [1, 3 or 1, H, W] -> float [1, 3, H, W]'


class Generator:
    """Turn a thermal picture, uint8 [H, W], into a colour picture, uint8 [H, W, 3] RGB.

    Models that keep the contract do everything inside their graph. Those of other people (float
    in, float out) are recognised by type and shape and wrapped: scaling, padding, rounding.

    Attributes:
        engine: what runs the model.
        name: the recipe's name, or the file's name without its ending.
        provider: where the model really runs.
        precision: 'int8' for a quantised file, else what the engine computes in.
        info: what the exporter wrote about the model; empty for foreign models.
        sha256: digest of the model file.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        input_range: tuple[float, float] = (-1.0, 1.0),
        output_range: tuple[float, float] = (-1.0, 1.0),
    ) -> None:
        """Wrap an engine.

        Args:
            engine: the loaded model.
            input_range: what a foreign model takes for grey values 0 and 255.
            output_range: what a foreign model gives for colour values 0 and 255.

        Raises:
            ModelError: the model is no generator, or a range is empty.
        """
        self.engine = engine
        self.provider = engine.provider
        self.sha256 = engine.sha256
        self.info = _parse_info(engine)
        self.precision = 'int8' if self.info.get('precision') == 'int8' else engine.precision
        self.name = str(self.info.get('recipe') or engine.path.stem)
        self._keeps_contract = _keeps_contract(engine)
        if not self._keeps_contract:
            _check_foreign(engine)
            for name, (low, high) in (('input', input_range), ('output', output_range)):
                if not high > low:
                    raise ModelError(f'{name}_range ({low}, {high}) must rise from low to high')
            self._levels = np.linspace(*input_range, 256).astype(engine.inputs[0].dtype)
            self._output_range = output_range

    @classmethod
    def load(
        cls,
        path: str | Path,
        provider: str = 'auto',
        *,
        precision: str = 'auto',
        threads: int = 0,
        allow_fallback: bool = False,
        size: tuple[int, int] | None = None,
        cuda_graph: bool = False,
        input_range: tuple[float, float] = (-1.0, 1.0),
        output_range: tuple[float, float] = (-1.0, 1.0),
    ) -> 'Generator':
        """Load a generator; arguments as of `load_engine` and of the class.

        Raises:
            ModelError: the file is missing, broken, or no generator.
            ProviderError: the provider or precision cannot be had on this machine.
        """
        engine = load_engine(
            path,
            provider,
            precision=precision,
            threads=threads,
            allow_fallback=allow_fallback,
            size=size,
            cuda_graph=cuda_graph,
        )
        return cls(engine, input_range=input_range, output_range=output_range)

    @property
    def fallback_reason(self) -> str:
        """Why not the provider and precision run that were asked for; empty if they do."""
        return self.engine.fallback_reason

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
        if thermal.dtype != np.uint8 or thermal.ndim != 2 or thermal.size == 0:
            raise FrameError(
                f'a generator takes uint8 [H, W] pictures, got {thermal.dtype} '
                f'{list(thermal.shape)}; bring counts to 8 bits with Exposure first'
            )
        color = self._run(thermal) if self._keeps_contract else self._run_foreign(thermal)
        if color.shape != (*thermal.shape, 3):
            raise ModelError(
                f'{self.engine.path}: gave {list(color.shape)} for a picture of '
                f'{list(thermal.shape)}; a generator keeps the size of its input'
            )
        return color

    def warm_up(self, height: int, width: int) -> None:
        """Run once on an empty picture, so that the first frame does not wait for a compiler."""
        self(np.zeros((height, width), np.uint8))

    def _run(self, thermal: np.ndarray) -> np.ndarray:
        return self.engine(thermal[None, None])[0][0]

    def _run_foreign(self, thermal: np.ndarray) -> np.ndarray:
        height, width = thermal.shape
        bottom, right = -height % MULTIPLE, -width % MULTIPLE
        padded = cv2.copyMakeBorder(thermal, 0, bottom, 0, right, cv2.BORDER_REFLECT_101)
        channels = self.engine.inputs[0].shape[1]
        planes = np.broadcast_to(self._levels[padded], (1, channels or 3, *padded.shape))
        output = self.engine(planes)[0][0, :, :height, :width].astype(np.float32)
        low, high = self._output_range
        levels = (output - low) * (255 / (high - low))
        return np.clip(np.rint(levels), 0, 255).astype(np.uint8).transpose(1, 2, 0).copy()


def _parse_info(engine: Engine) -> dict[str, Any]:
    text = engine.metadata.get('morngan')
    if text is None:
        return {}
    try:
        info = json.loads(text)
    except ValueError as error:
        raise ModelError(
            f'{engine.path}: its metadata `morngan` is no JSON ({error}); export it again'
        ) from error
    if not isinstance(info, dict):
        raise ModelError(f'{engine.path}: its metadata `morngan` is no object; export it again')
    return info


def _keeps_contract(engine: Engine) -> bool:
    return (
        len(engine.inputs) == 1
        and len(engine.outputs) == 1
        and _matches(engine.inputs[0], 'u', (1, 1, None, None), name='thermal')
        and _matches(engine.outputs[0], 'u', (1, None, None, 3), name='color')
    )


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
            f'{engine.path}: no generator; expected {_CONTRACT} or {_FOREIGN}, found {found}; '
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
