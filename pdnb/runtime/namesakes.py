"""One name, one workflow: what to say when a run starts under a name that another notebook has used in this store.

A workflow is called as ``-w`` says, else as its notebook's file. Its versions record the file's path where it is known,
so two notebooks of one name are noticed, and so is a notebook that was renamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pdnb.coordination.home import Home
from pdnb.errors import StoreCorrupt
from pdnb.model import RunRecord
from pdnb.workflow.loaders import workflow_of_file
from pdnb.workflow.version import WorkflowVersion

#: What a workflow is called where neither the host nor the person names it.
NAMELESS: Final = "workflow"

_NEWEST: Final = 50  # so many runs are looked at


def name_notices(home: Home, version: WorkflowVersion) -> Iterator[str]:
    """What to say before the first step of a run of *version* about its workflow's name; usually nothing."""
    if version.notebook is None:
        if version.name == NAMELESS:
            yield (
                f"this host does not say which notebook it runs, so the workflow is called {NAMELESS!r}, as others may "
                "be: name it with -w NAME in its %%step cells and in %pdnb run, or set PDNB_NOTEBOOK to its path"
            )
        return
    here = Path(version.notebook)
    namesakes = list(_notebooks(home, version.name))
    for path, _ in namesakes:
        if path != here and path.exists() and not (here.exists() and path.samefile(here)):
            yield (
                f"workflow {version.name!r} of {here} has the name of another notebook's, {path}, with runs in this "
                "store: name one of them with -w NAME in its %%step cells and in %pdnb run"
            )
            return
    if not namesakes and version.name == workflow_of_file(here):
        for path, run in _notebooks(home, None):
            gone = path.parent == here.parent and not path.exists()
            if gone and run.workflow == workflow_of_file(path) and set(run.steps) & set(version.names):
                yield (
                    f"this notebook seems to have been called {path.name}: its earlier runs are those of workflow "
                    f"{run.workflow!r}, and new ones those of {version.name!r} "
                    f"(to go on under the old name: -w {run.workflow!r} in its %%step cells and in %pdnb run)"
                )
                return


def notebook_of(home: Home, run: RunRecord) -> str | None:
    """The path of the notebook that *run* comes from, as far as it was known."""
    try:
        return home.store.workflow_version(run.version_id).notebook
    except StoreCorrupt:  # what is damaged is refused when it would be executed; the run can be looked at
        return None


def _notebooks(home: Home, workflow: str | None) -> Iterator[tuple[Path, RunRecord]]:
    """The notebooks of the newest runs, each once, with its newest run."""
    seen: set[str] = set()
    for run in home.store.list(workflow=workflow, limit=_NEWEST).runs:
        if run.version_id in seen:
            continue
        seen.add(run.version_id)
        path = notebook_of(home, run)
        if path is not None and path not in seen:
            seen.add(path)
            yield Path(path), run
