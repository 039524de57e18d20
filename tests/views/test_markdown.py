"""A message: Markdown as HTML that can do nothing but be read, and as plain text for a terminal."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.links import Links, Target, redact
from pdnb.views.markdown import MAX_MESSAGE, to_html, to_text
from tests.support.injections import INJECTIONS

TAGS = {
    "p",
    "br",
    "strong",
    "em",
    "del",
    "code",
    "pre",
    "ul",
    "ol",
    "li",
    "blockquote",
    "hr",
    "a",
    "h3",
    "h4",
    "h5",
    "h6",
}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
LINK = {"target": "_blank", "rel": "noopener noreferrer nofollow"}


class Page(HTMLParser):
    """What a parser that forgives everything finds in a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.odd: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def handle_decl(self, decl: str) -> None:
        self.odd.append(decl)

    handle_pi = unknown_decl = handle_comment


def breaches(html: str) -> list[str]:
    """Whatever in *html* could do more than be read."""
    page = Page(html)
    found = list(page.odd)
    for tag, attrs in page.tags:
        if tag not in TAGS:
            found.append(f"<{tag}>")
        for name, value in attrs.items():
            if tag != "a" or name not in {"href", *LINK} or value is None:
                found.append(f"{tag} {name}")
            elif name in LINK and value != LINK[name]:
                found.append(f"{name}={value}")
            elif name == "href" and not value.lower().startswith(("https://", "http://", "mailto:")):
                found.append(value)
    return found


def test_the_law_of_this_file_can_fail() -> None:
    for html in (
        "<script>1</script>",
        "<p onclick=x>",
        "<a href=javascript:x>",
        "<a href=/x>",
        "<a href=data:x>",
        "<a href=https://x target=y>",
        "<img>",
        "<!--x-->",
        "<!doctype x>",
        "<?x?>",
        "<p style=x>",
        "<p class=x>",
        "<a ping=https://x>",
    ):
        assert breaches(html), html
    assert sum(bool(breaches(text)) for text in INJECTIONS) > 200


def test_there_are_at_least_two_hundred_injections_and_none_twice() -> None:
    assert len(set(INJECTIONS)) == len(INJECTIONS) >= 200


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_nothing_that_is_injected_survives(text: str) -> None:
    assert breaches(to_html(text)) == []
    for around in ("# {}", "- {}", "> {}", "**{}**", "`{}`", "```\n{}\n```", "|{}|\n|-|\n|{}|", "[{}](https://e.com)"):
        assert breaches(to_html(around.replace("{}", text))) == []
    assert not {"\x1b", "\x00", "\u009b"} & set(to_text(text))


@given(
    st.lists(st.sampled_from(INJECTIONS), min_size=2, max_size=4), st.sampled_from(["", " ", "\n", "\n\n", "`", "]("])
)
def test_nothing_that_is_injected_in_pieces_survives(texts: list[str], between: str) -> None:
    assert breaches(to_html(between.join(texts))) == []


