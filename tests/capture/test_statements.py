"""The statements of a cell, with names and lines as Python has them."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

import pytest

from pdnb.capture.statements import Statement, statements
from pdnb.workflow.compiling import show_in_tracebacks

if TYPE_CHECKING:
    from collections.abc import Iterator

CELL = """
import math
class A:
    x = 1
    class B:
        @staticmethod
        def m():
            inside = 1
if True:
    @print
    @print
    def f():
        return '''a
b'''
"""


@pytest.fixture
def cell(request: pytest.FixtureRequest) -> Iterator[str]:
    import linecache

    yield request.node.name
    linecache.cache.pop(request.node.name, None)


def of(cell: str, source: str) -> list[Statement]:
    show_in_tracebacks(source, cell)
    return statements(cell)


def test_definitions_have_their_qualified_names_and_what_is_inside_of_functions_is_left_out(cell: str) -> None:
    found = of(cell, CELL)
    names = [it.qualname for it in found if isinstance(it.node, ast.ClassDef | ast.FunctionDef)]
    assert names == ["A", "A.B", "A.B.m", "f"]
    assert "inside = 1" not in [it.text for it in found]


def test_a_statement_begins_with_its_decorators_and_stands_alone(cell: str) -> None:
    f = of(cell, CELL)[-1]
    assert (f.first, f.last) == (10, 14)
    assert f.text == "if True:\n    @print\n    @print\n    def f():\n        return '''a\nb'''"
    compile(f.text, "<f>", "exec")


@pytest.mark.parametrize("source", ["", "not quite python", "x = '\0'"])
def test_a_cell_that_is_no_python_has_none(cell: str, source: str) -> None:
    assert of(cell, source) == []


def test_an_unknown_cell_has_none() -> None:
    assert statements("<nowhere>") == []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type statements are newer than this Python")
def test_a_type_statement_defines_nothing(cell: str) -> None:
    assert [it.qualname for it in of(cell, "type T = int\ndef f(): pass")] == ["", "f"]
