"""The commands. They are thin: read the arguments, call what does the work, show the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from pdnb.cli.exit_codes import EPILOG, Commands
from pdnb.cli.messages import check_waits, put, show_run
from pdnb.cli.parameters import JSONText, completed_runs, directory, run_of, store

# pdnb.model's, written out: completion and --help need no import for them; a test compares
STATUSES: Final = ("queued", "running", "suspended", "sleeping", "succeeded", "failed", "cancelled")

_PATH: Final = click.Path(path_type=Path)

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
links = click.option("--links", is_flag=True, help="Show the two links too; whoever holds one may answer.")
run_argument = click.argument("run_id", metavar="RUN", shell_complete=completed_runs)


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="pdnb", prog_name="pdnb", message="%(prog)s %(version)s")
def main() -> None:
    """Workflows in notebooks that can wait: start runs, see how they go, answer them.

    RUN is a run's id, or the beginning of one.
    """
    from pdnb.cli.parameters import forgiving

    forgiving()


@main.command()
@click.argument("notebook", type=_PATH)
@click.option("--event", type=JSONText(), help="What starts the run: JSON, @FILE, or - for stdin.")
@click.option("-w", "--workflow", help="Which workflow of the notebook. Default: the one called like the file.")
@click.option("--wait", is_flag=True, help="Stay until the run is over, through its pauses.")
@links
@as_json
@directory
def run(
    *, notebook: Path, event: Any, workflow: str | None, wait: bool, links: bool, as_json: bool, directory: Path
) -> None:
    """Start a run of NOTEBOOK's workflow.

    The notebook is read, not executed. Where a server runs, a worker executes the steps; else they run here,
    to the first pause (--wait: to the end). A module (.py) whose functions are marked with @pdnb.step will do, too.
    """
    from pdnb.cli.run import start

    start(notebook, event, workflow, wait=wait, links=links, as_json=as_json, directory=directory)


@main.command()
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="May be given more than once.")
@click.option("-w", "--workflow", help="Only the runs of this workflow.")
@click.option("-n", "--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="How many.")
@click.option("--cursor", help="Those behind a page: its 'next'.")
@as_json
@directory
def runs(
    *, statuses: tuple[str, ...], workflow: str | None, limit: int, cursor: str | None, as_json: bool, directory: Path
) -> None:
    """The runs of this store, newest first."""
    from pdnb.client import list_runs

    with store(directory) as home:
        try:
            page = list_runs(home, status=list(statuses) or None, workflow=workflow, limit=limit, cursor=cursor)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        documents, now_ms = page.documents(), home.clock()
    if as_json:
        put({"runs": documents, "next": page.next})
        return
    from pdnb.cli import display

    console = display.make_console()
    console.print(display.runs_table(documents, now_ms, console.width) if documents else "no runs")
    if page.next:
        console.print(display.text_of(f"more: pdnb runs --cursor {page.next}", "dim"))


@main.command()
@run_argument
@links
@as_json
@directory
def show(*, run_id: str, links: bool, as_json: bool, directory: Path) -> None:
    """One run, with all it printed and left."""
    with store(directory) as home:
        show_run(home, run_of(home, run_id), as_json=as_json, links=links, whole=True)


@main.command()
@run_argument
@click.argument("answer", type=JSONText(), required=False)
@as_json
@directory
def resume(*, run_id: str, answer: Any, as_json: bool, directory: Path) -> None:
    """Let a waiting run go on.

    ANSWER (JSON, @FILE, or - for stdin) is what its workflow receives.
    """
    with store(directory) as home:
        chosen = run_of(home, run_id)
        check_waits(home.store.get(chosen.id))
        show_run(home, chosen.resume(answer, via="shell"), as_json=as_json)


@main.command()
@run_argument
@click.argument("reason", required=False)
@as_json
@directory
def cancel(*, run_id: str, reason: str | None, as_json: bool, directory: Path) -> None:
    """End a run here."""
    with store(directory) as home:
        show_run(home, run_of(home, run_id).cancel(reason, via="shell"), as_json=as_json)


@main.command()
@run_argument
@click.option("--take-over", is_flag=True, help="The run is at work in a process that is frozen: take it away.")
@as_json
@directory
def retry(*, run_id: str, take_over: bool, as_json: bool, directory: Path) -> None:
    """Let a failed run go on from its failed step."""
    with store(directory) as home:
        show_run(home, run_of(home, run_id).retry(take_over=take_over, via="shell"), as_json=as_json)


@main.command()
@run_argument
@click.argument("path", type=_PATH, required=False)
@as_json
@directory
def report(*, run_id: str, path: Path | None, as_json: bool, directory: Path) -> None:
    """Write a run as a notebook.

    It has the code that ran, the outputs of every attempt, what was waited for and who decided.
    """
    with store(directory) as home:
        written = run_of(home, run_id).report(path)
    if as_json:
        put({"path": str(written.resolve())})
    else:
        click.echo(f"written: {written}")


@main.command()
@run_argument
@click.argument("notebook", type=_PATH)
@as_json
@directory
def upgrade(*, run_id: str, notebook: Path, as_json: bool, directory: Path) -> None:
    """Give a run the code that NOTEBOOK has today.

    It waits or has failed, and its steps so far are the same. Shows what has changed.
    """
    from pdnb.cli.run import workflow_version

    with store(directory) as home:
        chosen = run_of(home, run_id)
        present = home.store.workflow_version(home.store.get(chosen.id).version_id).environment
        changed = chosen.upgrade(workflow_version(notebook, chosen.workflow, present))
    if as_json:
        put({"id": chosen.id, "diff": changed})
        return
    from pdnb.cli import display

    text = display.diff(changed) if changed else "nothing has changed: the run has this code already"
    display.make_console().print(text, soft_wrap=True)


@main.command()
@click.option("--port", type=click.IntRange(0, 65_535), help="Default: that of the last time if it is free.")
@click.option("--ip", default="127.0.0.1", show_default=True, help="Which address to listen on.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--background", is_flag=True, help="Start it in the background, if no server runs yet.")
@click.option("--idle", type=click.FloatRange(0.1), help="End after this many seconds without unfinished runs.")
@click.option("--in-background", is_flag=True, hidden=True)
@as_json
@directory
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTIONS OF JUPYTER]")
def serve(
    *,
    port: int | None,
    ip: str,
    no_browser: bool,
    background: bool,
    idle: float | None,
    in_background: bool,
    as_json: bool,
    directory: Path,
    options: tuple[str, ...],
) -> None:
    """Keep the store with a server of its own.

    A Jupyter server with pdnb alone: links, cards, the clock and the workers. It listens on this machine only, behind
    Jupyter's token. With --background it ends after an hour without unfinished runs (or --idle SECONDS).
    """
    from pdnb.cli import serve

    if background:
        serve.in_background(directory, idle, as_json=as_json)
    else:
        serve.serve(directory, port, ip, idle, options, browser=not no_browser, detached=in_background)


@main.command()
@click.option("--max-workers", type=click.IntRange(1), default=2, show_default=True, help="At most so many processes.")
@click.option("--idle", type=click.FloatRange(0.0), help="End after so many seconds without anything to do.")
@directory
def worker(*, max_workers: int, idle: float | None, directory: Path) -> None:
    """Keep the store without a server.

    It runs the scheduler and the workers, and stands by while a server does. Control-C (or SIGTERM) ends it after the
    steps at hand.
    """
    from pdnb.cli import serve

    serve.work(directory, max_workers, idle)


@main.command()
def demo() -> None:
    """The first notebook on a real JupyterLab; without a terminal, its whole story (wants pdnb[demo])."""
    from pdnb.cli.demo import main as play

    play()
