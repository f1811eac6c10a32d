"""Pictures of your own, a folder for day and one for night."""

from pathlib import Path

from morngan_train.data.reading import DataError
from morngan_train.data.reading import find_companions
from morngan_train.data.reading import list_images
from morngan_train.prepare.selection import Folder
from morngan_train.prepare.selection import Selection
from morngan_train.prepare.selection import SourcePicture


def select_folders(
    day: Path, night: Path, *, test: Path | None = None, day_thermal: Path | None = None
) -> Selection:
    """Choose all pictures of some folders; their names stay.

    Args:
        day: Day colour.
        night: Night thermal, 8 or 16 bits.
        test: Night thermal that is never trained on.
        day_thermal: Day thermal registered to `day`, under the same names.

    Returns:
        trainA, trainB and what else is given; folders that are missing or empty, and day pictures
        without a thermal partner, are among the problems.
    """
    selection = Selection('folders', 'folders')
    sources: dict[Folder, Path | None] = {'trainA': day, 'trainB': night, 'testB': test}
    for folder, source in sources.items():
        if source is not None:
            _add(selection, folder, source)
    if day_thermal is not None and 'trainA' in selection.pictures:
        _add_partners(selection, day_thermal)
    return selection


def _add(selection: Selection, folder: Folder, source: Path) -> None:
    try:
        selection.add(folder, [SourcePicture(file, file.stem) for file in list_images(source)])
    except DataError as error:
        selection.problems.append(str(error))


def _add_partners(selection: Selection, folder: Path) -> None:
    day = [picture.source for picture in selection.pictures['trainA']]
    try:
        partners = find_companions(folder, day, 'copy them too, or leave --day-thermal out')
    except DataError as error:
        selection.problems.append(str(error))
        return
    selection.add('trainA_thermal', [SourcePicture(file, file.stem) for file in partners])
