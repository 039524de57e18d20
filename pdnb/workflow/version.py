"""A workflow version: the code that one run carries to its end, and what differs between two versions.

It holds cells only, in the shape of a small notebook, and is named by the hash of its content.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from pdnb.workflow.definition import Step
from pdnb.workflow.local_modules import Fingerprints


@dataclass(frozen=True)
class Environment:
    """Where a run's code runs: the interpreter, its working directory and its ``sys.path``."""

    executable: str
    cwd: str
    path: tuple[str, ...] = ()

    @classmethod
    def here(cls) -> Self:
        """The environment of this process, as it is now."""
        cwd = os.getcwd()  # noqa: PTH109  # text is what is stored
        path: list[Any] = sys.path  # import ignores entries that are no text
        return cls(sys.executable, cwd, tuple(entry or cwd for entry in path if isinstance(entry, str)))

    @property
    def key(self) -> str:
        """16 hex characters; runs with the same key can share a worker."""
        text = json.dumps([self.executable, self.cwd, *self.path])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class WorkflowVersion:
    """The code that one run carries: ``setup`` cells in the order they execute, then the steps.

    ``notebook``: the path of the notebook that it comes from, where that was known. ``modules``: the local modules that
    it imports, each with a fingerprint of its text; the text is no part of the version.
    """

    name: str
    steps: tuple[Step, ...]
    setup: tuple[str, ...]
    environment: Environment
    notebook: str | None = None
    modules: Fingerprints = ()
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
        document: dict[str, Any] = {
            "name": self.name,
            "cells": cells,
            "environment": {"executable": env.executable, "cwd": env.cwd, "path": list(env.path)},
        }
        if self.notebook is not None:
            document["notebook"] = self.notebook
        if self.modules:
            document["modules"] = dict(self.modules)
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
            notebook=document.get("notebook"),
            modules=tuple(sorted(document.get("modules", {}).items())),
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
    cells = {
        "environment": "\n".join(
            [*([version.notebook] if version.notebook else []), env.executable, env.cwd, *env.path]
        )
    }
    if version.modules:
        cells["local modules"] = "\n".join(f"{name} {digest}" for name, digest in version.modules)
    cells |= {f"setup {i}": source for i, source in enumerate(version.setup, 1)}
    for step in version.steps:
        options = {name: value for name, value in _step_cell(step).items() if name not in ("name", "source") and value}
        cells[f"step {step.name}"] = "".join(f"# {n}: {v}\n" for n, v in options.items()) + step.source
    return cells


def _step_cell(step: Step) -> dict[str, Any]:
    """*step* as JSON; a limit that is not set is left out."""
    return {name: value for name, value in asdict(step).items() if value is not None}


def _step(cell: dict[str, Any]) -> Step:
    return Step(**{name: value for name, value in cell.items() if name != "kind"})


def step_filename(step: str, workflow: str, version_id: str = "") -> str:
    """What tracebacks call a step's cell; the hash keeps two versions in one process apart."""
    return f"<step {step} of {workflow}{version_id and ' ' + version_id[:6]}>"
