"""Road users that the generator's own head finds in the thermal frame, in the same pass."""

from collections.abc import Sequence

from morngan_ros.errors import ModelError
from morngan_ros.generator import Generator
from morngan_ros.object_finder import Candidates
from morngan_ros.object_finder import Detection
from morngan_ros.object_finder import ObjectFinder


class ModelHead(ObjectFinder):
    """Turn what a generator finds into detections. For one thread.

    Attributes:
        provider: where the model really runs.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        threshold: float = 0.25,
        iou: float = 0.5,
        classes: Sequence[str] = (),
    ) -> None:
        """Read the names of the classes; other arguments as of `Detector`.

        Raises:
            ModelError: the generator has no head, or does not know one of `classes`.
        """
        origin = str(generator.engine.path)
        if not generator.objects:
            raise ModelError(f'{origin}: has no head for objects; give a detector file')
        super().__init__(origin, generator.objects, threshold, iou, classes)
        self.provider = generator.provider

    @property
    def name(self) -> str:
        """What finds the objects, in words."""
        return 'head of the model'

    def __call__(self, found: Candidates) -> list[Detection]:
        """Choose among what the generator found: best first, at most 300."""
        found = self.select(found)
        return self.detections(Candidates(found.boxes, found.scores.clip(0, 1), found.classes))
