"""What a run takes along from a notebook: real IPython cells, frozen, and executed in a fresh interpreter."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from pdnb.capture import MAX_LITERAL, _ordered, freeze
from pdnb.cell import parse
from pdnb.errors import CaptureError, CellSyntaxError, DefinitionError
from pdnb.namespace import load, step_namespace
from pdnb.workflow import Environment, Frozen, Step, Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Environment(sys.executable, "/", ())


class Notebook:
    """A shell whose cells are executed as in a kernel."""

    def __init__(self) -> None:
        self.shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))

    def reset(self) -> None:
        """As ``shell.reset``, which also collects garbage: slow beside pandas."""
        names = self.shell.user_ns
        for name in names.keys() - {"__builtin__", "__builtins__", "__name__"}:
            del names[name]
        assert self.shell.history_manager
        self.shell.history_manager.reset()
        self.shell.execution_count = 1
        self.shell.compile.reset_compiler_flags()
        self.shell.init_user_ns()

    def run(self, *cells: str) -> Notebook:
        for cell in cells:
            self.shell.run_cell(cell, store_history=True).raise_error()
        return self

    def freeze(self, *steps: str, setup: tuple[str, ...] = ()) -> Frozen:
        named = tuple(Step(f"s{i}", source) for i, source in enumerate(steps, 1))
        return freeze(Workflow("w", named, setup), self.shell.user_ns, HERE)

    def refusal(self, *steps: str, setup: tuple[str, ...] = ()) -> str:
        with pytest.raises(CaptureError) as raised:
            self.freeze(*steps, setup=setup)
        return str(raised.value)


@pytest.fixture(scope="module")
def shell() -> Iterator[Notebook]:
    before = {name: sys.modules.get(name) for name in ("__main__", "__mp_main__")}
    hooks = sys.excepthook, sys.displayhook
    yield Notebook()
    sys.excepthook, sys.displayhook = hooks
    sys.modules.update({name: module for name, module in before.items() if module})
    InteractiveShell.clear_instance()


@pytest.fixture
def notebook(shell: Notebook) -> Notebook:
    shell.reset()
    return shell


@dataclass(frozen=True)
class Scenario:
    """A notebook's cells, the workflow's setup cells, one step, and what comes of it."""

    cells: tuple[str, ...]
    setup: tuple[str, ...]
    step: str
    outcome: str

    @classmethod
    def read(cls, text: str) -> Scenario:
        """``-- kind`` stands before each part; the first cell has none."""
        parts = re.split(r"^-- (cell|setup|step|gives|refused)[ \n]", f"-- cell{text}", flags=re.MULTILINE)[1:]
        found = [(kind, part.removesuffix("\n")) for kind, part in zip(parts[::2], parts[1::2], strict=True)]
        cells, setup = (tuple(part for kind, part in found if kind == wanted) for wanted in ("cell", "setup"))
        (_, step), (_, outcome) = found[-2:]
        return cls(cells, setup, step, outcome)


# ---- what travels, and then works

CASES = {
    "a module": """
import math
-- step math.floor(2.5)
-- gives 2
""",
    "a module by another name": """
import json as j
-- step j.dumps(1)
-- gives '1'
""",
    "a submodule": """
import os.path as p
-- step p.basename('/a/b')
-- gives 'b'
""",
    "a package with a submodule": """
import xml.dom.minidom
-- step xml.dom.minidom.parseString('<a/>').toxml()[-4:]
-- gives '<a/>'
""",
    "a renamed package with a submodule": """
import xml as x
import xml.dom.pulldom
-- step x.dom.pulldom.START_DOCUMENT
-- gives 'START_DOCUMENT'
""",
    "a module hidden by its package": """
import sys
import pdnb_hidden
hidden = sys.modules['pdnb_hidden.part']
-- step hidden.VALUE
-- gives 5
""",
    "a function of a module": """
from math import floor as f
-- step f(2.5)
-- gives 2
""",
    "a class of a module": """
from collections import Counter
-- step Counter('aab')['a']
-- gives 2
""",
    "a nested thing of a module": """
from ast import NodeVisitor
visit = NodeVisitor.visit
-- step visit.__qualname__
-- gives 'NodeVisitor.visit'
""",
    "a bound method of a module": """
