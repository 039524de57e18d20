"""The shell's command, in this process for quick looks and as a process of its own; and notebooks for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Final

from click.testing import CliRunner, Result

from pdnb.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PDNB: Final = (sys.executable, "-m", "pdnb")


def pdnb(*args: str | Path, stdin: str | None = None) -> Result:
    """What a command says and ends with, in this process; its crash is ours."""
    result = CliRunner().invoke(main, [str(arg) for arg in args], prog_name="pdnb", input=stdin)
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    assert "Traceback" not in result.stderr
    return result


def document(*args: str | Path) -> Any:
    """The JSON that a command gives."""
    result = pdnb(*args, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def notebook(path: Path, *cells: str) -> Path:
    """A notebook with these code cells."""
    sources: list[dict[str, Any]] = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "id": f"c{i}", "source": source}
        for i, source in enumerate(dedent(cell).strip("\n") for cell in cells)
    ]
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": sources}))
    return path


@contextmanager
def process(*args: str | Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A command as a process of its own; it has ended behind the block."""
    command = [*PDNB, *map(str, args)]
    pipes: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    started = subprocess.Popen(command, stdin=subprocess.DEVNULL, env={**os.environ, **env}, text=True, **pipes)
    with started:
        try:
            yield started
        finally:
            started.kill()
