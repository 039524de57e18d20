"""A real shell with pdnb loaded, for tests of the magics."""

from __future__ import annotations

import atexit
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import pdnb
from pdnb.coordination.home import Home
from pdnb.kernel.magics import PdnbMagics


@dataclass(frozen=True)
class Said:
    """What a cell showed and gave."""

    out: str
    err: str
    value: Any
    error: BaseException | None


class Notebook:
    """A real shell with pdnb in it."""

    def __init__(self, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
        self.shell = shell
        self._capsys = capsys

    def try_(self, source: str) -> Said:
        """Execute a cell as a front end would."""
        self._capsys.readouterr()
        result = self.shell.run_cell(dedent(source).strip("\n"), store_history=True)
        shown = self._capsys.readouterr()
        return Said(plain(shown.out), plain(shown.err), result.result, result.error_before_exec or result.error_in_exec)

    def run(self, source: str) -> Any:
        """A cell's value; it must not fail."""
        said = self.try_(source)
        assert said.error is None, said
        return said.value

    def refused(self, source: str) -> str:
        """The one line that a refused cell says."""
        said = self.try_(source)
        assert isinstance(said.error, UsageError), said
        assert (said.out, said.err) == ("", f"UsageError: {said.error}\n")
        assert "\n" not in str(said.error)
        return str(said.error)

    @property
    def magics(self) -> PdnbMagics:
        assert pdnb._magics is not None
        return pdnb._magics

    @property
    def home(self) -> Home:
        return self.magics.session.home

    def names(self, workflow: str | None = None) -> tuple[str, ...]:
        return self.magics.session.workflow(workflow).names

    def complete(self, line: str) -> list[str]:
        """What Tab offers behind *line*, through both doors of IPython's completer."""
        with provisionalcompleter(), warnings.catch_warnings(action="ignore", category=PendingDeprecationWarning):
            _, found = self.shell.complete("", line, len(line))
            texts = [c.text for c in self.shell.Completer.completions(line, len(line))]
        assert set(found) <= set(texts)
        return list(found)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture
def nb(pdnb_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Notebook]:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # a shell puts its own there
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "pdnb")
    yield Notebook(shell, capsys)
    shell.run_line_magic("unload_ext", "pdnb")
    InteractiveShell.clear_instance()
    atexit.unregister(shell.atexit_operations)  # a third of a second per shell
