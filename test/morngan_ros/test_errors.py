"""Every bad frame is counted under a cause that is documented."""

import ast
from pathlib import Path
import pickle

import morngan_ros
from morngan_ros.errors import FRAME_CAUSES
from morngan_ros.errors import FrameError


def raised_causes() -> set[str]:
    """Collect the literals in the second argument of each FrameError of the package."""
    found = set()
    for path in Path(morngan_ros.__file__).parent.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == 'FrameError':
                found |= {
                    literal.value
                    for argument in [*node.args[1:], *(k.value for k in node.keywords)]
                    for literal in ast.walk(argument)
                    if isinstance(literal, ast.Constant)
                }
    return found


def test_causes_are_those_that_are_raised():
    assert raised_causes() == set(FRAME_CAUSES) - {'other'}


def test_causes_are_fit_to_be_names_of_counters():
    for cause in FRAME_CAUSES:
        assert cause == cause.lower().strip()
        assert len(cause) < 16


def test_without_a_cause_it_is_other():
    assert FrameError('text').cause == 'other'
    assert str(FrameError('text', 'depth')) == 'text'


def test_a_cause_survives_pickling():
    error = pickle.loads(pickle.dumps(FrameError('text', 'depth')))
    assert (str(error), error.cause) == ('text', 'depth')
