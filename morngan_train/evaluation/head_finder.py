"""Scores the head of a generator like any detector: what it finds in the thermal frames."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from morngan_ros.engines import EngineOptions
from morngan_ros.generator import Generator
from morngan_ros.model_head import ModelHead
from morngan_train.data.boxes import OBJECTS
from morngan_train.data.reading import read_thermal
from morngan_train.evaluation.exhaustive_detector import BoxesByClass
from morngan_train.evaluation.exhaustive_detector import CONFIDENCE
from morngan_train.evaluation.exhaustive_detector import NMS
from morngan_train.evaluation.exhaustive_detector import WHOLE


class HeadFinder:
    """The head of an ONNX file; it looks at the frames, not at their colour.

    Args:
        model: ONNX file with a head.
        frames: Of the test set.
        provider: What runs it.

    Raises:
        ModelError: The file is no generator, or has no head.
    """

    views: Sequence[str] = (WHOLE,)

    def __init__(self, model: Path, frames: Sequence[Path], provider: str) -> None:
        self.generator = Generator.load(model, EngineOptions(provider))
        self.head = ModelHead(self.generator, threshold=CONFIDENCE, iou=NMS)
        self.classes = [name for name in OBJECTS if name in self.head.names]
        self.sha256 = self.generator.sha256
        self.frames = frames

    def find(self, index: int, rgb: np.ndarray, view: str) -> BoxesByClass:
        """Look at the frame of this number, see `scorers.Finder`."""
        _, candidates = self.generator.with_objects(read_thermal(self.frames[index]))
        found = self.head(candidates)
        return {
            name: (
                np.array([d.box for d in found if d.label == name], np.float64).reshape(-1, 4),
                np.array([d.score for d in found if d.label == name], np.float64),
            )
            for name in self.classes
        }
