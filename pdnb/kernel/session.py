"""This notebook: the workflows its cells have defined so far, its name, its namespace, its store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from pdnb import client
from pdnb.capture.snapshot import snapshot
from pdnb.coordination.home import Home
from pdnb.coordination.settings import default_directory, read_settings
from pdnb.errors import DefinitionError
from pdnb.kernel.current_cell import RunningCell
from pdnb.kernel.notebook_file import NotebookFile
from pdnb.kernel.step_order import Arrangement, Place, StepOrder, defined_twice, first_with
from pdnb.model import JSON
from pdnb.runtime.namesakes import NAMELESS, name_notices
from pdnb.runtime.send import MailSettings
from pdnb.runtime.step_test import StepTest, StepTestResult
from pdnb.workflow.advice import lone_function
from pdnb.workflow.definition import Step, Workflow, check_workflow_name
from pdnb.workflow.loaders import workflow_of_file
from pdnb.workflow.version import Environment, WorkflowVersion


class Session:
    """The workflows of one kernel. ``names`` is its user namespace; its home is opened when first needed.

    *say* shows people a line; *clock* gives Unix nanoseconds.
    """

    def __init__(
        self,
        names: Mapping[str, Any],
        *,
        say: Callable[[str], object] = print,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.names = names
        self.workflows: dict[str, Workflow] = {}
        self.file = NotebookFile(names)
        self._say, self._clock = say, clock
        self._orders: dict[str, StepOrder] = {}
        self._step_tests: dict[str, StepTest] = {}
        self._setup_cells: dict[tuple[str, str | None], str] = {}
        self._named: set[str] = set()
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
        path = self.file.path
        return self.workflows.get(name, Workflow(name, notebook=None if path is None else str(path)))

    def define(self, workflow: Workflow) -> None:
        """From now on the workflow of this name is *workflow*."""
        self.workflows[workflow.name] = workflow

    def define_step(self, name: str | None, step: Step, cell: RunningCell) -> Workflow:
        """Define the workflow *name* with *step*, which *cell* has defined just now; its order is the notebook's.

        A cell that defined another step before has renamed it. Says what people should know: a step that is defined
        twice, one that was renamed or taken out, one that does nothing.
        """
        workflow, saved = self.workflow(name), self.file.read()
        order, place = self._order(workflow.name), Place(cell, self._clock())
        said = []
        if (before := order.places.get(step.name)) and (twice := defined_twice(step.name, before, place, saved)):
            said.append(twice)
        other, old = first_with(cell, self._orders.items()) or (workflow.name, step.name)
        renamed = other == workflow.name and old != step.name and old in workflow.names
        new = step.name not in workflow.names and not renamed
        workflow = workflow.with_step(step, instead_of=old if renamed else None)
        if renamed:
            order.renamed(old, step.name)
            said.append(f"step {old!r} is called {step.name!r} now: the same cell defined it")
        elif other != workflow.name:
            self.remove(other, old)
            said.append(f"step {old!r} of workflow {other!r} was taken out: its cell defines {step.name!r} now")
        self.define(order.defined(workflow, step.name, place, new=new))
        if advice := lone_function(step.name, step.source):
            said.append(advice)
        for line in said:
            self._say(line)
        return self.arrange(workflow.name).workflow

    def define_setup(self, workflow: Workflow, source: str, cell_id: str | None) -> Workflow:
        """Define *workflow* with one more setup cell; a cell of the notebook that runs again replaces itself."""
        old = self._setup_cells.get((workflow.name, cell_id)) if cell_id else None
        changed = workflow.with_setup(source, instead_of=old)
        self._setup_cells[workflow.name, cell_id] = source
        order = self._order(workflow.name)
        if old is not None:
            order.setups.pop(old, None)
        order.setups[source] = Place(RunningCell(cell_id, 0, 0), self._clock())
        self.define(changed)
        return changed

    def set_order(self, name: str | None, *names: str) -> None:
        """From now on the steps *names* come first, in that order; it stands until another is set.

        Without *names*, the notebook's order again.
        """
        workflow = self.workflow(name).ordered(*names)
        self._order(workflow.name).explicit = workflow.names if names else None
        self.define(workflow)

    def remove(self, name: str | None, *names: str) -> None:
        """Take the steps *names* out; raises ``DefinitionError`` when there is no such step."""
        workflow = self.workflow(name).without(*names)
        for gone in names:
            self._order(workflow.name).forget(gone)
        self.define(workflow)

    def arrange(self, name: str | None = None) -> Arrangement:
        """A workflow of this notebook as it is now: in the notebook's order, with what differs from the notebook.

        Says which steps were taken out, because their cells are gone.
        """
        workflow = self.workflow(name)
        arrangement = self._order(workflow.name).arrange(workflow, self.file.read())
        if workflow.name in self.workflows:
            self.define(arrangement.workflow)
        for line in arrangement.taken_out:
            self._say(line)
        return arrangement

    def _order(self, workflow: str) -> StepOrder:
        return self._orders.setdefault(workflow, StepOrder())

    def default_name(self) -> str:
        """The stem of the notebook's file, where the host names it, else ``workflow``."""
        return workflow_of_file(self.file.told) or NAMELESS

    def workflow_version(self, name: str | None = None) -> WorkflowVersion:
        """The workflow as a new run will carry it; raises ``DefinitionError`` when it cannot travel.

        Says what differs from the notebook.
        """
        version, differences = self._version(name)
        for line in differences:
            self._say(line)
        return version

    def _version(self, name: str | None) -> tuple[WorkflowVersion, list[str]]:
        """The workflow's version of today, and what differs from the notebook."""
        arrangement = self.arrange(name)
        workflow = arrangement.workflow
        if not workflow.steps:
            known = ", ".join(repr(n) for n, w in self.workflows.items() if w.steps)
            others = f" (this notebook has {known})" if known else ""
            raise DefinitionError(f"workflow {workflow.name!r} has no steps yet{others}: define one with %%step NAME")
        version = snapshot(workflow, self.names, Environment.here())
        return version, list(arrangement.differences)

    def run(
        self,
        name: str | None,
        event: JSON,
        *,
        headless: bool = False,
        wait: bool = False,
        on_start: Callable[[client.Run], object] = lambda _: None,
    ) -> client.Run:
        """Start a run of today's workflow and drive it here to its first pause, with *wait* to its end.

        Says what people should know before it starts, and where it waits with nothing that will look after it.
        """
        __tracebackhide__ = True
        self.step_test(name).event = event  # tests use the event that was run last
        version, differences = self._version(name)
        notices = [*differences, *(line for line in name_notices(self.home, version) if line not in self._named)]
        self._named.update(notices)  # once in a kernel's life is enough
        if self.file.gone:
            notices.append(
                f"{self.file.path} is no longer there (renamed or moved?): in this kernel the workflow goes on as "
                f"{version.name!r}"
            )

        def begin(run: client.Run) -> None:
            self._order(version.name).started()
            on_start(run)
            for line in notices:
                self._say(line)

        run = client.start(self.home, version, event, headless=headless, on_start=begin)
        if wait:
            return run.wait()
        if notice := client.unattended(self.home, run):
            self._say(notice)
        return run

    def step_test(self, name: str | None = None) -> StepTest:
        """The test exports of a workflow of this notebook."""
        settings = read_settings(default_directory())  # each time: a leader may have written others since
        step_test = self._step_tests.setdefault(self.workflow(name).name, StepTest())
        step_test.mail = MailSettings(settings.smtp_url, settings.mail_from, settings.mail_to)
        return step_test

    def test(self, name: str | None, step: str, resume_with: tuple[JSON] | None = None) -> StepTestResult:
        """Test one step with the test exports of those before it."""
        __tracebackhide__ = True
        workflow = self.arrange(name).workflow
        only = workflow.only(step)  # what other steps lack must not fail this one
        version = snapshot(only, self.names, Environment.here(), beside=workflow.steps)
        before = workflow.names[: workflow.names.index(step)]
        return self.step_test(name).test(version, before, resume_with=resume_with, show=True)
