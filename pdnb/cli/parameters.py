"""The arguments of commands: JSON, the store, a run, a notebook."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from pdnb import json_text
from pdnb.errors import PdnbError, StoreError

if TYPE_CHECKING:
    from pdnb.client import Run
    from pdnb.coordination.home import Home
    from pdnb.workflow.version import Environment

    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # in older versions of click it is not generic

_F = TypeVar("_F", bound=Callable[..., Any])
_MAX_BYTES: Final = 64 * 1024 * 1024


class JSONText(_ParamType):
    """JSON, ``@FILE`` that holds it, or ``-`` for stdin."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value; click reports what is wrong with it."""
        if not isinstance(value, str):
            return value
        try:
            text = _text(value)
        except (OSError, ValueError) as error:
            self.fail(
                f"{value} cannot be read ({getattr(error, 'strerror', None) or type(error).__name__})", param, ctx
            )
        try:
            return json_text.loads(text)
        except ValueError as error:
            hint = ": JSON wants double quotes, also round a text: '\"yes\"'" if value[:1] not in ("-", "@") else ""
            self.fail(f"{text[:60]!r} is no JSON ({error}){hint}", param, ctx)


def _text(value: str) -> str:
    if value == "-":
        return sys.stdin.read(_MAX_BYTES)
    if not value.startswith("@"):
        return value
    path = Path(value[1:]).expanduser()
    if not path.is_file():  # a FIFO or a device would block
        raise FileNotFoundError(0, "it is no file", str(path))
    with path.open(encoding="utf-8") as file:
        return file.read(_MAX_BYTES)


def directory(command: _F) -> _F:
    """Give a command the option ``--directory``, where the store is."""
    return click.option(
        "--directory",
        envvar="PDNB_DIR",
        metavar="DIR",
        callback=_directory,
        help="The store. Default: PDNB_DIR, else 'pdnb' in Jupyter's data directory.",
    )(command)


def _directory(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Path:
    from pdnb.coordination.settings import default_directory

    return default_directory({"PDNB_DIR": value} if value else {})


def completed_runs(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The ids that the shell offers for RUN."""
    from pdnb.client import list_runs

    given = ctx.params.get("directory") or os.environ.get("PDNB_DIR")
    with suppress(PdnbError), store(_directory(ctx, _param, str(given) if given else None)) as home:
        return [run.id for run in list_runs(home) if run.id.startswith(incomplete)]
    return []


@contextmanager
def store(place: Path, *, make: bool = False) -> Iterator[Home]:
    """The store in *place*. Raises ``StoreError`` when there is none, unless *make* says to make one."""
    from pdnb.coordination.home import Home

    if not make and not (place / "cache.db").exists():
        raise StoreError(f"no store in {place}: start a run first, or set PDNB_DIR")
    with Home(place, kind="shell") as home:
        yield home


def run_of(home: Home, beginning: str) -> Run:
    """The run whose id begins so; raises ``RunNotFound``."""
    from pdnb.client import Run

    return Run(home, home.store.get(home.store.resolve_id(beginning)))


def environment_of(notebook: Path) -> Environment:
    """Where a kernel of *notebook* would run with this interpreter: its directory comes first on ``sys.path``."""
    from pdnb.workflow.version import Environment

    here, folder = Environment.here(), str(notebook.resolve().parent)
    entries = list(here.path)
    script = os.path.dirname(os.path.realpath(sys.argv[0]))  # noqa: PTH120  # as Python itself puts it there
    ours = str(Path(__file__).parents[2])
    if entries[:1] in ([script], [here.cwd]) and entries[0] != ours:
        del entries[0]
    return replace(here, cwd=folder, path=(folder, *(entry for entry in entries if entry != folder)))


@contextmanager
def entered(environment: Environment) -> Iterator[None]:
    """While the block lasts, this process has the working directory and ``sys.path`` of *environment*."""
    from pdnb.executor.starting import BACKEND

    cwd, path, before = os.getcwd(), list(sys.path), dict(os.environ)  # noqa: PTH109
    os.environ.setdefault("MPLBACKEND", BACKEND)  # figures are outputs, no windows
    os.chdir(environment.cwd)
    sys.path[:] = environment.path
    try:
        yield
    finally:
        sys.path[:] = path
        os.chdir(cwd)
        if "MPLBACKEND" not in before:
            os.environ.pop("MPLBACKEND", None)


def forgiving() -> None:
    """Print ``?`` in place of a sign that the terminal's encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
