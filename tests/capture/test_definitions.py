"""Decorated functions, and classes without methods: what they still show of their definitions is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.scenarios import Notebook, Scenario

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


#: What is as its statement says is not mistaken for changed.
WORKS |= {
    "a default that was set again to the same": """
N = 3
def f(x=N): return x
-- cell N = 3
-- step f()
-- gives 3
""",
    "a default that is a function's own memory": """
def f(x, seen=[]):
    seen.append(x)
    return len(seen)
f(1)
-- step f(1)
-- gives 1
""",
    "class attributes that a decorator, a base or a metaclass set": """
def tagged(cls):
    cls.tag = cls.other = 'x'
    return cls
class Base:
    def __init_subclass__(cls): cls.tag = cls.extra = 'y'
class Meta(type):
    def __init__(cls, *args): cls.tag = cls.extra = 'z'
-- cell
@tagged
class A:
    tag = None
    def m(self): return self.tag
class B(Base):
    tag = None
    def m(self): return self.tag
class C(metaclass=Meta):
    tag = None
    def m(self): return self.tag
-- step [A().m(), B().m(), C().m()]
-- gives ['x', 'y', 'z']
""",
    "a class whose statement binds a name twice, and its methods too": """
class A:
    x = 1
    x = x + 1
    y = 0
    def m(self):
        y = self.x
        return y
-- step [A().m(), A.y]
-- gives [2, 0]
""",
    "a class with attributes that are strangers": """
class Strange:
    def __getattr__(self, name): raise RuntimeError
    def __get__(self, *args): raise RuntimeError
    def __eq__(self, other): raise RuntimeError
class A:
    x = Strange()
    y = [1]
    def m(self): return 1
A.y[0] = Strange()
A.y[0] = 1
-- step A().m()
-- gives 1
""",
    "an older class of the same name that had more": """
from collections import namedtuple
class P:
    x = [1]
    def m(self): return 1
-- cell P = namedtuple('P', 'x')
-- step P(2).x
-- gives 2
""",
}


@pytest.mark.parametrize("law", WORKS)
def test_what_shows_enough_of_its_definition_works_in_a_fresh_process(law: str, outcomes: Mapping[str, str]) -> None:
    assert outcomes[law] == Scenario.read(WORKS[law]).outcome


def test_annotations_are_postponed_only_where_they_were(notebook: Notebook) -> None:
    notebook.run("import __future__\nannotations = __future__.annotations\nclass A:\n    x: int = 1\n    y: 'No' = 2")
    assert notebook.snapshot("A").setup == ("class A:\n    x: int = 1\n    y: 'No' = 2",)


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


CHANGED = [
    """
N = 3
def f(x, *, n=N): return x * n
-- cell N = 4
-- step f(1)
-- refused 'f' (a function), whose default 'N' has changed since: run its cell again, or define it in a %%setup cell
""",
    """
import functools
N = 3
@functools.lru_cache
def f(x=N): return x
-- cell N = 'other'
-- step f()
-- refused 'f' (a function), whose default 'N' has changed since: run its cell again
""",
    """
def f(): return f.n
f.n = 1
-- step f()
-- refused 'f' (a function), which was given 'n' after its definition: put both into one %%setup cell
""",
    """
class A:
    n = 0
    def m(self): A.n += 1
-- cell A().m()
-- step A.n
-- refused 'A' (a class), whose 'n' has changed since its definition: run its cell again, or define it in a %%setup
""",
    """
class A:
    on = None
    def m(self):
        on = self.on
        return on
-- cell A.on = True
-- step A().m()
-- refused 'A' (a class), whose 'on' has changed since its definition
""",
    """
class A:
    names = []
    def m(self): return self.names
-- cell A.names.append('a')
-- step A().m()
-- refused 'A' (a class), whose 'names' has changed since its definition
""",
    """
N = 3
class A: x = N
-- cell N = 4
-- step A.x
-- refused 'A' (a class), whose 'x' has changed since its definition
""",
    """
class A:
    def m(self): return 1
-- cell
def n(self): return 2
A.n = n
-- step A().n()
-- refused 'A' (a class), which was given 'n' after its definition: put both into one %%setup cell
""",
    """
class A:
    def m(self): return self.host
A.host = 'here'
-- step A().m()
-- refused 'A' (a class), which was given 'host' after its definition
""",
]


@pytest.mark.parametrize("text", CHANGED, ids=map(str, range(len(CHANGED))))
def test_what_its_statement_would_not_give_again_is_refused(notebook: Notebook, text: str) -> None:
    notebook.check_refused(text)
