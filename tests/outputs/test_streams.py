"""What a step's streams hand on: at once, without tokens, and also after its recorder has gone."""

from __future__ import annotations

import io
import logging
import re
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.links import redact
from pdnb.outputs.recorder import Recorder
from tests.support.recorder_hosts import LINK, OTHER, TOKEN, texts


def test_a_logger_that_keeps_the_stream_is_recorded_by_the_next_recorder_and_then_shown_redacted() -> None:
    logger = logging.getLogger("pdnb.tests.kept")
    logger.propagate = False
    with redirect_stdout(io.StringIO()) as outside:
        with Recorder(show=False, redact=redact) as first:
            logger.addHandler(logging.StreamHandler(sys.stdout))
            logger.error("one")
        with Recorder(show=False, redact=redact) as second:
            logger.error("two %s", LINK)
        logger.error("three %s", LINK)
        logger.handlers.clear()
    assert texts(first) == "one\n"
    assert texts(second) == f"two {LINK}\n"
    assert outside.getvalue() == f"three {redact(LINK)}\n"


def test_the_streams_answer_what_libraries_ask_of_them() -> None:
    with Recorder(show=False) as recorder:
        assert not sys.stdout.isatty()
        assert sys.stdout.writable()
        assert sys.stdout.encoding == "utf-8"
        sys.stdout.buffer.write("é".encode()[:1])
        sys.stdout.buffer.write("é\n".encode()[1:])
        sys.stdout.buffer.flush()
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        sys.stdout.close()
        print("still open")
        with pytest.raises(TypeError, match="must be str, not bytes"):
            sys.stdout.write(b"x")  # type: ignore[arg-type]
    assert texts(recorder) == "é\nstill open\n"


def cost_s(call: Callable[[], object]) -> float:
    """Processor seconds of *call*, the least of three: what else the machine does is not counted."""
    found = []
    for _ in range(3):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def prints(count: int, *, show: bool) -> None:
    with redirect_stdout(io.StringIO()), Recorder(show=show) as recorder:
        for i in range(count):
            print(i)
    assert texts(recorder).endswith(f"\n{count - 1}\n")


def small_writes(count: int) -> None:
    with redirect_stdout(io.StringIO()), Recorder(show=True, redact=redact):
        print(LINK, end="")
        for i in range(count):
            print(".", end="\r" if i % 5_000 == 0 else "", flush=True)


@pytest.mark.no_cover  # tracing would be the time taken
@pytest.mark.parametrize(
    "record",
    [lambda n: prints(n, show=False), lambda n: prints(n, show=True), small_writes],
    ids=["prints", "prints shown", "one line of small writes"],
)
def test_the_cost_of_recording_grows_with_what_is_written_and_not_with_its_square(
    record: Callable[[int], object],
) -> None:
    """Eight times as much costs eight times as much, not sixty-four times."""
    record(2_000)  # what is done only once
    assert cost_s(lambda: record(40_000)) < 25 * cost_s(lambda: record(5_000))


def shown(text: str) -> str:
    """*text* redacted; a few letters of a token's fixed beginning may be on the screen before the rest comes."""
    return re.sub(r"(p(d(nb?)?)?)*…", "…", redact(text))


def live_of(pieces: list[str]) -> str:
    with redirect_stdout(io.StringIO()) as live, Recorder(show=True, redact=redact) as recorder:
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
    assert texts(recorder) == "".join(pieces)
    return shown(live.getvalue())


@given(
    st.lists(
        st.sampled_from([LINK, TOKEN, OTHER, f"{TOKEN[:-1]}/", "pdnb1", "pdn", "1r.", " ", "\n", "?", "/", "done"])
    ),
    st.data(),
)
def test_no_split_of_a_link_over_writes_lets_its_token_through(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    assert live_of([text[a:b] for a, b in pairwise([0, *cuts, len(text)])]) == shown(text)


def test_a_link_written_letter_by_letter_is_shown_redacted() -> None:
    assert live_of(list(f"{LINK} {OTHER}")) == shown(f"{LINK} {OTHER}")


def test_text_is_shown_at_once_and_only_an_unfinished_token_is_held_back() -> None:
    with redirect_stdout(io.StringIO()) as live, Recorder(show=True, redact=redact):
        sys.stdout.write("step p")
        assert live.getvalue() == "step p"
        sys.stdout.write(f" http://{TOKEN[:30]}")
        assert live.getvalue() == "step p http://"
        sys.stdout.write(TOKEN[30:])
        assert live.getvalue() == "step p http://…"
        sys.stdout.write(TOKEN[:10])
    assert live.getvalue() == f"step p http://…{TOKEN[:10]}"


def test_a_screen_that_is_gone_or_cannot_show_a_character_does_not_fail_the_step() -> None:
    ascii_only = io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True)
    with redirect_stdout(ascii_only), Recorder(show=True) as recorder:
        print("é")
        assert ascii_only.buffer.getvalue() == b"\\xe9\n"
        ascii_only.close()
        print("nobody sees this")
    assert texts(recorder) == "é\nnobody sees this\n"


def test_a_process_without_streams_records_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with Recorder(show=True) as recorder:
        print("nowhere", flush=True)
        sys.stdout.isatty()
        stream = sys.stdout
    print("lost", file=stream)
    assert texts(recorder) == "nowhere\n"
    assert sys.stdout is None
