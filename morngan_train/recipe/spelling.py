"""Names with a slip of the pen."""

import difflib


def no_such(kind: str, name: str, known: list[str]) -> str:
    """Say that a name is not known, and which one may have been meant."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f'did you mean {near[0]!r}?' if near else f'choose from {", ".join(known)}'
    return f'no such {kind}; {hint}'
