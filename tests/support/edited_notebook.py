"""A notebook that is edited, saved and run as a person does it in JupyterLab: cells with ids, a file, a real shell."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.support.notebook import Notebook, Said, plain


@dataclass
class EditedNotebook:
    """*nb* is the shell of its kernel. *ids*: whether the host tells cell ids; *path*: its file, if it has one."""

    nb: Notebook
    path: Path | None = None
    ids: bool = True
    cells: dict[str, str] = field(default_factory=dict)

    def put(self, cell_id: str, source: str, *, above: str | None = None) -> None:
        """A cell at the end or above another one; a cell with that id is edited in place."""
        source = dedent(source).strip("\n")
        if cell_id in self.cells or above is None:
            self.cells[cell_id] = source
            return
        items = list(self.cells.items())
        at = [name for name, _ in items].index(above)
        self.cells = dict([*items[:at], (cell_id, source), *items[at:]])

    def delete(self, cell_id: str) -> None:
        del self.cells[cell_id]

    def move(self, cell_id: str, *, above: str) -> None:
        source = self.cells.pop(cell_id)
        self.put(cell_id, source, above=above)

    def save(self) -> None:
        assert self.path is not None
        cells: list[dict[str, Any]] = [
            {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
            | ({"id": cell_id} if self.ids else {})
            for cell_id, source in self.cells.items()
        ]
        document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 if self.ids else 4}
        self.path.write_text(json.dumps(document))
        now_ns = time.time_ns()  # a file system's own clock is coarse
        os.utime(self.path, ns=(now_ns, now_ns))

    def run(self, cell_id: str) -> Said:
        """Run one cell as its host would."""
        self.nb._capsys.readouterr()
        known = cell_id if self.ids else None
        result = self.nb.shell.run_cell(self.cells[cell_id], store_history=True, cell_id=known)
        shown = self.nb._capsys.readouterr()
        error = result.error_before_exec or result.error_in_exec
        return Said(plain(shown.out), plain(shown.err), result.result, error)

    def run_all(self) -> dict[str, Said]:
        return {cell_id: self.run(cell_id) for cell_id in self.cells}

    def start(self) -> tuple[tuple[str, ...], str]:
        """``%pdnb run``: the steps that the run took, in order, and all that was said."""
        said = self.nb.try_("run = %pdnb run")
        assert said.error is None, said
        return tuple(self.nb.shell.user_ns["run"].record.steps), said.out

    def order(self) -> tuple[str, ...]:
        return self.nb.names()
