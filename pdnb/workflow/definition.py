"""What a person defines: a workflow, its steps in order, and the names they may have.

A :class:`Workflow` is what the notebook defines now; what a run carries is in :mod:`pdnb.workflow.version`.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Final, Self

from pdnb.errors import DefinitionError
from pdnb.workflow.advice import lone_function
from pdnb.workflow.loaders import LoadedCell, cells_of_module, cells_of_notebook, workflow_of_file

#: A stored run holds its step names and has to stay small: the most characters, with 3 more counted for each name.
MAX_STEP_NAMES: Final = 1_500

_STEP_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_RESERVED: Final = frozenset({"trigger"})


def check_step_name(name: str) -> str:
    """Return *name* if it can name a step; raise ``DefinitionError`` if not."""
    if not _STEP_NAME.fullmatch(name):
        raise DefinitionError(
            f"{name!r} cannot name a step: use 1 to 64 letters, digits, '_' or '-', starting with a letter or '_'"
        )
    if name in _RESERVED:
        raise DefinitionError(f"{name!r} is the event's own name in pd.steps: choose another name for the step")
    return name


def check_workflow_name(name: str) -> str:
    """Return *name* if it can name a workflow (a notebook's stem usually can); raise ``DefinitionError`` if not."""
    if not 1 <= len(name) <= 100 or not name.isprintable() or name != name.strip() or len(name.encode()) > 300:
        raise DefinitionError(
            f"{name!r} cannot name a workflow: use 1 to 100 printable characters (300 bytes), no space at the ends"
        )
    return name


@dataclass(frozen=True)
class Step:
    """A name and a cell.

    ``at_most_once``: an interrupted attempt fails instead of running again. ``time_limit``: the seconds one attempt
    may take; ``memory_limit``: the bytes it may take beyond what its process has. ``None``: no limit.
    """

    name: str
    source: str
    at_most_once: bool = False
    time_limit: float | None = None
    memory_limit: int | None = None


@dataclass(frozen=True)
class Workflow:
    """A name, its steps in order, and the setup cells they share. Every change makes a new one.

    ``notebook``: the path of the notebook that defines it, where that is known.
    """

    name: str
    steps: tuple[Step, ...] = ()
    setup: tuple[str, ...] = ()
    notebook: str | None = field(default=None, compare=False)

    def with_step(self, step: Step, *, instead_of: str | None = None) -> Self:
        """This workflow with *step* in the place of its namesake, or of the step *instead_of*, or at the end."""
        check_step_name(step.name)
        replaced = step.name if step.name in self.names else instead_of
        steps = tuple(
            step if old.name == replaced else old
            for old in self.steps
            if old.name == replaced or old.name != instead_of
        )
        if replaced not in self.names:
            steps += (step,)
        if sum(len(s.name) + 3 for s in steps) > MAX_STEP_NAMES:
            raise DefinitionError(
                f"workflow {self.name!r}: the names of its steps take more than {MAX_STEP_NAMES} characters together: "
                "shorten them, or split the workflow"
            )
        return replace(self, steps=steps)

    def with_setup(self, source: str, *, instead_of: str | None = None) -> Self:
        """This workflow with one more setup cell, or with it in the place of another; the same source is one cell."""
        others = tuple(cell for cell in self.setup if cell != source or cell == instead_of)
        if instead_of in others:
            return replace(self, setup=tuple(source if cell == instead_of else cell for cell in others))
        return self if source in self.setup else replace(self, setup=(*self.setup, source))

    def without(self, *names: str) -> Self:
        """This workflow without the steps named."""
        self._known(names)
        return replace(self, steps=tuple(s for s in self.steps if s.name not in names))

    def only(self, name: str) -> Self:
        """This workflow with no step but the one named."""
        self._known((name,))
        return replace(self, steps=tuple(s for s in self.steps if s.name == name))

    def ordered(self, *names: str) -> Self:
        """This workflow with the steps named first, in that order, and the others behind them as they were."""
        self._known(names)
        first = {name: i for i, name in enumerate(names)}
        return replace(self, steps=tuple(sorted(self.steps, key=lambda s: first.get(s.name, len(first)))))

    @classmethod
    def from_notebook(cls, path: str | Path, name: str | None = None) -> Self:
        """The workflow that the ``%%step`` and ``%%setup`` cells of the notebook at *path* define.

        *name* chooses among several (``-w``); the default is the one called like the file. No cell is executed.
        Raises ``DefinitionError`` when the file cannot be read or has no such steps, and when a cell looks like a
        step's and is none. Warns of a step whose cell only defines a function that nothing calls.
        """
        path = Path(path)
        name = check_workflow_name(name or workflow_of_file(path))
        workflow = cls(name, notebook=str(path.resolve())).with_cells(cells_of_notebook(path, name))
        if not workflow.steps:
            raise DefinitionError(f"{path} has no %%step cells for workflow {name!r}: name another, or add some")
        for advice in filter(None, (lone_function(step.name, step.source) for step in workflow.steps)):
            warnings.warn(f"{path}: {advice}", stacklevel=2)
        return workflow

    @classmethod
    def from_module(cls, module: ModuleType | str, name: str | None = None) -> Self:
        """The workflow of the functions of *module* marked with ``@pdnb.step``, in the order they stand there.

        A run uses the module's text of that time: a version has its fingerprint, not its code. Raises
        ``DefinitionError`` when there are none, or one cannot be imported.
        """
        if isinstance(module, str):
            module = importlib.import_module(module)
        return cls(check_workflow_name(name or module.__name__.rpartition(".")[2])).with_cells(cells_of_module(module))

    @property
    def names(self) -> tuple[str, ...]:
        """The steps' names in order."""
        return tuple(s.name for s in self.steps)

    def with_cells(self, cells: Iterable[LoadedCell]) -> Self:
        """This workflow with the cells that a file defines."""
        workflow = self
        for cell in cells:
            if cell.name is None:
                workflow = workflow.with_setup(cell.source)
            else:
                workflow = workflow.with_step(Step(cell.name, cell.source, **cell.options))
        return workflow

    def _known(self, names: tuple[str, ...]) -> None:
        for name in names:
            if name not in self.names:
                known = ", ".join(self.names) or "none yet"
                raise DefinitionError(f"workflow {self.name!r} has no step {name!r} (its steps: {known})")
