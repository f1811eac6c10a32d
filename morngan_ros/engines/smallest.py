"""How small a frame a model takes: padding by reflection reaches no further than the frame."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

import numpy as np

from morngan_ros.engines.interface import Engine
from morngan_ros.engines.interface import EngineOptions
from morngan_ros.engines.load import load_engine
from morngan_ros.errors import ModelError

# The side at which a model should work; if it fails there too, its failure is of another kind.
_AMPLE = 256

_PROCESSOR = ('cpu', 'openvino')


def smallest_told(engine: Engine, info: Mapping[str, Any]) -> int | None:
    """Read from what the exporter wrote how small a frame may be.

    Args:
        engine: of the model.
        info: the exporter's metadata.

    Returns:
        pixels; None if the file does not tell.

    Raises:
        ModelError: what it tells is no number of pixels.
    """
    told = info.get('smallest')
    if told is None or (type(told) is int and told > 0):
        return told
    raise ModelError(
        f'{engine.path}: its metadata tells {told!r} as the smallest side of a frame; export it '
        'again'
    )


def smallest_side(engine: Engine) -> int:
    """Find the smallest height and width that a model of ours takes, by trying on the processor.

    Args:
        engine: of the model, uint8 [1, 1, H, W] -> uint8 [1, H, W, 3].

    Returns:
        pixels; 0 if the model fails at 256 pixels too.

    Raises:
        ModelError: the file is missing or broken.
        ProviderError: no provider runs it on the processor.
    """
    if engine.provider not in _PROCESSOR:  # a GPU would build an engine for each size
        options = EngineOptions('openvino', threads=1, allow_fallback=True)
        engine = load_engine(engine.path, options)

    def works(side: int) -> bool:
        try:
            engine(np.zeros((1, 1, side, side), np.uint8))
        except ModelError:
            return False
        return True

    if not works(_AMPLE):
        return 0
    return 1 + bisect_left(range(1, _AMPLE), True, key=works)
