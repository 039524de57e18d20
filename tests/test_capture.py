"""What a run takes along from a notebook: real IPython cells, frozen, and executed in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from dataclasses import dataclass, field
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


# ---- what travels, and then works


@dataclass(frozen=True)
class Case:
    law: str
    cells: tuple[str, ...]
    step: str
    result: object
    setup: tuple[str, ...] = ()
    holds: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return self.law.replace(" ", "-")


CASES = [
    Case("a module", ("import math",), "math.floor(2.5)", 2, holds=("import math",)),
    Case("a module by another name", ("import json as j",), "j.dumps(1)", "1", holds=("import json as j",)),
    Case("a submodule", ("import os.path as p",), "p.basename('/a/b')", "b"),
    Case("a package with a submodule", ("import xml.dom.minidom",), "xml.dom.minidom.parseString('<a/>').toxml()[-4:]",
         "<a/>", holds=("import xml\nimport xml.dom\nimport xml.dom.minidom",)),
    Case("a renamed package with a submodule", ("import xml as x\nimport xml.dom.pulldom",),
         "x.dom.pulldom.START_DOCUMENT", "START_DOCUMENT"),
    Case("a module hidden by its package", ("import sys\nimport pdnb_hidden\n"
         "hidden = sys.modules['pdnb_hidden.part']",), "hidden.VALUE", 5),
    Case("a function of a module", ("from math import floor as f",), "f(2.5)", 2, holds=("from math import floor as f",)),
    Case("a class of a module", ("from collections import Counter",), "Counter('aab')['a']", 2),
    Case("a nested thing of a module", ("from ast import NodeVisitor\nvisit = NodeVisitor.visit",),
         "visit.__qualname__", "NodeVisitor.visit"),
    Case("a bound method of a module", ("from random import randint",), "randint(3, 3)", 3),
    Case("an instance of a module", ("from os import environ",), "type(environ).__name__", "_Environ"),
    Case("a typing name", ("from typing import Any, Optional",), "[str(Any), str(Optional)]",
         ["typing.Any", "typing.Optional"]),
    Case("a builtin by another name", ("show = len",), "show('abc')", 3),
    Case("a rebound builtin", ("from math import pow\nmax = 7\ndef sum(x): return max",), "[pow(2, 2), sum(0)]", [4.0, 7]),
    Case("a builtin that ipython replaced", (), "open.__module__ + str(exit is None)", "ioFalse"),
    Case("literals", ("a = 1\nb = 'x'\nc = [1.5, None, {'k': True}]\nd = -0.0",), "[a, b, c, str(d)]",
         [1, "x", [1.5, None, {"k": True}], "-0.0"]),
    Case("a function", ("def double(x):\n    '''twice'''\n    return 2 * x",), "double(4)", 8),
    Case("a function with all that it needs", ("import math\nSCALE = 10",
         "class Row:\n    def __init__(self, v): self.v = clean(v)", "def clean(v): return math.floor(v) * SCALE"),
         "def handler(pd): return Row(2.5).v", 20),
    Case("functions that call each other", ("def even(n): return n == 0 or odd(n - 1)\n"
         "def odd(n): return n != 0 and even(n - 1)",), "even(10)", True),
    Case("a function of an indented block", ("if True:\n    def f():\n        return '''a\n    b'''",), "f()", "a\n    b"),
    Case("an async function", ("async def f(x): return x + 1",), "await f(1)", 2),
    Case("a generator", ("def f(n):\n    yield from range(n)",), "list(f(2))", [0, 1]),
    Case("a function with defaults and annotations", ("N = 3\nclass T: pass\ndef f(x: T = N) -> T: return x",), "f()", 3),
    Case("a lambda", ("k = 2\nf = lambda x: (x +\n    k)\ng = (lambda:\n  f(1))",), "g()", 3),
    Case("another name for a function", ("def f(n): return 1 if n == 0 else f(n - 1)\ng = f",), "g(3)", 1),
    Case("another name for a lambda", ("f = lambda: 4\ng = f",), "g()", 4),
    Case("a decorated function", ("import functools\ndef deco(f):\n    @functools.wraps(f)\n    def inner(*a):\n"
         "        return [f(*a)]\n    return inner", "@deco\ndef f(x): return x"), "f(1)", [1]),
    Case("a function decorated without wraps", ("def deco(n):\n    def outer(f):\n        def inner(*a):\n"
         "            return [n, f(*a)]\n        return inner\n    return outer", "@deco(2)\ndef f(x): return x"),
         "f(1)", [2, 1]),
    Case("a function decorated twice without wraps", ("def deco(f):\n    def inner():\n        return [f()]\n    return inner",
         "@deco\n@deco\ndef f(): return 1"), "f()", [[1]]),
    Case("a function decorated by an object", ("import functools\nclass Deco:\n    def __init__(self, f):\n"
         "        functools.update_wrapper(self, f)\n    def __call__(self): return [self.__wrapped__()]",
         "@Deco\ndef f(): return 1"), "f()", [1]),
    Case("a cached function", ("from functools import lru_cache\n@lru_cache(maxsize=None)\ndef fib(n):\n"
         "    return n if n < 2 else fib(n - 1) + fib(n - 2)",), "fib(30)", 832040),
    Case("a context manager", ("import contextlib\n@contextlib.contextmanager\ndef c():\n    yield 5",),
         "with c() as x: pass\nx", 5),
    Case("the definition that is in force", ("def f(): return 1", "def f(): return 2"), "f()", 2),
    Case("a class with methods", ("class Base:\n    def hi(self): return 'hi'",
         "class A(Base):\n    @staticmethod\n    def s(): return 1\n    @property\n    def p(self): return self.hi()"),
         "[A.s(), A().p]", [1, "hi"]),
    Case("a class defined before its base's name sorts", ("class Z: x = 1", "class A(Z): pass", "class M(A): pass"),
         "M.x", 1),
    Case("a dataclass", ("from dataclasses import dataclass, field",
         "@dataclass(order=True)\nclass P:\n    x: int = 1\n    y: list[int] = field(default_factory=list)"),
         "[P().x, P(2) > P(1), P().y]", [1, True, []]),
    Case("a frozen dataclass with slots", ("import dataclasses\n@dataclasses.dataclass(frozen=True, slots=True)\n"
         "class P:\n    x: int = 1",), "P().x", 1),
    Case("a named tuple", ("from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 2",),
         "list(P(1))", [1, 2]),
    Case("an enum", ("import enum\nclass Color(enum.Enum):\n    RED = 'r'\n    BLUE = 'b'",), "Color.RED.value", "r"),
    Case("an exception", ("class Oh(Exception): pass",),
         "try:\n    raise Oh('no')\nexcept Oh as e:\n    said = str(e)\nsaid", "no"),
    Case("a nested class", ("class A:\n    class B:\n        x = 3\nC = A.B\nB = A.B",), "[B.x, C.x]", [3, 3]),
    Case("a class with postponed annotations", ("from __future__ import annotations",
         "class N:\n    next: N | None = None\ndef f(x: Nowhere): return x\nclass M:\n    def m(self, x: Nowhere): return 1"),
         "[N().next, f(2), M().m(0)]", [None, 2, 1]),
    Case("the methodless class that is in force", ("class A:\n    x = [1]", "class A:\n    x = [2]", "class A:\n    x = [1]"),
         "A.x", [1]),
    Case("a methodless class whose cell failed later on", ("class A:\n    x = 1", "try:\n    1/0\n    class A:\n        x = 2\n"
         "except Exception: pass"), "A.x", 1),
    Case("a type alias", ("class Row: pass\nRows = dict[str, list[Row | None]]\nT = tuple[int, ...]\nU = int | str\nE = tuple[()]",),
         "[str(T), str(U), str(E), Rows.__args__[1].__args__[0].__args__[0] is Row]",
         ["tuple[int, ...]", "int | str", "tuple[()]", True]),
    Case("a global that a function assigns", ("n = 1\ndef f():\n    global n, m\n    n += 1\n    m = n\n    return m",), "f()", 2),
    Case("a name read before it is bound", ("rows = [3, 1]",), "rows = sorted(rows)\nrows", [1, 3]),
    Case("an own name that the notebook has too", ("last = object()",),
         "for i in range(2):\n    if i: seen = last\n    last = i\nseen", 0),
    Case("a test for a name that need not be there", (), "x = x if 'x' in globals() else 5\nx", 5),
    Case("names that a step itself binds", ("df = object()",), "import math\ndef handler(pd):\n    df = math.e\n    return int(df)",
         2),
    Case("a star import in a step", (), "from math import *\nfloor(e)", 2),
    Case("a star import in a setup cell", (), "floor(e)", 2, setup=("from math import *",)),
    Case("names of a setup cell", ("df = object()",), "df + use()", 3, setup=("df = 1", "def use(): return 2")),
    Case("setup cells that build on each other", (), "x", 3, setup=("x = 1", "x = x + 1", "x = x + 1")),
    Case("a setup cell that needs the notebook", ("import math\ndef f(x): return math.floor(g(x))", "def g(x): return x * K",
         "K = 3"), "X", 6, setup=("X = f(2.5) - 1",)),
    Case("a captured class whose base is in the setup", ("class Base: x = 1", "class A(Base): pass"), "A.x", 2,
         setup=("class Base: x = 2",)),
    Case("a captured function between two setup cells", ("def f(): return FIRST + 1",), "SECOND", 2,
         setup=("FIRST = 1", "SECOND = f()")),
    Case("a setup cell whose own function needs the notebook", ("def g(): return h()", "def h(): return D()['x']"), "X", 7,
         setup=("def D(): return {'x': 7}\ndef own(): return g()", "X = own()")),
    Case("a setup cell and a function that need each other", ("def f(): return TABLE['g']",), "TABLE['f']()", 1,
         setup=("TABLE = {'f': f, 'g': 1}",)),
    Case("a global of a function of the setup", ("db = object()",), "db", 5,
         setup=("def connect():\n    global db\n    db = 5\nconnect()",)),
    Case("a dataclass defined in a step", (), "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nP(3).x", 3),
    Case("pandas", ("import pandas as pd\nfrom pandas import DataFrame, concat", "def f(): return concat([DataFrame({'a': [1]})])"),
         "int(pd.concat([f(), f()]).a.sum())", 2),
    Case("numpy", ("import numpy as np\nfrom numpy import sin, array, pi, float64, newaxis",), "float(np.sum(array([sin(pi / 2)])))", 1.0),
]  # fmt: skip

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
    for case in CASES:
        shell.reset()
        try:
            frozen[case.law] = shell.run(*case.cells).freeze(case.step, setup=case.setup)
        except DefinitionError as error:
            frozen[case.law] = str(error)
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


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_step_uses_works_in_a_fresh_process(
    case: Case, outcomes: Mapping[str, tuple[Frozen | str, object]]
) -> None:
    frozen, result = outcomes[case.law]
    assert isinstance(frozen, Frozen), frozen
    assert result == case.result, frozen.setup
    assert type(result) is type(case.result)
    for text in case.holds:
        assert text in frozen.setup[0]


def test_annotations_are_postponed_only_where_they_were(notebook: Notebook) -> None:
    notebook.run("import __future__\nannotations = __future__.annotations\nclass A:\n    x: int = 1\n    y: 'No' = 2")
    assert notebook.freeze("A").setup == ("class A:\n    x: int = 1\n    y: 'No' = 2",)


def test_steps_and_environment_come_through_unchanged(notebook: Notebook) -> None:
    steps = (Step("b", "1;  # odd  spacing\n", at_most_once=True), Step("a", "def handler(pd): pass"))
    frozen = freeze(Workflow("w", steps), notebook.shell.user_ns, HERE)
    assert frozen == Frozen("w", steps, (), HERE)


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


REFUSED: dict[str, tuple[object, str]] = {
    "an object": (object(), "which lives only in this kernel: pass it in the event, load it in the step, "
                  "or define it in a %%setup cell"),
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


@pytest.mark.parametrize(
    ("cells", "step", "said"),
    [
        ("import pandas as pd\ndf = pd.DataFrame()", "df", "'df' (a DataFrame), which lives only in this kernel: "),
        ("df = object()", "df = df.dropna()", "'df' (an object), which lives only in this kernel: "),
        ("", "foo", "'foo', which is not defined in this notebook: define or import it in the step"),
        ("", "pd.flow.suspend()", "'pd', which is not defined in this notebook (in a cell without a handler, the step "),
        ("", "get_ipython().run_line_magic('x', '')", "'get_ipython', which is IPython's own"),
        ("1", "_ + _1 + Out[1]", "'_1', which is IPython's own"),
        ("", "In[0] + _ih[0]", "'In', which is IPython's own"),
        ("def f():\n    !ls", "f()", "'f' (a function of this notebook), which uses 'get_ipython', which is IPython's"),
        ("def make(n):\n    def inner(): return n\n    return inner\nf = make(1)", "f()",
         "'f' (a function made inside 'make'), which cannot be taken along"),
        ("def make():\n    def inner(): return inner()\n    return inner\nf = make()", "f()",
         "'f' (a function made inside 'make'), which cannot be taken along"),
        ("def make(g):\n    def inner(): return g()\n    return inner\ndef h(): pass\nf = make(h)", "f()",
         "'f' (a function), whose definition was not found"),
        ("def make():\n    class A: pass\n    return A\nA = make()", "A", "'A' (a class made inside 'make'), which cannot"),
        ("def deco(f):\n    def inner(): return f()\n    return inner\ndef f(): pass\nf = deco(f)", "f()",
         "'f' (a function), whose definition was not found in this notebook under this name"),
        ("import functools\ndef deco(f): return functools.wraps(f)(lambda: f())\n@deco\ndef f(): pass\nf = deco(f)",
         "f()", "'f' (a function), whose definition was not found"),
        ("from functools import singledispatch\n@singledispatch\ndef f(x): pass", "f(1)", "'f' (a function with registered"),
        ("from functools import partial\ndef f(x): pass\np = partial(f, 1)", "p()", "'p' (a partial), which lives only"),
        ("fs = [lambda: 1]\nf = fs[0]", "f()", "'f' (a lambda), which cannot be taken along"),
        ("f = lambda: 1; f = lambda: 2", "f()", "'f' (a lambda), which cannot be taken along"),
        ("def f(): pass\ng = f\ndef f(): return 2", "g()", "'g' (a function), whose definition was not found"),
        ("exec('def f(): pass')", "f()", "'f' (a function), whose definition was not found"),
        ("exec('def f(): pass', d := {'__name__': '__main__'})\nf = d['f']", "f()", "'f' (a function), whose definition"),
        ("from collections import namedtuple\nP = namedtuple('P', 'x')", "P(1)", "'P' (a class), whose definition was not"),
        ("class A: pass\na = A()", "a", "'a' (an A), which lives only in this kernel"),
        ("import types\nm = types.ModuleType('m')", "m.x", "'m' (a module), which cannot be imported as 'm'"),
        ("import types, sys\nm = sys.modules['pdnb_made'] = types.ModuleType('pdnb_made')", "m.x",
         "'m' (a module), which cannot be imported as 'pdnb_made'"),
        ("import __main__", "__main__.x", "'__main__' (a module), which cannot be imported"),
        ("from typing import Callable\nT = list[Callable]", "T", "'T' (a GenericAlias), which lives only"),
        ("def f(): return g()\ndef g(): return df\ndf = object()", "f()",
         "'f' (a function of this notebook), which uses 'g' (a function of this notebook), which uses 'df' (an object), "),
        ("class A:\n    def m(self): return df\nB = A\ndf = object()", "B()",
         "'B' (another name), which uses 'A' (a class of this notebook), which uses 'df' (an object), which lives only"),
        ("class A: pass\nclass A(A): pass", "A", "each of these needs the next one"),
        ("class Strange:\n    def __getattr__(self, name): raise RuntimeError\nx = Strange()", "x", "'x' (a Strange), which"),
    ],
)  # fmt: skip
def test_what_lives_only_in_the_kernel_is_refused_with_the_way_to_it(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, cells: str, step: str, said: str
) -> None:
    monkeypatch.delitem(sys.modules, "pdnb_made", raising=False)
    message = notebook.run(cells).refusal(step)
    assert message.startswith("step 's1' uses " if "each of" not in said else said)
    assert said in message


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

_nodes = st.integers(2, 7)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[int | str, list[int | str]], dict[int | str, list[int | str]]]:
    """Definition-time needs without circles, call-time needs of any kind, under shuffled labels."""
    labels: list[int | str] = draw(st.permutations([0, 1, 2, "a", "b", "c"]))
    hard = {
        label: draw(st.lists(st.sampled_from(labels[:i]), max_size=2)) if i else [] for i, label in enumerate(labels)
    }
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
