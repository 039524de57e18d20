"""The notebook's file as it was saved last: what its cells define, in their order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pdnb.errors import DefinitionError
from pdnb.workflow.loaders import FileCell, LoadedCell, saved_cells, workflow_of_file

_MAX_BYTES: Final = 50 * 1024 * 1024  # it is read while a person waits


@dataclass(frozen=True)
class SavedCell:
    """A code cell of the file: what it defines and for which workflow, or what is wrong with it."""

    cell: FileCell
    loaded: LoadedCell | None
    workflow: str | None
    problem: str | None

    @property
    def where(self) -> str:
        """What people call it."""
        return self.cell.where


@dataclass(frozen=True)
class SavedNotebook:
    """The file at ``path``; ``saved_ns`` is when it was written, in Unix nanoseconds."""

    path: Path
    saved_ns: int
    cells: tuple[SavedCell, ...]

    def steps(self, workflow: str) -> Iterator[tuple[SavedCell, str]]:
        """The cells that define steps of *workflow*, with their names."""
        for saved in self.cells:
            if saved.loaded is not None and saved.loaded.name is not None and saved.workflow == workflow:
                yield saved, saved.loaded.name

    def spot(self, cell_id: str | None) -> int | None:
        """The position of the cell with that id."""
        if cell_id is None:
            return None
        return next((i for i, saved in enumerate(self.cells) if saved.cell.id == cell_id), None)

    def cell(self, cell_id: str | None) -> SavedCell | None:
        """The cell with that id."""
        spot = self.spot(cell_id)
        return None if spot is None else self.cells[spot]

    def ordinary(self, cell_id: str | None, source: str) -> str | None:
        """What people call the cell with that id, if it was *source* and defines nothing now; else ``None``."""
        saved = self.cell(cell_id)
        if saved is None or saved.loaded is not None or saved.problem or saved.cell.source == source:
            return None
        return saved.where


class NotebookFile:
    """The file of one kernel's notebook, where the host tells its path; read again when it has changed.

    *names*: the kernel's user namespace. JupyterLab and Notebook tell the path by ``JPY_SESSION_NAME``, VS Code by
    ``__vsc_ipynb_file__``; for hosts that tell none (nbconvert, papermill, IPython), ``PDNB_NOTEBOOK`` can.
    """

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self._vscode = ""
        self._read: tuple[Path, int, int, SavedNotebook | None] | None = None
        self.was_there = False

    @property
    def told(self) -> str:
        """The path as the host tells it; ``""``: it tells none."""
        self._vscode = str(self._names.get("__vsc_ipynb_file__") or self._vscode)  # %reset takes it away
        return self._vscode or os.environ.get("JPY_SESSION_NAME") or os.environ.get("PDNB_NOTEBOOK", "")

    @property
    def path(self) -> Path | None:
        """The notebook's file; ``None`` where the host tells none, or something else (a console)."""
        told = self.told
        return Path(told).resolve() if told.endswith(".ipynb") else None

    @property
    def gone(self) -> bool:
        """Whether the file was there once in this kernel's life, and is no more: renamed, moved or deleted."""
        path = self.path
        there = path is not None and path.is_file()
        self.was_there = self.was_there or there
        return self.was_there and not there

    def read(self) -> SavedNotebook | None:
        """The notebook as it was saved last; ``None`` where it cannot be known."""
        path = self.path
        try:
            status = path.stat() if path is not None else None
        except OSError:
            return None
        if path is None or status is None or status.st_size > _MAX_BYTES:
            return None
        self.was_there = True
        key = (path, status.st_mtime_ns, status.st_size)
        if self._read is None or self._read[:3] != key:
            self._read = (*key, _read(path, status.st_mtime_ns))
        return self._read[3]


def _read(path: Path, saved_ns: int) -> SavedNotebook | None:
    try:
        cells = saved_cells(path)
    except DefinitionError:  # it is being written, or is no notebook that can be read: then it tells nothing
        return None
    return SavedNotebook(path, saved_ns, tuple(_saved(cells, workflow_of_file(path) or "workflow")))


def _saved(cells: Iterable[FileCell], own: str) -> Iterator[SavedCell]:
    for cell in cells:
        try:
            found = cell.read()
        except DefinitionError as error:
            yield SavedCell(cell, None, None, str(error))
        else:
            loaded, workflow = found if found is not None else (None, None)
            yield SavedCell(cell, loaded, (workflow or own) if loaded is not None else None, None)
