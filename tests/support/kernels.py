"""A real kernel, driven by nbclient as a host without a browser drives it, in an environment of its own."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import nbformat
from nbclient import NotebookClient

if TYPE_CHECKING:
    from pathlib import Path


def environment(place: Path, store: Path) -> dict[str, str]:
    """What a kernel of the store at *store* sees; nothing of the person's own settings. *place* is its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PDNB_") and k not in ("CI", "JPY_SESSION_NAME")}
    own = {"PDNB_DIR": store, "IPYTHONDIR": place / "ipython", "JUPYTER_RUNTIME_DIR": place / "runtime"}
    return kept | {name: str(path) for name, path in own.items()}


class Kernel:
    """Executes cells, one after the other; an error in a cell is raised here."""

    def __init__(self, env: dict[str, str], *, cells: tuple[str, ...] = ()) -> None:
        self._notebook = nbformat.v4.new_notebook()
        self._client = NotebookClient(self._notebook, kernel_name="python3", timeout=60)
        self._env = env
        self._stack = ExitStack()
        self._first = cells

    def run(self, source: str) -> list[dict[str, Any]]:
        """The outputs of one cell."""
        cell = nbformat.v4.new_code_cell(source.strip("\n"))
        self._notebook.cells.append(cell)
        self._client.execute_cell(cell, len(self._notebook.cells) - 1)
        outputs: list[dict[str, Any]] = cell.outputs
        return outputs

    def __enter__(self) -> Self:
        self._stack.enter_context(self._client.setup_kernel(env=self._env))
        for cell in self._first:
            self.run(cell)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def texts(outputs: list[dict[str, Any]]) -> list[str]:
    """The plain text of each output."""
    return [str(output.get("data", {}).get("text/plain") or output.get("text", "")) for output in outputs]
