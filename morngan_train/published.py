"""The paper's tables of scores, to stand beside ours."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table as it is printed in the paper."""

    number: int
    title: str
    data: str
    """What was tested, in words."""
    columns: tuple[str, ...]
    """As the paper names them."""
    scores: tuple[str | None, ...]
    """For each column the score of `evaluate` that measures the same; None if none does."""
    rows: dict[str, tuple[float | None, ...]]
    """For each method or variant a figure a column: percent, but APCE is of [0, 1]."""
    detector: str
    """What found the objects; empty if the table holds no AP."""
    parser: str
    """What segmented the pictures; empty if the table holds no IoU."""

    def percent(self, column: str) -> bool:
        """Whether the figures of a column are percent; scores of ours are of [0, 1]."""
        return 'APCE' not in column


def published_table(number: int) -> PublishedTable:
    """Return one of the paper's tables, 1 to 7; raise KeyError if there is no such."""
    return _tables()[number]


@cache
def _tables() -> dict[int, PublishedTable]:
    file = resources.files('morngan_train') / 'published.yaml'
    content = yaml.safe_load(file.read_text(encoding='utf-8'))
    return {
        number: PublishedTable(
            number,
            table['title'],
            table['data'],
            tuple(table['columns']),
            tuple(table['columns'].values()),
            {name: tuple(values) for name, values in table['rows'].items()},
            table.get('detector', ''),
            table.get('parser', ''),
        )
        for number, table in content.items()
    }
