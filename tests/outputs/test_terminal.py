"""What stays of text with carriage returns."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout

from hypothesis import given
from hypothesis import strategies as st

from pdnb.outputs.recorder import Recorder
from tests.support.recorder_hosts import LINK, SIGNATURE, texts


def terminal(text: str) -> str:
    """What a terminal would have on its lines."""
    lines, column = [""], 0
    for char in text:
        if char == "\n":
            lines.append("")
            column = 0
        elif char == "\r":
            column = 0
        else:
            lines[-1] = lines[-1][:column] + char + lines[-1][column + 1 :]
            column += 1
    return "\n".join(lines)


@given(st.lists(st.text("ab\r\n", max_size=8)))
def test_carriage_returns_overwrite_as_in_a_terminal(pieces: list[str]) -> None:
    with Recorder(show=False) as recorder:
        for piece in pieces:
            sys.stdout.write(piece)
    assert texts(recorder) == terminal("".join(pieces))


def test_a_progress_bar_leaves_its_last_state_and_shows_every_one() -> None:
    with redirect_stdout(io.StringIO()) as live, Recorder(show=True) as recorder:
        for i in range(10_000):
            sys.stdout.write(f"\r{i / 100:3.0f}%|\x1b[32m{'#' * (i // 1000)}\x1b[0m| {i}/10000")
            sys.stdout.flush()
            assert live.getvalue().endswith(f"{i}/10000")
        print()
    assert texts(recorder) == "100%|\x1b[32m#########\x1b[0m| 9999/10000\n"


def test_no_carriage_return_leaves_half_a_token() -> None:
    with Recorder(show=False) as recorder:
        print(LINK, end="\r")
        print("x" * (len(LINK) - 60))
    assert SIGNATURE not in texts(recorder)
