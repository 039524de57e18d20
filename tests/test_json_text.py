"""Reading JSON: numbers that cannot be kept stay in their place, as they were written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.json_text import MAX_DIGITS, OutOfRange, loads, out_of_range

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values)
def test_what_can_be_kept_is_read_as_ever(value: object) -> None:
    assert loads(json.dumps(value)) == value
    assert list(out_of_range(value)) == []


@pytest.mark.parametrize("number", ["1e309", "-1e400", "1" + "0" * MAX_DIGITS, "-" + "9" * 5_000])
def test_a_number_out_of_range_stays_as_it_was_written(number: str) -> None:
    found = loads(f'{{"a": [0, {{"b": {number}}}]}}')
    ((path, out),) = out_of_range(found)
    assert (path, type(out), out.text) == (("a", 1, "b"), OutOfRange, number)
    assert len(str(out)) < 80
    with pytest.raises(ValueError):
        json.dumps(found, allow_nan=False)


def test_the_largest_whole_number_is_kept() -> None:
    assert loads("9" * MAX_DIGITS) == 10**MAX_DIGITS - 1


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "-Infinity", "[" * 100_000, "1 2", "'a'"])
def test_what_is_no_json_is_one_line(text: str) -> None:
    with pytest.raises(ValueError) as error:
        loads(text)
    assert "\n" not in str(error.value)


def test_a_byte_order_mark_is_no_part_of_it() -> None:
    assert loads('\ufeff{"a": 1}') == {"a": 1}


def test_what_contains_itself_is_looked_at_once() -> None:
    inside: list[object] = [OutOfRange("1e400")]
    inside.append(inside)
    assert [path for path, _ in out_of_range({"a": inside})] == [("a", 0)]
