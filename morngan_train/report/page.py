"""Filling the page: `page.html`, `page.css` and `page.js` with what was measured."""

from collections.abc import Iterable
from collections.abc import Sequence
from datetime import datetime
from html import escape
from importlib import resources
import json
from string import Template
from typing import Any

from morngan_train.report.charts import Axis
from morngan_train.report.charts import axis_over
from morngan_train.report.charts import Band
from morngan_train.report.charts import chart
from morngan_train.report.charts import color_class
from morngan_train.report.charts import legend
from morngan_train.report.charts import Line
from morngan_train.report.evaluations import Method
from morngan_train.report.scores import frame_column
from morngan_train.report.tables import DASH
from morngan_train.report.tables import DATASETS
from morngan_train.report.tables import score_tables
from morngan_train.report.tables import table
from morngan_train.report.training import Run

UNIT = Axis('share of edges kept', 0, 1, (0, 0.25, 0.5, 0.75, 1))
THRESHOLDS = Axis('threshold of Canny', 0, 1, (0, 0.25, 0.5, 0.75, 1))


def make_page(
    methods: Sequence[Method], runs: Sequence[Run], pictures: dict[str, Any] | None
) -> str:
    """Write the page, HTML that needs no other file.

    Args:
        methods: At least one.
        runs: What was trained; may be empty.
        pictures: Of `morngan_train.report.pictures.embed`, or None.
    """
    names = [method.name for method in methods]
    return Template(_asset('page.html')).substitute(
        title=escape(f'{" · ".join(names)} on {methods[0].data.name or "data"}'),
        css=_asset('page.css'),
        js=_asset('page.js'),
        facts=_facts(methods, pictures),
        methods=_methods(methods),
        datasets=_datasets(methods[0]),
        scores=score_tables(methods),
        edges=_edges(methods),
        training=_training(runs),
        without='' if pictures else 'hidden',
        instead='hidden' if pictures else '',
        values=_json(
            {'methods': names, 'scores': _frame_scores(methods, pictures)} if pictures else None
        ),
        pictures=_json(pictures),
    )


def _asset(name: str) -> str:
    file = resources.files('morngan_train.report') / name
    return file.read_text(encoding='utf-8')


def _json(value: Any) -> str:
    """Write JSON that cannot end the script element which holds it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace('<', '\\u003c')


def _facts(methods: Sequence[Method], pictures: dict[str, Any] | None) -> str:
    frames = f'{methods[0].evaluation.frames} frames'
    if pictures and len(pictures['frames']) < pictures['total']:
        frames += f', pictures of {len(pictures["frames"])}'
    facts = {
        'Data': [f'{methods[0].evaluation.data}, {frames}'],
        'Detector': _tools((m.evaluation.detector, m.evaluation.detector_sha256) for m in methods),
        'Parser': _tools((m.evaluation.parser, m.evaluation.parser_sha256) for m in methods),
        'Real day': _tools(
            (m.evaluation.reference, m.evaluation.reference_sha256) for m in methods
        ),
        'Made': [datetime.now().astimezone().strftime('%Y-%m-%d %H:%M %Z')],
    }
    return ''.join(
        f'<div><dt>{name}</dt>{"".join(f"<dd>{escape(text)}</dd>" for text in texts)}</div>'
        for name, texts in facts.items()
    )


def _tools(used: Iterable[tuple[str, str]]) -> list[str]:
    known = dict.fromkeys((name, digest) for name, digest in used if name)
    return [f'{name} {digest[:12]}'.strip() for name, digest in known] or ['none']


def _methods(methods: Sequence[Method]) -> str:
    """Say of each method what was scored."""
    items = []
    for i, method in enumerate(methods):
        about = method.evaluation
        notes = [about.model * (about.model != method.name), about.sha256[:12], about.provider]
        notes += [f'{about.resized} pictures were resized, which blurs edges'] * bool(about.resized)
        notes += [f'standard error of KID {about.kid_error:.3f}'] if about.kid_error else []
        notes += [f'{name} not measured: {reason}' for name, reason in about.left_out.items()]
        items.append(
            f'<li><i class="key {color_class(i)}"></i><strong>{escape(method.name)}</strong> '
            f'<span>{escape(" · ".join(note for note in notes if note))}</span></li>'
        )
    return ''.join(items)


def _datasets(method: Method) -> str:
    """Offer the paper's data sets; that of the data folder, if its path tells, comes first."""
    ours = 'KAIST' if 'kaist' in method.evaluation.data.lower() else 'FLIR'
    choices = [(name, f'on {name}') for name in DATASETS] + [('none', 'not shown')]
    return ''.join(
        f'<label><input type="radio" name="paper" value="{value}"{" checked" * (value == ours)}>'
        f' {text}</label>'
        for value, text in choices
    )


