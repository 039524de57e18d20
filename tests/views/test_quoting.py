"""Other people's text inside Markdown is text to every reader of it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pdnb.json_values import MAX_DEPTH
from pdnb.links import Links, Target
from pdnb.text import plain
from pdnb.views.quoting import fenced, fenced_json, inline

TOKEN = Links(b"x" * 32).token("resume", Target("a" * 20, "draft", 1))
TEXT = st.text(st.sampled_from("`~<>&$\\[]()#*_-| \n\tab\x1b\x00é\u2028"), max_size=40) | st.text(max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT.map(plain),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT.map(plain), inner, max_size=3),
    max_leaves=8,
)


@given(TEXT)
def test_text_on_a_line_is_one_code_span_and_nothing_else(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"Said {inline(text)} at last")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    words = " ".join(plain(text).split())
    kinds = [(token.type, token.content) for token in tokens[1].children or ()]
    assert kinds == (
        [("text", "Said "), ("code_inline", words), ("text", " at last")] if words else [("text", "Said — at last")]
    )


@given(TEXT)
def test_a_line_may_begin_with_text_that_users_wrote(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"{inline(text)}\n\nand more")
    assert [token.type for token in tokens][::3] == ["paragraph_open", "paragraph_open"]
    assert {child.type for token in tokens for child in token.children or ()} <= {"code_inline", "text"}


@given(TEXT)
def test_a_block_of_text_is_one_code_block_and_nothing_else(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"Before\n\n{fenced(text)}\n\nafter")
    assert [token.type for token in tokens][3] == "fence"
    assert len(tokens) == 7
    assert tokens[3].content == f"{plain(text)}\n"


@given(VALUES)
def test_json_reads_back_from_its_block(value: Any) -> None:
    (block,) = MarkdownIt("commonmark").parse(fenced_json(value))
    assert block.type == "fence"
    assert json.loads(block.content) == value


def test_the_deepest_value_that_a_run_may_hold_is_shown() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    assert fenced_json(value).count("[") == MAX_DEPTH


def test_no_link_is_in_it_not_even_one_that_was_kept_apart() -> None:
    for text in (
        TOKEN,
        f"see http://h/pdnb/resume/{TOKEN}?x",
        f"{TOKEN[:40]}\x1b[0m{TOKEN[40:]}",
        f"{TOKEN[:9]}\0{TOKEN[9:]}",
    ):
        for shown in (inline(text), fenced(text)):
            assert TOKEN[-40:] not in shown
            assert "…" in shown
    assert TOKEN[-40:] not in fenced_json({TOKEN: [TOKEN]})
