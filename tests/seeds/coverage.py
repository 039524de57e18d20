"""Which test shows which sentence: read from the pages' pieces (``*.toml``) and from the tests' docstrings.

A docstring that begins with quotes names what its test shows, one or several pieces of either page::

    python: a sentence of the Python page, to the letter
    node: example: the name of an example of the Node.js page
    differs: where pdnb does something else on purpose, and how to get what the page says

A quote may take several lines; an empty line ends them, and what follows is for readers.
"""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).parent
PAGES: Final = ("python", "node")
_FIELD: Final = re.compile(r"(python|node|differs): (.*)")


@dataclass(frozen=True)
class Piece:
    """``text``: what a test quotes. ``why``: why no test is wanted. ``code``: an example's, or that of a claim."""

    page: str
    text: str
    why: str | None = None
    code: str = ""

    @property
    def example(self) -> str | None:
        """The example's name, if this is one."""
        return self.text.removeprefix("example: ") if self.text.startswith("example: ") else None


@dataclass(frozen=True)
class Shown:
    """One test: its file and name, the (page, text) it quotes, and where pdnb differs."""

    node: str
    quotes: tuple[tuple[str, str], ...]
    differs: str | None


def pieces(page: str) -> Iterator[Piece]:
    """Every piece of *page* in its order; the claims of an example behind it."""
    for item in _document(page)["items"]:
        match item:
            case {"heading": text}:
                yield Piece(page, text, "a heading")
            case {"prose": text, "why": why}:
                yield Piece(page, text, why)
            case {"sentence": text}:
                yield Piece(page, text)
            case {"example": name, "code": code}:
                yield Piece(page, f"example: {name}", code=code)
                yield from (Piece(page, claim, code=code) for claim in item.get("claims", ()))
            case _:
                raise ValueError(f"{page}.toml: {item} is no piece of a page")


def page_text(page: str) -> tuple[str, str]:
    """All that stands in *page*, without white space, and the SHA-256 that the page itself has then."""
    document = _document(page)
    kinds = ("code", "sentence", "heading", "prose")
    texts = [next(item[kind] for kind in kinds if kind in item) for item in document["items"]]
    return re.sub(r"\s", "", "".join(texts)), document["sha256"]


def bare(code: str) -> str:
    """*code* as one line without its comment marks: a claim that takes two lines is whole there."""
    return " ".join(re.sub(r"^\s*(#|//) ?", "", code, flags=re.MULTILINE).split())


def tests() -> tuple[Shown, ...]:
    """Every test that quotes something."""
    files = [*sorted(HERE.glob("test_*.py")), HERE.parent / "test_seed_examples.py", HERE.parent / "test_notebooks.py"]
    return tuple(shown for file in files if file.exists() for shown in _shown(file))


def by_piece() -> dict[tuple[str, str], list[Shown]]:
    """The tests that quote each (page, text)."""
    found: dict[tuple[str, str], list[Shown]] = {}
    for shown in tests():
        for quote in shown.quotes:
            found.setdefault(quote, []).append(shown)
    return found


def _shown(file: Path) -> Iterator[Shown]:
    path = file.relative_to(HERE.parents[1]).as_posix()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            fields = list(_fields(ast.get_docstring(node) or ""))
            quotes = tuple((key, text) for key, text in fields if key != "differs")
            if quotes:
                differs = "; ".join(text for key, text in fields if key == "differs")
                yield Shown(f"{path}::{node.name}", quotes, differs or None)


def _fields(docstring: str) -> Iterator[tuple[str, str]]:
    head = docstring.partition("\n\n")[0].splitlines()
    if not head or not _FIELD.match(head[0]):
        return
    found: list[tuple[str, list[str]]] = []
    for line in head:
        if match := _FIELD.match(line):
            found.append((match[1], [match[2]]))
        else:
            found[-1][1].append(line)
    for key, lines in found:
        yield key, " ".join(" ".join(lines).split())


def _document(page: str) -> dict[str, Any]:
    return tomllib.loads((HERE / f"{page}.toml").read_text())
