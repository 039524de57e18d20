"""The source of functions and classes, found by the objects themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdnb.workflow.cell import parse
from tests.support.scenarios import Notebook, Scenario

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
    "a lambda with a type": """
from typing import Callable
f: Callable[[int], int] = lambda x: x + 1
-- step f(1)
-- gives 2
""",
    "a type alias of typing": """
import typing as t
from typing import Dict, Literal, Optional, TypeAlias
class R: pass
Rows = Dict[str, t.List[R]]
Mode: TypeAlias = Literal['a',
                          'b']
Maybe = Optional[Rows]
-- step [Maybe.__args__[0].__args__[1].__args__[0] is R, Mode.__args__[1]]
-- gives [True, 'b']
""",
    "a generic class": """
from typing import Generic, TypeVar
class R: pass
T = TypeVar('T', bound=R)
-- cell
class Box(Generic[T]):
    def __init__(self, item: T): self.item = item
-- step [Box[R](5).item, T.__bound__ is R]
-- gives [5, True]
""",
    "a new type and a named tuple": """
from typing import NewType
from collections import namedtuple
Id = NewType('Id', int)
P = namedtuple('P', ['x', 'y'], defaults=[2])
-- step [Id(1), *P(1)]
-- gives [1, 1, 2]
""",
    "another name for a lambda": """
f = lambda: 4
g = f
-- step g()
-- gives 4
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
}


@pytest.mark.parametrize("law", WORKS)
def test_what_is_defined_in_a_notebook_works_in_a_fresh_process(law: str, outcomes: Mapping[str, str]) -> None:
    assert outcomes[law] == Scenario.read(WORKS[law]).outcome


def test_a_class_of_a_step_is_not_mistaken_for_the_notebooks(notebook: Notebook) -> None:
    notebook.run("class P:\n    x = [1]")
    parse("class P:\n    x = [2]", filename="<step a of w>").call({"__name__": "w"}, None)
    assert notebook.snapshot("P").setup == ("class P:\n    x = [1]",)


REFUSED = [
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
from typing import Dict
class R: pass
T = Dict[str, R]
class R: x = 1
-- step T
-- refused 'T' (a _GenericAlias), which lives only in this kernel
""",
    """
from collections import namedtuple
P = namedtuple('P', 'x')
Q = P
P = namedtuple('P', 'x y')
-- step Q(1)
-- refused 'Q' (a class), which no class statement of this notebook defines as it is now
""",
    """
Made = type('Made', (), {'x': 1})
-- step Made.x
-- refused 'Made' (a class), which no class statement of this notebook defines as it is now
""",
]


@pytest.mark.parametrize("text", REFUSED, ids=map(str, range(len(REFUSED))))
def test_what_was_not_defined_by_a_statement_of_its_name_is_refused(notebook: Notebook, text: str) -> None:
    notebook.check_refused(text)


def test_a_call_is_not_made_again_to_see_what_it_gives(notebook: Notebook) -> None:
    notebook.run(
        "import typing\ncalls = []\ndef note(t): calls.append(t); return typing.Dict[str, t]",
        "T = note(int)\nU = typing.TypeVar('U', bound=note(str))",
    )
    assert "'T' (a _GenericAlias), which lives only in this kernel" in notebook.refusal("T")
    assert "'U' (a TypeVar), which lives only in this kernel" in notebook.refusal("U")
    assert notebook.shell.user_ns["calls"] == [int, str]
