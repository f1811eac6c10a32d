"""What is known of the frames so far, so that an interrupted evaluation goes on where it was."""

import json
from pathlib import Path
from typing import Any

FORMAT = 2
"""Of the lines; another number makes old ones worthless."""


class Journal:
    """A file of one line a frame, appended as soon as the frame is judged.

    The first line tells what was asked for. A journal that was written for something else, for
    another model or with other files, is thrown away.

    Args:
        path: The file; None keeps nothing.
        asked: Everything that the judgements depend on, in types that JSON has.

    Attributes:
        known: What former runs noted, by the name of the frame.
    """

    def __init__(self, path: Path | None, asked: dict[str, Any]) -> None:
        self.path = path
        self.known: dict[str, Any] = {}
        first = json.dumps({'format': FORMAT, **asked}, sort_keys=True)
        if path is None:
            return
        lines = path.read_text(encoding='utf-8').splitlines() if path.is_file() else []
        if lines and lines[0] == first:
            self.known = dict(filter(None, map(_entry, lines[1:])))
        # Written anew: an interruption may have left half a line at the end.
        notes = [json.dumps(entry) for entry in self.known.items()]
        path.write_text(''.join(f'{line}\n' for line in (first, *notes)), encoding='utf-8')

    def note(self, frame: str, judgement: Any) -> None:
        """Keep what was found out about a frame; numbers come back as they are, nan too."""
        if self.path is not None:
            with self.path.open('a', encoding='utf-8') as file:
                file.write(json.dumps((frame, judgement)) + '\n')


def _entry(line: str) -> tuple[str, Any] | None:
    try:
        frame, judgement = json.loads(line)
    except ValueError:
        return None
    return frame, judgement


def journal_of(path: Path) -> Path:
    """Name the journal of the JSON file that an evaluation will write."""
    return path.with_name(f'{path.name}.frames')
