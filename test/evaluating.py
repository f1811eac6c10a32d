"""Running the command `evaluate` for real."""

import json
from pathlib import Path
from typing import Any

import pytest

from morngan_train.cli import main


def evaluate(source: Any, data: Path, *options: Any) -> dict[str, Any]:
    """Evaluate; return the content of the JSON file that comes out."""
    out = data.parent / 'out.json'
    arguments = ['evaluate', source, '--data', data, '--json', out, '--jobs', 1, *options]
    assert main([str(a) for a in arguments]) == 0
    result: dict[str, Any] = json.loads(out.read_text())
    return result


def refusal(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """Evaluate what cannot be; return what is said about it."""
    assert main(['evaluate', *map(str, arguments)]) == 2
    return capsys.readouterr().err
