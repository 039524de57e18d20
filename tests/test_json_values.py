"""What a value that a person wrote becomes as JSON, and what is refused with its place and the line to write."""

from __future__ import annotations

import enum
import json
import math
import struct
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as time_of_day
from decimal import Decimal
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.codec import checked
from pdnb.errors import NotJSON
from pdnb.json_values import MAX_DEPTH, MAX_ELEMENTS, plain

PLACE = "steps.load.$return_value"

texts = st.text(st.characters(codec="utf-8"), max_size=20)
floats = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


class Colour(enum.IntEnum):
    RED = 1


class Word(enum.StrEnum):
    YES = "yes"


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Corner(enum.Enum):
    NEAR = (0, 0.5)
    LOST = object()


class Name(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another text"


class Count(int):
    def __int__(self) -> int:
        return -1


class Share(float):
    def __float__(self) -> float:
        return -1.0


class Rows(list[Any]):
    pass


def disguised(value: Any, draw: Any) -> Any:
    """*value*, made of other types that mean the same JSON."""
    if isinstance(value, dict):
        made = {disguised(key, draw): disguised(item, draw) for key, item in value.items()}
        return draw(st.sampled_from([dict, OrderedDict, lambda it: defaultdict(list, it)]))(made)
    if isinstance(value, list):
        return draw(st.sampled_from([list, tuple, Rows, object_array]))([disguised(item, draw) for item in value])
    if type(value) in OTHERS:
        if type(value) is int and not -(2**63) <= value < 2**63:
            return Count(value)
        if type(value) is str and "\0" in value:  # numpy cuts these off at the end
            return Name(value)
        return draw(st.sampled_from([type(value), *OTHERS[type(value)]]))(value)
    return value


def object_array(items: list[Any]) -> Any:
    made = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        made[i] = item
    return made


OTHERS: dict[type, list[Any]] = {
    bool: [np.bool_],
    int: [Count, np.int64],
    float: [Share, np.float64],
    str: [Name, np.str_],
}


def types_in(value: Any) -> set[type]:
    found = {type(value)}
    for inner in value.values() if type(value) is dict else value if type(value) is list else ():
        found |= types_in(inner)
    for key in value if type(value) is dict else ():
        found.add(type(key))
    return found


PLAIN = {type(None), bool, int, float, str, list, dict}


def loop() -> list[Any]:
    inside: list[Any] = []
    inside.append({"again": (inside,)})
    return inside


def nested(depth: int) -> Any:
    value: Any = ()
    for i in range(depth - 1):
        value = [value] if i % 2 else {"a": value}
    return value


# ---- what is taken -------------------------------------------------------------------------------------------------


@given(json_values)
def test_json_comes_back_as_it_was(value: Any) -> None:
    """JSON values: ``None``, ``bool``, ``int``, finite ``float``, ``str``, ``list``, ``dict[str, …]``."""
    assert plain(value, "x") == value
    assert json.loads(checked(value, "x")) == value


@given(json_values, st.data())
def test_other_types_that_mean_the_same_become_the_same_json(value: Any, data: st.DataObject) -> None:
    """What has one obvious JSON meaning is taken."""
    made = plain(disguised(value, data.draw), "x")
    assert json.dumps(made) == json.dumps(value)
    assert types_in(made) <= PLAIN


@given(floats)
def test_a_float_is_never_changed(value: float) -> None:
    """Numbers are not rounded."""
    for made in (value, Share(value), np.float64(value), np.array(value), (value,), np.array([value])):
        [*back] = [json.loads(checked(made, "x"))]
        back = back[0] if isinstance(back[0], list) else back
        assert [struct.pack("d", it) for it in back] == [struct.pack("d", value)]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_of_32_bits_keeps_its_exact_value(value: float) -> None:
    assert plain([np.float32(value), np.array([value], dtype="f4")], "x") == [value, [value]]


@given(st.integers(0, 2**64 - 1))
def test_a_whole_number_of_numpy_is_never_changed(value: int) -> None:
    assert plain([np.uint64(value), np.array([value], dtype="u8")], "x") == [value, [value]]


NANOSECONDS = pd.Timestamp("2026-03-29T09:00:00.000000001", tz="Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ((1, (2, [3])), [1, [2, [3]]]),
        (Rows([1]), [1]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (Colour.RED, 1),
        (Word.YES, "yes"),
        (Right.READ | Right.WRITE, 3),
        (Corner.NEAR, [0, 0.5]),
        (Name("text"), "text"),
        (Count(3), 3),
        (Share(0.5), 0.5),
        (date(2026, 3, 29), "2026-03-29"),
        (datetime(2026, 3, 29, 9), "2026-03-29T09:00:00"),  # noqa: DTZ001  # a naive one stays naive
        (datetime(2026, 3, 29, 9, tzinfo=UTC), "2026-03-29T09:00:00+00:00"),
        (datetime(2026, 3, 29, 9, tzinfo=timezone(timedelta(hours=2))), "2026-03-29T09:00:00+02:00"),
        (time_of_day(9, 30), "09:30:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/data/a.csv"), "/data/a.csv"),
        (PureWindowsPath("C:/a.csv"), "C:\\a.csv"),
        (Path("a.csv"), "a.csv"),
        (np.int8(-3), -3),
        (np.bool_(True), True),
        (np.str_("numpy"), "numpy"),
        (np.datetime64("2026-03-29"), "2026-03-29"),
        (np.datetime64("2026-03-29T09:00:00", "ms"), "2026-03-29T09:00:00.000"),
        (np.array(3), 3),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.array([True]), [True]),
        (np.array(["a", "bc"]), ["a", "bc"]),
        (np.array([]), []),
        (np.array([1, None, "a", (2,)], dtype=object), [1, None, "a", [2]]),
        (np.array(["2026-03-29"], dtype="M8[ns]"), ["2026-03-29T00:00:00.000000000"]),
        (np.array("2026-03-29", dtype="M8[D]"), "2026-03-29"),
        (np.ma.masked_equal([1, 2], 2), [1, None]),
        (np.ma.array(np.array(["2026-03-29"] * 2, dtype="M8[D]"), mask=[False, True]), ["2026-03-29", None]),
        (NANOSECONDS, "2026-03-29T09:00:00.000000001+02:00"),
        (pd.Series([7, 7]).value_counts().to_dict(), {"7": 2}),
        (pd.DataFrame({"n": [1], "t": ["a"]}).to_dict("records"), [{"n": 1, "t": "a"}]),
    ],
)
def test_what_has_one_meaning_is_taken(value: Any, made: Any) -> None:
    """tuple → list, numpy scalar → number, date and datetime → ISO text, ``Counter``, ``Path``, ``UUID``, ``Enum``."""
    got = plain(value, PLACE)
    assert json.dumps(got) == json.dumps(made)
    assert types_in(got) <= PLAIN


