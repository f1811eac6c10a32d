"""Going through the frames of a test set: colorize, judge, keep pictures, note what is done."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from morngan_train.data.reading import read_thermal
from morngan_train.evaluation.colorizers import Colorizer
from morngan_train.evaluation.journal import Journal
from morngan_train.evaluation.scorers import Scorer
from morngan_train.prepare.workers import write_png

MOST_WAITING = 32
"""Frames that other processes may be behind; more would only fill the memory."""

RESIZED = 'resized'

FrameResult = dict[str, Any]
"""Of one frame: the judgement of each scorer by its name, and whether the picture was resized."""


def judge_frames(
    frames: Sequence[Path],
    colorizer: Colorizer,
    scorers: Sequence[Scorer],
    journal: Journal,
    pictures: Path | None,
) -> list[FrameResult]:
    """Show the pictures of all frames to the scorers.

    Args:
        frames: Thermal frames.
        colorizer: What gives their pictures.
        scorers: What judges them.
        journal: Frames that it knows are not looked at again.
        pictures: Folder to write the pictures to, `STEM.png`; None writes none.

    Returns:
        What was found out, in the order of the frames.

    Raises:
        DataError: A file cannot be read or written.
        ModelError: A model fails on a frame.
    """
    judged: dict[str, FrameResult] = {}
    waiting: deque[tuple[str, FrameResult]] = deque()

    def finish_first() -> None:
        stem, values = waiting.popleft()
        judged[stem] = {
            name: value.result() if isinstance(value, Future) else value
            for name, value in values.items()
        }
        journal.note(stem, judged[stem])

    for i, path in enumerate(track(frames, 'scoring', console=Console(stderr=True))):
        picture = pictures / f'{path.stem}.png' if pictures else None
        if path.stem in journal.known and (picture is None or picture.is_file()):
            judged[path.stem] = journal.known[path.stem]
            continue
        thermal = read_thermal(path)
        color, as_it_was = colorizer.picture(i, thermal)
        if picture is not None:
            write_png(picture, color)
        values = {scorer.name: scorer.judge(i, thermal, color) for scorer in scorers}
        waiting.append((path.stem, {RESIZED: not as_it_was, **values}))
        while waiting and (len(waiting) > MOST_WAITING or _is_done(waiting[0][1])):
            finish_first()
    while waiting:
        finish_first()
    return [judged[path.stem] for path in frames]


def _is_done(values: FrameResult) -> bool:
    return all(value.done() for value in values.values() if isinstance(value, Future))
