"""Moments, lengths of time and other people's text, written for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.text import clip, iso, plain, relative, span, utc

HOUR, DAY = 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0 s"),
        (999, "0 s"),
        (12_000, "12 s"),
        (60_000, "1 min"),
        (250_000, "4 min 10 s"),
        (HOUR, "1 h"),
        (DAY - 60_000, "23 h 59 min"),
        (2 * DAY + 3 * HOUR + 59_000, "2 d 3 h"),
        (365 * DAY, "365 d"),
    ],
)
def test_a_length_of_time_has_at_most_two_units(ms: int, text: str) -> None:
    assert span(ms) == text


@pytest.mark.parametrize(
    ("at_ms", "text"), [(10_500, "just now"), (70_000, "in 1 min"), (5_000, "5 s ago"), (10_000 + DAY, "in 1 d")]
)
def test_a_moment_is_before_or_after_another(at_ms: int, text: str) -> None:
    assert relative(at_ms, 10_000) == text


def test_moments_read_the_same_everywhere() -> None:
    assert utc(1_763_763_065_000) == "21 Nov 2025, 22:11 UTC"
    assert iso(1_763_763_065_000) == "2025-11-21T22:11:05Z"


def test_other_peoples_text_cannot_drive_a_terminal() -> None:
    assert (
        plain("\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://x\x1b\\link \x9b31m\r\nnext\ttab")
        == "red link 31m\nnext\ttab"
    )


@given(st.text(st.characters()))
def test_other_peoples_text_can_always_be_encoded_and_keeps_its_letters(text: str) -> None:
    cleaned = plain(text)
    cleaned.encode()
    assert not any(c < " " and c not in "\n\t" for c in cleaned)
    assert plain(cleaned) == cleaned
    if text.isprintable():
        assert cleaned == text


def test_a_long_text_says_that_it_was_cut() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "ab…"
