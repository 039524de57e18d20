"""Many JSON documents of one shape as a table that describes itself: field names once, then rows of cells.

``{"fields": [name, …], "rows": [[cell, …], …], "constants": {name: value}, "choices": {name: [value, …]},
"bases": {name: number}}``

- A member of an object inside a document is a field ``"pause.due_ms"``; an object that is ``None`` has no members.
- A field that is the same in all documents is in ``constants`` and in no row.
- Of a field in ``choices`` (a text or a list with few different values), a cell is the number of the value there.
- Of a field in ``bases`` (whole numbers, such as times), a cell is how much more than that it is, or ``None``.
- Nothing here knows what the fields mean; ``js/src/sources/rows.js`` turns the table into the documents again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pdnb.model import JSON

_LARGE: Final = 1_000_000


def encode(documents: Sequence[Mapping[str, JSON]]) -> dict[str, JSON]:
    """The table of *documents*, which have the same keys."""
    constants: dict[str, JSON] = {}
    choices: dict[str, JSON] = {}
    bases: dict[str, JSON] = {}
    columns: dict[str, Sequence[JSON]] = {}
    for name, column in _columns(documents):
        if column.count(column[0]) == len(column) > 1:
            constants[name] = column[0]
            continue
        if (numbered := _numbered(column)) is not None:
            choices[name], columns[name] = numbered
        elif (base := _base(column)) is not None:
            bases[name], columns[name] = base, [None if n is None else n - base for n in column]
        else:
            columns[name] = column
    cells = zip(*columns.values(), strict=True) if columns else ((),) * len(documents)
    rows: list[JSON] = [list(row) for row in cells]
    return {"fields": list(columns), "rows": rows, "constants": constants, "choices": choices, "bases": bases}


def _columns(documents: Sequence[Mapping[str, JSON]]) -> Iterator[tuple[str, list[Any]]]:
    for name in documents[0] if documents else ():
        column = [document[name] for document in documents]
        inner = next((value for value in column if isinstance(value, dict)), None)
        if inner is None:
            yield name, column
            continue
        for member in inner:
            yield f"{name}.{member}", [None if value is None else value[member] for value in column]


def _base(column: list[Any]) -> int | None:
    """The least number of *column*, if it holds whole numbers that are worth counting from there."""
    kinds = set(map(type, column))
    if int not in kinds or not kinds <= {int, type(None)}:
        return None
    base = min(n for n in column if n is not None)
    return base if base >= _LARGE else None


def _numbered(column: list[Any]) -> tuple[list[JSON], list[JSON]] | None:
    """The different values of *column*, and for each cell which of them it is; ``None`` if there are too many."""
    if any(isinstance(value, int | float) and not isinstance(value, bool) for value in column):
        return None
    keys = [value if isinstance(value, str) else (repr(value),) for value in column]
    different = dict(zip(keys, column, strict=True))
    if 2 * len(different) > len(column):
        return None
    numbers = {key: number for number, key in enumerate(different)}
    return list(different.values()), [numbers[key] for key in keys]