def _edges(methods: Sequence[Method]) -> str:
    measured = [m for m in methods if m.evaluation.apce_curve is not None]
    if not measured:
        return '<p>Not measured, or by a version of <code>evaluate</code> without curves.</p>'
    places = [round(0.01 * j, 2) for j in range(1, 100)]
    # All methods have a line, so that colours stay what they are; some are empty.
    lines = [Line(m.name, places, m.evaluation.apce_curve or [None] * 99) for m in methods]
    means = ', '.join(
        f'{m.name} {"not measured" if value is None else f"{value:.3f}"} on average'
        for m in measured
        for value in (m.evaluation.scores.get('apce'),)
    )
    drawn = chart(lines, THRESHOLDS, UNIT, f'Share of thermal edges kept over thresholds: {means}')
    return f'<figure class="curve">{legend([m.name for m in methods])}{drawn}</figure>'


def _frame_scores(
    methods: Sequence[Method], pictures: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """List the scores of single frames, those of the shown frames, for each method."""
    if pictures is None:
        return []
    names = dict.fromkeys(
        name for m in methods for scores in m.evaluation.per_frame.values() for name in scores
    )
    return [
        {
            'name': name,
            'label': (column := frame_column(name)).label,
            'factor': column.factor,
            'digits': column.digits,
            'higher': column.higher,
            'values': [
                [m.evaluation.per_frame.get(stem, {}).get(name) for stem in pictures['frames']]
                for m in methods
            ],
        }
        for name in names
    ]


def _training(runs: Sequence[Run]) -> str:
    if not runs:
        return '<p>No runs were named (<code>--runs</code>).</p>'
    return _cost(runs) + ''.join(_curves(run) for run in runs)


def _cost(runs: Sequence[Run]) -> str:
    heads = (
        *('run', 'recipe', 'steps', 'epochs', 'time', 's a step'),
        *('batch', 'crop', 'generator, parameters'),
    )
    head = ''.join(f'<th scope="col">{name}</th>' for name in heads)
    rows = ''.join(f'<tr>{"".join(_cost_row(run))}</tr>' for run in runs)
    return table(f'<tr>{head}</tr>', [f'<tbody>{rows}</tbody>'], 'Training cost')


def _cost_row(run: Run) -> list[str]:
    last, recipe = run.epochs[-1], run.recipe
    parameters = run.parameters()
    figures = [
        f'{last.step:,}',
        f'{last.epoch:,}',
        _duration(last.seconds),
        f'{last.seconds / last.step:.2f}',
        None if recipe is None else f'{recipe.optimizer.batch_size}',
        None if recipe is None else f'{recipe.data.crop}',
        None if parameters is None else f'{parameters:,}',
    ]
    return [
        f'<th scope="row">{escape(run.name)}</th>',
        DASH if recipe is None else f'<td>{escape(recipe.name)}</td>',
        *(DASH if text is None else f'<td>{text}</td>' for text in figures),
    ]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours} h {minutes:02d} min' if hours else f'{minutes} min {rest:02d} s'


def _curves(run: Run) -> str:
    last = run.epochs[-1].step
    x = Axis('step', 0, last, (0, last))
    bands = [Band(*phase) for phase in run.phases()]
    steps = [epoch.step for epoch in run.epochs]
    panels = []
    for name in (*run.losses, 'lr'):
        values = [epoch.lr if name == 'lr' else epoch.losses.get(name) for epoch in run.epochs]
        known = [value for value in values if value is not None]
        y = axis_over(known, '', 2)
        about = f'{name} of {run.name}: first {known[0]:.3g}, last {known[-1]:.3g}'
        drawn = chart([Line(name, steps, values)], x, y, about, bands)
        panels.append(
            f'<figure><figcaption>{escape(name)} <output>{known[-1]:.3g}</output></figcaption>'
            f'{drawn}</figure>'
        )
    return (
        f'<details open class="run"><summary>Losses of {escape(run.name)}</summary>'
        f'<div class="panels">{"".join(panels)}</div></details>'
    )
