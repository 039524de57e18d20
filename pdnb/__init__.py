"""pdnb: a workflow in a notebook that can wait, for a person, for a job, for a callback, for days.

In a notebook: ``%load_ext pdnb``, then ``%%step NAME`` cells and ``%pdnb run``. In Python: :func:`run`, :func:`runs`,
:func:`get`, :func:`panel`. Everything heavy is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdnb.errors import DefinitionError, PdnbError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pdnb.client import Run, Runs
    from pdnb.coordination.home import Home
    from pdnb.kernel.magics import PdnbMagics
    from pdnb.model import JSON
    from pdnb.workflow.definition import Workflow
    from pdnb.workflow.loaders import step

__all__ = ["PdnbError", "Run", "Workflow", "get", "panel", "run", "runs", "step"]

_magics: PdnbMagics | None = None


def run(
    event: JSON = None, *, workflow: str | Workflow | None = None, wait: bool = False, headless: bool = False
) -> Run:
    """Start a run: here, in the foreground, to its first pause or end.

    *event*: JSON, what started it (``pd.steps["trigger"]["event"]``). *workflow*: one of this notebook by its name
    (default: the notebook's own), or a ``Workflow``, which needs no notebook. *wait*: stay until the run is over.
    *headless*: leave it to a worker from the first step. Raises what a step raises; ``DefinitionError`` when a step
    uses a name that cannot be captured.
    """
    __tracebackhide__ = True
    if workflow is None or isinstance(workflow, str):
        return _notebook().start(workflow, event, wait=wait, headless=headless)
    import sys

    from pdnb.capture.snapshot import snapshot
    from pdnb.client import start, unattended
    from pdnb.runtime.namesakes import name_notices
    from pdnb.workflow.version import Environment

    version = snapshot(workflow, {}, Environment.here())
    for line in name_notices(_home(), version) if version.notebook is not None else ():
        print(line, file=sys.stderr)  # noqa: T201  # for the person at the terminal
    started = start(_home(), version, event, headless=headless)
    if wait:
        return started.wait()
    if notice := unattended(_home(), started):
        print(notice, file=sys.stderr)  # noqa: T201  # likewise
    return started


def runs(
    status: str | list[str] | None = None, *, workflow: str | None = None, limit: int = 50, cursor: str | None = None
) -> Runs:
    """The runs of this store, newest first; ``.to_frame()`` makes a pandas ``DataFrame`` of them."""
    from pdnb.client import list_runs

    return list_runs(_home(), status=status, workflow=workflow, limit=limit, cursor=cursor)


def get(id: str) -> Run:  # noqa: A002  # the field's own name
    """The run with this id, or with an id that begins so; raises ``RunNotFound``."""
    from pdnb.client import Run

    home = _home()
    return Run(home, home.store.get(home.store.resolve_id(id)))


def panel(workflow: str | None = None, *, plain: bool = False) -> Any:
    """The table of runs as a widget, with Approve and Cancel.

    *plain*: made of ipywidgets alone, for hosts that have no front end for anywidget.
    """
    return _notebook().panel(workflow, plain=plain)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext pdnb``."""
    global _magics  # noqa: PLW0603  # one kernel, one notebook
    from pdnb.client import Run
    from pdnb.kernel.magics import PdnbMagics
    from pdnb.kernel.tracebacks import redact_tracebacks

    if _magics is not None:
        return
    _magics = PdnbMagics(shell)
    _magics.on_close(redact_tracebacks(shell))
    shell.register_magics(_magics)
    for key in ("%pdnb", "%%step", "%%setup"):
        shell.set_hook("complete_command", _magics.completer.complete, str_key=key)
    shell.set_hook("complete_command", _magics.completer.complete, re_key=r"\s*\w+\s*=\s*%pdnb\s")
    if shell.display_formatter is not None:
        formatter = shell.display_formatter.ipython_display_formatter
        formatter.for_type(Run, _magics.cards.show_value)
        _magics.on_close(lambda: formatter.pop(Run, None))


def unload_ipython_extension(_shell: InteractiveShell) -> None:
    """``%unload_ext pdnb``: leave the store; the runs stay."""
    global _magics  # noqa: PLW0603
    if _magics is not None:
        _magics.close()
        _magics = None


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from pdnb.server.app import PdnbApp

    return [{"module": "pdnb", "app": PdnbApp}]


def _notebook() -> PdnbMagics:
    if _magics is None:
        raise DefinitionError("this is no notebook with pdnb: run %load_ext pdnb first")
    return _magics


def _home() -> Home:
    return _notebook().session.home if _magics is not None else _shell_home()


def _shell_home() -> Home:
    """The home of a plain Python process, opened once."""
    global _process_home  # noqa: PLW0603
    if _process_home is None:
        from pdnb.coordination.home import Home

        _process_home = Home(kind="shell")
    return _process_home


_process_home: Home | None = None


def __getattr__(name: str) -> Any:
    if name == "Workflow":
        from pdnb.workflow.definition import Workflow

        return Workflow
    if name == "step":
        from pdnb.workflow.loaders import step

        return step
    if name in ("Run", "Runs"):
        from pdnb import client as module

        return getattr(module, name)
    if name == "__version__":
        from importlib import metadata

        return metadata.version("pdnb")
    raise AttributeError(f"module 'pdnb' has no attribute {name!r}")