def test_an_ordered_dict_keeps_its_order() -> None:
    value = OrderedDict(a=1, b=2)
    value.move_to_end("a")
    assert checked(value, "x") == '{"b":2,"a":1}'


def test_an_array_of_the_largest_size_is_taken() -> None:
    assert len(plain(np.zeros(MAX_ELEMENTS), "x")) == MAX_ELEMENTS


def test_nothing_of_the_value_is_shared() -> None:
    rows: dict[str, Any] = {"rows": [1]}
    made = plain(rows, "x")
    rows["rows"].append(2)
    assert made == {"rows": [1]}


def test_the_same_list_twice_is_no_cycle() -> None:
    rows = (1,)
    assert plain([rows, {"again": rows}], "x") == [[1], {"again": [1]}]


# ---- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (7, "7"),
        (-(10**30), "-" + "1" + "0" * 30),
        (np.int64(7), "7"),
        (Colour.RED, "1"),
        (Word.YES, "yes"),
        (Name("text"), "text"),
        (date(2026, 3, 29), "2026-03-29"),
        (pd.Timestamp("2026-03-29"), "2026-03-29T00:00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("a"), "a"),
    ],
)
def test_keys_become_text_where_there_is_one_text_for_them(key: Any, text: str) -> None:
    assert plain({key: 1}, "x") == {text: 1}


@given(st.lists(st.integers(-20, 20), min_size=1, unique=True), st.data())
def test_two_keys_that_become_one_are_refused(numbers: list[int], data: st.DataObject) -> None:
    number = data.draw(st.sampled_from(numbers))
    value: dict[Any, int] = dict.fromkeys(numbers, 1)
    items = data.draw(st.permutations([*value.items(), (str(number), 2)]))
    with pytest.raises(NotJSON, match=rf'^x: the keys .* and .* are one key in JSON, "{number}": rename one$'):
        plain(dict(items), "x")


@given(st.dictionaries(st.integers() | texts, st.integers(), max_size=6))
def test_no_key_is_ever_lost(value: dict[Any, int]) -> None:
    try:
        made = plain(value, "x")
    except NotJSON:
        assert len({str(key) for key in value}) < len(value)
    else:
        assert len(made) == len(value)


# ---- what is refused -----------------------------------------------------------------------------------------------

