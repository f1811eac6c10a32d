"""Reading what `evaluate` wrote: scores, curves, pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import ValidationError

from morngan_train.data.reading import find_companions
from morngan_train.data.reading import list_images
from morngan_train.errors import TrainError
from morngan_train.evaluation.colorizers import RAW

Curve = Annotated[list[float | None], Field(min_length=99, max_length=99)]


class ReportError(TrainError):
    """A page cannot be made of these files."""


class Evaluation(BaseModel):
    """The content of a JSON file of `evaluate`; what the page does not show is ignored."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    model: str
    data: str
    frames: int
    scores: dict[str, float | None]
    sha256: str = ''
    provider: str = ''
    detector: str = ''
    detector_sha256: str = ''
    parser: str = ''
    parser_sha256: str = ''
    reference: str = ''
    reference_sha256: str = ''
    kid_error: float | None = None
    resized: int = 0
    left_out: dict[str, str] = {}
    apce_curve: Curve | None = None
    per_frame: dict[str, dict[str, float | None]] = {}
    pictures: str | None = None


@dataclass(frozen=True)
class Method:
    """An evaluation under the name that the page gives it."""

    name: str
    file: Path
    evaluation: Evaluation

    @property
    def raw(self) -> bool:
        """Whether it is the thermal frames themselves."""
        return self.evaluation.model == RAW

    @cached_property
    def data(self) -> Path:
        """Data folder; a relative one was meant from where `evaluate` ran, or moved with JSON."""
        given = Path(self.evaluation.data)
        beside = self.file.parent / given
        return beside if not given.is_dir() and beside.is_dir() else given

    def thermal(self) -> list[Path]:
        """List the thermal frames.

        Raises:
            DataError: There are none.
        """
        return list_images(self.data / 'testB')

    def pictures(self, frames: Sequence[Path]) -> list[Path]:
        """Find the shown picture of each thermal frame; call only if there are pictures.

        Raises:
            DataError: Some are missing.
        """
        assert self.evaluation.pictures is not None
        folder = self.file.parent / self.evaluation.pictures
        return find_companions(
            folder, list(frames), f'evaluate again with --pictures, or correct {self.file}'
        )


def read_methods(files: Sequence[Path]) -> list[Method]:
    """Read evaluations that can stand on one page.

    Raises:
        ReportError: A file is missing or damaged, or two of them are of different frames.
    """
    if not files:
        raise ReportError('nothing to show; name at least one JSON file of evaluate')
    evaluations = [_read(file) for file in files]
    for file, evaluation in zip(files, evaluations, strict=True):
        if not _same_frames(evaluation, evaluations[0]):
            raise ReportError(
                f'{file} and {files[0]} have scores of different frames ({evaluation.data}, '
                f'{evaluations[0].data}); a page compares methods on the same frames'
            )
    return [Method(*method) for method in zip(_names(files), files, evaluations, strict=True)]


def _read(file: Path) -> Evaluation:
    try:
        return Evaluation.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ReportError(f'{file} cannot be read: {error.strerror}') from error
    except ValidationError as error:
        first = error.errors()[0]
        where = '.'.join(str(part) for part in first['loc'])
        raise ReportError(
            f'{file} is not a JSON file of evaluate: {where + ": " if where else ""}{first["msg"]}'
        ) from error


def _same_frames(one: Evaluation, other: Evaluation) -> bool:
    named = one.per_frame and other.per_frame
    same = not named or one.per_frame.keys() == other.per_frame.keys()
    return same and one.frames == other.frames


def _names(files: Sequence[Path]) -> list[str]:
    """Name each by its file, by its folder where all files are called alike, or by both."""
    for names in ([f.stem for f in files], [f.resolve().parent.name for f in files]):
        if len(set(names)) == len(names):
            return names
    names = [f'{f.resolve().parent.name}/{f.stem}' for f in files]
    return names if len(set(names)) == len(names) else [str(f) for f in files]
