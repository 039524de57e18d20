"""JSON that people and services write, read without losing what it says.

- A number that Python cannot hold stays in its place as :class:`OutOfRange`, so that what refuses it can say where it
  stands; Python's own reader makes ``1e400`` infinite, and gives no place for an integer of 5,000 digits.
- ``NaN`` and ``Infinity`` are no JSON.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Self

#: The most digits of a whole number: a little less than what Python reads, and what a store keeps.
MAX_DIGITS: Final = 3_900


class OutOfRange(float):
    """A number as it was written (``str()`` of it) that is too large to be kept; it is no JSON."""

    text: str

    def __new__(cls, text: str) -> Self:
        """An infinite number that remembers *text*."""
        number = super().__new__(cls, "-inf" if text.startswith("-") else "inf")
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text if len(self.text) <= 40 else f"{self.text[:20]}… ({len(self.text):,} characters)"

    __repr__ = __str__


def loads(text: str, *, constants: Callable[[str], float] | None = None) -> Any:
    """The value of a JSON text. Raises ``ValueError`` in one line, also where it is nested too deeply.

    *constants*: what ``NaN`` and ``Infinity`` stand for, for those who name the place of what is no JSON themselves.
    """
    constant = constants or _refuse
    try:
        return json.loads(text.lstrip("\ufeff"), parse_constant=constant, parse_float=_float, parse_int=_int)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def out_of_range(value: Any) -> Iterator[tuple[tuple[str | int, ...], OutOfRange]]:
    """Every number of a JSON *value* that cannot be kept, with its path."""
    todo: deque[tuple[tuple[str | int, ...], Any]] = deque([((), value)])
    seen: set[int] = set()  # what a person passes may contain itself
    while todo:
        path, inner = todo.popleft()
        if isinstance(inner, OutOfRange):
            yield path, inner
            continue
        seen.add(id(inner))
        inside = inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
        for part, each in inside:
            if isinstance(each, dict | list | OutOfRange) and id(each) not in seen:
                todo.append(((*path, part if isinstance(part, int) else str(part)), each))


def _float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else OutOfRange(text)


def _int(text: str) -> int | OutOfRange:
    return int(text) if len(text) <= MAX_DIGITS else OutOfRange(text)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")