from random import randint
-- step randint(3, 3)
-- gives 3
""",
    "an instance of a module": """
from os import environ
-- step type(environ).__name__
-- gives '_Environ'
""",
    "a typing name": """
from typing import Any, Optional
-- step [str(Any), str(Optional)]
-- gives ['typing.Any', 'typing.Optional']
""",
    "a builtin by another name": """
show = len
-- step show('abc')
-- gives 3
""",
    "a rebound builtin": """
from math import pow
max = 7
def sum(x): return max
-- step [pow(2, 2), sum(0)]
-- gives [4.0, 7]
""",
    "a builtin that ipython replaced": """
-- step open.__module__ + str(exit is None)
-- gives 'ioFalse'
""",
    "literals": """
a = 1
b = 'x'
c = [1.5, None, {'k': True}]
d = -0.0
-- step [a, b, c, str(d)]
-- gives [1, 'x', [1.5, None, {'k': True}], '-0.0']
""",
    "a function": """
def double(x):
    '''twice'''
    return 2 * x
-- step double(4)
-- gives 8
""",
    "a function with all that it needs": """
import math
SCALE = 10
-- cell
class Row:
    def __init__(self, v): self.v = clean(v)
-- cell def clean(v): return math.floor(v) * SCALE
-- step def handler(pd): return Row(2.5).v
-- gives 20
""",
    "functions that call each other": """
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
-- step even(10)
-- gives True
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
    "another name for a function": """
def f(n): return 1 if n == 0 else f(n - 1)
g = f
-- step g(3)
-- gives 1
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
    "a class defined before its base's name sorts": """
class Z: x = 1
-- cell class A(Z): pass
-- cell class M(A): pass
-- step M.x
-- gives 1
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
    "a nested class": """
class A:
    class B:
        x = 3
C = A.B
B = A.B
-- step [B.x, C.x]
-- gives [3, 3]
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
    "a type alias": """
class Row: pass
Rows = dict[str, list[Row | None]]
T = tuple[int, ...]
U = int | str
E = tuple[()]
-- step [str(T), str(U), str(E), Rows.__args__[1].__args__[0].__args__[0] is Row]
-- gives ['tuple[int, ...]', 'int | str', 'tuple[()]', True]
""",
    "a global that a function assigns": """
n = 1
def f():
    global n, m
    n += 1
    m = n
    return m
-- step f()
-- gives 2
""",
    "a name read before it is bound": """
rows = [3, 1]
-- step
rows = sorted(rows)
rows
-- gives [1, 3]
""",
    "an own name that the notebook has too": """
last = object()
-- step
for i in range(2):
    if i: seen = last
    last = i
seen
-- gives 0
""",
    "a name that a setup cell reads before it binds it": """
rows = [3, 1]
-- setup rows = sorted(rows)
-- step rows
-- gives [1, 3]
""",
    "a test for a name that need not be there": """
-- step
x = x if 'x' in globals() else 5
x
-- gives 5
""",
    "names that a step itself binds": """
df = object()
-- step
import math
def handler(pd):
    df = math.e
    return int(df)
-- gives 2
""",
    "a star import in a step": """
-- step
from math import *
floor(e)
-- gives 2
""",
    "a star import in a setup cell": """
-- setup from math import *
-- step floor(e)
-- gives 2
""",
    "names of a setup cell": """
df = object()
-- setup df = 1
-- setup def use(): return 2
-- step df + use()
-- gives 3
""",
    "setup cells that build on each other": """
-- setup x = 1
-- setup x = x + 1
-- setup x = x + 1
-- step x
-- gives 3
""",
    "a setup cell that needs the notebook": """
import math
def f(x): return math.floor(g(x))
-- cell def g(x): return x * K
-- cell K = 3
-- setup X = f(2.5) - 1
-- step X
-- gives 6
""",
    "a captured class whose base is in the setup": """
class Base: x = 1
-- cell class A(Base): pass
-- setup class Base: x = 2
-- step A.x
-- gives 2
""",
    "a captured function between two setup cells": """
def f(): return FIRST + 1
-- setup FIRST = 1
-- setup SECOND = f()
-- step SECOND
-- gives 2
""",
    "a setup cell whose own function needs the notebook": """
