"""Loading a workflow's cells from a notebook's file, or from the marked functions of a module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final, TypeVar, overload

from pdnb.errors import DefinitionError
from pdnb.workflow.options import SETUP, STEP, read_bytes, read_seconds, step_options

_MARK: Final = "__pdnb_step__"
_MAX_BYTES: Final = 200 * 1024 * 1024

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class LoadedCell:
    """A cell that a file defines: a step's if it has a name, a setup cell if it has none.

    ``options`` are those of a ``Step``.
    """

    name: str | None
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)


def cells_of_notebook(path: Path, workflow: str) -> Iterator[LoadedCell]:
    """The ``%%step`` and ``%%setup`` cells of *workflow* in the ``.ipynb`` at *path*; nothing is executed.

    Without ``-w`` a cell belongs to the workflow called like the file. Raises ``DefinitionError``.
    """
    for number, source in enumerate(_code_cells(path), 1):
        first, _, body = source.lstrip("\n").partition("\n")
        magic, _, line = first.partition(" ")
        options = {"%%step": STEP, "%%setup": SETUP}.get(magic)
        if options is None:
            continue
        try:
            given = options.read(line)
            chosen = step_options(given) if options is STEP else {}
        except DefinitionError as error:
            raise DefinitionError(f"{path}, code cell {number}: {error}") from None
        if (given.text("--workflow") or path.stem) == workflow:
            yield LoadedCell(given.name or "" if options is STEP else None, body, chosen)


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


def _code_cells(path: Path) -> list[str]:
    """The sources of the code cells; raises ``DefinitionError`` with one clear line."""
    import nbformat  # noqa: PLC0415  # its import costs a second

    if not path.is_file():
        raise DefinitionError(f"{path} is no file: give the path of a notebook (.ipynb)")
    if path.stat().st_size > _MAX_BYTES:
        raise DefinitionError(f"{path} is larger than {_MAX_BYTES >> 20} MiB: clear its outputs first")
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        return [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except OSError as error:
        raise DefinitionError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # nbformat raises whatever a broken file makes it stumble over
        raise DefinitionError(f"{path} is no notebook that can be read ({type(error).__name__})") from error
