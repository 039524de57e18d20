"""Decorated functions, and classes without methods: what they still show of their definitions is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenarios import Notebook, Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKS = {
    "a decorated function": """
import functools
def deco(f):
    @functools.wraps(f)
    def inner(*a):
        return [f(*a)]
    return inner
-- cell
@deco
def f(x): return x
-- step f(1)
-- gives [1]
""",
    "a function decorated without wraps": """
def deco(n):
    def outer(f):
        def inner(*a):
            return [n, f(*a)]
        return inner
    return outer
-- cell
@deco(2)
def f(x): return x
-- step f(1)
-- gives [2, 1]
""",
    "a function decorated twice without wraps": """
def deco(f):
    def inner():
        return [f()]
    return inner
-- cell
@deco
@deco
def f(): return 1
-- step f()
-- gives [[1]]
""",
    "a function decorated by an object": """
import functools
class Deco:
    def __init__(self, f):
        functools.update_wrapper(self, f)
    def __call__(self): return [self.__wrapped__()]
-- cell
@Deco
def f(): return 1
-- step f()
-- gives [1]
""",
    "a cached function": """
from functools import lru_cache
@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
-- step fib(30)
-- gives 832040
""",
    "a context manager": """
import contextlib
@contextlib.contextmanager
def c():
    yield 5
-- step
with c() as x: pass
x
-- gives 5
""",
    "a frozen dataclass with slots": """
import dataclasses
@dataclasses.dataclass(frozen=True, slots=True)
class P:
    x: int = 1
-- step P().x
-- gives 1
""",
    "a named tuple": """
from typing import NamedTuple
class P(NamedTuple):
    x: int
    y: int = 2
-- step list(P(1))
-- gives [1, 2]
""",
    "an enum": """
import enum
class Color(enum.Enum):
    RED = 'r'
    BLUE = 'b'
-- step Color.RED.value
-- gives 'r'
""",
    "a class with postponed annotations": """
from __future__ import annotations
-- cell
class N:
    next: N | None = None
def f(x: Nowhere): return x
class M:
    def m(self, x: Nowhere): return 1
-- step [N().next, f(2), M().m(0)]
-- gives [None, 2, 1]
""",
    "the methodless class that is in force": """
class A:
    x = [1]
-- cell
class A:
    x = [2]
-- cell
class A:
    x = [1]
-- step A.x
-- gives [1]
""",
    "a methodless class whose cell failed later on": """
class A:
    x = 1
-- cell
try:
    1/0
    class A:
        x = 2
except Exception: pass
-- step A.x
-- gives 1
""",
}


@pytest.mark.parametrize("law", WORKS)
def test_what_shows_enough_of_its_definition_works_in_a_fresh_process(law: str, outcomes: Mapping[str, str]) -> None:
    assert outcomes[law] == Scenario.read(WORKS[law]).outcome


def test_annotations_are_postponed_only_where_they_were(notebook: Notebook) -> None:
    notebook.run("import __future__\nannotations = __future__.annotations\nclass A:\n    x: int = 1\n    y: 'No' = 2")
    assert notebook.freeze("A").setup == ("class A:\n    x: int = 1\n    y: 'No' = 2",)


REFUSED = [
    """
def make(n):
    def inner(): return n
    return inner
f = make(1)
-- step f()
-- refused 'f' (a function made inside 'make'), which cannot be taken along
""",
    """
def make():
    def inner(): return inner()
    return inner
f = make()
-- step f()
-- refused 'f' (a function made inside 'make'), which cannot be taken along
""",
    """
def make(g):
    def inner(): return g()
    return inner
def h(): pass
f = make(h)
-- step f()
-- refused 'f' (a function), whose definition was not found
""",
]


@pytest.mark.parametrize("text", REFUSED, ids=map(str, range(len(REFUSED))))
def test_a_closure_is_not_mistaken_for_a_decorated_function(notebook: Notebook, text: str) -> None:
    notebook.check_refused(text)
