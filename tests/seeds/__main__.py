"""``python -m tests.seeds``: run the seeds' tests and print which of them shows which sentence, as a Markdown table.

The table goes to standard output, pytest's own words to standard error. Ends with 1 if a test failed or is missing.
"""

from __future__ import annotations

import contextlib
import sys

import pytest

from tests.seeds.coverage import PAGES, Piece, Shown, by_piece, pieces, tests

_TITLES = {"python": "Python: `pd.flow`", "node": "Node.js: `$.flow`"}


class Results:
    """A pytest plugin: what came of every test, all its parameters together."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        node = report.nodeid.partition("[")[0]
        if report.failed or (report.when == "call" and self.of.get(node) != "failed"):
            self.of[node] = report.outcome


def main() -> int:
    """Run, print, and say whether all is well."""
    results = Results()
    files = sorted({shown.node.partition("::")[0] for shown in tests()})
    with contextlib.redirect_stdout(sys.stderr):
        code = int(pytest.main(["-q", *files], plugins=[results]))
    rows = [row for page in PAGES for row in _rows(page, results.of)]
    print("\n".join(rows))
    return 1 if code or any("MISSING" in row for row in rows) else 0


def _rows(page: str, results: dict[str, str]) -> list[str]:
    found = by_piece()
    lines = [f"## {_TITLES[page]}", "", "| sentence or example | test | result | note |", "|---|---|---|---|"]
    lines += [_row(piece, found.get((page, piece.text), []), results) for piece in pieces(page)]
    return [*lines, ""]


def _row(piece: Piece, shown: list[Shown], results: dict[str, str]) -> str:
    if piece.why is not None:
        return f"| {_cell(piece.text)} |  |  | {_cell(piece.why)} |"
    if not shown:
        return f"| {_cell(piece.text)} | MISSING | | |"
    names = "<br>".join(f"`{_short(test)}`" for test in shown)
    came = "<br>".join(results.get(test.node, "did not run") for test in shown)
    notes = "<br>".join(dict.fromkeys(f"differs: {_cell(test.differs)}" for test in shown if test.differs))
    return f"| {_cell(piece.text)} | {names} | {came} | {notes} |"


def _short(test: Shown) -> str:
    return test.node.removeprefix("tests/").removeprefix("seeds/")


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(main())
