"""The segmentation network that judges colour pictures: any ONNX export of 19 classes."""

from pathlib import Path

import cv2
import numpy as np

from morngan_ros.engines import EngineOptions
from morngan_ros.engines import load_engine
from morngan_ros.errors import ModelError
from morngan_train.classes import CLASSES
from morngan_train.metrics.segmentation import check_trainids

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
"""Of ImageNet, RGB: how nearly all networks for Cityscapes want their input."""


class OnnxSceneParser:
    """Segment pictures with a network that was trained on Cityscapes.

    It takes float [1, 3, H, W], RGB normalised by ImageNet's mean and deviation, and gives either
    scores, float [1, 19, h, w], or trainIds, integers [1, h, w] or [1, 1, h, w].

    Args:
        path: ONNX file.
        provider: What runs it, see `morngan_ros.engines.load.load_engine`.

    Raises:
        ModelError: The file is missing, broken, or takes something else.
        ProviderError: The provider cannot be had on this machine.
    """

    def __init__(self, path: Path, provider: str) -> None:
        self.engine = load_engine(path, EngineOptions(provider, precision='fp32'))
        spec = self.engine.inputs[0]
        fits = len(self.engine.inputs) == 1 and spec.dtype.kind == 'f' and len(spec.shape) == 4
        if not (fits and spec.shape[0] in (1, None) and spec.shape[1] in (3, None)):
            found = ', '.join(str(s) for s in self.engine.inputs)
            raise ModelError(f'{path}: not a parser; expected float [1, 3, H, W], found {found}')
        self.path = path
        self.sha256 = self.engine.sha256

    def parse(self, index: int, rgb: np.ndarray) -> np.ndarray:
        """Segment a picture, whichever frame it is of, see `scorers.SceneParser`."""
        return self(rgb)

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """Return trainIds, uint8 [H, W], of a picture, uint8 [H, W, 3].

        A network of fixed size sees the picture resized; scores are brought back bilinearly.

        Raises:
            ModelError: The network gives neither scores of 19 classes nor trainIds.
        """
        height, width = rgb.shape[:2]
        wanted_height, wanted_width = self.engine.inputs[0].shape[2:]
        size = wanted_width or width, wanted_height or height
        seen = rgb if size == (width, height) else cv2.resize(rgb, size)
        planes = normalize(seen)[None]
        output = self.engine(planes.astype(self.engine.inputs[0].dtype, copy=False))[0]
        if output.dtype.kind == 'f' and output.ndim == 4 and output.shape[:2] == (1, CLASSES):
            return trainids(output[0].astype(np.float32), (height, width))
        if output.dtype.kind in 'iu' and output.shape[:-2] in ((1,), (1, 1)):
            labels = self._checked(output.reshape(output.shape[-2:]))
            return cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
        raise ModelError(
            f'{self.path}: gave {output.dtype} {list(output.shape)}; expected scores of '
            f'{CLASSES} classes [1, {CLASSES}, h, w] or trainIds [1, h, w]'
        )

    def _checked(self, labels: np.ndarray) -> np.ndarray:
        """Return trainIds as uint8; 256 would become road if nobody looked before."""
        try:
            check_trainids(labels)
        except ValueError as error:
            raise ModelError(f'{self.path}: gave wrong labels: {error}') from error
        return labels.astype(np.uint8)


def normalize(rgb: np.ndarray) -> np.ndarray:
    """Return what parsers take, float32 [3, H, W], of a picture, uint8 [H, W, 3]."""
    planes = (rgb.astype(np.float32) / 255 - MEAN) / DEVIATION
    return np.ascontiguousarray(planes.transpose(2, 0, 1))


def trainids(scores: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Choose the best class of each pixel of a picture.

    Args:
        scores: float32 [19, h, w]; brought to the size of the picture bilinearly.
        size: Height and width of the picture.

    Returns:
        uint8 [H, W].
    """
    height, width = size
    # OpenCV resizes any number of channels, but hands four at most to its fast paths.
    resized = [cv2.resize(plane, (width, height)) for plane in scores]
    result: np.ndarray = np.argmax(resized, axis=0).astype(np.uint8)
    return result
