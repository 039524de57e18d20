"""The source of functions and classes, found by the objects themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdnb.cell import parse
from tests.scenarios import Notebook, Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKS = {
    "a function": """
def double(x):
    '''twice'''
    return 2 * x
-- step double(4)
-- gives 8
""",
    "a function of an indented block": r"""
if True:
    def f():
        return '''a
    b'''
-- step f()
-- gives 'a\n    b'
""",
    "an async function": """
async def f(x): return x + 1
-- step await f(1)
-- gives 2
""",
    "a generator": """
def f(n):
    yield from range(n)
-- step list(f(2))
-- gives [0, 1]
""",
    "a function with defaults and annotations": """
N = 3
class T: pass
def f(x: T = N) -> T: return x
-- step f()
-- gives 3
""",
    "a lambda": """
k = 2
f = lambda x: (x +
    k)
g = (lambda:
  f(1))
-- step g()
-- gives 3
""",
    "another name for a lambda": """
f = lambda: 4
g = f
-- step g()
-- gives 4
""",
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
    "the definition that is in force": """
def f(): return 1
-- cell def f(): return 2
-- step f()
-- gives 2
""",
    "a class with methods": """
class Base:
    def hi(self): return 'hi'
-- cell
class A(Base):
    @staticmethod
    def s(): return 1
    @property
    def p(self): return self.hi()
-- step [A.s(), A().p]
-- gives [1, 'hi']
""",
    "a dataclass": """
from dataclasses import dataclass, field
-- cell
@dataclass(order=True)
class P:
    x: int = 1
    y: list[int] = field(default_factory=list)
-- step [P().x, P(2) > P(1), P().y]
-- gives [1, True, []]
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
    "an exception": """
class Oh(Exception): pass
-- step
try:
    raise Oh('no')
except Oh as e:
    said = str(e)
said
-- gives 'no'
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
def test_what_is_defined_in_a_notebook_works_in_a_fresh_process(law: str, outcomes: Mapping[str, str]) -> None:
    assert outcomes[law] == Scenario.read(WORKS[law]).outcome


def test_annotations_are_postponed_only_where_they_were(notebook: Notebook) -> None:
    notebook.run("import __future__\nannotations = __future__.annotations\nclass A:\n    x: int = 1\n    y: 'No' = 2")
    assert notebook.freeze("A").setup == ("class A:\n    x: int = 1\n    y: 'No' = 2",)


def test_a_class_of_a_step_is_not_mistaken_for_the_notebooks(notebook: Notebook) -> None:
    notebook.run("class P:\n    x = [1]")
    parse("class P:\n    x = [2]", filename="<step a of w>").call({"__name__": "w"}, None)
    assert notebook.freeze("P").setup == ("class P:\n    x = [1]",)


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
    """
def make():
    class A: pass
    return A
A = make()
-- step A
-- refused 'A' (a class made inside 'make'), which cannot
""",
    """
def deco(f):
    def inner(): return f()
    return inner
def f(): pass
f = deco(f)
-- step f()
-- refused 'f' (a function), whose definition was not found in this notebook under this name
""",
    """
import functools
def deco(f): return functools.wraps(f)(lambda: f())
@deco
def f(): pass
f = deco(f)
-- step f()
-- refused 'f' (a function), whose definition was not found
""",
    """
from functools import singledispatch
@singledispatch
def f(x): pass
-- step f(1)
-- refused 'f' (a function with registered
""",
    """
fs = [lambda: 1]
f = fs[0]
-- step f()
-- refused 'f' (a lambda), which cannot be taken along
""",
    """
f = lambda: 1; f = lambda: 2
-- step f()
-- refused 'f' (a lambda), which cannot be taken along
""",
    """
def f(): pass
g = f
def f(): return 2
-- step g()
-- refused 'g' (a function), whose definition was not found
""",
    """
exec('def f(): pass')
-- step f()
-- refused 'f' (a function), whose definition was not found
""",
    """
exec('def f(): pass', d := {'__name__': '__main__'})
f = d['f']
-- step f()
-- refused 'f' (a function), whose definition
""",
    """
from collections import namedtuple
P = namedtuple('P', 'x')
-- step P(1)
-- refused 'P' (a class), whose definition was not
""",
]


@pytest.mark.parametrize("text", REFUSED, ids=map(str, range(len(REFUSED))))
def test_what_was_not_defined_by_a_statement_of_its_name_is_refused(notebook: Notebook, text: str) -> None:
    notebook.check_refused(text)
