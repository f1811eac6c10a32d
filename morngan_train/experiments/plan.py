"""Which rows a command asks for, under an equal budget."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from morngan_train.experiments.budget import equal_budget
from morngan_train.experiments.errors import ExperimentError
from morngan_train.experiments.rows import DIRECTIONS
from morngan_train.experiments.rows import ON_KAIST
from morngan_train.experiments.rows import Row
from morngan_train.experiments.rows import rows_of
from morngan_train.experiments.rows import Setting
from morngan_train.experiments.rows import shipped
from morngan_train.experiments.rows import TableName
from morngan_train.recipe import load_recipe
from morngan_train.recipe import Recipe
from morngan_train.recipe.phases import total_epochs
from morngan_train.training.trainer import open_data

COMPACT = 'compact_flir'


def plan(args: argparse.Namespace) -> list[Row]:
    """Return all rows of the table that was asked for, with an equal budget.

    Raises:
        ExperimentError: Options do not fit together, or there are too few steps.
        RecipeError: A recipe cannot be used.
        DataError: The steps of an epoch depend on a data folder that cannot be used.
    """
    _check_foreign(args.table, [name for name, _ in args.foreign])
    kaist = args.data if args.table in ON_KAIST else args.data_kaist
    place = Setting(args.scale, args.data, kaist, base_of(args))
    rows = rows_of(args.table, place)
    if args.seed is not None:
        rows = [_changed(row, seed=args.seed) for row in rows]
    if args.steps is not None:
        return equal_budget(rows, args.steps)
    # Without a number, each data set has the authors' number of steps.
    budgets = {args.data: place.base_on('flir')}
    if kaist:
        budgets[kaist] = place.base_on('kaist')
    equal: dict[str, Row] = {}
    for data, base in budgets.items():
        mine = [row for row in rows if row.train == data]
        if mine:
            equal |= {row.name: row for row in equal_budget(mine, _steps_of_base(base, data))}
    return [equal[row.name] for row in rows]


def _check_foreign(table: TableName, names: Sequence[str]) -> None:
    if names and table in ('table5', 'table7'):
        raise ExperimentError(f'--foreign: {table} compares variants of one method, not methods')
    for name in names if table == 'table6' else ():
        if name.rpartition('_')[2] not in DIRECTIONS:
            raise ExperimentError(
                f'--foreign {name}: in table6 names end in _kf (trained on KAIST, tested on FLIR) '
                'or _fk'
            )


def base_of(args: argparse.Namespace) -> Recipe | None:
    """Return the whole method at compact size; None at full size, where recipes are complete.

    Raises:
        ExperimentError: A base at full size.
        RecipeError: It cannot be used.
    """
    if args.scale == 'compact':
        return load_recipe(args.base) if args.base else shipped(COMPACT)
    if args.base:
        raise ExperimentError('--base needs --scale compact: full scale uses the complete recipes')
    return None


def _steps_of_base(base: Recipe, data: Path) -> int:
    return (base.steps_per_epoch or len(open_data(base, data))) * total_epochs(base.schedule)


def _changed(row: Row, **changes: object) -> Row:
    return replace(row, recipe=row.recipe.model_copy(update=changes))


def choose(rows: Sequence[Row], wanted: Sequence[str] | None) -> list[Row]:
    """Return the rows that are wanted, in the order of the table; all without a wish."""
    numbered = {str(number): row for number, row in enumerate(rows, 1)}
    known = numbered | {row.name: row for row in rows}
    for name in wanted or ():
        if name not in known:
            names = ', '.join(f'{number} {row.name}' for number, row in numbered.items())
            raise ExperimentError(f'no row {name!r}; choose from {names}')
    chosen = {known[name].name for name in wanted or known}
    return [row for row in rows if row.name in chosen]
