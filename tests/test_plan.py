"""The house's plan, checked from what the files import: floors, walls, homes, and a light front door."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUSE = Path(__file__).parents[1] / "pdnb"

#: From the ground up. A package or module imports only from floors below; every one stands here.
PLAN = (
    "errors json_advice json_text model owner_id text",
    "json_values pauses",
    "links codec workflow",
    "machine",
    "outputs forms request capture",
    "decisions store views",
    "coordination",
    "runtime",
    "client executor",
    "workers",
    "kernel server testing",
    "cli",
    "__init__ __main__",
)
FLOORS = {name: floor for floor, names in enumerate(PLAN) for name in names.split()}

#: Where each third-party package may be imported, and those of the standard library that keep to one place.
HOMES = {
    "IPython": "kernel outputs workflow __init__",
    "anywidget": "kernel",
    "click": "cli",
    "diskcache": "store",
    "filelock": "coordination",
    "ipywidgets": "kernel",
    "itsdangerous": "links",
    "jinja2": "server",
    "jsonschema": "forms",
    "jupyter_core": "coordination",
    "jupyter_server": "server",
    "markdown_it": "views",
    "markupsafe": "server",
    "nbformat": "workflow views",
    "nh3": "views",
    "pandas": "views client",
    "python_multipart": "server",
    "referencing": "forms",
    "rfc3987_syntax": "forms",
    "rich": "cli",
    "smtplib": "runtime",
    "sqlite3": "store",
    "tornado": "server cli",
    "traitlets": "kernel server",
} | dict.fromkeys(["pickle", "_pickle", "shelve", "marshal"], "")  # nowhere: reading them executes what is stored

HEAVY = {"tornado", "jupyter_server", "IPython", "ipywidgets", "anywidget", "pandas", "nbformat"}


def imported(file: Path) -> Iterator[str]:
    """Every dotted name that *file* imports: at the top, late, by ``import_module``, or only for its types."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ("." * node.level + f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant))


def complaints(house: Path) -> Iterator[str]:
    """Every breach of the plan in the package at *house*, one line each."""
    graph: dict[str, set[str]] = {}
    for file in sorted(house.rglob("*.py")):
        name = file.relative_to(house).with_suffix("").as_posix()
        place = name.split("/")[0]
        if place not in FLOORS:
            yield f"{name} stands on no floor"
        for top, *rest in (dotted.split(".") for dotted in imported(file)):
            if top == "pdnb":
                other = next((p for p in rest[:1] if (house / p).is_dir() or (house / f"{p}.py").exists()), "__init__")
                if other != place and FLOORS.get(other, 99) >= FLOORS.get(place, 99):
                    yield f"{name} imports {other}, which is not below it"
                inner = "/".join(rest[:2]) if (house / other).is_dir() else other
                graph.setdefault(name, set()).add(inner if (house / f"{inner}.py").exists() else f"{other}/__init__")
            elif (top in HOMES or top not in sys.stdlib_module_names) and place not in HOMES.get(top, "").split():
                yield f"{name} imports {top or 'relatively'}, which has no home there"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"{' imports '.join(reversed(error.args[1]))}: a circle"


def test_every_file_keeps_to_its_floor_its_wing_and_its_homes() -> None:
    assert list(complaints(HOUSE)) == []


@pytest.mark.parametrize(
    ("name", "source", "breach"),
    [
        ("attic", "", "attic stands on no floor"),
        ("model", "from pdnb.runtime import runner", "model imports runtime, which is not below it"),
        ("model", "from pdnb import Run", "model imports __init__, which is not below it"),
        ("model", "def f():\n    from pdnb.runtime.runner import run", "model imports runtime, which is not below it"),
        ("kernel/card", "import pdnb.server.app", "kernel/card imports server, which is not below it"),
        ("kernel/card", "from pdnb.kernel import panel", "kernel/panel imports kernel/card"),
        (
            "runtime/runner",
            "from importlib import import_module\nimport_module('tornado.web')",
            "runner imports tornado",
        ),
        ("runtime/runner", "from . import flow", "runner imports relatively, which has no home there"),
        ("runtime/runner", "import requests", "runner imports requests, which has no home there"),
        ("store/sqlite", "from pickle import loads", "sqlite imports pickle, which has no home there"),
    ],
)
def test_a_breach_of_the_plan_is_noticed(tmp_path: Path, name: str, source: str, breach: str) -> None:
    house = {
        "__init__": "",
        "runtime/runner": "",
        "kernel/panel": "from pdnb.kernel.card import Card",
        "server/app": "",
    }
    for file, text in (house | {"kernel/card": "", name: source}).items():
        (tmp_path / f"{file}.py").parent.mkdir(exist_ok=True)
        (tmp_path / f"{file}.py").write_text(text)
    assert [line for line in complaints(tmp_path) if breach in line]


def test_importing_pdnb_loads_nothing_heavy() -> None:
    look = "import sys, pdnb; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", look], cwd=HOUSE.parent, check=True, capture_output=True, text=True)
    assert HEAVY.isdisjoint(loaded.stdout.split())
