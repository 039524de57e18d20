"""What a notebook's cell says about a workflow: the one reader for kernel, shell, tests and import.

Rules:

- A cell is read by IPython's own input transforms, so what a kernel accepts is accepted here, with the same body:
  behind empty lines, indentation or a prompt, and below ``%%capture``, ``%%time`` and ``%%timeit``.
- A cell that looks like a step's but is none for IPython is an error that names the cell; it is never left out.
- Texts in strings are texts: only what IPython would execute counts.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pdnb.errors import DefinitionError

#: The magics that may stand above ``%%step`` and ``%%setup``: they execute their cell as IPython does any other.
WRAPPERS: Final = ("capture", "time", "timeit")

_MAGICS: Final = ("step", "setup")
#: Magics whose cell is a text that nothing executes.
_TEXTS: Final = frozenset(
    {"writefile", "file", "html", "HTML", "latex", "markdown", "javascript", "js", "svg", "SVG"},
)
_LIKE: Final = re.compile(r"\W*(?:step|setup)s?(?!\w)", re.IGNORECASE)
#: In a cell that is no Python: a line that was meant as the magic. The wide percent sign is an input method's.
_LINE: Final = re.compile(
    r"[^\w#]*[%\uff05][%\uff05\s]*(?:step|setup)(?!\w)|[^#]*%%\s?(?:step|setup)(?!\w)|\s*step[ \t]+[\w-]+\s*$",
    re.IGNORECASE,
)
_MAYBE: Final = re.compile(r"[%\uff05]|run_(?:cell|line)_magic|^\s*step[ \t]", re.IGNORECASE | re.MULTILINE)
_COMMENT: Final = re.compile(r"#+\s*%%(step(?=[ \t]+\S)|setup(?!\w))", re.IGNORECASE)


@dataclass(frozen=True)
class MagicCell:
    """A ``%%step`` or ``%%setup`` cell: its magic's name, the rest of that line, and what stands below it.

    ``wrapped``: the magics above it, outermost first.
    """

    magic: str
    line: str
    body: str
    wrapped: tuple[str, ...] = ()


def read_cell(source: str, where: str = "this cell") -> MagicCell | None:
    """The ``%%step`` or ``%%setup`` cell that *source* is for IPython; ``None``: an ordinary cell.

    Raises ``DefinitionError``, which names the cell by *where* and its first line, for one that looks like such a cell
    and is none.
    """
    if not maybe_magic(source):
        return None
    found = read_transformed(_transformed(source), where, source)
    if found is None and (doubt := commented_out(source, where)):
        raise DefinitionError(doubt)
    return found


def maybe_magic(source: str) -> bool:
    """Whether *source* is worth reading: most cells have no magic at all."""
    return _MAYBE.search(source) is not None


def read_transformed(
    transformed: str, where: str, source: str | None = None, *, known: frozenset[str] | None = None
) -> MagicCell | None:
    """The same of a cell that IPython has transformed already; *source*: as it was written.

    *known*: in a kernel, the magics that exist beside pdnb's and are theirs, however they are called. There, code may
    call ``%%step`` too, which no other place can follow.
    """
    first = next((line.strip() for line in (source or transformed).splitlines() if line.strip()), "")
    named = where if source is None else f"{where} ({_shortened(first)!r})"
    tree = _tree(transformed)
    if tree is None:
        lines = (source or transformed).splitlines()
        if doubtful := next((line.strip() for line in lines if _LINE.match(line)), None):
            raise DefinitionError(f"{named}: {_shortened(doubtful)!r} is no magic for IPython: {_FIRST_LINE}")
        return None
    calls = list(_magic_calls(tree))
    if len(calls) == 1 and calls[0].whole:
        return _of_cell_magic(calls[0], where, named, known or frozenset())
    for call in calls:
        if known is not None and (call.name in known or (call.name in _MAGICS and call.body is not None)):
            continue
        if problem := _problem_of(call):
            raise DefinitionError(f"{named}: {problem}")
    return None


def commented_out(source: str, where: str) -> str | None:
    """What to say about a cell with code whose ``%%step`` line is a comment; ``None``: it is no such cell."""
    head = []
    for line in source.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            break
        head.append(line.strip())
    else:
        return None  # comments only: the whole cell was taken out
    found = next((line for line in head if _COMMENT.match(line)), None)
    if found is None:
        return None
    return (
        f"{where} ({_shortened(found)!r}): its magic is a comment, so it is no step and no setup cell: remove the '#', "
        "or comment out all of the cell to leave it out"
    )


_FIRST_LINE: Final = "write %%step NAME (or %%setup) as the cell's first line, with nothing before it"


@dataclass(frozen=True)
class _Call:
    """A magic that IPython would execute: of a cell (with a body) or of a line. ``whole``: it is all of the cell."""

    name: str
    line: str
    body: str | None
    whole: bool


def _of_cell_magic(call: _Call, where: str, named: str, known: frozenset[str]) -> MagicCell | None:
    """A cell that consists of one cell magic."""
    body = call.body or ""
    if call.name in _MAGICS:
        return MagicCell(call.name, call.line, body)
    if call.name not in known and (problem := _problem_of(call)):
        raise DefinitionError(f"{named}: {problem}")
    if call.name in _TEXTS or not maybe_magic(body):
        return None
    inner = read_cell(body, where)
    if inner is None:
        return None
    if call.name not in WRAPPERS:
        raise DefinitionError(
            f"{named}: %%{inner.magic} below %%{call.name} is read in no other place: "
            f"only {', '.join(f'%%{name}' for name in WRAPPERS)} may stand above it"
        )
    return MagicCell(inner.magic, inner.line, inner.body, (call.name, *inner.wrapped))


def _problem_of(call: _Call) -> str | None:
    """What is wrong with a magic that looks like ``%%step`` or ``%%setup`` and is not; ``None``: nothing."""
    percent = "%%" if call.body is not None else "%"
    written = call.name if call.name.strip("% ") else f"{call.name} {call.line}"
    excerpt = _shortened(f"{percent}{written}")
    if call.name in _MAGICS and call.body is not None:
        return f"{excerpt} is called by code here, which only a kernel can follow: {_FIRST_LINE}"
    if not _LIKE.match(written) and not (call.body is not None and _misspelt(written)):
        return None
    if call.name in _MAGICS:
        return f"{excerpt} is no magic of a line: {_FIRST_LINE}"
    if call.name.lstrip("%") in _MAGICS and call.body is None:
        return f"%{call.name} is not the cell's first line: {_FIRST_LINE}; a comment may stand below it"
    if call.name.split("\t")[0] in _MAGICS:
        return f"a tab stands behind %%{call.name.split(chr(9))[0]}: write a space"
    return f"{excerpt!r} is no magic of pdnb: {_FIRST_LINE}"


def _misspelt(name: str) -> bool:
    """Whether the name of a cell magic is ``step`` or ``setup`` misspelt."""
    word = re.split(r"\W", name.lstrip("% ").lower(), maxsplit=1)[0]
    return word.startswith("step") or bool(difflib.get_close_matches(word, _MAGICS, n=1, cutoff=0.75))


def _transformed(source: str) -> str:
    """*source* as IPython would execute it; as it stands where IPython cannot transform it."""
    from IPython.core.inputtransformer2 import TransformerManager  # noqa: PLC0415  # costs a third of a second

    try:
        text: str = TransformerManager().transform_cell(source)
    except (SyntaxError, RuntimeError):  # it is no Python for IPython either
        return source
    return text


def _tree(source: str) -> ast.Module | None:
    try:
        tree: ast.Module = compile(
            source, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # another language, or a cell that is not finished: the kernel says what is wrong with it
    return tree


def _magic_calls(tree: ast.Module) -> Iterator[_Call]:
    """The magics in a transformed cell: calls of ``get_ipython().run_cell_magic`` and ``run_line_magic``."""
    only = tree.body[0] if len(tree.body) == 1 else None
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if node.func.attr in ("system", "getoutput") and texts and texts[0].lstrip().startswith("%"):
            yield _Call("", texts[0], None, whole=False)  # !%%step: the system's shell would get it
        if node.func.attr not in ("run_cell_magic", "run_line_magic") or not texts:
            continue
        of_cell = node.func.attr == "run_cell_magic"
        whole = of_cell and len(texts) == 3 and isinstance(only, ast.Expr) and only.value is node
        name, line, body = [*texts, "", ""][:3]
        yield _Call(name, line, body if of_cell else None, whole)


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"
