"""What a notebook imported, imported again in a fresh process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.scenarios import Notebook, Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKS = {
    "a module": """
import math
-- step math.floor(2.5)
-- gives 2
""",
    "a module by another name": """
import json as j
-- step j.dumps(1)
-- gives '1'
""",
    "a submodule": """
import os.path as p
-- step p.basename('/a/b')
-- gives 'b'
""",
    "a package with a submodule": """
import xml.dom.minidom
-- step xml.dom.minidom.parseString('<a/>').toxml()[-4:]
-- gives '<a/>'
""",
    "a renamed package with a submodule": """
import xml as x
import xml.dom.pulldom
-- step x.dom.pulldom.START_DOCUMENT
-- gives 'START_DOCUMENT'
""",
    "a module hidden by its package": """
import sys
import pdnb_hidden
hidden = sys.modules['pdnb_hidden.part']
-- step hidden.VALUE
-- gives 5
""",
    "a function of a module": """
from math import floor as f
-- step f(2.5)
-- gives 2
""",
    "a class of a module": """
from collections import Counter
-- step Counter('aab')['a']
-- gives 2
""",
    "a nested thing of a module": """
from ast import NodeVisitor
visit = NodeVisitor.visit
-- step visit.__qualname__
-- gives 'NodeVisitor.visit'
""",
    "a bound method of a module": """
from random import randint
-- step randint(3, 3)
-- gives 3
""",
    "an instance of a module": """
from os import environ
-- step type(environ).__name__
-- gives '_Environ'
""",
    "a typing name": """
from typing import Any, Optional
-- step [str(Any), str(Optional)]
-- gives ['typing.Any', 'typing.Optional']
""",
    "a builtin by another name": """
show = len
-- step show('abc')
-- gives 3
""",
    "pandas": """
import pandas as pd
from pandas import DataFrame, concat
-- cell def f(): return concat([DataFrame({'a': [1]})])
-- step int(pd.concat([f(), f()]).a.sum())
-- gives 2
""",
    "numpy": """
import numpy as np
from numpy import sin, array, pi, float64, newaxis
-- step float(np.sum(array([sin(pi / 2)])))
-- gives 1.0
""",
}


@pytest.mark.parametrize("law", WORKS)
def test_what_is_imported_works_in_a_fresh_process(law: str, outcomes: Mapping[str, str]) -> None:
    assert outcomes[law] == Scenario.read(WORKS[law]).outcome


def test_modules_and_what_they_hold_become_imports(notebook: Notebook) -> None:
    notebook.run("import math, json as j, os.path as p, xml.dom.minidom\nfrom math import floor, ceil as up")
    notebook.run("from ast import NodeVisitor as V\nvisit = V.visit")
    imports, *rest = notebook.snapshot("math, j, p, xml.dom.minidom.parse, floor, up, V, visit").setup
    assert rest == []
    assert imports.split("\n") == [
        "from ast import NodeVisitor as V",
        "from math import floor",
        "import json as j",
        "import math",
        "import posixpath as p",
        "from math import ceil as up",
        "from ast import NodeVisitor as visit",
        "visit = visit.visit",
        "import xml",
        "import xml.dom",
        "import xml.dom.minidom",
    ]


REFUSED = [
    """
import types
m = types.ModuleType('m')
-- step m.x
-- refused 'm' (a module), which cannot be imported as 'm'
""",
    """
import types, sys
m = sys.modules['pdnb_made'] = types.ModuleType('pdnb_made')
-- step m.x
-- refused 'm' (a module), which cannot be imported as 'pdnb_made'
""",
    """
import __main__
-- step __main__.x
-- refused '__main__' (a module), which cannot be imported
""",
]


@pytest.mark.parametrize("text", REFUSED, ids=map(str, range(len(REFUSED))))
def test_a_module_that_no_other_process_has_is_refused(
    notebook: Notebook, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "pdnb_made", raising=False)
    notebook.check_refused(text)


GONE = "a new process would not find from /: add its directory to sys.path, then run this again"


@pytest.mark.parametrize("entry", ["", "."])
def test_what_a_fresh_process_would_not_find_again_is_refused(
    notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    """The notebook went elsewhere since the import, and its modules lie where it was."""
    (tmp_path / "pdnb_beside.py").write_text("class A: pass\nbox = {1: A()}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry, *sys.path])
    monkeypatch.delitem(sys.modules, "pdnb_beside", raising=False)
    notebook.run("import pdnb_beside\nfrom pdnb_beside import A, box")
    assert notebook.snapshot("pdnb_beside, A, box").setup == (
        "from pdnb_beside import A\nfrom pdnb_beside import box\nimport pdnb_beside",
    )
    monkeypatch.chdir("/")
    assert f"'pdnb_beside' (a module), whose module 'pdnb_beside' {GONE}" in notebook.refusal("pdnb_beside")
    assert f"'A' (a type), whose module 'pdnb_beside' {GONE}" in notebook.refusal("A")
    assert "'box' (a dict), which holds the key 1" in notebook.refusal("box")
    sys.path.append(str(tmp_path))
    assert len(notebook.snapshot("pdnb_beside, A, box").setup) == 1


def test_a_module_that_is_hidden_by_another_file_today_is_refused(
    notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "pdnb_twice.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "one")
    monkeypatch.delitem(sys.modules, "pdnb_twice", raising=False)
    notebook.run("import pdnb_twice").snapshot("pdnb_twice")
    monkeypatch.syspath_prepend(tmp_path / "two")
    assert "whose module 'pdnb_twice' a new process would not find" in notebook.refusal("pdnb_twice")


def test_an_import_that_was_replaced_is_refused(
    notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pdnb_stale.py").write_text("def clean(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    notebook.run("import importlib, pdnb_stale\nfrom pdnb_stale import clean\nimportlib.reload(pdnb_stale)")
    said = "'clean' (a function), which is not what pdnb_stale.clean is now: import it again"
    assert said in notebook.refusal("clean()")
