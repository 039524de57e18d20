"""Which cell of the notebook is being run: its id as the host tells it, its source, and which execution it is."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from pdnb.errors import PdnbError
from pdnb.workflow.notebook_cells import MagicCell, commented_out, maybe_magic, read_transformed


@dataclass(frozen=True)
class RunningCell:
    """A cell while it runs. ``execution`` differs each time; ``count`` is the number people see, ``In [3]``."""

    id: str | None
    execution: int
    count: int
    source: str = ""

    @property
    def where(self) -> str:
        """What people call it."""
        return f"cell [{self.count}]"


class CurrentCell:
    """Follows *shell* from one cell to the next; a cell that another one runs (``%%capture``) is part of that one.

    Cells that look like ``%%step`` and are none for IPython are refused before they run; *check* gets the others that
    stand below another magic, which might swallow what is wrong with them.
    """

    def __init__(self, shell: InteractiveShell, check: Callable[[MagicCell], object]) -> None:
        self._shell, self._check = shell, check
        self._running: list[Any] = []
        self._execution = 0
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)
        shell.input_transformers_post.append(self._refuse_doubtful)

    def close(self) -> None:
        """Follow no more."""
        self._shell.events.unregister("pre_run_cell", self._begin)
        self._shell.events.unregister("post_run_cell", self._end)
        self._shell.input_transformers_post.remove(self._refuse_doubtful)

    def now(self) -> RunningCell:
        """The cell that runs now; outside of any, one without an id."""
        if not self._running:
            self._execution += 1
            return RunningCell(self._parents_id(), self._execution, self._shell.execution_count)
        info = self._running[0]
        found = getattr(info, "cell_id", None) or self._parents_id()
        count = self._shell.execution_count - bool(info.store_history)  # IPython has counted it already
        return RunningCell(found, self._execution, count, info.raw_cell)

    def _parents_id(self) -> str | None:
        parent = self._shell.get_parent() if hasattr(self._shell, "get_parent") else {}
        found = parent.get("metadata", {}).get("cellId")
        return found if isinstance(found, str) else None

    def _begin(self, info: Any) -> None:
        if not self._running:
            self._execution += 1
            if doubt := commented_out(info.raw_cell, "this cell"):
                print(doubt, file=sys.stderr)  # noqa: T201  # it may be run so on purpose, to look at its values
        self._running.append(info)

    def _end(self, result: Any) -> None:
        info = getattr(result, "info", None)
        last = self._running[-1] if self._running else None
        if last is not None and (info is last or info is None or info.raw_cell == last.raw_cell):
            self._running.pop()

    def _refuse_doubtful(self, lines: list[str]) -> list[str]:
        """IPython's hook between transforming and running a cell."""
        transformed = "".join(lines)
        if not maybe_magic(transformed):
            return lines
        magics = {name for kind in self._shell.magics_manager.magics.values() for name in kind} - {"step", "setup"}
        try:
            found = read_transformed(transformed, "this cell", known=frozenset(magics))
            if found is not None and found.wrapped:
                self._check(found)
        except PdnbError as error:
            raise UsageError(str(error)) from None
        return lines

    def target(self) -> str | None:
        """The name that the cell at work assigns the value of ``%pdnb`` to, if there is exactly one."""
        return _target(self.now().source, self._shell)


def _target(source: str, shell: InteractiveShell) -> str | None:
    try:
        tree = ast.parse(shell.input_transformer_manager.transform_cell(source))
    except (SyntaxError, ValueError):
        return None
    names = [
        node.targets[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and any(name in ast.unparse(node.value) for name in ("run_line_magic('pdnb'", "pdnb.run("))
    ]
    return names[0] if len(names) == 1 else None
