"""Tracebacks without tokens: what a kernel shows is kept in its notebook's file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from pdnb.links import redact


def redact_tracebacks(shell: InteractiveShell) -> Callable[[], None]:
    """From now on *shell* shows tracebacks without working links; the result takes that back."""
    before = shell._showtraceback  # noqa: SLF001  # where every shell shows what it caught

    def show(etype: Any, evalue: Any, stb: Any) -> None:
        text = str(evalue) if isinstance(evalue, Exception) else ""
        clean = redact(text)
        before(etype, evalue if clean == text else clean, [redact(line) for line in stb])

    shell._showtraceback = show  # type: ignore[method-assign]  # noqa: SLF001

    def undo() -> None:
        shell._showtraceback = before  # type: ignore[method-assign]  # noqa: SLF001

    return undo