@given(st.text(st.sampled_from("<>&\"'`*_[]()!#-|~\\/:=\n\t ajhtps.1\0"), max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    assert breaches(to_html(text)) == []
    to_text(text)


@given(st.text())
def test_any_text_at_all_is_taken(text: str) -> None:
    assert breaches(to_html(text)) == []
    to_text(text)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("Spend **12 €**, *please*?", "<p>Spend <strong>12 €</strong>, <em>please</em>?</p>\n"),
        ("a ~~b~~ `c < d`", "<p>a <del>b</del> <code>c &lt; d</code></p>\n"),
        ("a\\\nb", "<p>a<br>\nb</p>\n"),
        ("a <b>c</b>", "<p>a &lt;b&gt;c&lt;/b&gt;</p>\n"),
        ("# a\n## b\n#### c\n###### d", "<h3>a</h3>\n<h4>b</h4>\n<h6>c</h6>\n<h6>d</h6>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("1. a", "<ol>\n<li>a</li>\n</ol>\n"),
        ("> a\n\n---", "<blockquote>\n<p>a</p>\n</blockquote>\n<hr>\n"),
        ("```python\na = 1\n```", "<pre><code>a = 1\n</code></pre>\n"),
        ("https://example.com", "<p>https://example.com</p>\n"),
        ("![cat](https://example.com/cat.png)", None),
        ("[x](/pdnb/cancel/x)", '<p><a target="_blank" rel="noopener noreferrer nofollow">x</a></p>\n'),
    ],
)
def test_markdown_becomes_html(text: str, html: str | None) -> None:
    if html is None:
        assert "<img" not in to_html(text)
        assert Page(to_html(text)).text == "!cat\n"
    elif "href" in html or "[" not in text:
        assert to_html(text) == html
    else:
        assert Page(to_html(text)).tags == [("p", {}), ("a", LINK)]


def test_a_table_keeps_its_cells_and_loses_its_styles() -> None:
    page = Page(to_html("| a | b |\n|:--|--:|\n| 1 | 2 |"))
    assert [tag for tag, _ in page.tags] == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    assert not any(attrs for _, attrs in page.tags)
    assert page.text.split() == ["a", "b", "1", "2"]


@pytest.mark.parametrize("url", ["https://example.com/?a=1&b=2", "http://example.com/ü", "mailto:a@example.com"])
def test_a_link_leads_where_it_says_and_tells_nobody(url: str) -> None:
    page = Page(to_html(f"[x]({url})"))
    assert page.tags == [("p", {}), ("a", {"href": url.replace("ü", "%C3%BC"), **LINK})]


def test_a_working_link_is_hidden_by_whoever_hides_it_first() -> None:
    url = Links(b"secret").url("resume", Target("0" * 20, "step", 1))
    text = f"[approve]({url})"
    assert url in to_html(text)
    assert "pdnb1r" not in to_html(redact(text)) + to_text(redact(text))


def test_a_long_message_is_clipped_before_it_is_read() -> None:
    html = to_html("a" * (MAX_MESSAGE + 1))
    assert html == f"<p>{'a' * (MAX_MESSAGE - 1)}…</p>\n"
    assert to_text("a" * (MAX_MESSAGE + 1)) == "a" * (MAX_MESSAGE - 1) + "…"


@pytest.mark.timeout(20)  # all of them together take a second or two
@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "![",
        "](",
        "*a ",
        "**a*",
        "_*",
        "> ",
        "- ",
        "`a",
        "~~a",
        "a|",
        "<a ",
        "[a](<b",
        "&",
        "\\",
        "* * ",
        "1. ",
        "[a]: b\n",
    ],
)
def test_no_message_takes_long(piece: str) -> None:
    text = piece * MAX_MESSAGE
    assert breaches(to_html(text)) == []
    to_text(text)


MESSAGE = """\
# Spend *12 €*?

It is for [the office](https://example.com/office), says <mailto:a@example.com>.
See [here](javascript:window.pwned=1) or <https://example.com/>.

- one
  and more
- two
   1. inner
   2. other

> quoted
> twice

```python
if a:

    b
```

| a | b |
|---|--:|
| 1 | `2` |

Done. a <b>
"""

PLAIN = """\
Spend 12 €?

It is for the office (https://example.com/office), says mailto:a@example.com.
See [here](javascript:window.pwned=1) or https://example.com/.

- one
  and more
- two
  1. inner
  2. other

> quoted
> twice

    if a:

        b

a | b
1 | 2

Done. a <b>"""


def test_a_message_in_a_terminal_is_plain_lines() -> None:
    assert to_text(MESSAGE) == PLAIN


def test_importing_it_loads_nothing_heavy() -> None:
    look = "import sys, pdnb.views.markdown; print(*sys.modules)"
    root = Path(__file__).parents[2]
    loaded = subprocess.run([sys.executable, "-c", look], cwd=root, check=True, capture_output=True, text=True)
    assert {"markdown_it", "nh3"}.isdisjoint(loaded.stdout.split())
