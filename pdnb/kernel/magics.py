"""``%%step``, ``%%setup`` and ``%pdnb``: they read their line, delegate, and show what comes back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display

from pdnb import client
from pdnb.errors import DefinitionError, PdnbError
from pdnb.json_values import plain
from pdnb.kernel.completion import COMMANDS, Completer
from pdnb.kernel.current_cell import CurrentCell
from pdnb.kernel.displays import Diff, Steps
from pdnb.kernel.live_cards import LiveCards
from pdnb.kernel.session import Session
from pdnb.kernel.watcher import Watcher
from pdnb.model import JSON, Status
from pdnb.workers import background
from pdnb.workflow import cell as cells
from pdnb.workflow.compiling import show_in_tracebacks
from pdnb.workflow.definition import Step, check_step_name
from pdnb.workflow.notebook_cells import MagicCell
from pdnb.workflow.options import Line, read_event, read_setup_line, read_step_line, step_options
from pdnb.workflow.version import step_filename
from pdnb.workflow.wall_clocks import check_lengths


@magics_class
class PdnbMagics(Magics):
    """The magics of one kernel and its notebook."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell
        self.session = Session(shell.user_ns)
        self.current = CurrentCell(shell, self._check_wrapped)
        self.cards = LiveCards(shell, self.session, lambda: self.watcher)
        self.completer = Completer(self.session)
        self._watcher: Watcher | None = None
        self._undo = ExitStack()
        self._undo.callback(self.current.close)

    @no_var_expand
    @cell_magic
    def step(self, line: str, cell: str) -> Steps:
        """``%%step NAME [-w W] [--at-most-once] [--time-limit T] [--memory-limit M] [--test]``: this cell is a step.

        Run the cell again to replace the step in place. ``--at-most-once``: interrupted, it fails instead of running
        again. ``--time-limit 10m``, ``--memory-limit 2G``: what one attempt may take. ``--test`` tests it at once.
        """
        __tracebackhide__ = True
        with usage_errors():
            given = read_step_line(line)
            step = self._step(given, cell)
            workflow = self.session.define_step(given.text("--workflow"), step, self.current.now())
            if "--test" in given.options:
                self._test_step(workflow.name, step.name, given)
        return Steps(workflow)

    @no_var_expand
    @cell_magic
    def setup(self, line: str, cell: str) -> Steps:
        """``%%setup [-w WORKFLOW]``: imports, functions and constants for all steps. It runs here too.

        Run the cell again to replace it in place, where the host tells one cell from another (JupyterLab does).
        """
        __tracebackhide__ = True
        with usage_errors():
            given = read_setup_line(line)
            workflow = self.session.workflow(given.text("--workflow"))
            filename = f"<setup {len(workflow.setup) + 1} of {workflow.name}>"
            code = cells.compile_setup(cell, filename=filename)
        show_in_tracebacks(cell, filename)
        exec(code, self._shell.user_ns)  # noqa: S102  # as an ordinary cell would: later cells may use it
        return Steps(self.session.define_setup(workflow, cell, self.current.now().id))

    @no_var_expand
    @line_magic
    def pdnb(self, line: str) -> object:
        """``%pdnb run | test | steps | runs | panel | show | resume | cancel | retry | upgrade | report``."""
        __tracebackhide__ = True
        command, rest = [*line.split(maxsplit=1), "", ""][:2]
        with usage_errors():
            if command not in COMMANDS:
                raise DefinitionError(f"%pdnb has no command {command!r}: use one of {', '.join(COMMANDS)}")
            given = COMMANDS[command].read(rest)
        do: Callable[[Line], object] = getattr(self, f"_{command}")
        return do(given)

    # ---- one method per command ----

    def _run(self, line: Line) -> client.Run:
        """``%pdnb run [-w W] [--wait | --headless] [EVENT]``."""
        __tracebackhide__ = True
        with usage_errors():
            if line.options.keys() >= {"--wait", "--headless"}:
                raise DefinitionError("%pdnb run: --wait runs here and --headless runs elsewhere: choose one")
            event = plain(read_event(line.rest, self._shell.user_ns), 'steps.trigger["event"]')
            if background.wanted(self._shell) and (notice := background.ensure(self.session.home)):
                print(notice)  # noqa: T201  # people should know what was started on their machine
            return self.start(
                line.text("--workflow"),
                event,
                wait="--wait" in line.options,
                headless="--headless" in line.options,
                on_start=self.cards.show,
            )

    def _test(self, line: Line) -> None:
        """``%pdnb test [STEP] [-w W] [--event EVENT] [--resume-with JSON]``: one step, or all in their order."""
        __tracebackhide__ = True
        with usage_errors():
            workflow = self.session.workflow(line.text("--workflow"))
            if line.rest:
                raise DefinitionError(f"%pdnb test takes one step, not {line.rest!r} too")
            for name in (line.name,) if line.name else workflow.names:
                self._test_step(workflow.name, name, line)

    def _test_step(self, workflow: str, step: str, line: Line) -> None:
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
        """``%pdnb steps [-w W] [--remove | --reset] [NAMES…]``: show them, put the named first, or remove the named.

        An order that was set so stands; ``--reset`` goes back to the notebook's.
        """
        with usage_errors():
            workflow, names = line.text("--workflow"), line.words()
            if "--remove" in line.options:
                if not names:
                    raise DefinitionError("%pdnb steps --remove wants the names of the steps to remove")
                self.session.remove(workflow, *names)
            elif "--reset" in line.options:
                if names:
                    raise DefinitionError("%pdnb steps --reset takes no names: it goes back to the notebook's order")
                self.session.set_order(workflow)
            elif names:
                self.session.set_order(workflow, *names)
            arrangement = self.session.arrange(workflow)
        return Steps(arrangement.workflow, arrangement)

    def _runs(self, line: Line) -> client.Runs:
        """``%pdnb runs [--status S] [-w W] [-n N]``."""
        with usage_errors():
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
        with usage_errors():
            return self.panel(line.text("--workflow"), plain="--plain" in line.options)

    def _show(self, line: Line) -> None:
        """``%pdnb show RUN``."""
        with usage_errors():
            self.cards.show(self._run_from(line, "show")[0])

    def _resume(self, line: Line) -> None:
        """``%pdnb resume RUN [JSON]``."""
        with usage_errors():
            run, rest = self._run_from(line, "resume")
            self.cards.show(run.resume(read_event(rest, self._shell.user_ns), via="magic"))

    def _cancel(self, line: Line) -> None:
        """``%pdnb cancel RUN [REASON]``."""
        with usage_errors():
            run, rest = self._run_from(line, "cancel")
            self.cards.show(run.cancel(rest or None, via="magic"))

    def _retry(self, line: Line) -> None:
        """``%pdnb retry RUN [--take-over]``."""
        with usage_errors():
            run, rest = self._run_from(line, "retry")
            if rest not in ("", "--take-over"):
                raise DefinitionError(f"%pdnb retry takes a run and --take-over, not {rest!r}")
            take_over = "--take-over" in (rest, *line.options)
            self.cards.show(run.retry(take_over=take_over, via="magic"))

    def _upgrade(self, line: Line) -> Diff:
        """``%pdnb upgrade RUN``: the run goes on with today's code; shows what has changed."""
        with usage_errors():
            run, rest = self._run_from(line, "upgrade")
            if rest:
                raise DefinitionError(f"%pdnb upgrade takes a run, not {rest!r} too")
            return Diff(run.upgrade(self.session.workflow_version(run.workflow)))

    def _report(self, line: Line) -> None:
        """``%pdnb report RUN [PATH]``: the run as a notebook."""
        with usage_errors():
            run, rest = self._run_from(line, "report")
            words = Line(rest=rest).words()
            if len(words) > 1:
                raise DefinitionError(f"%pdnb report takes a run and a path, not {rest!r}: put the path in quotes")
            print(f"written: {run.report(*words)}")  # noqa: T201  # the answer

    # ---- what they share ----

    def start(
        self,
        workflow: str | None,
        event: JSON,
        *,
        wait: bool,
        headless: bool,
        on_start: Callable[[client.Run], object] = lambda _: None,
    ) -> client.Run:
        """Start a run of a workflow of this notebook; what a step raises is raised here.

        An assignment like ``run = %pdnb run`` does not happen then: the failed run is put under its name, else ``run``.
        """
        __tracebackhide__ = True
        begun: list[client.Run] = []

        def begin(run: client.Run) -> None:
            begun.append(run)
            on_start(run)

        try:
            return self.session.run(workflow, event, wait=wait, headless=headless, on_start=begin)
        except BaseException:
            if begun and begun[0].status is Status.FAILED:
                print(self._keep_failed(begun[0]))  # noqa: T201  # people should know how to go on
            raise

    def _keep_failed(self, run: client.Run) -> str:
        """Put the failed *run* where people can get at it; says where."""
        names, name = self._shell.user_ns, self.current.target()
        if name is None and isinstance(names.get("run", run), client.Run):
            name = "run"
        if name is not None:
            names[name] = run
        it = name or run.id
        return (
            f"the failed run is {f'in {name!r}' if name else run.id}: %pdnb retry {it} goes on from step {run.step!r} "
            f"(after mending its cell: %pdnb upgrade {it}, then retry)"
        )

    def _step(self, given: Line, cell: str) -> Step:
        """The step that a ``%%step`` cell defines; an error shows now, not when the run starts."""
        name = check_step_name(given.name or "")
        workflow = self.session.workflow(given.text("--workflow"))
        cells.parse(cell, filename=step_filename(name, workflow.name))
        check_lengths(cell, f"step {name} of {workflow.name}")
        return Step(name, cell, **step_options(given))

    def _check_wrapped(self, found: MagicCell) -> None:
        """Refuse what is wrong with a cell below ``%%capture``, which would swallow it. Raises ``PdnbError``."""
        if found.magic == "step":
            self._step(read_step_line(found.line), found.body)
        else:
            read_setup_line(found.line)
            cells.compile_setup(found.body, filename="<setup>")

    def close(self) -> None:
        """Stop following and leave the store; the runs stay."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None
        self.session.close()
        self._undo.close()

    def on_close(self, call: Callable[[], object]) -> None:
        """Have *call* called when the extension is unloaded."""
        self._undo.callback(call)

    @property
    def watcher(self) -> Watcher:
        """What calls the displays of this kernel that follow the store."""
        if self._watcher is None:
            self._watcher = Watcher(self.session.home)
        return self._watcher

    def panel(self, workflow: str | None = None, *, plain: bool = False) -> object:
        """The panel as a widget; *plain*: of widgets that every front end of ipywidgets draws."""
        from pdnb.kernel.fallback_panel import PlainPanel  # noqa: PLC0415
        from pdnb.kernel.panel import Panel  # noqa: PLC0415  # widgets cost a quarter of a second

        return (PlainPanel if plain else Panel)(self.session.home, self.watcher, workflow=workflow)

    def _run_from(self, line: Line, command: str) -> tuple[client.Run, str]:
        """The run a line begins with (an id, the beginning of one, or a variable), and the rest."""
        word, _, rest = line.rest.partition(" ")
        if not word:
            raise DefinitionError(f"%pdnb {command} wants a run: its id, or a variable that holds it")
        value = self._shell.user_ns.get(word)
        if isinstance(value, client.Run):
            return value, rest.strip()
        home = self.session.home
        return client.Run(home, home.store.get(home.store.resolve_id(word))), rest.strip()


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn pdnb's own errors into IPython's one-line usage error; a step's exceptions pass as they are."""
    __tracebackhide__ = True
    try:
        yield
    except PdnbError as error:
        raise UsageError(str(error)) from None
