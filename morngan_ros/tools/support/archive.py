"""Colorize many inputs: a process for each, here or on a cluster; nothing is done twice."""

import argparse
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import redirect_stderr
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
import json
from multiprocessing import connection
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
import os
from pathlib import Path
import shutil
import signal
import sys
import traceback
from typing import NamedTuple

from morngan_ros.bags import is_bag
from morngan_ros.engines.interface import GPU_PROVIDERS
from morngan_ros.errors import SourceError
from morngan_ros.images.suffixes import IMAGE_SUFFIXES
from morngan_ros.images.suffixes import VIDEO_SUFFIXES
from morngan_ros.pipeline import NO_DETECTOR
from morngan_ros.tools.support import cli
from morngan_ros.tools.support.cluster import Job
from morngan_ros.tools.support.cluster import spread

Work = Callable[[argparse.Namespace], int]
"""Colorizes the `input` of its options into `out`; returns an exit code of `cli`."""

SETTINGS = 'archive.json'
"""In the folder of outputs: with which options it was begun."""

_NO_SETTINGS = {'inputs', 'list', 'out', 'jobs', 'ray', 'overwrite', 'threads'}

_DONE, _BEFORE, _PARTLY, _FAILED = 'done', 'done before', 'incomplete', 'failed'


@dataclass(frozen=True, slots=True)
class Item:
    """One input.

    Attributes:
        source: As the user named it.
        out: Where its output will be. It is made in `unfinished`, and moved when it is whole.
    """

    source: str
    out: Path

    @property
    def unfinished(self) -> Path:
        """The folder in which the output is made."""
        return self.out.with_name(f'.{self.out.name}.unfinished')

    @property
    def log(self) -> Path:
        """What was said about it; it stays if something is missing."""
        return self.out.with_name(f'{self.out.name}.log')

    def last_words(self) -> str:
        """Return the last line of the log, which says what came of it."""
        text = self.log.read_text(encoding='utf-8', errors='replace') if self.log.exists() else ''
        said = text.strip().splitlines() or ['no message']
        return said[-1].replace(str(self.unfinished / self.out.name), str(self.out))


class _End(NamedTuple):
    """How the work on an input ended: an exit code of `cli`, or what killed its process."""

    item: Item
    code: int
    killed_by: str = ''


def is_archive(options: argparse.Namespace) -> bool:
    """Tell whether `--out` is a folder of outputs, not an output."""
    return len(options.inputs) != 1 or any((options.list, options.jobs, options.ray))


def run(options: argparse.Namespace, work: Work) -> int:
    """Colorize every input into a place of its own below `options.out`, and sum up.

    Args:
        options: Of `colorize`.
        work: In a process of its own, so that one input that brings it down costs no other.

    Returns:
        An exit code of `cli`: INCOMPLETE if something is missing, FAILED if all is.

    Raises:
        SourceError: Two inputs would become one output, or the folder was begun otherwise.
        ClusterError: There is no such cluster.
    """
    items = _items(options)
    _check_settings(options)
    before = [] if options.overwrite else [item for item in items if item.out.exists()]
    fates = {item: _PARTLY if item.log.exists() else _BEFORE for item in before}
    for item, fate in fates.items():
        print(f'{fate}: {item.source} -> {item.out}')
    left = [item for item in items if item not in fates]
    begin = _on_ray if options.ray else _here
    try:
        for end in begin(left, options, work):
            fates[end.item], words = _judge(end)
            print(f'{fates[end.item]} {len(fates)}/{len(items)}: {end.item.source}: {words}')
    except KeyboardInterrupt:
        print('stopped; run the same command to resume', file=sys.stderr)
        raise
    return _sum_up(fates)


def _judge(end: _End) -> tuple[str, str]:
    """Tell what came of an input, in a word and in a line; forget the log of one that is whole."""
    if end.killed_by:
        return _FAILED, end.killed_by
    words = end.item.last_words()
    if end.code == 0:
        end.item.log.unlink(missing_ok=True)
        return _DONE, words
    return _PARTLY if end.code == cli.INCOMPLETE else _FAILED, words


def _sum_up(fates: dict[Item, str]) -> int:
    counts = {
        fate: sum(f == fate for f in fates.values()) for fate in dict.fromkeys(fates.values())
    }
    print(f'{len(fates)} inputs: {", ".join(f"{n} {fate}" for fate, n in counts.items())}')
    missing = [item for item, fate in fates.items() if fate in (_PARTLY, _FAILED)]
    for item in missing:
        print(f'{fates[item]}: {item.source}; see {item.log}', file=sys.stderr)
    if counts.get(_FAILED) == len(fates):
        return cli.FAILED
    return cli.INCOMPLETE if missing else 0


# What there is to do --------------------------------------------------------------------------


def _items(options: argparse.Namespace) -> list[Item]:
    sources = [*options.inputs, *(_read_list(options.list) if options.list else ())]
    if not sources:
        raise SourceError('there is no input; name inputs, or a file with their names after --list')
    if options.detections is not None and options.detections.name != str(options.detections):
        raise SourceError(
            '--detections: with several inputs, give a name without folder, such as boxes.json'
        )
    items: dict[Path, Item] = {}
    for source in dict.fromkeys(sources):
        item = Item(source, options.out.absolute() / _place(source))
        other = items.setdefault(item.out, item)
        if other is not item:
            raise SourceError(
                f'{other.source} and {source} would both become {item.out}: change into their '
                'common folder and give relative paths, which keep their folders'
            )
    return [*items.values()]


