"""Annotations of many frames in one JSON file: COCO's, or the `index.json` of FLIR ADAS v2.

The fields of `index.json` are known from public code that reads it.
"""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence
import json
from pathlib import Path
from typing import Annotated
from typing import NamedTuple
from typing import TypeAlias

from pydantic import BaseModel
from pydantic import Field
from pydantic import ValidationError

from morngan_train.data.reading import DataError
from morngan_train.prepare.annotated import Marked
from morngan_train.prepare.selection import few

_Id: TypeAlias = int | str
_Pixels: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]


class Listed(NamedTuple):
    """What a file says about one frame.

    Attributes:
        name: File name, perhaps with folders before it.
        size: Width and height; None if the file does not say.
        marked: Its annotations.
    """

    name: str
    size: tuple[int, int] | None
    marked: tuple[Marked, ...]


class Listing(NamedTuple):
    """What a file says.

    Attributes:
        frames: In the order of the file.
        categories: Names of all categories.
        strays: Annotations of frames that the file does not list.
    """

    frames: Sequence[Listed]
    categories: set[str]
    strays: int = 0


class _Image(BaseModel):
    id: _Id
    file_name: str
    width: int | None = None
    height: int | None = None


class _Annotation(BaseModel):
    image_id: _Id
    category_id: _Id
    bbox: tuple[_Pixels, _Pixels, _Pixels, _Pixels]
    iscrowd: bool = False
    ignore: bool = False


class _Category(BaseModel):
    id: _Id
    name: str


class _Coco(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]

    def listing(self) -> Listing:
        names = {category.id: category.name for category in self.categories}
        _check_once('category', [category.id for category in self.categories])
        _check_once('image', [image.id for image in self.images])
        by_image: dict[_Id, list[Marked]] = {image.id: [] for image in self.images}
        strays = 0
        for each in self.annotations:
            name = names.get(each.category_id, f'category {each.category_id}')
            if each.image_id in by_image:
                crowd = each.iscrowd or each.ignore
                by_image[each.image_id].append(Marked(name, _corners(*each.bbox), crowd))
            else:
                strays += 1
        frames = [
            Listed(image.file_name, _size(image.width, image.height), tuple(by_image[image.id]))
            for image in self.images
        ]
        return Listing(frames, set(names.values()), strays)


class _Box(BaseModel):
    x: _Pixels
    y: _Pixels
    w: _Pixels
    h: _Pixels


class _Target(BaseModel):
    box: _Box = Field(alias='boundingBox')
    labels: list[str]

    @property
    def category(self) -> str:
        return self.labels[0] if self.labels else 'without name'


class _Video(BaseModel):
    id: str = Field(alias='videoId')
    frame: int = Field(alias='frameIndex')


class _Frame(BaseModel):
    id: str = Field(alias='datasetFrameId')
    video: _Video = Field(alias='videoMetadata')
    width: int | None = None
    height: int | None = None
    annotations: list[_Target]

    @property
    def name(self) -> str:
        return f'data/video-{self.video.id}-frame-{self.video.frame:06d}-{self.id}.jpg'


class _Index(BaseModel):
    frames: list[_Frame]

    def listing(self) -> Listing:
        categories = {each.category for frame in self.frames for each in frame.annotations}
        frames = [
            Listed(
                frame.name,
                _size(frame.width, frame.height),
                tuple(
                    Marked(each.category, _corners(each.box.x, each.box.y, each.box.w, each.box.h))
                    for each in frame.annotations
                ),
            )
            for frame in self.frames
        ]
        return Listing(frames, categories)


def read_listing(file: Path) -> Listing:
    """Read a file of annotations.

    Raises:
        DataError: It cannot be read, or is of neither format; the message names the field.
    """
    try:
        content = json.loads(file.read_bytes())
        flir = isinstance(content, dict) and 'frames' in content
        document: _Index | _Coco = (_Index if flir else _Coco).model_validate(content)
        return document.listing()
    except ValidationError as error:
        first = error.errors()[0]
        reason = f'{".".join(map(str, first["loc"]))}: {first["msg"]}'
        raise DataError(f'{file} is not JSON of COCO or FLIR ADAS v2: {reason}') from error
    except (OSError, ValueError) as error:
        raise DataError(f'{file} cannot be read as COCO JSON: {error}') from error


def _corners(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    return x, y, x + width, y + height


def _size(width: int | None, height: int | None) -> tuple[int, int] | None:
    return (width, height) if width and height else None


def _check_once(kind: str, ids: Iterable[_Id]) -> None:
    twice = [str(number) for number, count in Counter(ids).items() if count > 1]
    if twice:
        raise ValueError(f'each {kind} needs a unique id, but these occur twice: {few(twice)}')
