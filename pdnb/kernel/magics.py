"""``%%step``, ``%%setup`` and ``%pdnb``: they parse, delegate and show; the work is done elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any, Final

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display

from pdnb import client
from pdnb.errors import DefinitionError, PdnbError
from pdnb.kernel.card import Card
from pdnb.kernel.session import Session
from pdnb.kernel.watcher import Watcher
from pdnb.model import Status
from pdnb.workers import background
from pdnb.workflow import cell as cells
from pdnb.workflow.definition import Step, Workflow, check_step_name
from pdnb.workflow.options import SETUP, STEP, Line, Options, read_event, step_options
from pdnb.workflow.version import step_filename

_COMMANDS: Final = {
    "run": Options("%pdnb run", values=("--workflow",), flags=("--wait", "--headless")),
    "test": Options("%pdnb test", values=("--workflow",), jsons=("--resume-with", "--event"), named=True),
    "steps": Options("%pdnb steps", values=("--workflow",), flags=("--remove",)),
    "runs": Options("%pdnb runs", values=("--status", "--workflow", "--limit")),
    "panel": Options("%pdnb panel", values=("--workflow",), flags=("--plain",)),
    "show": Options("%pdnb show"),
    "resume": Options("%pdnb resume"),
    "cancel": Options("%pdnb cancel"),
    "retry": Options("%pdnb retry", flags=("--take-over",)),
    "upgrade": Options("%pdnb upgrade"),
    "report": Options("%pdnb report"),
}


_DIFF: Final = {"+": "color:#2e8b4f", "-": "color:#dc4a41", "@": "color:#7a828c"}


@dataclass(frozen=True)
class Steps:
    """A workflow's steps as a cell shows them."""

    workflow: Workflow

    def __repr__(self) -> str:
        setup = f"  (+ {len(self.workflow.setup)} setup)" if self.workflow.setup else ""
        return f"{self.workflow.name}: {' → '.join(self.workflow.names) or 'no steps yet'}{setup}"


@dataclass(frozen=True)
class Diff:
    """What an upgrade has changed, as a cell shows it."""

    text: str

    def __repr__(self) -> str:
        return self.text or "nothing has changed: the run has today's code already"

    def _repr_html_(self) -> str:
        lines = (f'<span style="{_DIFF.get(line[:1], "")}">{escape(line)}</span>' for line in repr(self).splitlines())
        return f"<pre>{'<br>'.join(lines)}</pre>"


