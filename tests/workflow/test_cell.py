"""What a step's cell means, how it executes, and which names a piece of source binds and needs."""

from __future__ import annotations

import asyncio
import inspect
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.errors import CellSyntaxError, DefinitionError
from pdnb.workflow.cell import compile_setup, parse
from pdnb.workflow.names import BUILTINS, read_names

if TYPE_CHECKING:
    from collections.abc import Coroutine

NAME = "<step approve of 01_approve>"


def call(source: str, pd: object = None, **names: object) -> Any:
    """What the cell returns, awaited if need be."""
    cell = parse(source, filename=NAME)
    result: Any = cell.call({"__name__": "w"} | names, pd)
    assert inspect.iscoroutine(result) == cell.awaits
    return asyncio.run(awaited(result)) if cell.awaits else result


async def awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return await coroutine


# ---- the two spellings


@pytest.mark.parametrize(
    "source",
    [
        "def handler(pd): return pd + 1",
        "def handler(pd: 'pipedream'):\n    return pd + 1",
        "def handler(anything): return anything + 1",
        "def handler(pd, /, extra=0, *rest, k=1, **more): return pd + 1",
        "async def handler(pd): return pd + 1",
        "import asyncio\nONE = 1\nasync def handler(pd):\n    await asyncio.sleep(0)\n    return pd + ONE",
        "import asyncio\nONE = await asyncio.sleep(0, 1)\ndef handler(pd): return pd + ONE",
        "import asyncio\nONE = await asyncio.sleep(0, 1)\nasync def handler(pd): return pd + ONE",
        "def handler(a, b): return 0\ndef handler(pd): return pd + 1",
        "def plus(n): return lambda f: lambda pd: f() + pd + n\n@plus(1)\ndef handler(): return 0",
        "step + 1",
        "x = step\nx + 1;",
        "import asyncio\nawait asyncio.sleep(0, step + 1)",
        "async def one():\n    yield 1\n[step + n async for n in one()][0]",
        "if True:\n    def handler(pd): return 0\nstep + 1",
        "if True:\n    def handler(pd): return pd + 1",
        "try:\n    import pdnb_nowhere\nexcept ImportError:\n    def handler(pd): return pd + 1",
        "handler = lambda pd: pd + 1",
        "from functools import partial\ndef add(n, pd): return pd + n\nhandler = partial(add, 1)",
        "import logging\nhandler = logging.NullHandler()\nstep + 1",
    ],
)
def test_a_cell_is_a_handler_or_a_body_and_gives_its_value(source: str) -> None:
    assert call(source, 41) == 42


@pytest.mark.parametrize("source", ["x = 1", "x = 1\nif x:\n    x", "for i in range(3): i", "import math", "None"])
def test_a_body_that_ends_without_an_expression_returns_nothing(source: str) -> None:
    assert call(source) is None


def test_a_body_that_ends_in_a_string_returns_it() -> None:
    assert call('"published"') == "published"


def test_nothing_but_the_cells_own_names_appears_in_its_namespace() -> None:
    namespace: dict[str, Any] = {"__name__": "w"}
    assert parse("x = 1\nx", filename=NAME).call(namespace, "pd") == 1
    assert namespace.keys() - {"__builtins__"} == {"__name__", "step", "x"}


def test_a_handler_has_no_name_step() -> None:
    with pytest.raises(NameError, match="step"):
        call("def handler(pd): return step")


@pytest.mark.parametrize("source", ["", "\n\n", "# to do", "  \n# a\n\n# b\n"])
def test_an_empty_cell_is_refused(source: str) -> None:
    with pytest.raises(DefinitionError, match="step approve of 01_approve: the cell is empty"):
        parse(source, filename=NAME)


