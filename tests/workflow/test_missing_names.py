"""Which step has the name that another one looks for."""

from __future__ import annotations

import pytest

from pdnb.workflow.definition import Step
from pdnb.workflow.missing_names import bindings, elsewhere

HANDLER = "def handler(pd):\n    df = load()\n    return df"


def where(name: str, **sources: str) -> str:
    return elsewhere(name, [Step(step, source) for step, source in sources.items()], "here") or ""


@pytest.mark.parametrize(
    "source",
    ["df = 1", HANDLER, "for df in rows: pass", "with open('a') as df: pass", "df: int = 1", "await f(df := 1)"],
)
def test_a_variable_is_found_wherever_it_is_bound(source: str) -> None:
    assert bindings(source)["df"] == "variable"


@pytest.mark.parametrize(
    "source",
    ["import a.df as df", "import df.b", "from a import df", "def df(): 1", "class df: x = 1", "async def df(): 1"],
)
def test_a_definition_is_told_from_a_variable(source: str) -> None:
    assert bindings(source)["df"] == "definition"


def test_a_cell_that_does_not_parse_binds_nothing() -> None:
    assert bindings("df = (") == {}
    assert bindings("df = '\0'") == {}


def test_a_variable_is_to_be_returned_and_a_definition_to_be_shared() -> None:
    assert where("df", load=HANDLER, here="def handler(pd): return df") == (
        "is a variable of step 'load', and a step sees only what others leave: return it there, and "
        'read pd.steps["load"]["$return_value"]'
    )
    assert where("np", load="import numpy as np", here="np.zeros(3)") == (
        "is defined by step 'load' for itself alone: define it in a %%setup cell, for all steps"
    )
    assert where("df", load="x = 1", here="df") == ""


def test_in_a_body_the_step_object_is_called_step() -> None:
    assert 'read step.steps["load"]' in where("df", load=HANDLER, here="df")


def test_the_nearest_step_before_is_meant_else_one_behind() -> None:
    assert "step 'b'" in where("x", a="x = 1", b="x = 2", here="x", c="x = 3")
    assert "step 'c'" in where("x", a="y = 1", here="x", c="x = 3")
