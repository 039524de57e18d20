"""This notebook: the workflows its cells have defined so far, its name, its namespace, its store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from pdnb import client
from pdnb.capture.snapshot import snapshot
from pdnb.coordination.home import Home
from pdnb.coordination.settings import default_directory, read_settings
from pdnb.errors import DefinitionError
from pdnb.model import JSON
from pdnb.runtime.send import MailSettings
from pdnb.runtime.step_test import StepTest, StepTestResult
from pdnb.workflow.definition import Workflow, check_workflow_name
from pdnb.workflow.version import Environment, WorkflowVersion

_MAX_BYTES: Final = 300  # of a workflow's name


class Session:
    """The workflows of one kernel. ``names`` is its user namespace; its home is opened when first needed."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.names = names
        self.workflows: dict[str, Workflow] = {}
        self._step_tests: dict[str, StepTest] = {}
        self._setup_cells: dict[tuple[str, str | None], str] = {}
        self._home: Home | None = None

    @property
    def home(self) -> Home:
        """The home of this kernel, where its runs are stored."""
        if self._home is None:
            self._home = Home(kind="kernel")
        return self._home

    def close(self) -> None:
        """Leave the store."""
        if self._home is not None:
            self._home.close()
            self._home = None

    def workflow(self, name: str | None = None) -> Workflow:
        """The workflow called *name* (default: the notebook's), empty if no cell has defined it yet."""
        name = check_workflow_name(self.default_name() if name is None else name)
        return self.workflows.get(name, Workflow(name))

    def define(self, workflow: Workflow) -> None:
        """From now on the workflow of this name is *workflow*."""
        self.workflows[workflow.name] = workflow

    def define_setup(self, workflow: Workflow, source: str, cell_id: str | None) -> Workflow:
        """Define *workflow* with one more setup cell; a cell of the notebook that runs again replaces itself."""
        old = self._setup_cells.get((workflow.name, cell_id)) if cell_id else None
        changed = workflow.with_setup(source, instead_of=old)
        self._setup_cells[workflow.name, cell_id] = source
        self.define(changed)
        return changed

    def default_name(self) -> str:
        """The stem of the notebook's file, where the host names it, else ``workflow``."""
        path = self.names.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME", "")
        stem = PurePosixPath(str(path).replace("\\", "/")).stem
        stem = "".join(c for c in stem if c.isprintable()).strip()[:100]
        while len(stem.encode()) > _MAX_BYTES:
            stem = stem[:-1]
        return stem.strip() or "workflow"

    def workflow_version(self, name: str | None = None) -> WorkflowVersion:
        """The workflow as a new run will carry it; raises ``DefinitionError`` when it cannot travel."""
        workflow = self.workflow(name)
        if not workflow.steps:
            known = ", ".join(repr(n) for n, w in self.workflows.items() if w.steps)
            others = f" (this notebook has {known})" if known else ""
            raise DefinitionError(f"workflow {workflow.name!r} has no steps yet{others}: define one with %%step NAME")
        return snapshot(workflow, self.names, Environment.here())

    def run(
        self, name: str | None, event: JSON, *, headless: bool = False, on_start: Any = lambda _: None
    ) -> client.Run:
        """Start a run of today's workflow and drive it here to its first pause or end."""
        __tracebackhide__ = True
        self.step_test(name).event = event  # tests use the event that was run last
        return client.start(self.home, self.workflow_version(name), event, headless=headless, on_start=on_start)

    def step_test(self, name: str | None = None) -> StepTest:
        """The test exports of a workflow of this notebook."""
        settings = read_settings(default_directory())  # each time: a leader may have written others since
        step_test = self._step_tests.setdefault(self.workflow(name).name, StepTest())
        step_test.mail = MailSettings(settings.smtp_url, settings.mail_from, settings.mail_to)
        return step_test

    def test(self, name: str | None, step: str, resume_with: tuple[JSON] | None = None) -> StepTestResult:
        """Test one step with the test exports of those before it."""
        __tracebackhide__ = True
        workflow = self.workflow(name)
        only = workflow.only(step)  # what other steps lack must not fail this one
        version = snapshot(only, self.names, Environment.here())
        before = workflow.names[: workflow.names.index(step)]
        return self.step_test(name).test(version, before, resume_with=resume_with, show=True)
