"""The module in which the code of one wake-up executes: real, and fresh for every step."""

from __future__ import annotations

import inspect
import linecache
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias
from uuid import uuid4

import pytest

from pdnb.errors import CellSyntaxError
from pdnb.runtime.namespace import Namespace
from pdnb.workflow.cell import parse
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

Load: TypeAlias = Callable[[WorkflowVersion], dict[str, Any]]


def version(*setup: str, name: str = "") -> WorkflowVersion:
    """A workflow that no other test has, unless it is named."""
    return WorkflowVersion(name or uuid4().hex, (Step("s", "1"),), setup, Environment("python", "/", ()))


def modules() -> set[str]:
    return {name for name in sys.modules if name.startswith("pdnb_workflow_")}


STEP = parse("1", filename="<step s of w>")


@pytest.fixture
def load() -> Iterator[Callable[[WorkflowVersion], dict[str, Any]]]:
    """The names that a step of a version finds, in a wake-up of its own."""
    with ExitStack() as wake_ups:
        yield lambda code: wake_ups.enter_context(Namespace(code)).fresh(STEP)


def test_the_module_is_a_real_one_named_after_the_hash_while_the_wake_up_lasts() -> None:
    code = version("x = 1")
    with Namespace(code) as namespace:
        names = namespace.fresh(STEP)
        assert names["__name__"] == f"pdnb_workflow_{code.id[:12]}"
        assert vars(sys.modules[names["__name__"]]) is names
        assert names["x"] == 1
    assert modules() == set()


def test_setup_cells_execute_in_order_and_once_in_a_wake_up() -> None:
    code = version("log = []", "log.append(len(log))", "log.append(len(log))")
    with Namespace(code) as namespace:
        assert namespace.fresh(STEP)["log"] == [0, 1]
        assert namespace.fresh(STEP)["log"] == [0, 1]


def test_what_one_wake_up_changed_another_of_the_same_version_does_not_see(load: Load) -> None:
    code = version("held = []")
    load(code)["held"].append("mine")
    assert load(WorkflowVersion.from_json(code.to_json()))["held"] == []


def test_two_wake_ups_at_once_have_two_modules(load: Load) -> None:
    code = version("x = 1")
    first, second = load(code), load(code)
    assert first is not second
    assert first["__name__"] != second["__name__"]


def test_dataclasses_work_in_setup_cells_and_in_steps() -> None:
    source = "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n"
    source += "@dataclass\nclass {}:\n    x: int\n    n: ClassVar[int] = 2\n"
    with Namespace(version(source.format("Row"))) as namespace:
        cell = parse(source.format("Own") + "Own(Row(3).x)", filename="<step s of w>")
        names = namespace.fresh(cell)
        assert names["Row"](1).x == 1
        step: Any = cell.call(names, None)
        assert (step.x, type(step).__module__) == (3, names["__name__"])


def test_what_a_step_binds_is_gone_at_the_next_step() -> None:
    with Namespace(version("x = 1\ndef get(): return x")) as namespace:
        names = namespace.fresh(STEP)
        exec("x = 2\ny = 3", names)
        assert (names["x"], names["get"]()) == (2, 2)
        names = namespace.fresh(STEP)
        assert (names["x"], names["get"](), "y" in names) == (1, 1, False)


def test_functions_and_classes_of_setup_and_step_are_pickled_by_name() -> None:
    with Namespace(version("class Box:\n    n = 1\ndef grow(box): return box")) as namespace:
        cell = parse("class Own(Box): pass\ndef mine(): return 2\n[Own, mine, Box, grow]", filename="<step s of w>")
        things: Any = cell.call(namespace.fresh(cell), None)
        assert pickle.loads(pickle.dumps(things)) == things


def test_the_source_of_classes_is_found() -> None:
    with Namespace(version("class Box:\n    n = 1\n")) as namespace:
        cell = parse("class Own(Box):\n    m = 2\n\n[Box, Own]", filename="<step s of w>")
        classes: Any = cell.call(namespace.fresh(cell), None)
        box, own = classes
        assert inspect.getsource(box) == "class Box:\n    n = 1\n"
        assert inspect.getsource(own) == "class Own(Box):\n    m = 2\n"


def test_an_error_in_a_setup_cell_is_the_users_own_and_shows_its_line(load: Load) -> None:
    code = version("x = 1", "y = 2\ny / 0  # oh", name="ledger")
    with pytest.raises(ZeroDivisionError) as raised:
        load(code)
    shown = "".join(traceback.format_exception(raised.value))
    assert f'File "<setup 2 of ledger {code.id[:12]}>", line 2' in shown
    assert "y / 0  # oh" in shown


@pytest.mark.parametrize("error", ["1 / 0", "raise SystemExit", "raise KeyboardInterrupt"])
def test_after_an_error_the_next_try_starts_afresh(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = version("log = []", f"import sys\nlog.append(1)\nif hasattr(sys, 'pdnb_fails'): {error}")
    monkeypatch.setattr(sys, "pdnb_fails", True, raising=False)
    with Namespace(code) as namespace:
        with pytest.raises((ZeroDivisionError, SystemExit, KeyboardInterrupt)):
            namespace.fresh(STEP)
        monkeypatch.delattr(sys, "pdnb_fails")
        assert namespace.fresh(STEP)["log"] == [1]


def test_a_setup_cell_that_does_not_parse_executes_nothing(load: Load) -> None:
    with pytest.raises(CellSyntaxError, match=r"setup 2 of ledger [0-9a-f]{12}, line 1: '!ls' is IPython syntax"):
        load(version("import sys\nsys.pdnb_ran = True", "!ls", name="ledger"))
    assert not hasattr(sys, "pdnb_ran")


def test_getsource_works_on_functions_of_a_setup_cell(load: Load) -> None:
    one, two = (load(version(f"\ndef f():\n    return {n}\n")) for n in (1, 2))
    linecache.checkcache()
    assert inspect.getsource(one["f"]) == "def f():\n    return 1\n"
    assert inspect.getsource(two["f"]) == "def f():\n    return 2\n"


def test_main_is_not_touched(load: Load) -> None:
    main = sys.modules["__main__"]
    before = dict(vars(main))
    load(version("x = 1\n__name__"))
    assert sys.modules["__main__"] is main
    assert vars(main) == before
