"""What is likely a mistake in a step's cell, and what is none."""

from __future__ import annotations

import pytest

from pdnb.workflow.advice import lone_function


@pytest.mark.parametrize(
    "source",
    [
        "def handle(pd):\n    pd.flow.suspend()",
        "async def handle(pd):\n    pass",
        "import os\nLIMIT = 3\n\ndef Handler(pd):\n    return LIMIT",
        "def step(pd):\n    return step(pd)",
    ],
)
def test_a_cell_with_one_function_that_nothing_calls_does_nothing(source: str) -> None:
    said = lone_function("gate", source)
    assert said is not None
    assert said.startswith("step 'gate' defines ")
    assert "write def handler(pd)" in said


@pytest.mark.parametrize(
    "source",
    [
        "def handler(pd):\n    pass",
        "def total(n):\n    return n\n\ntotal(3)",
        "def a():\n    pass\n\ndef b():\n    pass\n\nb()",
        "def a():\n    pass\n\ndef handler(pd):\n    return a()",
        "@registered\ndef a():\n    pass",
        "x = 1",
        "def broken(",
    ],
)
def test_any_other_cell_gets_no_advice(source: str) -> None:
    assert lone_function("gate", source) is None