def _read_list(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except OSError as error:
        raise SourceError(f'--list {path} cannot be read: {error}') from None
    return [line.strip() for line in lines if line.strip() and not line.startswith('#')]


def _place(source: str) -> Path:
    """Name the output of an input below the folder of all; relative paths keep their folders."""
    path = Path(source)
    if is_bag(path):
        name = path.name if path.is_dir() else path.stem
    elif path.suffix.lower() in VIDEO_SUFFIXES:
        name = f'{path.stem}.mp4'
    elif path.suffix.lower() in IMAGE_SUFFIXES:
        name = f'{path.stem}.png'
    else:
        name = path.resolve().name
    keeps = not path.is_absolute() and '..' not in path.parts
    return path.parent / name if keeps else Path(name)


def _check_settings(options: argparse.Namespace) -> None:
    """Refuse to put outputs of other options beside those that are there."""
    file: Path = options.out / SETTINGS
    given = {name: str(v) for name, v in vars(options).items() if name not in _NO_SETTINGS}
    if file.exists() and not options.overwrite:
        begun = json.loads(file.read_text(encoding='utf-8'))
        changed = [name for name in {**begun, **given} if begun.get(name) != given.get(name)]
        if changed:
            told = ', '.join(f'{n} was {begun.get(n)}, is {given.get(n)}' for n in sorted(changed))
            raise SourceError(
                f'{options.out} was begun with other options ({told}): use these options, '
                'name another --out, or add --overwrite to make everything again'
            )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(given, indent=2), encoding='utf-8')
    except OSError as error:
        raise SourceError(f'{file} cannot be written: {error}') from None


# Doing it -------------------------------------------------------------------------------------


def _here(items: Sequence[Item], options: argparse.Namespace, work: Work) -> Iterator[_End]:
    """Work in processes of this machine, so many at a time."""
    jobs = options.jobs or 1
    threads = options.threads or max(1, len(os.sched_getaffinity(0)) // jobs)
    context = get_context('spawn')
    waiting = [*reversed(items)]
    running: dict[int, tuple[Item, SpawnProcess]] = {}
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # to end them all
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                item = waiting.pop()
                ordered = (work, _options_of(item, options, threads), item)
                process = context.Process(target=_exit_with, args=ordered)
                process.start()
                running[process.sentinel] = item, process
            for sentinel in connection.wait([*running]):
                assert isinstance(sentinel, int)
                item, process = running.pop(sentinel)
                process.join()
                yield _end(item, process.exitcode or 0)
    finally:
        for _, process in running.values():
            process.terminate()
            process.join()
        signal.signal(signal.SIGTERM, before)


def _end(item: Item, code: int) -> _End:
    if code >= 0:
        return _End(item, code)
    killer = signal.Signals(-code).name
    why = ' (perhaps there was too little memory)' if killer == 'SIGKILL' else ''
    return _End(item, code, f'its process was killed by {killer}{why}')


def _on_ray(items: Sequence[Item], options: argparse.Namespace, work: Work) -> Iterator[_End]:
    """Work on a cluster, a task for each input."""
    threads, gpus = options.threads or 1, int(options.provider in GPU_PROVIDERS)
    jobs = {
        Job(
            item.source,
            partial(_colorize, work, _options_of(item, options, threads), item),
            threads,
            gpus,
        ): item
        for item in items
    }
    for ended in spread([*jobs], options.ray):
        yield _End(jobs[ended.job], 0 if ended.value is None else ended.value, ended.problem)


def _options_of(item: Item, options: argparse.Namespace, threads: int) -> argparse.Namespace:
    """Return the options for one input; paths are absolute, for its process may be elsewhere."""
    path = Path(item.source)
    boxes = f'{item.out.stem}.{options.detections}'
    changed = {
        'input': str(path.absolute()) if path.exists() else item.source,
        'out': item.unfinished / item.out.name,
        'threads': threads,
        'model': options.model and options.model.absolute(),
        'detector': _absolute(options.detector),
        'detections': options.detections and item.unfinished / boxes,
    }
    return argparse.Namespace(**{**vars(options), **changed})


def _absolute(detector: str) -> str:
    """Return the path of a detector that is a file; `none` and the model's own head have none."""
    return detector if detector in ('', NO_DETECTOR) else str(Path(detector).absolute())


def _exit_with(work: Work, options: argparse.Namespace, item: Item) -> None:
    raise SystemExit(_colorize(work, options, item))


def _colorize(work: Work, options: argparse.Namespace, item: Item) -> int:
    """Do one input from the start, with a log; its output comes to its place when it is whole."""
    shutil.rmtree(item.unfinished, ignore_errors=True)
    item.unfinished.mkdir(parents=True)
    with (
        item.log.open('w', encoding='utf-8', errors='backslashreplace') as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        try:
            code = cli.reports_errors(lambda _: work(options))(None)
        except Exception as error:  # a fault of ours must not end the others
            traceback.print_exc()
            print(f'error: {type(error).__name__}: {error}')
            code = cli.FAILED
    if code in (0, cli.INCOMPLETE):
        _move(item)
    shutil.rmtree(item.unfinished, ignore_errors=True)
    return code


def _move(item: Item) -> None:
    """Put what was made into its place; the output comes last, for it is the sign of the end."""
    made = sorted(item.unfinished.iterdir(), key=lambda path: path.name == item.out.name)
    for path in made:
        place = item.out.with_name(path.name)
        if place.is_dir():
            shutil.rmtree(place)
        path.replace(place)
