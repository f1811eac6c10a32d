"""The paper's table with our figures beside its own, from what the rows have left."""

from collections.abc import Sequence
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from morngan_train.experiments.budget import steps_of
from morngan_train.experiments.folder import FOREIGN
from morngan_train.experiments.folder import progress
from morngan_train.experiments.folder import read_json
from morngan_train.experiments.folder import SCORES
from morngan_train.experiments.folder import write_json
from morngan_train.experiments.rows import DIRECTIONS
from morngan_train.experiments.rows import PUBLISHED
from morngan_train.experiments.rows import Row
from morngan_train.experiments.rows import TableName
from morngan_train.files import write_text
from morngan_train.published import published_table
from morngan_train.published import PublishedTable

FURTHER = (
    'apce',
    'miou_flir',
    *(f'ap50_{way}_{name}' for way in ('whole', 'tiled') for name in ('person', 'bicycle', 'car')),
    'ap50_whole_mean',
    'ap50_tiled_mean',
    'psnr',
    'ssim',
    'kid',
    'colorfulness',
    'flicker',
    'warp',
    'warp_pan',
    'speed_ms',
)
"""Scores of ours that are shown where the paper has no such column."""

NONE = '-'
ELSEWHERE = 'elsewhere'
TRANSFER = (
    'at full scale, rows trained on KAIST have the phases of MornGAN, and rows trained on FLIR '
    'their own phases: compare rows within one direction'
)
"""What must be known of Table 6."""
_MEAN = ' mean'


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row has come to.

    Attributes:
        name: Of its folder.
        title: Its row in the paper's table.
        direction: See `Row`.
        steps: Trained so far.
        budget: Steps in all; 0 for what was trained elsewhere.
        seconds: Of training so far.
        evaluation: What `evaluate` wrote; None before.
    """

    name: str
    title: str
    direction: str
    steps: int
    budget: int
    seconds: float
    evaluation: dict[str, Any] | None

    def score(self, name: str | None) -> float | None:
        """Return a score, or None where there is none yet or none at all."""
        if self.evaluation is None or name is None:
            return None
        value: float | None = self.evaluation['scores'].get(name)
        return value


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table to be shown: a title, column heads, rows of text, and what must be known of it."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def outcomes(rows: Sequence[Row], out: Path) -> list[Outcome]:
    """Read what all rows of a table, and models that were trained elsewhere, have come to."""
    ours = [
        Outcome(
            row.name,
            row.title,
            row.direction,
            *_trained(out / row.name, steps_of(row)),
            _evaluation(out / row.name),
        )
        for row in rows
    ]
    titles = {row.title for row in rows}
    transfers = any(row.direction for row in rows)
    foreign = [
        Outcome(f.name, *_foreign_title(f, titles, transfers), 0, 0, 0.0, _evaluation(f))
        for f in sorted(out.glob(f'{FOREIGN}*'))
    ]
    return ours + foreign


def _foreign_title(folder: Path, ours: Set[str], transfers: bool) -> tuple[str, str]:
    """Return what a foreign method is called, beside ours of that name, and its direction."""
    name, direction = folder.name.removeprefix(FOREIGN), ''
    if transfers:
        name, _, end = name.rpartition('_')
        direction = DIRECTIONS[end]
    return f'{name} ({ELSEWHERE})' if name in ours else name, direction


def _trained(folder: Path, budget: int) -> tuple[int, int, float]:
    steps, seconds = progress(folder)
    return steps, budget, seconds


def _evaluation(folder: Path) -> dict[str, Any] | None:
    return read_json(folder / SCORES) if (folder / SCORES).exists() else None


def sheets(table: TableName, found: Sequence[Outcome]) -> list[Sheet]:
    """Set our figures beside those of the paper's tables; the last sheet has what else there is."""
    published = [published_table(number) for number in PUBLISHED[table]]
    shown = {score for each in published for score in each.scores}
    return [_beside(each, found) for each in published] + [_further(found, shown)]


def _beside(table: PublishedTable, found: Sequence[Outcome]) -> Sheet:
    titles = [*table.rows, *(o.title for o in found if o.title not in table.rows)]
    head = ('', *(f'{column}{" %" if table.percent(column) else ""}' for column in table.columns))
    rows = tuple(
        (title, *(_cell(table, title, column, found) for column in table.columns))
        for title in dict.fromkeys(titles)
    )
    return Sheet(
        f'Table {table.number}: {table.title}. Ours (the paper)', head, rows, _notes(table, found)
    )


def _cell(table: PublishedTable, title: str, column: str, found: Sequence[Outcome]) -> str:
    theirs = table.rows.get(title.removesuffix(f' ({ELSEWHERE})'))
    ours = our_figure(table, title, column, found)
    show = _percent if table.percent(column) else _share
    return f'{show(ours)} ({show(theirs[table.columns.index(column)] if theirs else None)})'


