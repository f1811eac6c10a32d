"""prepared.json: what a data folder knows of how it was made."""

import json
from pathlib import Path
from typing import Any
from typing import Literal

from morngan_train.data.reading import DataError

NAME = 'prepared.json'

Masks = Literal['teachers', 'finished']
"""Label maps of teachers, or finished ones: fused and denoised, as the authors publish them."""

MASKS = 'masks'
"""The setting that says which; without it masks are those of teachers."""


def read_record(data: Path) -> dict[str, Any]:
    """Read the record of a data folder; it is empty where nobody wrote one.

    Raises:
        DataError: The file is damaged.
    """
    file = data / NAME
    if not file.is_file():
        return {}
    try:
        record = json.loads(file.read_text())
        if isinstance(record, dict):
            return record
    except (OSError, ValueError):
        pass
    raise DataError(f'{file} is damaged; remove it')


def masks_are_finished(data: Path) -> bool:
    """Tell whether the label maps of a data folder are denoised already; see `read_record`."""
    finished: Masks = 'finished'
    result: bool = read_record(data).get('settings', {}).get(MASKS) == finished
    return result