def g(): return h()
-- cell def h(): return D()['x']
-- setup
def D(): return {'x': 7}
def own(): return g()
-- setup X = own()
-- step X
-- gives 7
""",
    "a setup cell and a function that need each other": """
def f(): return TABLE['g']
-- setup TABLE = {'f': f, 'g': 1}
-- step TABLE['f']()
-- gives 1
""",
    "a global of a function of the setup": """
db = object()
-- setup
def connect():
    global db
    db = 5
connect()
-- step db
-- gives 5
""",
    "a dataclass defined in a step": """
-- step
from dataclasses import dataclass
@dataclass
class P:
    x: int
P(3).x
-- gives 3
""",
    "pandas": """
import pandas as pd
from pandas import DataFrame, concat
-- cell def f(): return concat([DataFrame({'a': [1]})])
-- step int(pd.concat([f(), f()]).a.sum())
-- gives 2
""",
    "numpy": """
import numpy as np
from numpy import sin, array, pi, float64, newaxis
-- step float(np.sum(array([sin(pi / 2)])))
-- gives 1.0
""",
}

_RUN = """
import asyncio, inspect, json, sys
from pdnb.cell import parse
from pdnb.namespace import load, step_namespace
from pdnb.workflow import Frozen
sys.path.insert(0, sys.argv[1])
for line in sys.stdin:
    frozen = Frozen.from_json(json.loads(line))
    try:
        cell = parse(frozen.steps[0].source, filename="<step>")
        result = cell.call(step_namespace(load(frozen)), None)
        result = asyncio.run(result) if inspect.iscoroutine(result) else result
    except Exception as error:
        result = repr(error)
    print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def outcomes(shell: Notebook, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[Frozen | str, object]]:
    """Every case, frozen here and executed in one fresh interpreter."""
    library = tmp_path_factory.mktemp("library")
    (library / "pdnb_hidden").mkdir()
    (library / "pdnb_hidden/__init__.py").write_text("from pdnb_hidden import part as _\npart = 'something else'\n")
    (library / "pdnb_hidden/part.py").write_text("VALUE = 5\n")
    sys.path.insert(0, str(library))
    frozen: dict[str, Frozen | str] = {}
    for law, text in CASES.items():
        case = Scenario.read(text)
        shell.reset()
        try:
            frozen[law] = shell.run(*case.cells).freeze(case.step, setup=case.setup)
        except DefinitionError as error:
            frozen[law] = str(error)
    sys.path.remove(str(library))
    codes = {law: code for law, code in frozen.items() if isinstance(code, Frozen)}
    house = Path(__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-c", _RUN, str(library)],
        input="\n".join(json.dumps(code.to_json()) for code in codes.values()),
        cwd=house, check=True, capture_output=True, text=True,
    )  # fmt: skip
    results = dict(zip(codes, map(json.loads, ran.stdout.splitlines()), strict=True))
    return {law: (code, results.get(law)) for law, code in frozen.items()}


@pytest.mark.parametrize("law", CASES)
def test_what_a_step_uses_works_in_a_fresh_process(
    law: str, outcomes: Mapping[str, tuple[Frozen | str, object]]
) -> None:
    frozen, result = outcomes[law]
    assert isinstance(frozen, Frozen), frozen
    assert repr(result) == Scenario.read(CASES[law]).outcome, frozen.setup


def test_modules_and_what_they_hold_become_imports(notebook: Notebook) -> None:
    notebook.run("import math, json as j, os.path as p, xml.dom.minidom\nfrom math import floor, ceil as up")
    notebook.run("from ast import NodeVisitor as V\nvisit = V.visit")
    imports, *rest = notebook.freeze("math, j, p, xml.dom.minidom.parse, floor, up, V, visit").setup
    assert rest == []
    assert imports.split("\n") == [
        "from ast import NodeVisitor as V",
        "from math import floor",
        "import json as j",
        "import math",
        "import posixpath as p",
        "from math import ceil as up",
        "from ast import NodeVisitor as visit",
        "visit = visit.visit",
        "import xml",
        "import xml.dom",
        "import xml.dom.minidom",
    ]