def our_figure(
    table: PublishedTable, title: str, column: str, found: Sequence[Outcome]
) -> float | None:
    """Return our figure for a cell of a table, in the unit of its column; None without one."""
    if column.endswith(_MEAN):
        pair = [c for c in table.columns if c != column and c.split()[0] == column.split()[0]]
        both = [our_figure(table, title, c, found) for c in pair]
        known = [value for value in both if value is not None]
        return sum(known) / len(known) if len(known) == len(pair) else None
    score = table.scores[table.columns.index(column)]
    mine = [o for o in found if o.title == title and column.endswith(o.direction)]
    value = mine[0].score(score) if mine else None
    return value * 100 if value is not None and table.percent(column) else value


def _percent(value: float | None) -> str:
    return NONE if value is None else f'{value:.1f}'


def _share(value: float | None) -> str:
    return NONE if value is None else f'{value:.2f}'


def _notes(table: PublishedTable, found: Sequence[Outcome]) -> tuple[str, ...]:
    theirs = ', '.join(filter(None, (table.data, table.detector, table.parser)))
    ours = sorted({_judged_by(o.evaluation) for o in found if o.evaluation is not None})
    return (
        f'the paper: {theirs}',
        *(f'ours: {by}' for by in ours),
        *([TRANSFER] if table.number == 6 else []),
        *_without_recipe(table, found),
        'compare our figures with each other; compare with the paper only on its data, with its '
        'detector and parser',
    )


def _without_recipe(table: PublishedTable, found: Sequence[Outcome]) -> list[str]:
    """Say how the methods of the paper that we cannot train come in."""
    missing = [title for title in table.rows if title not in {o.title for o in found}]
    if not missing:
        return []
    return [f'use --foreign NAME=SOURCE to score third-party results: {", ".join(missing)}']


def _judged_by(evaluation: dict[str, Any]) -> str:
    judges = (_judge(evaluation, name) for name in ('detector', 'parser'))
    return ', '.join((f'{evaluation["frames"]} frames of {evaluation["data"]}', *judges))


def _judge(evaluation: dict[str, Any], kind: str) -> str:
    if kind not in evaluation:
        return f'no {kind}'
    # Two files may have one name.
    return f'{evaluation[kind]} ({evaluation[f"{kind}_sha256"][:8]})'


def _further(found: Sequence[Outcome], shown: set[str | None]) -> Sheet:
    names = [
        name
        for name in FURTHER
        if name not in shown and any(outcome.score(name) is not None for outcome in found)
    ]
    rows = tuple((o.name, *_training(o), *(_number(o.score(n)) for n in names)) for o in found)
    return Sheet('Ours: training, and further scores', ('', 'steps', 'minutes', *names), rows, ())


def _training(outcome: Outcome) -> tuple[str, str]:
    if not outcome.budget:
        return ELSEWHERE, NONE
    part = '' if outcome.steps == outcome.budget else f' of {outcome.budget}'
    return f'{outcome.steps}{part}', f'{outcome.seconds / 60:.1f}'


def _number(value: float | None) -> str:
    return NONE if value is None else f'{value:.3f}'


def on_screen(sheet: Sheet) -> Table:
    """Lay a sheet out for the terminal."""
    shown = Table(*sheet.head, title=sheet.title, caption='\n'.join(sheet.notes))
    for row in sheet.rows:
        shown.add_row(*row)
    return shown


def as_markdown(sheet: Sheet) -> str:
    """Write a sheet as Markdown."""
    lines = [sheet.head, ('---',) * len(sheet.head), *sheet.rows]
    body = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
    notes = ''.join(f'\n- {note}' for note in sheet.notes)
    return f'## {sheet.title}\n\n{body}\n{notes}\n'


def write_results(table: TableName, found: Sequence[Outcome], out: Path) -> None:
    """Write `table.md` and `table.json`; the latter holds what the former shows, unrounded."""
    write_text(out / 'table.md', '\n'.join(as_markdown(sheet) for sheet in sheets(table, found)))
    write_json(
        out / 'table.json',
        {
            'table': table,
            'published': {
                number: _as_json(published_table(number), found) for number in PUBLISHED[table]
            },
            'rows': {outcome.name: _row_as_json(outcome) for outcome in found},
        },
    )


def _as_json(table: PublishedTable, found: Sequence[Outcome]) -> dict[str, Any]:
    titles = dict.fromkeys([*table.rows, *(outcome.title for outcome in found)])
    return {
        'title': table.title,
        'columns': table.columns,
        'detector': table.detector,
        'parser': table.parser,
        'paper': table.rows,
        'ours': {t: [our_figure(table, t, c, found) for c in table.columns] for t in titles},
    }


def _row_as_json(outcome: Outcome) -> dict[str, Any]:
    evaluation = outcome.evaluation or {}
    known = {k: evaluation.get(k) for k in ('scores', 'data', 'frames', 'detector', 'parser')}
    return {
        'title': outcome.title,
        'direction': outcome.direction,
        'steps': outcome.steps,
        'budget': outcome.budget,
        'seconds': outcome.seconds,
        **known,
    }
