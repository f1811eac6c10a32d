"""prepared.json: how a data folder was made, so that a second run cannot mix two ways."""

from collections import Counter
from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any

from morngan_train.data.prepared import NAME
from morngan_train.data.prepared import read_record
from morngan_train.data.reading import DataError
from morngan_train.prepare.workers import Done
from morngan_train.prepare.workers import write_bytes


def check_settings(data: Path, settings: Mapping[str, str], *, overwrite: bool) -> None:
    """Refuse to go on in a folder that was prepared in another way.

    Args:
        data: Data folder, which need not exist.
        settings: What must be as it was; settings that the record lacks are free.
        overwrite: All files are made anew, so nothing can mix.

    Raises:
        DataError: A setting differs, or the record is unreadable.
    """
    before = read_record(data).get('settings', {})
    differ = [
        f'{name} was {before[name]}, now {value}'
        for name, value in settings.items()
        if before.get(name, value) != value
    ]
    if differ and not overwrite:
        raise DataError(
            f'{data} was prepared with other settings ({"; ".join(differ)}); add --overwrite, '
            'or choose another folder'
        )


def update(
    data: Path,
    settings: Mapping[str, str],
    done: Mapping[str, list[Done]] | None = None,
    notes: list[str] | None = None,
) -> dict[str, Any]:
    """Write what is known now into the record of a data folder.

    Args:
        data: Data folder.
        settings: Added to, or replacing, those of the record.
        done: Outcomes by folder; None while the work has not been done.
        notes: For people; None keeps those of the record.

    Returns:
        The whole record.
    """
    record = read_record(data)
    record['settings'] = record.get('settings', {}) | dict(settings)
    folders = record.get('folders', {})
    record['folders'] = folders | {name: _summary(all_) for name, all_ in (done or {}).items()}
    if notes is not None:
        record['notes'] = notes
    write_bytes(data / NAME, (json.dumps(record, indent=2) + '\n').encode())
    return record


def _summary(done: list[Done]) -> dict[str, Any]:
    sizes = Counter('{}x{}'.format(*outcome.size) for outcome in done if outcome.size)
    fresh = sum(outcome.fresh for outcome in done)
    return {
        'pictures': len(done),
        'written': len(done) - fresh,
        'kept': fresh,
        'sizes': dict(sizes.most_common()),
    }
