"""The text of a message, written in Markdown: as HTML that can do nothing but be read, and as plain text.

Rules: pure; raw HTML in a message is text; there are no pictures, because loading one tells its server who looked;
links lead to ``http``, ``https`` and ``mailto`` only and send no referrer. Hiding pdnb's own links is the caller's
part: pass what :func:`pdnb.links.redact` returns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from pdnb.text import clip, plain

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

#: Characters of a message; what is longer ends in an ellipsis.
MAX_MESSAGE: Final = 10_000

_TAGS: Final = frozenset(
    [
        "p",
        "br",
        "strong",
        "em",
        "code",
        "pre",
        "ul",
        "ol",
        "li",
        "blockquote",
        "a",
        "h3",
        "h4",
        "h5",
        "h6",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "hr",
        "del",
    ]
)
_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_WHOLE_URL: Final = re.compile(r"(?:https?://|mailto:)[!-~]+", re.IGNORECASE)  # nothing relative: a page has siblings


def to_html(text: str) -> str:
    """*text* as HTML from a short list of tags; the only attributes are a link's.

    Headings begin at ``h3``, below the page's own. Links open elsewhere (``target="_blank"``).
    """
    import nh3

    tokens = _parser().parse(_prepared(text))
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1:]) + 2)}"
        for inner in token.children or ():
            inner.tag = "del" if inner.tag == "s" else inner.tag
    return nh3.clean(
        _parser().renderer.render(tokens, _parser().options, {}),
        tags=set(_TAGS),
        clean_content_tags={"script", "style"},
        attributes={"*": set(), "a": {"href"}},
        attribute_filter=lambda _, name, value: value if name != "href" or _WHOLE_URL.fullmatch(value) else None,
        strip_comments=True,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes=set(_SCHEMES),
    )


def to_text(text: str) -> str:
    """*text* as plain lines for a terminal: no mark-up, no control characters; a link's address stands after it."""
    lines: list[str] = []
    for before, block in _lines(_parser().parse(_prepared(text))):
        for n, line in enumerate(block.split("\n")):
            lines.append(((_indent(before) if n else before) + line).rstrip())
            if not block and len(lines) > 1 and not lines[-2].strip("> "):  # one gap between blocks, the outer one
                lines[-2:] = [min(lines[-2:])]
    while lines and not lines[-1].strip("> "):
        del lines[-1]
    return "\n".join(lines).lstrip("\n")


def _prepared(text: str) -> str:
    return clip(plain(text), MAX_MESSAGE)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False})
    return parser.enable(["table", "strikethrough"]).disable("image")


def _lines(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:  # noqa: C901, PLR0912  # one case per kind of token
    """Each block of text, and what stands before its first line."""
    lists: list[int | None] = []  # the next number of each list we are in; None: bullets
    quotes = 0
    bullet = ""
    row: list[str] | None = None  # the cells of the table's row we are in
    for token in tokens:
        before = "> " * quotes + "  " * max(0, len(lists) - 1)
        match token.type:
            case "bullet_list_open":
                lists.append(None)
            case "ordered_list_open":
                lists.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
                if not lists:
                    yield before, ""
            case "list_item_open":
                number = lists[-1]
                bullet = "- " if number is None else f"{number}. "
                lists[-1] = None if number is None else number + 1
            case "blockquote_open":
                quotes += 1
            case "blockquote_close":
                quotes -= 1
                yield "> " * quotes, ""
            case "tr_open":
                row = []
            case "inline" if row is not None:
                row.append(_words(token.children or []))
            case "inline":
                yield before + (bullet or "  " * bool(lists)), _words(token.children or [])
                bullet = ""
            case "fence" | "code_block":
                yield before + "    ", token.content.rstrip("\n")
                yield before, ""
            case "tr_close":
                yield before, " | ".join(row or [])
                row = None
            case "hr":
                yield before, "---"
            case "paragraph_close" | "heading_close" | "table_close" if not lists:
                yield before, ""


def _words(tokens: Sequence[Token]) -> str:
    """The text of one block; a link's address follows it in brackets unless it is the same."""
    parts: list[str] = []
    links: list[tuple[str, int]] = []
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                parts.append("\n")
            case "link_open":
                links.append((str(token.attrs.get("href", "")), len(parts)))
            case "link_close":
                address, start = links.pop()
                label = "".join(parts[start:])
                if _WHOLE_URL.fullmatch(address) and label not in (address, address.removeprefix("mailto:")):
                    parts.append(f" ({address})")
            case _:
                parts.append(token.content)
    return "".join(parts)


def _indent(before: str) -> str:
    """The prefix of a block's further lines: the same quotation marks, and as much indentation."""
    quotes = re.match(r"(?:> )*", before)
    kept = quotes[0] if quotes else ""
    return kept + " " * (len(before) - len(kept))
