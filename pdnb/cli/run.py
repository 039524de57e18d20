"""``pdnb run``: read a notebook's workflow, capture its code, start a run and follow it."""

from __future__ import annotations

import importlib
import sys
import warnings
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pdnb import client
from pdnb.capture.snapshot import snapshot
from pdnb.cli import display
from pdnb.cli.exit_codes import Code, Trouble
from pdnb.cli.follow import Follower, WatchedHome, following, until_it_pauses
from pdnb.cli.messages import show_run
from pdnb.cli.parameters import entered, environment_of
from pdnb.client import Run
from pdnb.errors import CaptureError, DefinitionError
from pdnb.model import JSON, Status
from pdnb.runtime.namesakes import name_notices
from pdnb.workflow.advice import lone_function
from pdnb.workflow.definition import Workflow
from pdnb.workflow.version import Environment, WorkflowVersion

if TYPE_CHECKING:
    from rich.console import Console


def start(
    notebook: Path, event: JSON, workflow: str | None, *, wait: bool, links: bool, as_json: bool, directory: Path
) -> None:
    """Start a run and follow it to its first pause, or with *wait* to its end; ends with 1 when it failed."""
    code = workflow_version(notebook, workflow, environment_of(notebook))
    for step in code.steps:
        if advice := lone_function(step.name, step.source):
            click.echo(advice, err=True)
    console = display.make_console(sys.stderr if as_json else None)
    with WatchedHome(directory) as home:
        for line in name_notices(home, code) if code.notebook is not None else ():
            click.echo(line, err=True)
        with ExitStack() as stack:
            if as_json:
                stack.enter_context(redirect_stdout(sys.stderr))  # what steps print
            follower = stack.enter_context(following(home, console))
            stack.enter_context(entered(code.environment))
            run, interrupted = _driven(home, follower, code, event, console, wait=wait)
        show_run(home, run, as_json=as_json, links=links)
        status = run.status
    if interrupted:
        raise Trouble(f"interrupted: run {run.id} is {status}", Code.INTERRUPTED)
    if status in (Status.FAILED, Status.CANCELLED):
        raise click.exceptions.Exit(Code.FAILED)


def _driven(
    home: WatchedHome, follower: Follower, code: WorkflowVersion, event: JSON, console: Console, *, wait: bool
) -> tuple[Run, bool]:
    """The run as far as it came, and whether it was interrupted."""
    has_leader, begun = home.has_leader(), list[Run]()

    def begin(run: Run) -> None:
        begun.append(run)
        console.print(display.text_of(f"run {run.id} of {run.workflow}, {'in a worker' if has_leader else 'here'}"))
        follower.begin(run.id)

    try:
        run = client.start(home, code, event, headless=has_leader, on_start=begin)
        if wait:
            run.wait()
        elif has_leader:
            until_it_pauses(home, run.id)
    except KeyboardInterrupt:
        if not begun:
            raise
        return begun[0], True
    except BaseException:
        if not begun or begun[0].status is not Status.FAILED:
            raise
        return begun[0], False  # the step's own error: the run has it, and the follower shows it
    return run, False


def workflow_version(notebook: Path, workflow: str | None, environment: Environment) -> WorkflowVersion:
    """The workflow that *notebook* (or a module, ``.py``) defines, to be run in *environment*."""
    if notebook.suffix == ".py":
        with entered(environment):
            return snapshot(_of_module(notebook, workflow), {}, environment)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbformat's, of old notebooks that it reads all the same
        chosen = Workflow.from_notebook(notebook, workflow)
    try:
        return snapshot(chosen, {}, environment)
    except CaptureError as error:
        hint = "the shell executes no cells: put what the steps need into a %%setup cell, or run it in a kernel"
        raise CaptureError(f"{error}\n{hint}") from None


def _of_module(path: Path, name: str | None) -> Workflow:
    if not path.is_file():
        raise DefinitionError(f"{path} is no file: give the path of a notebook (.ipynb) or a module (.py)")
    try:
        return Workflow.from_module(importlib.import_module(path.stem), name)
    except DefinitionError:
        raise
    except Exception as error:
        raise DefinitionError(f"{path} cannot be imported ({type(error).__name__}: {error})") from error
