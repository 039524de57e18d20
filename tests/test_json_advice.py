"""A refusal names a line to write, and that line gives JSON."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import os
import time
from collections import UserDict, deque, namedtuple
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pydantic
import pytest
import requests
from matplotlib.figure import Figure

from pdnb.errors import NotJSON
from pdnb.json_advice import advice
from pdnb.json_values import plain

Point = namedtuple("Point", "x y")  # noqa: PYI024  # as pandas' itertuples makes them


@dataclasses.dataclass
class Row:
    n: int


class Model(pydantic.BaseModel):
    n: int


async def fetch() -> int:
    return 1


def response() -> requests.Response:
    made = requests.Response()
    made._content = b"[1]"
    return made


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({3, 1}, "sorted(x)"),
        (frozenset({3, 1}), "sorted(x)"),
        ({"a": 1}.keys(), "sorted(x)"),
        ({"a": 1}.values(), "list(x)"),
        (range(3), "list(x)"),
        (deque([1]), "list(x)"),
        ((n for n in (1, 2)), "list(x)"),
        (time.gmtime(0), "list(x)"),
        (os.environ, "dict(x)"),
        (MappingProxyType({"a": 1}), "dict(x)"),
        (UserDict(a=1), "dict(x)"),
        (Point(1, 2), "x._asdict()"),
        (Point(1, 2), "list(x)"),
        (Row(1), "dataclasses.asdict(x)"),
        (Model(n=1), 'x.model_dump(mode="json")'),
        (io.StringIO("text"), "x.read()"),
        (b"text", "x.decode()"),
        (bytearray(b"text"), "x.decode()"),
        (Decimal("1.10"), "str(x)"),
        (Decimal("1.10"), "float(x)"),
        (Fraction(1, 3), "str(x)"),
        (timedelta(hours=1), "x.total_seconds()"),
        (1j, "[x.real, x.imag]"),
        (ValueError("no"), "str(x)"),
        (int, "x.__name__"),
        (response(), "x.json()"),
        (np.complex64(1j), "[x.real, x.imag]"),
        (np.array([1j]), "[x.real, x.imag]"),
        (np.bytes_(b"numpy"), "x.decode()"),
        (np.array([b"text"]), "x.astype(str).tolist()"),
        (np.longdouble(1.5), "float(x)"),
        (np.array([1.5], dtype=np.longdouble), "x.astype(float).tolist()"),
        (np.array([1], dtype="m8[s]"), 'x / numpy.timedelta64(1, "s")'),
        (np.timedelta64(1, "m"), 'x / numpy.timedelta64(1, "s")'),
        (np.zeros(1, dtype=[("a", int)]), "[dict(zip(x.dtype.names, row)) for row in x.tolist()]"),
        (np.zeros(1, dtype=[("a", int)])[0], "dict(zip(x.dtype.names, x.item()))"),
        (pd.DataFrame({"a": [1]}), 'x.to_dict("records")'),
        (pd.DataFrame({"a": [1, None]}), 'x.astype(object).where(x.notna(), None).to_dict("records")'),
        (pd.Series([1], index=["a"]), "x.to_dict()"),
        (pd.Series([1], index=[1.5]), "x.tolist()"),
        (pd.Index([1]), "x.tolist()"),
        (pd.Categorical(["a"]), "x.tolist()"),
        (pd.Period("2026"), "str(x)"),
        (pd.NA, "None"),
        (pd.Timedelta("1h"), "x.total_seconds()"),
        ({1.5: 1}, "{str(key): value for key, value in x.items()}"),
    ],
)
def test_the_line_that_a_refusal_names_gives_json(value: Any, line: str) -> None:
    """What has several meanings is refused with the line to write."""
    with pytest.raises(NotJSON) as refusal:
        plain(value, "x")
    assert line in str(refusal.value)
    plain(eval(line, {"x": value, "numpy": np, "dataclasses": dataclasses}), "x")


def test_what_can_be_awaited_says_so() -> None:
    coroutine = fetch()
    assert advice(coroutine) == "coroutine is not JSON: write await x"
    assert asyncio.run(coroutine) == 1


@pytest.mark.parametrize("value", [print, fetch, Row(1).__repr__, [].append])
def test_a_function_is_to_be_called(value: Any) -> None:
    assert advice(value).endswith(" is not JSON: call it, and leave what it returns")


def test_a_figure_is_to_be_displayed() -> None:
    """A step whose last line plots something returns what it drew."""
    figure = Figure()
    for drawn in (figure, figure.subplots(), figure.axes[0].plot([1])[0]):
        assert advice(drawn).endswith(" is not JSON: display it, and end the step with another value, or None")


@pytest.mark.parametrize("value", [object(), memoryview(b""), ...])
def test_any_other_value_has_an_advice_too(value: Any) -> None:
    assert advice(value).startswith(f"{type(value).__name__} is not JSON: ")
    assert advice(value).split("JSON: ")[1].startswith(("leave what later steps need", "save it to a file"))
