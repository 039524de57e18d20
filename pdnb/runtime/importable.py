"""The code of a step as a module's file, so that the processes it starts find its functions and classes by name.

``pickle`` and process pools send a function by the name of its module; a process that was spawned imports it there. In
it the setup cells execute, and the step's cell: all of it if it defines a handler, else its imports, functions, classes
and constants only, since executing the body there would do the step's work again.
"""

from __future__ import annotations

import ast
import linecache
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from pdnb.outputs.ipython import when_loaded
from pdnb.workflow.cell import Cell

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def directory_prefix(pid: int) -> str:
    """How the names of the directories begin that the process *pid* makes; who kills it removes them."""
    return f"pdnb-{pid}-"


def remove_left(pid: int) -> None:
    """Remove what the process *pid* left, which was killed."""
    for directory in Path(tempfile.gettempdir()).glob(f"{directory_prefix(pid)}*"):
        shutil.rmtree(directory, ignore_errors=True)


class Importable:
    """The file of the module called *name*; it is written when multiprocessing is there to need it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._directory: Path | None = None
        self._setup: tuple[str, ...] = ()
        self._cell: Cell | None = None
        self._undo = ExitStack()
        self._watched = False

    def show(self, setup: tuple[str, ...], cell: Cell | None) -> str:
        """From now on the file is of *setup* and *cell*; its name. ``inspect.getsource`` finds classes in it."""
        self._setup, self._cell = setup, cell
        if not self._watched:
            self._watched = True
            self._undo.enter_context(when_loaded(self._write, "multiprocessing"))
        elif self._directory is not None:
            self._write()
        file = f"{self._directory}/{self._name}.py" if self._directory else f"<{self._name}>"
        text = "\n".join([*setup, *([cell.source] if cell else [])])
        linecache.cache[file] = (len(text), None, [line + "\n" for line in text.split("\n")], file)
        return file

    def _write(self) -> None:
        """Write the file, and let processes that inherit or are sent ``sys.path`` find it."""
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix=directory_prefix(os.getpid())))
            sys.path.append(str(self._directory))
        text = "\n".join([*self._setup, *([_definitions(self._cell)] if self._cell else [])])
        (self._directory / f"{self._name}.py").write_text(text, encoding="utf-8")

    def remove(self) -> None:
        """Remove the file, and all that was done for it."""
        self._undo.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            if str(self._directory) in sys.path:
                sys.path.remove(str(self._directory))
            self._directory = None


def _definitions(cell: Cell) -> str:
    """What of *cell* another process may execute to have its definitions."""
    if cell.spelling == "handler" and not cell.awaits_itself:
        return cell.source
    kept = [node for node in ast.parse(cell.source).body if isinstance(node, _DEFINITIONS) or _is_constant(node)]
    return "\n".join(map(ast.unparse, kept))


def _is_constant(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if value is None:
        return False
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError):
        return False
    return True
