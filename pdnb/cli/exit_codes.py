"""How commands end: exit codes, and errors as one line or, with ``--json``, as one JSON document."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, Final

import click

from pdnb.errors import DefinitionError, PdnbError, Refused, RunNotFound, StoreError


class Code(IntEnum):
    """Exit codes; 2 is also click's own for wrong usage."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    NO_RUN = 3
    REFUSED = 4
    STORE = 5
    WORKFLOW = 6
    INTERRUPTED = 130


#: For ``--help``; ``\b`` keeps click from filling the lines.
EPILOG: Final = """\b
Exit codes:
  0    fine
  1    the run failed or was cancelled (run); something else went wrong
  2    wrong usage
  3    no such run
  4    refused: resumed before, over, moved on, or the answer does not fit
  5    the store is missing or cannot be used
  6    the notebook or its workflow cannot be used
  130  interrupted

\b
With --json, errors are one JSON document on stderr:
  {"error": "…", "code": 4}

\b
Completion for bash (zsh_source, fish_source for others):
  eval "$(_PDNB_COMPLETE=bash_source pdnb)"
"""

_KINDS: Final = (
    (RunNotFound, Code.NO_RUN),
    (Refused, Code.REFUSED),
    (StoreError, Code.STORE),
    (DefinitionError, Code.WORKFLOW),
)


class Trouble(Exception):
    """An error as it is shown at the shell, and the exit code of the command."""

    def __init__(self, message: str, code: Code) -> None:
        super().__init__(message)
        self.code = code


class Commands(click.Group):
    """Commands that end with one line and a :class:`Code` whatever goes wrong; no traceback is shown."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note whether JSON was asked for, before anything can go wrong."""
        ctx.meta["pdnb.json"] = "--json" in args[: args.index("--") if "--" in args else None]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with _errors_as_trouble():
                return super().invoke(ctx)
        except Trouble as trouble:
            _print_error(str(trouble), trouble.code, as_json=ctx.meta["pdnb.json"])
            raise click.exceptions.Exit(trouble.code) from None
        except click.UsageError as error:
            if not ctx.meta["pdnb.json"]:
                raise
            _print_error(error.format_message(), Code.USAGE, as_json=True)
            raise click.exceptions.Exit(Code.USAGE) from None


def _print_error(message: str, code: Code, *, as_json: bool) -> None:
    from pdnb.views.phrases import harmless

    text = harmless(message).strip()
    shown = json.dumps({"error": text, "code": int(code)}, ensure_ascii=False) if as_json else f"pdnb: {text}"
    click.echo(shown, err=True)


@contextmanager
def _errors_as_trouble() -> Iterator[None]:
    try:
        yield
    except PdnbError as error:
        code = next((code for kind, code in _KINDS if isinstance(error, kind)), Code.FAILED)
        raise Trouble(str(error), code) from None
    except KeyboardInterrupt:
        raise Trouble("interrupted", Code.INTERRUPTED) from None
    except (Trouble, click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        if (isinstance(error, OSError) and error.errno == errno.EPIPE) or os.environ.get("PDNB_DEBUG"):
            raise  # click ends quietly when the reader of a pipe is gone
        name = type(error).__name__
        raise Trouble(
            f"something went wrong that pdnb does not know ({name}: {error}): PDNB_DEBUG=1 shows where", Code.FAILED
        ) from None