@magics_class
class PdnbMagics(Magics):
    """The magics of one kernel and its notebook."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell
        self.session = Session(shell.user_ns)
        self._watcher: Watcher | None = None
        self._undo = ExitStack()
        self._shown: tuple[str, int] | None = None

    @no_var_expand
    @cell_magic
    def step(self, line: str, cell: str) -> Steps:
        """``%%step NAME [-w W] [--at-most-once] [--time-limit T] [--memory-limit M] [--test]``: this cell is a step.

        Run the cell again to replace the step in place. ``--at-most-once``: interrupted, it fails instead of running
        again. ``--time-limit 10m``, ``--memory-limit 2G``: what one attempt may take. ``--test`` tests it at once.
        """
        __tracebackhide__ = True
        with _said():
            given = STEP.read(line)
            if given.name is None or given.rest:
                raise DefinitionError("%%step wants a name: %%step NAME" + (f", not {line!r}" if given.rest else ""))
            if given.options.keys() & {"--resume-with", "--event"} and "--test" not in given.options:
                raise DefinitionError("%%step: --resume-with and --event belong to a test: add --test")
            name = check_step_name(given.name)
            workflow = self.session.workflow(given.text("--workflow"))
            cells.parse(cell, filename=step_filename(name, workflow.name))  # wrong cells are told now, not at the run
            workflow = workflow.with_step(Step(name, cell, **step_options(given)))
            self.session.keep(workflow)
            if "--test" in given.options:
                self._try(workflow.name, name, given)
        return Steps(workflow)

    @no_var_expand
    @cell_magic
    def setup(self, line: str, cell: str) -> Steps:
        """``%%setup [-w WORKFLOW]``: imports, functions and constants for all steps. It runs here too.

        Run the cell again to replace it in place, where the host tells one cell from another (JupyterLab does).
        """
        __tracebackhide__ = True
        with _said():
            given = SETUP.read(line)
            if given.rest:
                raise DefinitionError(f"%%setup takes no name ({given.rest!r}): its cells belong to the whole workflow")
            workflow = self.session.workflow(given.text("--workflow"))
            filename = f"<setup {len(workflow.setup) + 1} of {workflow.name}>"
            code = cells.compile_setup(cell, filename=filename)
        cells.show_in_tracebacks(cell, filename)
        exec(code, self._shell.user_ns)  # noqa: S102  # as an ordinary cell would: later cells may use it
        return Steps(self.session.keep_setup(workflow, cell, _cell_id(self._shell)))

    @no_var_expand
    @line_magic
    def pdnb(self, line: str) -> object:
        """``%pdnb run | test | steps | runs | panel | show | resume | cancel | retry | upgrade | report``."""
        __tracebackhide__ = True
        command, rest = [*line.split(maxsplit=1), "", ""][:2]
        with _said():
            if command not in _COMMANDS:
                raise DefinitionError(f"%pdnb has no command {command!r}: use one of {', '.join(_COMMANDS)}")
            given = _COMMANDS[command].read(rest)
        do: Callable[[Line], object] = getattr(self, f"_{command}")
        return do(given)

    # ---- one method per command ----

    def _run(self, line: Line) -> client.Run:
        """``%pdnb run [-w W] [--wait | --headless] [EVENT]``."""
        __tracebackhide__ = True
        with _said():
            if line.options.keys() >= {"--wait", "--headless"}:
                raise DefinitionError("%pdnb run: --wait runs here and --headless runs elsewhere: choose one")
            event = read_event(line.rest, self._shell.user_ns)
            if background.wanted(self._shell) and (said := background.ensure(self.session.home)):
                print(said)  # noqa: T201  # what happens on this machine is told
            run = self.session.run(
                line.text("--workflow"), event, headless="--headless" in line.options, on_start=self.show
            )
            if "--wait" in line.options:
                run.wait()
        return run

    def _test(self, line: Line) -> None:
        """``%pdnb test [STEP] [-w W] [--event EVENT] [--resume-with JSON]``: one step, or all in their order."""
        __tracebackhide__ = True
        with _said():
            workflow = self.session.workflow(line.text("--workflow"))
            if line.rest:
                raise DefinitionError(f"%pdnb test takes one step, not {line.rest!r} too")
            for name in (line.name,) if line.name else workflow.names:
                self._try(workflow.name, name, line)

    def _try(self, workflow: str, step: str, line: Line) -> None:
        """Test one step; what it raises is raised here, as an ordinary traceback."""
        __tracebackhide__ = True
        names = self._shell.user_ns
        if (event := line.text("--event")) is not None:
            self.session.step_test(workflow).event = read_event(event, names)
        body = line.text("--resume-with")
        tested = self.session.test(workflow, step, None if body is None else (read_event(body, names),))
        if tested.error is not None:
            raise tested.error
        display(tested)

    def _steps(self, line: Line) -> Steps:
        """``%pdnb steps [-w W] [--remove] [NAMES…]``: show them, put the named first, or remove the named."""
        with _said():
            workflow = self.session.workflow(line.text("--workflow"))
            names = line.words()
            if "--remove" in line.options:
                if not names:
                    raise DefinitionError("%pdnb steps --remove wants the names of the steps to remove")
                workflow = workflow.without(*names)
            else:
                workflow = workflow.ordered(*names)
            self.session.keep(workflow)
        return Steps(workflow)

    def _runs(self, line: Line) -> client.Runs:
        """``%pdnb runs [--status S] [-w W] [-n N]``."""
        with _said():
            limit = line.text("--limit") or "50"
            if line.rest or not re.fullmatch("[1-9][0-9]{0,5}", limit):
                raise DefinitionError(f"%pdnb runs takes --status, -w and -n with a number, not {line.rest or limit!r}")
            status = line.text("--status")
            if status not in (None, *Status):
                raise DefinitionError(f"{status!r} is no status: use {', '.join(Status)}")
            return client.list_runs(
                self.session.home, status=status, workflow=line.text("--workflow"), limit=int(limit)
            )

    def _panel(self, line: Line) -> object:
        """``%pdnb panel [-w W] [--plain]``."""
        with _said():
            return self.panel(line.text("--workflow"), plain="--plain" in line.options)

    def _show(self, line: Line) -> None:
        """``%pdnb show RUN``."""
        with _said():
            self.show(self._given_run(line, "show")[0])

    def _resume(self, line: Line) -> None:
        """``%pdnb resume RUN [JSON]``."""
        with _said():
            run, rest = self._given_run(line, "resume")
            self.show(run.resume(read_event(rest, self._shell.user_ns), via="magic"))

    def _cancel(self, line: Line) -> None:
        """``%pdnb cancel RUN [REASON]``."""
        with _said():
            run, rest = self._given_run(line, "cancel")
            self.show(run.cancel(rest or None, via="magic"))

    def _retry(self, line: Line) -> None:
        """``%pdnb retry RUN [--take-over]``."""
        with _said():
            run, rest = self._given_run(line, "retry")
            if rest not in ("", "--take-over"):
                raise DefinitionError(f"%pdnb retry takes a run and --take-over, not {rest!r}")
            take_over = "--take-over" in (rest, *line.options)
            self.show(run.retry(take_over=take_over, via="magic"))

    def _upgrade(self, line: Line) -> Diff:
        """``%pdnb upgrade RUN``: the run goes on with today's code; shows what has changed."""
        with _said():
            run, rest = self._given_run(line, "upgrade")
            if rest:
                raise DefinitionError(f"%pdnb upgrade takes a run, not {rest!r} too")
            return Diff(run.upgrade(self.session.workflow_version(run.workflow)))

    def _report(self, line: Line) -> None:
        """``%pdnb report RUN [PATH]``: the run as a notebook."""
        with _said():
            run, rest = self._given_run(line, "report")
            words = Line(rest=rest).words()
            if len(words) > 1:
                raise DefinitionError(f"%pdnb report takes a run and a path, not {rest!r}: put the path in quotes")
            print(f"written: {run.report(*words)}")  # noqa: T201  # the answer

    # ---- what they share ----

    def close(self) -> None:
        """Stop following and leave the store; the runs stay."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None
        self.session.close()
        self._undo.close()

    def on_close(self, call: Callable[[], object]) -> None:
        """Call it when the extension is unloaded."""
        self._undo.callback(call)

    @property
    def watcher(self) -> Watcher:
        """The displays of this kernel that follow the store."""
        if self._watcher is None:
            self._watcher = Watcher(self.session.home)
        return self._watcher

    def panel(self, workflow: str | None = None, *, plain: bool = False) -> object:
        """The panel as a widget; *plain*: of widgets that every front end of ipywidgets draws."""
        from pdnb.kernel.fallback_panel import PlainPanel  # noqa: PLC0415
        from pdnb.kernel.panel import Panel  # noqa: PLC0415  # widgets cost a quarter of a second

        return (PlainPanel if plain else Panel)(self.session.home, self.watcher, workflow=workflow)

    def show(self, run: client.Run) -> None:
        """Show the card of *run* and keep it true: all the time, or what a saved notebook tells of it.

        A server's page is live by itself, and an update makes the host draw its frame anew: so only at the end of
        this cell, at a gate, and when the run is over.
        """
        base_path = os.environ.get("PDNB_BASE_URL")
        document = run.document()
        handle = display(Card(document, base_path), display_id=True)
        self._shown = (run.id, self._shell.execution_count)
        shown: int = document["revision"]
        buttons: Any = None
        if base_path is None and self._somebody_clicks():
            from pdnb.kernel.fallback_buttons import Buttons  # noqa: PLC0415  # widgets cost a quarter of a second

            home = self.session.home
            buttons = Buttons(client.Run(home, run.row), lambda: follow(now=True), home.has_leader)
            display(buttons)

        def follow(*, now: bool = False) -> bool:
            nonlocal shown
            row = self.session.home.store.get(run.id)
            wanted = now or base_path is None or row.status is Status.SUSPENDED or row.status.over
            if wanted and row.revision != shown and handle is not None:
                handle.update(Card(run.document(), base_path))
                shown = row.revision
                if buttons is not None:
                    buttons.look()
            return not row.status.over

        self.watcher.watch(follow)
        self._shell.events.register("post_run_cell", _once(self._shell, lambda: follow(now=True)))

    def _somebody_clicks(self) -> bool:
        """Whether a notebook is open before somebody, as far as its host tells (nbclient tells nothing)."""
        return "JPY_SESSION_NAME" in os.environ or "__vsc_ipynb_file__" in self._shell.user_ns

    def displayed(self, run: client.Run) -> None:
        """A ``Run`` as a cell's value: its card, unless this cell has just shown it."""
        if self._shown != (run.id, self._shell.execution_count):
            self.show(run)

    def _given_run(self, line: Line, command: str) -> tuple[client.Run, str]:
        """The run a line begins with (an id, the beginning of one, or a variable), and the rest."""
        word, _, rest = line.rest.partition(" ")
        if not word:
            raise DefinitionError(f"%pdnb {command} wants a run: its id, or a variable that holds it")
        value = self._shell.user_ns.get(word)
        if isinstance(value, client.Run):
            return value, rest.strip()
        home = self.session.home
        return client.Run(home, home.store.get(home.store.resolve_id(word))), rest.strip()

    # ---- completion ----

    def complete(self, _: object, event: Any) -> list[str]:
        """Commands, options, statuses, and the names of steps, workflows and runs."""
        try:
            return self._completions(event)
        except PdnbError:  # said when the line is executed
            return []

    def _completions(self, event: Any) -> list[str]:
        line: str = event.line.lstrip()
        line = line[max(0, line.find("%pdnb")) :]  # also in: run = %pdnb …
        words = line.split()
        if line[-1:].isspace():
            words.append("")
        if len(words) < 2:
            return []
        if words[0] == "%%step" or words[0] == "%%setup":
            return self._options(STEP if words[0] == "%%step" else SETUP, words) or self._step_names(words)
        if len(words) == 2:
            return list(_COMMANDS)
        options = _COMMANDS.get(words[1])
        if options is None:
            return []
        if found := self._options(options, words):
            return found
        if words[1] in ("steps", "test"):
            return self._step_names(words)
        if words[1] in ("show", "resume", "cancel", "retry", "upgrade", "report") and len(words) == 3:
            return [run.id for run in client.list_runs(self.session.home, limit=20)]
        return []

    def _options(self, options: Options, words: list[str]) -> list[str]:
        if words[-2] == "--status":
            return [str(status) for status in Status]
        if words[-2] in ("-w", "--workflow"):
            return list(self.session.workflows)
        return list(options.all) if words[-1].startswith("-") else []

    def _step_names(self, words: list[str]) -> list[str]:
        given = [name for option, name in pairwise(words) if option in ("-w", "--workflow")]
        return list(self.session.workflow(*given[:1]).names)


@contextmanager
def _said() -> Iterator[None]:
    """pdnb's own errors as IPython's one-line usage error; a step's exceptions pass as they are."""
    __tracebackhide__ = True
    try:
        yield
    except PdnbError as error:
        raise UsageError(str(error)) from None


def _cell_id(shell: InteractiveShell) -> str | None:
    """Which cell of the notebook is being run, if the host says so."""
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    found = parent.get("metadata", {}).get("cellId")
    return found if isinstance(found, str) else None


def _once(shell: InteractiveShell, call: Callable[[], object]) -> Callable[[object], None]:
    """*call* after this cell, and never again."""

    def after(_result: object) -> None:
        shell.events.unregister("post_run_cell", after)
        with suppress(PdnbError):  # what cannot be shown now is no error of the cell
            call()

    return after
