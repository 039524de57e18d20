"""Rows that describe themselves: whatever the documents hold, they are the same after the way to a front end."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pdnb.kernel.rows import encode

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.integers(10**12, 10**12 + 9) | st.text(max_size=4)
)
CELLS = SCALARS | st.lists(SCALARS, max_size=2)
DOCUMENTS = st.lists(st.sampled_from("abcd"), unique=True, min_size=1).flatmap(
    lambda names: st.lists(
        st.fixed_dictionaries(
            {**dict.fromkeys(names, CELLS), "pause": st.none() | st.fixed_dictionaries({"kind": SCALARS, "due": CELLS})}
        ),
        max_size=6,
    )
)


def decode(table: Any) -> list[dict[str, Any]]:
    """What js/src/sources/rows.js does, up to the members of objects."""
    rows = [table["constants"] | dict(zip(table["fields"], cells, strict=True)) for cells in table["rows"]]
    rows = [row | {name: values[row[name]] for name, values in table["choices"].items()} for row in rows]
    return [row | {n: base + row[n] for n, base in table["bases"].items() if row[n] is not None} for row in rows]


def flat(document: dict[str, Any], members: bool) -> dict[str, Any]:
    """*document* with the members of its object as fields, if there is an object in any document."""
    pause, rest = document["pause"], {name: value for name, value in document.items() if name != "pause"}
    if not members:
        return rest | {"pause": None}
    return rest | {f"pause.{name}": None if pause is None else pause[name] for name in ("kind", "due")}


@given(DOCUMENTS)
def test_what_is_read_is_what_was_written(documents: list[dict[str, Any]]) -> None:
    table = json.loads(json.dumps(encode(documents)))
    members = any(document["pause"] is not None for document in documents)
    assert decode(table) == [flat(document, members) for document in documents]


def test_what_all_have_in_common_is_written_once() -> None:
    documents = [{"id": str(i), "workflow": "play", "steps": ["one", "two"]} for i in range(4)]
    assert encode(documents) == {
        "fields": ["id"],
        "rows": [["0"], ["1"], ["2"], ["3"]],
        "constants": {"workflow": "play", "steps": ["one", "two"]},
        "choices": {},
        "bases": {},
    }


def test_of_few_different_texts_a_row_has_the_number() -> None:
    documents = [{"id": i, "status": "failed" if i % 2 else "queued"} for i in range(4)]
    table = encode(documents)
    assert (table["rows"], table["choices"]) == ([[0, 0], [1, 1], [2, 0], [3, 1]], {"status": ["queued", "failed"]})


def test_large_numbers_are_counted_from_the_least() -> None:
    table = encode([{"at_ms": 1_700_000_000_005}, {"at_ms": None}, {"at_ms": 1_700_000_000_000}])
    assert (table["rows"], table["bases"]) == ([[5], [None], [0]], {"at_ms": 1_700_000_000_000})


def test_no_document_is_no_row() -> None:
    assert encode([]) == {"fields": [], "rows": [], "constants": {}, "choices": {}, "bases": {}}
