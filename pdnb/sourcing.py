"""Workflows that are not typed into a kernel: read from a notebook's file, or made of functions of a module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final, TypeVar, overload

from pdnb.errors import DefinitionError
from pdnb.line import SETUP, STEP

_MARK: Final = "__pdnb_step__"
_MAX_BYTES: Final = 200 * 1024 * 1024

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Sourced:
    """A cell that some file defines: of a step when it has a name, of the setup when it has none."""

    name: str | None
    source: str
    at_most_once: bool = False


def cells_of_notebook(path: Path, workflow: str) -> Iterator[Sourced]:
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
        except DefinitionError as error:
            raise DefinitionError(f"{path}, code cell {number}: {error}") from None
        if (given.text("--workflow") or path.stem) == workflow:
            yield Sourced(given.name or "" if options is STEP else None, body)


@overload
def step(function: _F, /) -> _F: ...
@overload
def step(*, name: str | None = None, at_most_once: bool = False) -> Callable[[_F], _F]: ...
def step(function: Any = None, /, *, name: str | None = None, at_most_once: bool = False) -> Any:
    """Mark a function of a module as a step; it takes the step object like a cell's ``handler(pd)``.

    The function itself stays as it is. :meth:`Workflow.from_module` collects what is marked.
    """

    def mark(marked: _F) -> _F:
        setattr(marked, _MARK, (name or marked.__name__, at_most_once))
        return marked

    return mark if function is None else mark(function)


def cells_of_module(module: ModuleType) -> Iterator[Sourced]:
    """A cell for each function of *module* marked with :func:`step`, in the order they stand there.

    Raises ``DefinitionError`` when there are none that can be imported.
    """
    marked = [f for f in vars(module).values() if isinstance(f, FunctionType) and hasattr(f, _MARK)]
    own = sorted((f for f in marked if f.__module__ == module.__name__), key=lambda f: f.__code__.co_firstlineno)
    if module.__name__ == "__main__" or not own:
        raise DefinitionError(f"module {module.__name__!r} has no importable functions marked with @pdnb.step")
    for function in own:
        name, at_most_once = getattr(function, _MARK)
        yield Sourced(name, _calls(function), at_most_once)


def _calls(function: FunctionType) -> str:
    """A cell that imports *function* and hands the step object on."""
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
