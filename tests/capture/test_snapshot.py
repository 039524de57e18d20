"""What a run takes along from a notebook: all that its cells lead to, and nothing else."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING

import pytest

from pdnb.capture.snapshot import snapshot
from pdnb.errors import CellSyntaxError, DefinitionError
from pdnb.runtime.namespace import Namespace
from pdnb.workflow.cell import parse
from pdnb.workflow.definition import Step, Workflow
from pdnb.workflow.version import WorkflowVersion
from tests.support.scenarios import HERE, Notebook, Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKS = {
    "a rebound builtin": """
from math import pow
max = 7
def sum(x): return max
-- step [pow(2, 2), sum(0)]
-- gives [4.0, 7]
""",
    "a builtin that ipython replaced": """
-- step
import builtins
[open is builtins.open, exit is builtins.exit]
-- gives [True, True]
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
    "a class defined before its base's name sorts": """
class Z: x = 1
-- cell class A(Z): pass
-- cell class M(A): pass
-- step M.x
-- gives 1
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
    "a global that functions assign and read": """
n = 1
def f():
    global n
    n += 1
def g(): return n
-- step
f()
g()
-- gives 2
""",
    "a global that a function assigns, as a step's own name": """
n = 1
def f():
    global n
    n += 1
    return n
-- step
n = f()
n + f()
-- gives 5
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
}


@pytest.mark.parametrize("law", WORKS)
def test_what_a_step_uses_works_in_a_fresh_process(law: str, outcomes: Mapping[str, str]) -> None:
    assert outcomes[law] == Scenario.read(WORKS[law]).outcome


def test_steps_and_environment_come_through_unchanged(notebook: Notebook) -> None:
    steps = (Step("b", "1;  # odd  spacing\n", at_most_once=True), Step("a", "def handler(pd): pass"))
    version = snapshot(Workflow("w", steps), notebook.shell.user_ns, HERE)
    assert version == WorkflowVersion("w", steps, (), HERE)


def test_display_is_given_to_steps_and_to_all_that_they_use(notebook: Notebook) -> None:
    notebook.run("def f(): display(1)")
    assert notebook.snapshot("display(f())", setup=("display(2)",)).setup == ("display(2)", "def f(): display(1)")


def test_only_what_is_used_is_taken_along(notebook: Notebook) -> None:
    notebook.run("import math, json\nA = 1\nB = object()\ndef f(): return A\ndef g(): return B")
    assert notebook.snapshot("f()").setup == ("A = 1", "def f(): return A")


def test_imports_come_first_then_literals_then_definitions_and_setup_cells(notebook: Notebook) -> None:
    notebook.run("import math\nB = 2\nA = 1\ndef f(): return math.e + A + B")
    setup = ("x = 1", "y = f() + x")
    assert notebook.snapshot("y", setup=setup).setup == (
        "import math",
        "A = 1\nB = 2",
        "x = 1",
        "def f(): return math.e + A + B",
        "y = f() + x",
    )


def test_the_same_notebook_gives_the_same_hash_however_it_came_about(notebook: Notebook) -> None:
    cells = ["A = {'x': [1], 'y': 2}", "def f(): return g() + A['y']", "def g(): return 1", "class C:\n    v = 1"]
    steps = ["f() + C.v", "g()"]
    first = notebook.run(*cells).snapshot(*steps)
    assert notebook.snapshot(*steps).id == first.id
    notebook.reset()
    assert notebook.run("x = 1", *reversed(cells), *cells).snapshot(*steps).id == first.id
    assert notebook.run("A['y'] = 3").snapshot(*steps).id != first.id


REFUSED = [
    """
def f():
    !ls
-- step f()
-- refused 'f' (a function of this notebook), which uses 'get_ipython', which is IPython's
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
n = 1
def f():
    global n
    n += 1
def g(): f()
-- step
g()
n
-- refused 'n', which 'f' assigns by 'global n', and a step would not see that: return it from 'f', or read it in a
""",
]


@pytest.mark.parametrize("text", REFUSED, ids=map(str, range(len(REFUSED))))
def test_what_lives_only_in_the_kernel_is_refused_with_the_way_to_it(notebook: Notebook, text: str) -> None:
    notebook.check_refused(text)


def test_all_problems_of_all_cells_are_reported_in_one_error_a_line_each(notebook: Notebook) -> None:
    notebook.run("df = object()\ndef f(): return df")
    lines = notebook.refusal("df; foo", "f()", "1", setup=("X = df",)).split("\n")
    assert [line.partition(", which ")[0] for line in lines] == [
        "step 's1' uses 'df' (an object)",
        "step 's1' uses 'foo'",
        "step 's2' uses 'f' (a function of this notebook)",
        "%%setup cell 1 uses 'df' (an object)",
    ]


@pytest.mark.parametrize(("steps", "setup"), [(("%time 1",), ()), (("1",), ("!ls",)), (("1",), ("await x",))])
def test_a_cell_that_cannot_execute_is_refused(
    notebook: Notebook, steps: tuple[str, ...], setup: tuple[str, ...]
) -> None:
    with pytest.raises(CellSyntaxError, match="line 1"):
        notebook.snapshot(*steps, setup=setup)


def test_an_empty_step_is_refused(notebook: Notebook) -> None:
    with pytest.raises(DefinitionError, match="step s1 of w: the cell is empty"):
        notebook.snapshot("# later")


def test_a_variable_of_another_step_names_that_step_and_how_to_get_at_it(notebook: Notebook) -> None:
    """A variable of another step names the step that defines it."""
    notebook.run("def total(): return sum(rows)")
    lines = notebook.refusal("rows = [1]", "def handler(pd): return rows", "total()").split("\n")
    leave = "which is a variable of step 's1', and a step sees only what others leave: return it there, and read"
    total = "'total' (a function of this notebook), which uses"
    assert lines == [
        f"step 's2' uses 'rows', {leave} pd.steps[\"s1\"][\"$return_value\"]",
        f"step 's3' uses {total} 'rows', {leave} step.steps[\"s1\"][\"$return_value\"]",
    ]


def test_a_name_of_the_notebook_is_no_other_steps(notebook: Notebook) -> None:
    notebook.run("rows = [1]")
    assert notebook.snapshot("rows = [2]", "rows").setup == ("rows = [1]",)


def test_a_length_of_time_that_a_change_of_clocks_makes_wrong_is_refused(notebook: Notebook) -> None:
    wrong = "from datetime import datetime\nstep.flow.delay(datetime(2027, 3, 28) - datetime.now())"
    with pytest.raises(DefinitionError, match=r"^step s1 of w, line 2: .*: write pd\.flow\.delay\(until="):
        notebook.snapshot(wrong)


def test_main_is_not_touched(notebook: Notebook) -> None:
    main = sys.modules["__main__"]
    assert isinstance(main, types.ModuleType)
    before = dict(vars(main))
    with Namespace(notebook.run("def f(): return 1").snapshot("f()")) as namespace:
        namespace.fresh(parse("1", filename="<step>"))
    assert sys.modules["__main__"] is main
    assert vars(main).keys() - before.keys() <= {"f"} | {name for name in vars(main) if name.startswith("_i")}
