"""Loading a workflow's cells from a notebook's file, or from the marked functions of a module."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from types import FunctionType, ModuleType
from typing import Any, Final, TypeVar, overload

from pdnb.errors import DefinitionError
from pdnb.workflow.notebook_cells import read_cell
from pdnb.workflow.options import read_bytes, read_seconds, read_setup_line, read_step_line, step_options

_MARK: Final = "__pdnb_step__"
_MAX_BYTES: Final = 200 * 1024 * 1024
_MAX_NAME_BYTES: Final = 300  # of a workflow's name

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class LoadedCell:
    """A cell that a file defines: a step's if it has a name, a setup cell if it has none.

    ``options`` are those of a ``Step``.
    """

    name: str | None
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FileCell:
    """A code cell of a notebook's file: its ``number`` from 1, its ``id`` if it has one, its source as it stands."""

    number: int
    id: str | None
    source: str

    @property
    def where(self) -> str:
        """What people call it."""
        return f"code cell {self.number}"

    def read(self) -> tuple[LoadedCell, str | None] | None:
        """The step's or setup cell that it is, with the workflow its line names; ``None``: an ordinary cell.

        Raises ``DefinitionError`` for a line that cannot be read, and for a cell that only looks like one of them.
        """
        found = read_cell(self.source, self.where)
        if found is None:
            return None
        try:
            given = read_step_line(found.line) if found.magic == "step" else read_setup_line(found.line)
            chosen = step_options(given) if found.magic == "step" else {}
        except DefinitionError as error:
            raise DefinitionError(f"{self.where}: {error}") from None
        return LoadedCell(given.name, found.body, chosen), given.text("--workflow")


def cells_of_notebook(path: Path, workflow: str) -> Iterator[LoadedCell]:
    """The ``%%step`` and ``%%setup`` cells of *workflow* in the ``.ipynb`` at *path*; nothing is executed.

    Without ``-w`` a cell belongs to the workflow called like the file. Raises ``DefinitionError``: also for a cell that
    looks like a step's and is none, whatever workflow it was meant for, and for two different cells of one step.
    """
    own = workflow_of_file(path)
    defined: dict[str, tuple[FileCell, LoadedCell]] = {}
    for cell in code_cells(path):
        try:
            found = cell.read()
        except DefinitionError as error:
            raise DefinitionError(f"{path}, {error}") from None
        if found is None or (found[1] or own) != workflow:
            continue
        loaded = found[0]
        if loaded.name is not None:
            other, before = defined.setdefault(loaded.name, (cell, loaded))
            if before != loaded:
                raise DefinitionError(
                    f"{path}: {other.where} and {cell.where} both define step {loaded.name!r} and differ: "
                    "give one of them another name, or delete it"
                )
        yield loaded


def workflow_of_file(path: str | PurePath) -> str:
    """What the workflow of the notebook at *path* is called: the stem of its name, as far as it can name one.

    Windows paths are read on every system. ``""`` if nothing is left of it.
    """
    stem = PurePosixPath(str(path).replace("\\", "/")).stem
    stem = "".join(c for c in stem if c.isprintable()).strip()[:100]
    while len(stem.encode()) > _MAX_NAME_BYTES:
        stem = stem[:-1]
    return stem.strip()


@overload
def step(function: _F, /) -> _F: ...
@overload
def step(
    *,
    name: str | None = None,
    at_most_once: bool = False,
    time_limit: float | str | None = None,
    memory_limit: int | str | None = None,
) -> Callable[[_F], _F]: ...
def step(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    at_most_once: bool = False,
    time_limit: float | str | None = None,
    memory_limit: int | str | None = None,
) -> Any:
    """Mark a function of a module as a step; it takes the step object like a cell's ``handler(pd)``.

    ``time_limit``: seconds, or ``"90s"``, ``"10m"``, ``"2h"``; ``memory_limit``: bytes, or ``"500M"``, ``"2G"``.
    The function itself stays as it is. :meth:`Workflow.from_module` collects what is marked.
    """
    options = {
        "at_most_once": at_most_once,
        "time_limit": None if time_limit is None else read_seconds(str(time_limit), "time_limit"),
        "memory_limit": None if memory_limit is None else read_bytes(str(memory_limit), "memory_limit"),
    }

    def mark(marked: _F) -> _F:
        setattr(marked, _MARK, (name or marked.__name__, options))
        return marked

    return mark if function is None else mark(function)


def cells_of_module(module: ModuleType) -> Iterator[LoadedCell]:
    """A cell for each function of *module* marked with :func:`step`, in the order they stand there.

    Raises ``DefinitionError`` when there are none that can be imported.
    """
    marked = [f for f in vars(module).values() if isinstance(f, FunctionType) and hasattr(f, _MARK)]
    own = sorted((f for f in marked if f.__module__ == module.__name__), key=lambda f: f.__code__.co_firstlineno)
    if module.__name__ == "__main__" or not own:
        raise DefinitionError(f"module {module.__name__!r} has no importable functions marked with @pdnb.step")
    for function in own:
        name, options = getattr(function, _MARK)
        yield LoadedCell(name, _calls(function), options)


def _calls(function: FunctionType) -> str:
    """The source of a cell that imports *function* and calls it with the step object."""
    waits = inspect.iscoroutinefunction(function)
    return (
        f"from {function.__module__} import {function.__name__} as _step\n\n\n"
        f"{'async ' if waits else ''}def handler(pd):\n    return {'await ' if waits else ''}_step(pd)\n"
    )


def code_cells(path: Path) -> list[FileCell]:
    """The code cells of the notebook at *path*; raises ``DefinitionError`` with one clear line."""
    import nbformat  # noqa: PLC0415  # its import costs a second

    if not path.is_file():
        raise DefinitionError(f"{path} is no file: give the path of a notebook (.ipynb)")
    if path.stat().st_size > _MAX_BYTES:
        raise DefinitionError(f"{path} is larger than {_MAX_BYTES >> 20} MiB: clear its outputs first")
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        return [FileCell(number, cell.get("id"), cell["source"]) for number, cell in enumerate(cells, 1)]
    except OSError as error:
        raise DefinitionError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # nbformat raises whatever a broken file makes it stumble over
        raise DefinitionError(f"{path} is no notebook that can be read ({type(error).__name__})") from error


def saved_cells(path: Path) -> list[FileCell]:
    """The code cells of a notebook that a kernel's host keeps at *path*: without the second that nbformat costs.

    Raises ``DefinitionError`` for a file of another format than today's (4).
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["nbformat"] != 4:
            raise DefinitionError(f"{path} has an old format: save it again")
        cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
        return [FileCell(number, cell.get("id"), "".join(cell["source"])) for number, cell in enumerate(cells, 1)]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DefinitionError(f"{path} is no notebook that can be read ({type(error).__name__})") from error
