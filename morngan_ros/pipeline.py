"""One thermal frame in, one result out: the same for node, bags, benchmarks and tests."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from morngan_ros.detector import Detector
from morngan_ros.engines import EngineOptions
from morngan_ros.exposure import Exposure
from morngan_ros.generator import Generator
from morngan_ros.model_head import ModelHead
from morngan_ros.object_finder import Detection

NO_DETECTOR = 'none'
"""As a detector: look for no objects, although the model could."""

_DEFAULT = EngineOptions()


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one frame.

    Attributes:
        thermal: uint8 [H, W], as the generator saw it.
        color: uint8 [H, W, 3] RGB.
        detections: best first; empty if detection was off.
        seconds: how long each stage took that ran: 'exposure', 'generator', 'detector'.
    """

    thermal: np.ndarray
    color: np.ndarray
    detections: list[Detection]
    seconds: dict[str, float]


class Pipeline:
    """Exposure, generator and, where there is one, detector. For one thread.

    Attributes:
        detector: looks at the colour picture; or the head of the model, which finds objects in the
            thermal frame in the same pass; None for no detections.
        detector_problem: Why a detector that was asked for is missing; empty if none is.
    """

    def __init__(
        self,
        generator: Generator,
        detector: Detector | ModelHead | None = None,
        exposure: Exposure | None = None,
    ) -> None:
        self.generator = generator
        self.detector = detector
        self.exposure = exposure or Exposure()
        self.detector_problem = ''

    @classmethod
    def load(
        cls,
        model: str | Path,
        options: EngineOptions = _DEFAULT,
        *,
        detector: str | Path = '',
    ) -> 'Pipeline':
        """Load the models; to set more than what runs them, load and give the parts.

        Args:
            model: ONNX file of the generator.
            options: what runs both models, and how.
            detector: ONNX file of a detector; '' for the head of the model, if it has one;
                `NO_DETECTOR` goes without.

        Raises:
            ModelError: a file is missing, broken, or not of its kind.
            ProviderError: the provider or precision cannot be had on this machine.
        """
        generator = Generator.load(model, options)
        return cls(generator, open_detector(detector, generator, options))

    def __call__(self, counts: np.ndarray, stamp: float, *, detect: bool = True) -> Result:
        """Process one frame.

        Args:
            counts: thermal counts, uint8, uint16 or float32 [H, W].
            stamp: time of the frame in seconds, for the exposure.
            detect: whether to run the detector, if there is one.

        Raises:
            FrameError: the frame cannot be used; the next one may.
        """
        times = [perf_counter()]
        thermal = self.exposure(counts, stamp)
        times.append(perf_counter())
        detector = self.detector if detect else None
        if isinstance(detector, ModelHead):
            color, found = self.generator.with_objects(thermal)
        else:
            color = self.generator(thermal)
        times.append(perf_counter())
        seconds = {'exposure': times[1] - times[0], 'generator': times[2] - times[1]}
        detections: list[Detection] = []
        if detector is not None:
            detections = detector(found) if isinstance(detector, ModelHead) else detector(color)
            seconds['detector'] = perf_counter() - times[2]
        return Result(thermal, color, detections, seconds)

    def counts(self) -> Counter[str]:
        """Count what was odd so far: `exposure: ` and `detector: ` followed by the cause."""
        odd = {f'exposure: {cause}': n for cause, n in self.exposure.counts.items()}
        if self.detector is not None:
            odd |= {f'detector: {cause}': n for cause, n in self.detector.counts.items()}
        return Counter(odd)

    @property
    def fallback_reason(self) -> str:
        """Why a model does not run on the provider asked for; empty if all do."""
        reason = self.generator.fallback_reason
        if not reason and isinstance(self.detector, Detector):
            reason = self.detector.engine.fallback_reason
        return reason

    def warm_up(self, height: int, width: int) -> None:
        """Run the models once for this size, so that the first frame does not wait."""
        self.generator.warm_up(height, width)
        if isinstance(self.detector, Detector):
            self.detector.warm_up()


def open_detector(
    detector: str | Path,
    generator: Generator,
    options: EngineOptions = _DEFAULT,
    *,
    names: Sequence[str] = (),
) -> Detector | ModelHead | None:
    """Open what finds objects.

    Args:
        detector: ONNX file; '' for the head of the generator, if it has one; or `NO_DETECTOR`.
        generator: Whose head may be asked for.
        options: what runs a detector that is a file.
        names: of the classes of a detector that is a file, see `Detector`.

    Raises:
        ModelError: the file is missing, broken, or no detector.
        ProviderError: the provider cannot be had on this machine.
    """
    if str(detector) == NO_DETECTOR:
        return None
    if str(detector):
        return Detector.load(detector, options, names=names)
    return ModelHead(generator) if generator.objects else None
