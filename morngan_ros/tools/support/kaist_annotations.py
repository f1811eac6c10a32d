"""Annotations of KAIST Multispectral Pedestrian in the layouts and formats that go around."""

from pathlib import Path
import re
from typing import NamedTuple
from xml.etree import ElementTree

from morngan_ros.errors import SourceError
from morngan_ros.object_finder import Detection
from morngan_ros.tools.support.to_bag import box_of
from morngan_ros.tools.support.to_bag import EntryError
from morngan_ros.tools.support.to_bag import numbers_of
from morngan_ros.tools.support.to_bag import OnBadEntry

_NUMBER = re.compile(r'(?:set\d+_V\d+_)?I(\d+)(?:_lwir)?')
_READ = ('.txt', '.xml')


def find_annotations(video: Path, root: Path) -> dict[int, Path]:
    """Find the annotations of a video by the number of the frame.

    Args:
        video: Folder of the video, such as images/set00/V000.
        root: Holds set00/V000/I00000.txt or .xml, the same below lwir, or set00_V000_I00000.txt.

    Returns:
        Files by number; of a frame with several the first of the first layout. Empty if there is
        none.
    """
    set_name, video_name = video.parent.name, video.name
    prefix = f'{set_name}_{video_name}_'
    # Annotations of registered pairs lie beside those of the visible picture, in its own place.
    own = root / set_name / video_name
    places = [(own / 'lwir', ''), (own, ''), (root, prefix)]
    if (root.parent.name, root.name) == (set_name, video_name):
        places += [(root / 'lwir', ''), (root, '')]
    for folder, start in places:
        files = sorted(folder.glob(f'{start}I[0-9]*.*')) if folder.is_dir() else []
        found: dict[int, Path] = {}
        for file in files:
            match = _NUMBER.fullmatch(file.stem)
            if match and file.suffix.lower() in _READ:
                found.setdefault(int(match[1]), file)
        if found:
            return found
    return {}


def require_annotations(video: Path, root: Path, numbers: set[int]) -> dict[int, Path]:
    """Find the annotations that were asked for.

    Args:
        video: See `find_annotations`.
        root: See `find_annotations`.
        numbers: The frames of the video.

    Raises:
        SourceError: There are none for any of the frames.
    """
    found = find_annotations(video, root)
    if found.keys() & numbers:
        return found
    part = f'{video.parent.name}/{video.name}'
    if found:
        raise SourceError(
            f'{next(iter(found.values())).parent} annotates other frames of {part} than the '
            f'{len(numbers)} that are here'
        )
    hint = '; .vbb files of MATLAB are not read' if any(root.rglob('*.vbb')) else ''
    raise SourceError(
        f'{root} holds no annotations of this video: there is neither {part}/I00000.txt or .xml, '
        f'nor {part}/lwir/I00000.txt, nor {part.replace("/", "_")}_I00000.txt{hint}'
    )


def read_annotations(file: Path, on_bad: OnBadEntry) -> list[Detection] | None:
    """Read the boxes of a frame: text (bbGt version 3) or XML.

    A line of text is a label, then left, top, width and height in pixels, then occlusion and more.
    Labels stay as they are: person, people, cyclist, person?.

    Args:
        file: The file.
        on_bad: Called for an entry that cannot be read, or for the file.

    Returns:
        The boxes; None if nothing of the file can be read.
    """
    try:
        content = file.read_bytes()
        entries = _xml_entries(content) if file.suffix.lower() == '.xml' else _text_entries(content)
    except (OSError, ElementTree.ParseError) as error:
        on_bad(file.name, 'file', str(error))
        return None
    found = []
    for entry in entries:
        try:
            found.append(Detection(entry.label, 0, 1.0, _box(entry)))
        except EntryError as error:
            on_bad(f'{file.name}, {entry.place}', error.cause, str(error))
    return found


class _Entry(NamedTuple):
    """One box as it is written."""

    place: str
    label: str
    fields: list[str]  # left, top, width, height
    corners: bool = False  # or else left, top, right, bottom


def _box(entry: _Entry) -> tuple[float, float, float, float]:
    if not entry.corners:
        return box_of(entry.fields)
    left, top, right, bottom = numbers_of(entry.fields)
    return box_of((left, top, right - left, bottom - top))


def _text_entries(content: bytes) -> list[_Entry]:
    entries = []
    for number, line in enumerate(content.decode('utf-8', 'replace').splitlines(), 1):
        if line.strip() and not line.startswith('%'):
            label, *fields = line.split()
            entries.append(_Entry(f'line {number}', label, fields[:4]))
    return entries


def _xml_entries(content: bytes) -> list[_Entry]:
    entries = []
    for number, item in enumerate(ElementTree.fromstring(content).iter('object'), 1):
        corners = item.find('bndbox/xmin') is not None
        names = ('xmin', 'ymin', 'xmax', 'ymax') if corners else ('x', 'y', 'w', 'h')
        fields = [item.findtext(f'bndbox/{name}', '') for name in names]
        entries.append(_Entry(f'object {number}', item.findtext('name', ''), fields, corners))
    return entries
