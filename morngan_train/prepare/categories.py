"""What the categories of an annotated data set mean to a head that knows three classes."""

import argparse
from collections.abc import Mapping
import re
from typing import TypeAlias

from morngan_train.data.boxes import OBJECTS

Meaning: TypeAlias = str
"""A class of `OBJECTS`, or one of the two below."""

IGNORE: Meaning = 'ignore'
"""Neither an object nor background: too similar to one for a verdict."""

LEFT_OUT: Meaning = 'none'
"""Background."""

MEANINGS = (*OBJECTS, IGNORE, LEFT_OUT)

_KNOWN: dict[Meaning, str] = {
    'person': 'person people pedestrian rider',
    'bicycle': 'bicycle bike',
    'car': 'car van',
    # A cyclist is a person and a bicycle in one box; the last five are regions by name.
    IGNORE: 'truck bus motor motorcycle motorbike othervehicle cyclist motorcyclist '
    'person? crowd dontcare ignore ignoredregions',
}
_MEANINGS = {name: meaning for meaning, names in _KNOWN.items() for name in names.split()}


def meaning_of(category: str, own: Mapping[str, Meaning]) -> Meaning:
    """Tell what a category means.

    Args:
        category: Its name in the data set; case, spaces, `-` and `_` do not matter.
        own: What the user says, by the exact name; it goes first.
    """
    plain = re.sub(r'[\s_-]', '', category.lower())
    return own.get(category, _MEANINGS.get(plain, LEFT_OUT))


def parse_meaning(text: str) -> tuple[str, Meaning]:
    """Parse NAME=CLASS of the command line; raise ArgumentTypeError if it is none."""
    category, _, meaning = text.rpartition('=')
    if not category or meaning not in MEANINGS:
        raise argparse.ArgumentTypeError(
            f'{text!r} must be NAME=CLASS, with {", ".join(MEANINGS)} as CLASS'
        )
    return category, meaning
