"""Annotations of FLIR ADAS: the format of COCO, as both versions have it."""

from collections.abc import Callable
from collections.abc import Iterator
from functools import partial
import json
from pathlib import Path
from typing import Any
from typing import TypeVar

from morngan_ros.errors import SourceError
from morngan_ros.object_finder import Detection
from morngan_ros.tools.support.to_bag import box_of
from morngan_ros.tools.support.to_bag import EntryError
from morngan_ros.tools.support.to_bag import OnBadEntry

_T = TypeVar('_T')


def read_annotations(file: Path, on_bad: OnBadEntry) -> dict[str, list[Detection]]:
    """Read the boxes of all pictures.

    Args:
        file: The file.
        on_bad: Called for each entry that cannot be used, which is then left out.

    Returns:
        Boxes by the name of the picture without folder and suffix; an empty list where the
        annotators saw nothing.

    Raises:
        SourceError: The file cannot be read, or is not in this format.
    """
    try:
        content = json.loads(file.read_bytes())
        images, categories, annotations = (
            list(content[key]) for key in ('images', 'categories', 'annotations')
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f'{file} cannot be read as annotations of FLIR ADAS: {error!r}') from None
    names = dict(_usable('category', categories, _category, on_bad))
    pictures = dict(_usable('image', images, _picture, on_bad))
    boxes: dict[str, list[Detection]] = {picture: [] for picture in pictures.values()}
    read = partial(_annotation, names, pictures)
    for picture, detection in _usable('annotation', annotations, read, on_bad):
        boxes[picture].append(detection)
    return boxes


def _usable(
    what: str, entries: list[Any], read: Callable[[Any], _T], on_bad: OnBadEntry
) -> Iterator[_T]:
    for index, entry in enumerate(entries):
        try:
            yield read(entry)
        except EntryError as error:
            on_bad(f'{what} {index}', error.cause, str(error))
        except (KeyError, TypeError, ValueError) as error:
            on_bad(f'{what} {index}', f'incomplete {what}', f'{error!r} in {str(entry)[:100]}')


def _category(entry: Any) -> tuple[int, str]:
    return entry['id'], str(entry['name'])


def _picture(entry: Any) -> tuple[int, str]:
    return entry['id'], Path(entry['file_name']).stem


def _annotation(
    names: dict[int, str], pictures: dict[int, str], entry: Any
) -> tuple[str, Detection]:
    kind, picture = entry['category_id'], entry['image_id']
    if kind not in names:
        raise EntryError(f'there is no category {kind}', 'unknown category')
    if picture not in pictures:
        raise EntryError(f'there is no image {picture}', 'unknown image')
    return pictures[picture], Detection(names[kind], kind, 1.0, box_of(entry['bbox']))
