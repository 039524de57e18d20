"""How the object that a name is bound to travels, and what is said of one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.capture.snapshot import snapshot
from pdnb.capture.values import MAX_LITERAL
from pdnb.errors import CaptureError
from pdnb.runtime.namespace import Namespace
from pdnb.workflow.cell import parse
from pdnb.workflow.definition import Step, Workflow
from pdnb.workflow.version import WorkflowVersion
from tests.support.scenarios import HERE, Notebook, Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKS = {
    "literals": """
a = 1
b = 'x'
c = [1.5, None, {'k': True}]
d = -0.0
-- step [a, b, c, str(d)]
-- gives [1, 'x', [1.5, None, {'k': True}], '-0.0']
""",
    "another name for a function": """
def f(n): return 1 if n == 0 else f(n - 1)
g = f
-- step g(3)
-- gives 1
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
    "a value of a module that is no literal": """
from math import inf, nan
from http.client import responses
-- step [inf > 1, nan == nan, responses[404]]
-- gives [True, False, 'Not Found']
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
}


@pytest.mark.parametrize("law", WORKS)
def test_a_value_works_in_a_fresh_process(law: str, outcomes: Mapping[str, str]) -> None:
    assert outcomes[law] == Scenario.read(WORKS[law]).outcome


def test_the_value_now_is_what_counts(notebook: Notebook) -> None:
    notebook.run("n = 1", "n += 1")
    assert notebook.snapshot("n").setup == ("n = 2",)


_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(_json)
def test_json_travels_unchanged(value: object) -> None:
    version = snapshot(Workflow("w", (Step("s", "x"),)), {"x": value}, HERE)
    cell = parse("x", filename="<step>")
    with Namespace(WorkflowVersion.from_json(version.to_json())) as namespace:
        got = cell.call(namespace.fresh(cell), None)
    assert repr(got) == repr(value)  # tells 1 from True and 1.0, and 0.0 from -0.0


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


circular: list[object] = []
circular.append(circular)

ELSEWHERE = "pass it in the event, load it in the step, or define it in a %%setup cell"
NO_LITERALS: dict[str, tuple[object, str]] = {
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


@pytest.mark.parametrize("kind", NO_LITERALS)
def test_what_is_no_json_literal_is_refused_with_its_type(kind: str) -> None:
    value, said = NO_LITERALS[kind]
    with pytest.raises(CaptureError) as raised:
        snapshot(Workflow("w", (Step("load", "x"),)), {"x": value}, HERE)
    assert str(raised.value).startswith(f"step 'load' uses 'x' ({kind.strip()}), {said}")
    assert "pass it in the event" in str(raised.value)


@pytest.mark.parametrize(
    "value", ["x" * (MAX_LITERAL - 2), [0] * 30_000, 10**4200, deep(80)], ids=["text", "list", "integer", "nested"]
)
def test_what_is_just_small_enough_travels(value: object) -> None:
    version = snapshot(Workflow("w", (Step("s", "x"),)), {"x": value}, HERE)
    with Namespace(version) as namespace:
        assert namespace.fresh(parse("1", filename="<step>"))["x"] == value


REFUSED = [
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
from functools import partial
def f(x): pass
p = partial(f, 1)
-- step p()
-- refused 'p' (a partial), which lives only
""",
    """
class A: pass
a = A()
-- step a
-- refused 'a' (an A), which lives only in this kernel
""",
    """
from typing import Callable
T = (lambda: list[Callable])()
-- step T
-- refused 'T' (a GenericAlias), which lives only
""",
    """
class Strange:
    def __getattr__(self, name): raise RuntimeError
x = Strange()
-- step x
-- refused 'x' (a Strange), which
""",
]


@pytest.mark.parametrize("text", REFUSED, ids=map(str, range(len(REFUSED))))
def test_what_lives_only_in_the_kernel_is_refused_with_the_way_to_it(notebook: Notebook, text: str) -> None:
    notebook.check_refused(text)


def test_a_function_of_another_main_is_refused_where_its_names_differ(notebook: Notebook, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("n = 1\ndef f(): return n\n")
    notebook.run(f"%run {script}")
    assert notebook.snapshot("f()").setup == ("n = 1", "def f(): return n")
    assert "'f' (a function), which uses 'n' of another module" in notebook.run("n = 2").refusal("f()")
