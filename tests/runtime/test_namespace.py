"""The module a run's code executes in: real, made once per hash, copied for every attempt."""

from __future__ import annotations

import inspect
import linecache
import sys
import traceback
from typing import Any
from uuid import uuid4

import pytest

from pdnb.errors import CellSyntaxError
from pdnb.runtime.namespace import load, step_namespace
from pdnb.workflow.cell import parse
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion


def version(*setup: str, name: str = "") -> WorkflowVersion:
    """A workflow that no other test has, unless it is named."""
    return WorkflowVersion(name or uuid4().hex, (Step("s", "1"),), setup, Environment("python", "/", ()))


def modules() -> set[str]:
    return {name for name in sys.modules if name.startswith("pdnb_workflow_")}


def test_the_module_is_a_real_one_named_after_the_hash() -> None:
    code = version("x = 1")
    module = load(code)
    assert module.__name__ == f"pdnb_workflow_{code.id[:12]}"
    assert sys.modules[module.__name__] is module
    assert not hasattr(module, "__file__")
    assert vars(module)["x"] == 1


def test_setup_cells_execute_in_order_once_per_hash() -> None:
    setup = ("log = []", "log.append(len(log))", "log.append(len(log))")
    code = version(*setup)
    assert vars(load(code))["log"] == [0, 1]
    assert load(code) is load(WorkflowVersion.from_json(code.to_json()))
    assert vars(load(code))["log"] == [0, 1]
    assert load(version(*setup)) is not load(code)


def test_dataclasses_work_in_setup_cells_and_in_steps() -> None:
    source = "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n"
    source += "@dataclass\nclass {}:\n    x: int\n    n: ClassVar[int] = 2\n"
    module = load(version(source.format("Row")))
    assert vars(module)["Row"](1).x == 1
    namespace = step_namespace(module)
    step: Any = parse(source.format("Own") + "Own(Row(3).x)", filename="<step s of w>").call(namespace, None)
    assert (step.x, type(step).__module__) == (3, module.__name__)


def test_a_step_changes_only_its_own_copy() -> None:
    module = load(version("x = 1\ndef get(): return x"))
    first, second = step_namespace(module), step_namespace(module)
    exec("x = 2\ny = 3", first)
    assert (first["x"], first["get"](), second["x"], vars(module)["x"]) == (2, 1, 1, 1)
    assert "y" not in second
    assert second["__name__"] == module.__name__


def test_an_error_in_a_setup_cell_is_the_users_own_and_shows_its_line() -> None:
    code = version("x = 1", "y = 2\ny / 0  # oh", name="ledger")
    with pytest.raises(ZeroDivisionError) as raised:
        load(code)
    shown = "".join(traceback.format_exception(raised.value))
    assert f'File "<setup 2 of ledger {code.id[:12]}>", line 2' in shown
    assert "y / 0  # oh" in shown


@pytest.mark.parametrize("error", ["1 / 0", "raise SystemExit", "raise KeyboardInterrupt"])
def test_after_an_error_the_next_try_starts_afresh(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = modules()
    code = version("log = []", f"import sys\nlog.append(1)\nif hasattr(sys, 'pdnb_fails'): {error}")
    monkeypatch.setattr(sys, "pdnb_fails", True, raising=False)
    with pytest.raises((ZeroDivisionError, SystemExit, KeyboardInterrupt)):
        load(code)
    assert modules() == before
    monkeypatch.delattr(sys, "pdnb_fails")
    assert vars(load(code))["log"] == [1]


def test_a_setup_cell_that_does_not_parse_executes_nothing() -> None:
    before = modules()
    with pytest.raises(CellSyntaxError, match=r"setup 2 of ledger [0-9a-f]{12}, line 1: '!ls' is IPython syntax"):
        load(version("import sys\nsys.pdnb_ran = True", "!ls", name="ledger"))
    assert not hasattr(sys, "pdnb_ran")
    assert modules() == before


def test_getsource_works_on_functions_of_a_setup_cell() -> None:
    one, two = (load(version(f"\ndef f():\n    return {n}\n")) for n in (1, 2))
    linecache.checkcache()
    assert inspect.getsource(vars(one)["f"]) == "def f():\n    return 1\n"
    assert inspect.getsource(vars(two)["f"]) == "def f():\n    return 2\n"


def test_main_is_not_touched() -> None:
    main = sys.modules["__main__"]
    before = dict(vars(main))
    load(version("x = 1\n__name__"))
    assert sys.modules["__main__"] is main
    assert vars(main) == before