TOO_MANY = "elements are too many (at most 100,000): write numpy.save(path, x), and leave the path"
NO_LINE = "object is not JSON: leave what later steps need of it, as numbers, texts, lists and dicts"
KEYS = "JSON keys are text: write {str(key): value for key, value in x.items()}"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"rows": [0, 1, 2, {1}]}, f'{PLACE}["rows"][3]: set is not JSON: write sorted(x)'),
        ({'a"\n': [set()]}, f'{PLACE}["a\\"\\n"][0]: set is not JSON: write sorted(x)'),
        ({7: ({1},)}, f'{PLACE}["7"][0]: set is not JSON: write sorted(x)'),
        (Decimal(1), f"{PLACE}: Decimal is not JSON: write str(x), which keeps every digit, or float(x), which rounds"),
        ([range(3)], f"{PLACE}[0]: range is not JSON: write list(x)"),
        ({"a": {1.5: 2}}, f'{PLACE}["a"]: the key 1.5 is float; {KEYS}'),
        ({None: 2}, f"{PLACE}: the key None is NoneType; {KEYS}"),
        ({True: 2}, f"{PLACE}: the key True is bool; {KEYS}"),
        ({(1, 2): 2}, f"{PLACE}: the key (1, 2) is tuple; {KEYS}"),
        ({np.float64(1.5): 2}, f"{PLACE}: the key np.float64(1.5) is float64; {KEYS}"),
        ({10**5_000: 2}, f"{PLACE}: a number of more than 3,900 digits is not JSON here (use a text)"),
        (math.nan, f"{PLACE}: nan is not JSON (use None, or a text)"),
        ([math.inf], f"{PLACE}[0]: inf is not JSON (use None, or a text)"),
        (Share(-math.inf), f"{PLACE}: -inf is not JSON (use None, or a text)"),
        (np.array([[1.5, math.nan]]), f"{PLACE}[0][1]: nan is not JSON (use None, or a text)"),
        (pd.NaT, f"{PLACE}: NaT is not JSON (use None, or a text)"),
        (np.array(["2026-01-01", "NaT"], dtype="M8[D]"), f"{PLACE}[1]: NaT is not JSON (use None, or a text)"),
        ("\ud800", f"{PLACE}: the text holds a lone surrogate, which is not Unicode"),
        ([{"\ud800": 1}], f"{PLACE}[0]: the text holds a lone surrogate, which is not Unicode"),
        (PurePosixPath("\udc80"), f"{PLACE}: the text holds a lone surrogate, which is not Unicode"),
        (loop(), f'{PLACE}[0]["again"][0]: the list contains itself, so it is not JSON'),
        ([10**5_000], f"{PLACE}[0]: a number of more than 3,900 digits is not JSON here (use a text)"),
        ({"a": Corner.LOST}, f'{PLACE}["a"]: {NO_LINE}'),
        (np.zeros(100_001), f"{PLACE}: ndarray: 100,001 {TOO_MANY}"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_its_path_and_type_and_what_to_write(value: Any, line: str) -> None:
    """Anything else fails the step with the path and type, and the line to write."""
    with pytest.raises(NotJSON) as refusal:
        plain(value, PLACE)
    assert str(refusal.value) == line


def test_an_array_that_holds_itself_is_refused() -> None:
    value = np.empty(1, dtype=object)
    value[0] = [value]
    with pytest.raises(NotJSON, match=r"^x\[0\]\[0\]: the ndarray contains itself"):
        plain(value, "x")


def test_nesting_has_an_end() -> None:
    plain(nested(MAX_DEPTH), "x")
    with pytest.raises(NotJSON, match=f"nested deeper than {MAX_DEPTH} levels"):
        plain(nested(MAX_DEPTH + 1), "x")
    with pytest.raises(NotJSON, match="nested deeper"):
        plain(nested(100_000), "x")


def test_what_only_says_that_it_is_a_text_is_none() -> None:
    """A proxy's ``__class__`` is what it stands for."""

    class Proxy:
        __class__ = str  # type: ignore[assignment]  # as lazy texts do

    with pytest.raises(NotJSON, match=r"^x: Proxy is not JSON"):
        plain(Proxy(), "x")


def test_an_exception_of_the_value_itself_passes() -> None:
    class Broken(dict[str, int]):
        def items(self) -> Any:
            raise RuntimeError("no items today")

    with pytest.raises(RuntimeError, match="no items today"):
        plain(Broken(), "x")


def test_neither_numpy_nor_pandas_is_imported_for_it() -> None:
    look = "import sys; from pdnb.json_values import plain; plain([(1,), {1: 2}], 'x'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout.split()
    assert {"numpy", "pandas"}.isdisjoint(loaded)
