"""Many JSON documents of one shape as a table that describes itself: field names once, then rows of cells.

``{"fields": [name, …], "rows": [[cell, …], …], "constants": {name: value}, "choices": {name: [value, …]}}``

- A member of an object inside a document is a field ``"pause.due_ms"``; an object that is ``None`` has no members.
- A field that is the same in all documents is in ``constants`` and in no row.
- Of a field in ``choices`` (a text or a list with few different values), a cell is the number of the value there.
- Nothing here knows what the fields mean; ``js/src/sources/rows.js`` turns the table into the documents again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pdnb.model import JSON


def encode(documents: Sequence[Mapping[str, JSON]]) -> dict[str, JSON]:
    """The table of *documents*, which have the same keys."""
    constants: dict[str, JSON] = {}
    choices: dict[str, JSON] = {}
    columns: dict[str, Sequence[JSON]] = {}
    for name, column in _columns(documents):
        if column.count(column[0]) == len(column) > 1:
            constants[name] = column[0]
            continue
        if (numbered := _numbered(column)) is None:
            columns[name] = column
        else:
            choices[name], columns[name] = numbered
    cells = zip(*columns.values(), strict=True) if columns else ((),) * len(documents)
    return {"fields": list(columns), "rows": [list(row) for row in cells], "constants": constants, "choices": choices}


def _columns(documents: Sequence[Mapping[str, JSON]]) -> Iterator[tuple[str, list[Any]]]:
    for name in documents[0] if documents else ():
        column = [document[name] for document in documents]
        inner = next((value for value in column if isinstance(value, dict)), None)
        if inner is None:
            yield name, column
            continue
        for member in inner:
            yield f"{name}.{member}", [None if value is None else value[member] for value in column]


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
