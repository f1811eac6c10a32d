"""Tables of scores as HTML: ours, and the paper's rows beside them."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from html import escape
from itertools import groupby

from morngan_train.published import published_table
from morngan_train.published import PublishedTable
from morngan_train.report.charts import color_class
from morngan_train.report.evaluations import Method
from morngan_train.report.scores import Column
from morngan_train.report.scores import Group
from morngan_train.report.scores import GROUPS
from morngan_train.report.scores import KNOWN

DASH = '<td class="none"><span aria-label="not measured">–</span></td>'
DATASETS = ('FLIR', 'KAIST')
"""Of the paper."""
_TOOL = {'detector': 'found by', 'parser': 'parsed by', 'reference': 'compared with', '': ''}


def score_tables(methods: Sequence[Method]) -> str:
    """Make a section for each group of scores."""
    return ''.join(_section(group, methods) for group in [*GROUPS, *_others(methods)])


def table(head: str, bodies: Iterable[str], caption: str) -> str:
    """Put a table together that scrolls sideways where it is too wide."""
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f'<caption>{escape(caption)}</caption><thead>{head}</thead>{"".join(bodies)}</table></div>'
    )


def _others(methods: Sequence[Method]) -> Iterator[Group]:
    """Yield a group of the scores that the page does not know, if there are any."""
    names = dict.fromkeys(n for m in methods for n in m.evaluation.scores if n not in KNOWN)
    if names:
        yield Group('Others', 'as measured', '', tuple(Column(n, n) for n in names), ())


def _section(group: Group, methods: Sequence[Method]) -> str:
    measured = {n for m in methods for n, v in m.evaluation.scores.items() if v is not None}
    title = f'<h3>{escape(group.title)} <small>{escape(group.unit)}</small></h3>'
    if not any(column.score in measured for column in group.columns):
        return f'<section class="scores">{title}<p>Not measured.</p></section>'
    columns = [c for c in group.columns if c.always or c.score in measured]
    bodies = [_ours(group, columns, methods)]
    bodies += [_paper(published_table(n), group.tool, columns) for n in group.published]
    shown = table(_head(group, columns), bodies, f'{group.title}: {group.unit}')
    return f'<section class="scores">{title}{_warning(group, methods)}{shown}</section>'


def _warning(group: Group, methods: Sequence[Method]) -> str:
    """Say what must not be compared."""
    if not group.tool:
        return ''
    text = f'Figures of different {group.tool}s cannot be compared with each other.'
    if group.published:
        text += ' The grey rows show how far the paper’s methods are apart, not how far ours is.'
    if not _comparable(group, methods):
        text = f'<strong>Our rows were measured with different {group.tool}s.</strong> {text}'
    return f'<p class="warning">{text}</p>'


def _head(group: Group, columns: Sequence[Column]) -> str:
    bands, names = [], []
    for band, members in groupby(columns, lambda column: column.band):
        some = list(members)
        bands.append(f'<th scope="colgroup" colspan="{len(some)}">{escape(band)}</th>')
        for column in some:
            arrow, word = ('↑', 'higher') if column.higher else ('↓', 'lower')
            direction = f'<abbr title="{word} is better">{arrow}</abbr>'
            # Where nobody knows what is better, nothing is claimed.
            direction = direction if column.score in KNOWN and column.higher is not None else ''
            names.append(f'<th scope="col">{escape(column.label)} {direction}</th>')
    tool = f'<th scope="col" rowspan="2" class="tool">{_TOOL[group.tool]}</th>' * bool(group.tool)
    rows = f'<tr><th scope="col" rowspan="2">method</th>{"".join(bands)}{tool}</tr>'
    return f'{rows}<tr>{"".join(names)}</tr>'


def _ours(group: Group, columns: Sequence[Column], methods: Sequence[Method]) -> str:
    best = [_best(c, methods) if _comparable(group, methods) else None for c in columns]
    rows = []
    for i, method in enumerate(methods):
        cells = [f'<th scope="row"><i class="key {color_class(i)}"></i>{escape(method.name)}</th>']
        for column, top in zip(columns, best, strict=True):
            value = method.evaluation.scores.get(column.score)
            if value is None:
                cells.append(DASH)
                continue
            text = column.show(value)
            cells.append(f'<td><strong>{text}</strong></td>' if text == top else f'<td>{text}</td>')
        if group.tool:
            cells.append(f'<td class="tool">{escape(_tool(group, method) or "–")}</td>')
        rows.append(f'<tr>{"".join(cells)}</tr>')
    return f'<tbody>{"".join(rows)}</tbody>'


def _best(column: Column, methods: Sequence[Method]) -> str | None:
    """Return the best figure as it is shown, so that what looks equal is equal."""
    # Raw frames keep all their edges by definition: no achievement.
    entered = [m for m in methods if not (m.raw and column.score == 'apce')]
    values = [v for m in entered if (v := m.evaluation.scores.get(column.score)) is not None]
    if len(values) < 2 or column.score not in KNOWN or column.higher is None:
        return None
    return column.show(max(values) if column.higher else min(values))


def _comparable(group: Group, methods: Sequence[Method]) -> bool:
    if not group.tool:
        return True
    scores = {column.score for column in group.columns}
    judged = [m for m in methods if scores & m.evaluation.scores.keys()]
    return len({(_tool(group, m), _digest(group, m)) for m in judged}) <= 1


def _tool(group: Group, method: Method) -> str:
    name: str = getattr(method.evaluation, group.tool)
    return name


def _digest(group: Group, method: Method) -> str:
    digest: str = getattr(method.evaluation, f'{group.tool}_sha256')
    return digest


def _paper(published: PublishedTable, tool: str, columns: Sequence[Column]) -> str:
    places = [
        published.scores.index(c.score) if c.score in published.scores else None for c in columns
    ]
    used = getattr(published, tool) if tool else ''
    dataset = published.data.split(',')[0]
    wide = len(columns) + 1 + bool(tool)
    rows = [
        f'<tr><th scope="rowgroup" colspan="{wide}">Paper, Table {published.number}: '
        f'{escape(published.title)} ({escape(published.data)})</th></tr>'
    ]
    for name, values in published.rows.items():
        cells = [f'<th scope="row">{escape(name)}</th>']
        for column, place in zip(columns, places, strict=True):
            value = None if place is None else values[place]
            # The paper's percent are printed as such.
            cells.append(DASH if value is None else f'<td>{value:.{_digits(column)}f}</td>')
        cells += [f'<td class="tool">{escape(used)}</td>'] * bool(tool)
        rows.append(f'<tr>{"".join(cells)}</tr>')
    return f'<tbody class="paper" data-paper="{escape(dataset)}">{"".join(rows)}</tbody>'


def _digits(column: Column) -> int:
    """Return as many digits as the paper prints."""
    return 1 if column.factor == 100 else 2