def test_annotations_are_postponed_only_where_they_were(notebook: Notebook) -> None:
    notebook.run("import __future__\nannotations = __future__.annotations\nclass A:\n    x: int = 1\n    y: 'No' = 2")
    assert notebook.freeze("A").setup == ("class A:\n    x: int = 1\n    y: 'No' = 2",)


def test_steps_and_environment_come_through_unchanged(notebook: Notebook) -> None:
    steps = (Step("b", "1;  # odd  spacing\n", at_most_once=True), Step("a", "def handler(pd): pass"))
    frozen = freeze(Workflow("w", steps), notebook.shell.user_ns, HERE)
    assert frozen == Frozen("w", steps, (), HERE)


def test_display_is_given_to_steps_and_to_all_that_they_use(notebook: Notebook) -> None:
    notebook.run("def f(): display(1)")
    assert notebook.freeze("display(f())", setup=("display(2)",)).setup == ("display(2)", "def f(): display(1)")


def test_only_what_is_used_is_taken_along(notebook: Notebook) -> None:
    notebook.run("import math, json\nA = 1\nB = object()\ndef f(): return A\ndef g(): return B")
    assert notebook.freeze("f()").setup == ("A = 1", "def f(): return A")


def test_imports_come_first_then_literals_then_definitions_and_setup_cells(notebook: Notebook) -> None:
    notebook.run("import math\nB = 2\nA = 1\ndef f(): return math.e + A + B")
    setup = ("x = 1", "y = f() + x")
    assert notebook.freeze("y", setup=setup).setup == (
        "import math",
        "A = 1\nB = 2",
        "x = 1",
        "def f(): return math.e + A + B",
        "y = f() + x",
    )


def test_the_same_notebook_gives_the_same_hash_however_it_came_about(notebook: Notebook) -> None:
    cells = ["A = {'x': [1], 'y': 2}", "def f(): return g() + A['y']", "def g(): return 1", "class C:\n    v = 1"]
    steps = ["f() + C.v", "g()"]
    first = notebook.run(*cells).freeze(*steps)
    assert notebook.freeze(*steps).hash == first.hash
    notebook.reset()
    assert notebook.run("x = 1", *reversed(cells), *cells).freeze(*steps).hash == first.hash
    assert notebook.run("A['y'] = 3").freeze(*steps).hash != first.hash


def test_a_class_of_a_step_is_not_mistaken_for_the_notebooks(notebook: Notebook) -> None:
    notebook.run("class P:\n    x = [1]")
    parse("class P:\n    x = [2]", filename="<step a of w>").call({"__name__": "w"}, None)
    assert notebook.freeze("P").setup == ("class P:\n    x = [1]",)


def test_the_value_now_is_what_counts(notebook: Notebook) -> None:
    notebook.run("n = 1", "n += 1")
    assert notebook.freeze("n").setup == ("n = 2",)


_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(_json)
def test_json_travels_unchanged(value: object) -> None:
    frozen = freeze(Workflow("w", (Step("s", "x"),)), {"x": value}, HERE)
    got = parse("x", filename="<step>").call(step_namespace(load(Frozen.from_json(frozen.to_json()))), None)
    assert repr(got) == repr(value)  # tells 1 from True and 1.0, and 0.0 from -0.0


# ---- what does not travel


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


circular: list[object] = []
circular.append(circular)


