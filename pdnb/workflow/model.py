"""What a person defines: steps in order, and the workflow version a run carries.

A :class:`Workflow` is what stands in the notebook now; a :class:`WorkflowVersion` is what one run goes on with for
ever: cells only, in the shape of a small notebook, named by the hash of their content.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Self

from pdnb.errors import DefinitionError
from pdnb.workflow.loaders import LoadedCell, cells_of_module, cells_of_notebook

#: A run's row holds its step names and has to stay small (see ``store.py``): their letters, and 3 more for each.
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
    """A name, its steps in order, and the setup cells they share. Every change makes a new one."""

    name: str
    steps: tuple[Step, ...] = ()
    setup: tuple[str, ...] = ()

    def with_step(self, step: Step) -> Self:
        """This workflow with *step* in the place of its namesake, or at the end."""
        check_step_name(step.name)
        steps = tuple(step if old.name == step.name else old for old in self.steps)
        if step.name not in self.names:
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
        Raises ``DefinitionError`` when the file cannot be read or has no such steps.
        """
        path = Path(path)
        name = check_workflow_name(name or path.stem)
        workflow = cls(name).with_cells(cells_of_notebook(path, name))
        if not workflow.steps:
            raise DefinitionError(f"{path} has no %%step cells for workflow {name!r}: name another, or add some")
        return workflow

    @classmethod
    def from_module(cls, module: ModuleType | str, name: str | None = None) -> Self:
        """The workflow of the functions of *module* marked with ``@pdnb.step``, in the order they stand there.

        A run goes on with the module as it is imported then: its code is not frozen, because it has a home of its
        own. Raises ``DefinitionError`` when there are none, or one cannot be imported.
        """
        if isinstance(module, str):
            module = importlib.import_module(module)
        return cls(check_workflow_name(name or module.__name__.rpartition(".")[2])).with_cells(cells_of_module(module))

    @property
    def names(self) -> tuple[str, ...]:
        """The steps' names in order."""
        return tuple(s.name for s in self.steps)

    def with_cells(self, cells: Iterable[LoadedCell]) -> Self:
        """This workflow with what some file defines."""
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


@dataclass(frozen=True)
class Environment:
    """Where a run's code runs: the interpreter, its working directory and its ``sys.path``."""

    executable: str
    cwd: str
    path: tuple[str, ...] = ()

    @classmethod
    def here(cls) -> Self:
        """That of this process, as it is now."""
        cwd = os.getcwd()  # noqa: PTH109  # text is what is stored
        path: list[Any] = sys.path  # import passes over what is no text
        return cls(sys.executable, cwd, tuple(entry or cwd for entry in path if isinstance(entry, str)))

    @property
    def key(self) -> str:
        """16 hex characters; runs with the same key can share a worker."""
        text = json.dumps([self.executable, self.cwd, *self.path])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class WorkflowVersion:
    """The code one run goes on with: ``setup`` cells in the order they execute, then the steps."""

    name: str
    steps: tuple[Step, ...]
    setup: tuple[str, ...]
    environment: Environment
    id: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", hashlib.sha256(self.to_json().encode()).hexdigest()[:32])

    def step(self, name: str) -> Step:
        """The step called *name*."""
        return next(s for s in self.steps if s.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """The steps' names in order."""
        return tuple(s.name for s in self.steps)

    def to_json(self) -> str:
        """The content as canonical JSON: what is hashed, signed and stored."""
        cells: list[dict[str, Any]] = [{"kind": "setup", "source": source} for source in self.setup]
        cells += [{"kind": "step", **_step_cell(s)} for s in self.steps]
        env = self.environment
        document = {
            "name": self.name,
            "cells": cells,
            "environment": {"executable": env.executable, "cwd": env.cwd, "path": list(env.path)},
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> WorkflowVersion:
        """The inverse of :meth:`to_json`."""
        document = json.loads(text)
        env = document["environment"]
        return cls(
            name=document["name"],
            steps=tuple(_step(c) for c in document["cells"] if c["kind"] == "step"),
            setup=tuple(c["source"] for c in document["cells"] if c["kind"] == "setup"),
            environment=Environment(env["executable"], env["cwd"], tuple(env["path"])),
        )


def difference(before: WorkflowVersion, after: WorkflowVersion) -> str:
    """What has changed between two workflow versions, cell by cell, as a unified diff; ``""``: nothing.

    ``Environment``: the interpreter, directory and ``sys.path`` are compared as if they were a cell.
    """
    cells = [_cells(version) for version in (before, after)]
    names = [*cells[0], *(name for name in cells[1] if name not in cells[0])]
    lines: list[str] = []
    for name in names:
        old, new = (found.get(name, "").splitlines() for found in cells)
        lines += difflib.unified_diff(old, new, f"{name} (before)", f"{name} (now)", lineterm="")
    return "\n".join(lines)


def _cells(version: WorkflowVersion) -> dict[str, str]:
    env = version.environment
    cells = {"environment": "\n".join([env.executable, env.cwd, *env.path])}
    cells |= {f"setup {i}": source for i, source in enumerate(version.setup, 1)}
    for step in version.steps:
        options = {name: value for name, value in _step_cell(step).items() if name not in ("name", "source") and value}
        cells[f"step {step.name}"] = "".join(f"# {n}: {v}\n" for n, v in options.items()) + step.source
    return cells


def _step_cell(step: Step) -> dict[str, Any]:
    """*step* as JSON; a limit that is not set is no part of the content."""
    return {name: value for name, value in asdict(step).items() if value is not None}


def _step(cell: dict[str, Any]) -> Step:
    return Step(**{name: value for name, value in cell.items() if name != "kind"})


def step_filename(step: str, workflow: str, version_id: str = "") -> str:
    """What tracebacks call a step's cell; the hash keeps two versions in one process apart."""
    return f"<step {step} of {workflow}{version_id and ' ' + version_id[:6]}>"