@pytest.mark.parametrize("args", ["", "pd, other", "pd=None", "*args", "pd, *, key", "**kw"])
def test_a_handler_that_does_not_take_just_the_step_object_is_refused(args: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        parse(f"x = 1\ndef handler({args}): pass", filename=NAME)
    assert "line 2" in str(raised.value)
    assert f"write def handler(pd), not def handler({args})" in str(raised.value)


def test_an_error_in_a_step_is_the_users_own_and_shows_the_cells_lines() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        call("def half(n):\n    return n / 0  # oh\n\nhalf(step)", 1)
    shown = "".join(traceback.format_exception(raised.value))
    assert f'File "{NAME}", line 4' in shown
    assert "    return n / 0  # oh" in shown


def test_getsource_works_on_functions_of_a_cell() -> None:
    function = call("def one():\n    '''\f'''\n    return 1\n\ndef two():\n    return 2\ntwo", __name__="w")
    assert inspect.getsource(function) == "def two():\n    return 2\n"


# ---- what does not parse


@pytest.mark.parametrize(
    ("line", "before"),
    [
        ("%time x", ""),
        ("%matplotlib inline", "import math\n"),
        ("%%html", "\n"),
        ("!ls -la", "x = 1\n"),
        ("    !pip install 'x'", "if 1:\n"),
        ("!!ls", ""),
        ("a = !ls", ""),
        ("run = %pdnb run {}", ""),
        ("a, b = %sql select", ""),
        ("print?", ""),
        ("str.split??", ""),
        ("?print", ""),
    ],
)
def test_ipython_syntax_is_refused_at_its_line(line: str, before: str) -> None:
    with pytest.raises(CellSyntaxError) as raised:
        parse(f"{before}{line}\ny = 2", filename=NAME)
    number = before.count("\n") + 1
    assert f"line {number}: {line.strip()!r} is IPython syntax" in str(raised.value)
    assert (raised.value.lineno, raised.value.text) == (number, line)


def test_a_cell_magic_is_recognised_whatever_is_below_it() -> None:
    with pytest.raises(CellSyntaxError, match="line 1: '%%html' is IPython syntax"):
        parse("%%html\n<p>don't", filename=NAME)


@pytest.mark.parametrize(
    ("source", "lineno", "said"),
    [
        ("x = 1\nx = = 1", 2, "invalid syntax"),
        ("x = (1 % 2\n  % 3 4)", 1, "invalid syntax"),
        ("a != b c", 1, "invalid syntax"),
        ("  x = 1", 1, "unexpected indent"),
        ("x = 1\nreturn x", 2, "the last expression is a body's value"),
        ("def f():\n    await x", 2, "'await' outside async function"),
        ("def handler(pd):", 1, "expected an indented block"),
        ("x = '\0'", None, "null bytes"),
        ("'\ud800'", None, "surrogates"),
        ("(" * 300, 1, "too many nested parentheses"),
        ("-" * 100_000 + "1", None, ""),
    ],
)
def test_a_syntax_error_names_its_line(source: str, lineno: int | None, said: str) -> None:
    with pytest.raises(CellSyntaxError) as raised:
        parse(source, filename=NAME)
    message = str(raised.value)
    assert message.startswith("step approve of 01_approve")
    assert said in message
    assert "IPython" not in message
    assert len(message) < 300
    assert "\n" not in message
    assert raised.value.lineno == lineno
    assert raised.value.text == (source.split("\n")[lineno - 1] if lineno else None)


def test_a_setup_cell_cannot_await() -> None:
    with pytest.raises(CellSyntaxError, match=r"line 1: 'await' outside function \(a setup cell cannot await\)"):
        compile_setup("x = await y", filename=NAME)


# ---- names


@pytest.mark.parametrize(
    ("source", "free"),
    [
        ("a + b.c", "a b"),
        ("a = 1\na", ""),
        ("print(len(a)); __name__; display(a); exit()", "a"),
        ("get_ipython()", "get_ipython"),
        ("step.flow", ""),
        ("def handler(pd): return step", "step"),
        ("def handler(pd): return pd.steps", ""),
        ("def handler(pd: P, x=D) -> R: pass\nx: T = 1", "D P R T"),
        ("def handler(pd: 'P'):\n    x: T = 1\n    return x", ""),
        ("from __future__ import annotations\ndef f(x: A): pass", ""),
        ("def f(x=a, *, y=b):\n    def g(): return x + z + y\n    return g", "a b z"),
        ("[x + a for x in b if c]\n", "a b c"),
        ("[x for x in a]\nx", "a x"),
        ("{k: v for k, v in a}; {y for y in b}; list(z for z in c)", "a b c"),
        ("[y := f(x) for x in a]\ny", "a f"),
        ("lambda x: x + a", "a"),
        ("class A(B, metaclass=M):\n    x = y\n    z = x\n    def m(self): return x + w", "B M w x y"),
        ("class A:\n    rows = rows", "rows"),
        ("class A:\n    global g\n    g = 1\ng", ""),
        ("@deco(a)\ndef f(): return f", "a deco"),
        ("import a.b, c as d\nfrom e import f, g as h\na, d, f, h", ""),
        ("import a.b as c\na", "a"),
        ("try:\n    x\nexcept E as e:\n    e\n", "E x"),
        ("with a as b, c as (d, e): b, d, e", "a c"),
        ("match a:\n    case {'k': b, **r}: b, r\n    case P(x=[c, *d]): c, d\n    case M.n: pass", "M P a"),
        ("del a", "a"),
        ("a = 1\ndel a", ""),
        ("def f():\n    global a\n    a = 1\na", ""),
        ("def f():\n    global a\n    a += 1", "a"),
        ("a = a + 1", "a"),
        ("n += 1", "n"),
        ("class A(A): pass", "A"),
        ("class A:\n    A = A", "A"),
        ("a = [a for _ in b]", "a b"),
        ("f = f(lambda: f)", "f"),
        ("for i in a:\n    if i: print(last)\n    last = i", "a"),
        ("def f(): return g()\ndef g(): return f()", ""),
        ("async def f():\n    async with a as b:\n        return [c async for c in b]", "a"),
        ("x = 1\nif False:\n    never", ""),
    ],
)
def test_the_free_names_are_those_that_python_would_look_up_elsewhere(source: str, free: str) -> None:
    assert parse(source, filename=NAME).free == set(free.split())


def test_names_needed_at_once_are_told_from_those_needed_in_a_call() -> None:
    names = read_names(
        "@deco\ndef f(x=default) -> Out:\n    return used(x)\nclass A(Base):\n    y: T = v\n"
        "    z = [g(i) for i in items]\n    def m(self): return h(lambda: k)\n",
        filename=NAME,
    )
    assert names.binds == {"f", "A"}
    assert names.now - BUILTINS == {"deco", "default", "Out", "Base", "T", "v", "g", "items"}
    assert names.later - BUILTINS == {"used", "h", "k"}


def test_a_name_needed_both_at_once_and_in_a_call_is_needed_at_once() -> None:
    names = read_names("def f(): return a\na()", filename=NAME)
    assert names.now == {"a"}
    assert not names.later


@pytest.mark.parametrize(("source", "star"), [("from math import *\npi", True), ("from math import pi\npi", False)])
def test_a_star_import_is_noticed(source: str, star: bool) -> None:
    assert parse(source, filename=NAME).star is star


def test_reading_names_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_names("x = '\\d'\nx is 'y'", filename=NAME).binds == {"x"}


_names = st.sampled_from("abcde")
_statements = st.one_of(
    st.builds("{0} = ({1}, {2})".format, _names, _names, _names),
    st.builds("def {0}(p={1}): return {2}".format, _names, _names, _names),
    st.builds("{0} = lambda p=[{1}]: {2}".format, _names, _names, _names),
    st.builds("class {0}:\n    v = {1}\n    {2} = {2}\n    def m(self): return {1}".format, _names, _names, _names),
    st.builds("{0} = [({0}, {1}) for {0} in [{2}]]".format, _names, _names, _names),
    st.builds("(lambda {0}: {1})\n{2}".format, _names, _names, _names),
    st.builds("import math as {0}\n{1}: {2} = 0".format, _names, _names, _names),
    st.builds("[{0} := {1}, [{2} for _ in '1']]".format, _names, _names, _names),
)


@given(st.lists(_statements, min_size=1, max_size=6).map("\n".join))
def test_given_exactly_the_names_needed_at_once_source_executes_and_without_any_it_does_not(source: str) -> None:
    code = compile_setup(source, filename=NAME)
    needed = read_names(source, filename=NAME).now - BUILTINS
    exec(code, dict.fromkeys(needed, 0))
    for name in needed:
        with pytest.raises(NameError, match=f"'{name}'"):
            exec(code, dict.fromkeys(needed - {name}, 0))