ELSEWHERE = "pass it in the event, load it in the step, or define it in a %%setup cell"
REFUSED: dict[str, tuple[object, str]] = {
    "an object": (object(), f"which lives only in this kernel: {ELSEWHERE}"),
    "a PosixPath": (Path("a"), "which lives only in this kernel"),
    "a tuple": ((1, 2), "which lives only"),
    "a bytes": (b"", "which lives only"),
    "a set": ({1}, "which lives only"),
    "a Str": (type("Str", (str,), {})("a"), "which lives only"),
    "a float": (float("nan"), "which holds nan, so it is no JSON literal"),
    "a dict": ({"a": [1, float("-inf")]}, "which holds -inf at ['a'][1], so"),
    "a dict ": ({"rows": [0, {2}]}, "which holds a set at ['rows'][1], so"),
    "a list": ([{1: 2}], "which holds the key 1, which is no string, at [0], so"),
    "a list ": (circular, "which holds itself at [0], so"),
    "a str": ("x" * MAX_LITERAL, "which is too large to be taken along (more than 100 KB"),
    "a list  ": ([0] * 60_000, "which is too large"),
    "an int": (10**4300, "which is too large"),
    "a list   ": (deep(100), "which is too large"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_json_literal_is_refused_with_its_type(kind: str) -> None:
    value, said = REFUSED[kind]
    with pytest.raises(CaptureError) as raised:
        freeze(Workflow("w", (Step("load", "x"),)), {"x": value}, HERE)
    assert str(raised.value).startswith(f"step 'load' uses 'x' ({kind.strip()}), {said}")
    assert "pass it in the event" in str(raised.value)


@pytest.mark.parametrize(
    "value", ["x" * (MAX_LITERAL - 2), [0] * 30_000, 10**4200, deep(80)], ids=["text", "list", "integer", "nested"]
)
def test_what_is_just_small_enough_travels(value: object) -> None:
    frozen = freeze(Workflow("w", (Step("s", "x"),)), {"x": value}, HERE)
    assert vars(load(frozen))["x"] == value


KERNEL_ONLY = [
    """
import pandas as pd
df = pd.DataFrame()
-- step df
-- refused 'df' (a DataFrame), which lives only in this kernel:
""",
    """
df = object()
-- step df = df.dropna()
-- refused 'df' (an object), which lives only in this kernel:
""",
    """
-- step foo
-- refused 'foo', which is not defined in this notebook: define or import it in the step
""",
    """
-- step pd.flow.suspend()
-- refused 'pd', which is not defined in this notebook (in a cell without a handler, the step
""",
    """
-- step get_ipython().run_line_magic('x', '')
-- refused 'get_ipython', which is IPython's own
""",
    """
1
-- step _ + _1 + Out[1]
-- refused '_1', which is IPython's own
""",
    """
-- step In[0] + _ih[0]
-- refused 'In', which is IPython's own
""",
    """
def f():
    !ls
-- step f()
-- refused 'f' (a function of this notebook), which uses 'get_ipython', which is IPython's
""",
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
from functools import partial
def f(x): pass
p = partial(f, 1)
-- step p()
-- refused 'p' (a partial), which lives only
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
    """
class A: pass
a = A()
-- step a
-- refused 'a' (an A), which lives only in this kernel
""",
    """
import types
m = types.ModuleType('m')
-- step m.x
-- refused 'm' (a module), which cannot be imported as 'm'
""",
    """
import types, sys
m = sys.modules['pdnb_made'] = types.ModuleType('pdnb_made')
-- step m.x
-- refused 'm' (a module), which cannot be imported as 'pdnb_made'
""",
    """
import __main__
-- step __main__.x
-- refused '__main__' (a module), which cannot be imported
""",
    """
from typing import Callable
T = list[Callable]
-- step T
-- refused 'T' (a GenericAlias), which lives only
""",
    """
def f(): return g()
def g(): return df
df = object()
-- step f()
-- refused 'f' (a function of this notebook), which uses 'g' (a function of this notebook), which uses 'df' (an object),
""",
    """
class A:
    def m(self): return df
B = A
df = object()
-- step B()
-- refused 'B' (an alias), which uses 'A' (a class of this notebook), which uses 'df' (an object), which lives only
""",
    """
class Strange:
    def __getattr__(self, name): raise RuntimeError
x = Strange()
-- step x
-- refused 'x' (a Strange), which
""",
]


@pytest.mark.parametrize("text", KERNEL_ONLY, ids=map(str, range(len(KERNEL_ONLY))))
def test_what_lives_only_in_the_kernel_is_refused_with_the_way_to_it(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.delitem(sys.modules, "pdnb_made", raising=False)
    case = Scenario.read(text)
    message = notebook.run(*case.cells).refusal(case.step)
    assert f"step 's1' uses {case.outcome}" in message


def test_what_needs_itself_before_it_can_execute_is_refused(notebook: Notebook) -> None:
    message = notebook.run("class A: pass\nclass A(A): pass").refusal("A")
    assert message.startswith("each of these needs the next one, and the last the first, before it can execute: 'A': ")


def test_all_problems_of_all_cells_are_reported_in_one_error_a_line_each(notebook: Notebook) -> None:
    notebook.run("df = object()\ndef f(): return df")
    lines = notebook.refusal("df; foo", "f()", "1", setup=("X = df",)).split("\n")
    assert [line.partition(", which ")[0] for line in lines] == [
        "step 's1' uses 'df' (an object)",
        "step 's1' uses 'foo'",
        "step 's2' uses 'f' (a function of this notebook)",
        "%%setup cell 1 uses 'df' (an object)",
    ]


def test_an_import_that_was_replaced_is_refused(
    notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pdnb_stale.py").write_text("def clean(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    notebook.run("import importlib, pdnb_stale\nfrom pdnb_stale import clean\nimportlib.reload(pdnb_stale)")
    said = "'clean' (a function), which is not what pdnb_stale.clean is now: import it again"
    assert said in notebook.refusal("clean()")


def test_a_function_of_another_main_is_refused_where_its_names_differ(notebook: Notebook, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("n = 1\ndef f(): return n\n")
    notebook.run(f"%run {script}")
    assert notebook.freeze("f()").setup == ("n = 1", "def f(): return n")
    assert "'f' (a function), which uses 'n' of another module" in notebook.run("n = 2").refusal("f()")


def test_setup_cells_in_an_order_that_cannot_work_are_refused(notebook: Notebook) -> None:
    notebook.run("class Base: pass\nclass Mid(Base): pass")
    message = notebook.refusal("Mid", setup=("X = Mid()", "class Base: pass"))
    assert message.startswith("each of these needs the next one, and the last the first, before it can execute: ")
    assert "%%setup cell 1, 'Mid', %%setup cell 2" in message
    assert "put them into one %%setup cell" in message


@pytest.mark.parametrize(("steps", "setup"), [(("%time 1",), ()), (("1",), ("!ls",)), (("1",), ("await x",))])
def test_a_cell_that_cannot_execute_is_refused(
    notebook: Notebook, steps: tuple[str, ...], setup: tuple[str, ...]
) -> None:
    with pytest.raises(CellSyntaxError, match="line 1"):
        notebook.freeze(*steps, setup=setup)


def test_an_empty_step_is_refused(notebook: Notebook) -> None:
    with pytest.raises(DefinitionError, match="step s1 of w: the cell is empty"):
        notebook.freeze("# later")


# ---- order


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[int | str, list[int | str]], dict[int | str, list[int | str]]]:
    """Definition-time needs without circles, call-time needs of any kind, under shuffled labels."""
    labels: list[int | str] = draw(st.permutations([0, 1, 2, "a", "b", "c"]))
    hard = {n: draw(st.lists(st.sampled_from(labels[:i]), max_size=2)) if i else [] for i, n in enumerate(labels)}
    soft = {label: draw(st.lists(st.sampled_from(labels), max_size=2)) for label in labels}
    return {label: hard[label] for label in sorted(hard, key=str)}, soft


@given(graphs())
def test_everything_comes_once_and_after_what_it_needs_to_execute(
    graph: tuple[dict[int | str, list[int | str]], dict[int | str, list[int | str]]],
) -> None:
    hard, soft = graph
    order = _ordered(hard, soft)
    assert sorted(order, key=str) == sorted(hard, key=str)
    for node, needs in hard.items():
        assert all(order.index(need) < order.index(node) for need in needs)


@given(graphs())
def test_without_circles_everything_also_comes_after_what_it_may_call(
    graph: tuple[dict[int | str, list[int | str]], dict[int | str, list[int | str]]],
) -> None:
    both, _ = graph
    hard = {node: needs[:1] for node, needs in both.items()}
    soft = {node: needs[1:] for node, needs in both.items()}
    order = _ordered(hard, soft)
    for node, needs in both.items():
        assert all(order.index(need) < order.index(node) for need in needs)


def test_main_is_not_touched(notebook: Notebook) -> None:
    main = sys.modules["__main__"]
    assert isinstance(main, types.ModuleType)
    before = dict(vars(main))
    load(notebook.run("def f(): return 1").freeze("f()"))
    assert sys.modules["__main__"] is main
    assert vars(main).keys() - before.keys() <= {"f"} | {name for name in vars(main) if name.startswith("_i")}
