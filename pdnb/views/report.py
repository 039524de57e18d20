"""A run as a notebook: the code that ran, the outputs of every attempt, its pauses, who decided.

Rules:

- No working link is in it, and what users wrote stands in it as text only (outputs stay as they were recorded: the
  notebook is untrusted, so Jupyter cleans them).
- Its ``%%setup`` and ``%%step`` cells are the workflow: ``Workflow.from_notebook(path, name)`` reads it back.
- The same run gives the same notebook. A notebook that is no report of the run is never overwritten.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pdnb.codec import attempt_dict
from pdnb.errors import DefinitionError
from pdnb.links import redact
from pdnb.model import JSON, Attempt, RunRecord
from pdnb.views.documents import summary, without_links
from pdnb.views.report_cells import cells
from pdnb.workflow.version import WorkflowVersion

if TYPE_CHECKING:
    from nbformat import NotebookNode

_MAX_NAME: Final = 150  # bytes of the workflow's name in a file's name
_NO_NAME: Final = re.compile(r"[^\w .()+-]|[\0-\x1f]")


def notebook(
    run: RunRecord,
    version: WorkflowVersion,
    event: JSON,
    attempts: Sequence[Attempt],
    *,
    earlier: Sequence[WorkflowVersion] = (),
) -> NotebookNode:
    """The report of *run*: its present code, the event that started it, its attempts in order.

    *earlier*: the code of attempts from before an upgrade (those whose ``version_id`` is not that of *version*).
    """
    from nbformat import from_dict  # noqa: PLC0415  # its import costs a second
    from nbformat.v4.rwbase import rejoin_lines  # noqa: PLC0415

    document = {**summary(run), "attempts": [attempt_dict(attempt) for attempt in attempts]}
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "pdnb": {
                "run": run.id,
                "workflow": run.workflow,
                "status": str(run.status),
                "code": version.id,
                "revision": run.revision,
            },
        },
        "cells": [{"id": f"cell-{i}", **cell} for i, cell in enumerate(cells(document, event, version, earlier))],
    }
    whole = rejoin_lines(from_dict(content))  # a token split over two lines would be whole again in a reader
    clean: NotebookNode = from_dict(without_links(whole))
    return clean


def write(
    path: Path,
    run: RunRecord,
    version: WorkflowVersion,
    event: JSON,
    attempts: Sequence[Attempt],
    *,
    earlier: Sequence[WorkflowVersion] = (),
) -> None:
    """Write :func:`notebook` to *path*, whole or not at all; an older report of the same run is replaced.

    Raises ``DefinitionError`` for a path that cannot hold it.
    """
    import nbformat  # noqa: PLC0415  # its import costs a second

    part = path.with_name(f".pdnb-{secrets.token_hex(8)}")
    try:
        _check(path, run.id)
        text: str = nbformat.writes(notebook(run, version, event, attempts, earlier=earlier))
        with part.open("xb") as file:
            file.write(text.encode(errors="replace"))  # lone surrogates are no UTF-8
        part.replace(path)
    except OSError as error:
        raise DefinitionError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def default_path(run: RunRecord) -> Path:
    """``<workflow>-<beginning of the run's id>.ipynb`` in the working directory, fit for any file system."""
    name = _NO_NAME.sub("_", redact(run.workflow)).strip(" .-").encode()[:_MAX_NAME].decode(errors="ignore")
    return Path(f"{name.strip() or 'run'}-{run.id[:8]}.ipynb")


def _check(path: Path, run_id: str) -> None:
    if path.suffix != ".ipynb":
        raise DefinitionError(f"{path} is no name of a notebook: end it with .ipynb")
    if not path.parent.is_dir():
        raise DefinitionError(f"{path.parent} is no directory: make it first, or choose another path")
    if path.is_dir():
        raise DefinitionError(f"{path} is a directory: give the path of a notebook in it")
    if (path.exists() or path.is_symlink()) and not (path.is_file() and _is_report(path, run_id)):
        raise DefinitionError(f"{path} is there already and is no report of run {run_id}: choose another path")


def _is_report(path: Path, run_id: str) -> bool:
    try:
        return bool(json.loads(path.read_bytes())["metadata"]["pdnb"]["run"] == run_id)
    except (ValueError, LookupError, TypeError, RecursionError):
        return False
