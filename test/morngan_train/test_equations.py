"""docs/equations.md names every equation of the paper, and nothing that does not exist."""

import ast
from pathlib import Path
import re

import pytest

from morngan_train.recipe.choices import Choices
from morngan_train.recipe.choices import PRESETS

ROOT = Path(__file__).parents[2]
CODE = ROOT / 'morngan_train'
TESTS = ROOT / 'test/morngan_train'

Row = dict[str, str]


def rows_of(document: str) -> list[Row]:
    """Read all tables of a document: each row by the titles of its table."""
    rows = []
    titles: list[str] = []
    for line in (ROOT / document).read_text(encoding='utf-8').splitlines():
        if not line.startswith('|'):
            titles = []
            continue
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if not titles:
            titles = cells
        elif set(line) - set('|-'):
            rows.append(dict(zip(titles, cells, strict=True)))
    return rows


ROWS = rows_of('docs/equations.md')
EQUATIONS = [row for row in ROWS if 'Eq.' in row]
NAMED = [row for row in ROWS if 'computed by' in row]
PROVEN = [row for row in ROWS if 'proven by' in row]
PRESET_ROWS = [row for row in ROWS if 'recommended' in row]


def in_code(cell: str) -> list[str]:
    return re.findall(r'`([^`]+)`', cell)


def defines(path: Path, name: str) -> bool:
    """Whether a file defines a function or class; `Class.method` is looked for in its class."""
    scope: ast.AST = ast.parse(path.read_text(encoding='utf-8'))
    for part in name.split('.'):
        found = [
            node
            for node in ast.iter_child_nodes(scope)
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == part
        ]
        if not found:
            return False
        scope = found[0]
    return True


def test_every_equation_is_there_once():
    assert [int(row['Eq.']) for row in EQUATIONS] == list(range(1, 24))
    assert all(row['what'] and row['formula'] for row in EQUATIONS)


@pytest.mark.parametrize(
    ('title', 'folder', 'rows'),
    [('computed by', CODE, NAMED), ('proven by', TESTS, PROVEN)],
    ids=['code', 'tests'],
)
def test_what_is_named_exists(title, folder, rows):
    for row in rows:
        references = in_code(row[title])
        assert references, row
        for reference in references:
            file, _, name = reference.partition('::')
            assert (folder / file).is_file(), reference
            assert defines(folder / file, name), reference


def test_proofs_are_collected_by_pytest():
    """A helper beside the tests proves nothing."""
    for row in PROVEN:
        for reference in in_code(row['proven by']):
            file, _, name = reference.partition('::')
            assert Path(file).name.startswith('test_'), reference
            assert name.startswith('test_'), reference


def test_choices_exist():
    named = {name for row in EQUATIONS for name in in_code(row['choice'])}
    assert named <= set(Choices.model_fields)


def test_the_table_of_presets_is_that_of_the_code():
    """Every field in which presets differ, with the value of each."""

    def shown(value: object) -> str:
        if isinstance(value, bool):
            return 'yes' if value else 'no'
        return ', '.join(value) if isinstance(value, list) else str(value)

    table = {in_code(row['field'])[0]: row for row in PRESET_ROWS}
    assert list(table) == [name for name in Choices.model_fields if name != 'preset']
    for preset, values in PRESETS.items():
        for name, value in values.items():
            assert table[name][preset] == shown(value), name
    different = [n for n in table if len({str(values[n]) for values in PRESETS.values()}) > 1]
    assert list(table) == different


def test_the_manual_explains_every_choice():
    documented = [
        in_code(row['choice'])[0] for row in rows_of('docs/training.md') if 'choice' in row
    ]
    assert documented == [name for name in Choices.model_fields if name != 'preset']
