"""What happened to a run is told in sentences; what users wrote goes through the caller's quotes."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import get_args

import pytest

from pdnb.model import Decision, Pause, RunRecord, Status, Via
from pdnb.views.documents import summary
from pdnb.views.phrases import decision_sentence, harmless, pause_sentence, process_phrase, run_sentences

NOW = 1_763_763_065_000  # 21 Nov 2025, 22:11:05 UTC
DUE = NOW + 60_000
ANSWER = "Waited for a person or a callback since {0}, until {1} at most; then the run"
RUN = RunRecord(
    "r1", "launch", "h", "e", ("draft", "approve"), Status.SUSPENDED, NOW, NOW, 1, pause=Pause("suspend", NOW, NOW)
)


def quoted(text: str) -> str:
    return f"«{text}»"


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (Decision("resumed", NOW, "panel", "ann"), "Resumed on 21 Nov 2025, 22:11 UTC by «ann» in the panel"),
        (Decision("cancelled", NOW, "link", None, "no"), "Cancelled on 21 Nov 2025, 22:11 UTC by link: «no»"),
        (Decision("retried", NOW, "magic", "ann"), "Retried on 21 Nov 2025, 22:11 UTC by «ann» in a notebook"),
        (Decision("timed out", NOW, "clock"), "Nobody answered in time: timed out on 21 Nov 2025, 22:11 UTC"),
        (Decision("elapsed", NOW, "clock"), "Went on by itself on 21 Nov 2025, 22:11 UTC"),
    ],
)
def test_a_decision_is_told_with_who_made_it_how_and_why(decision: Decision, said: str) -> None:
    assert decision_sentence(asdict(decision), quoted) == said


def test_every_way_to_decide_has_its_words() -> None:
    told = {decision_sentence(asdict(Decision("resumed", NOW, via))) for via in get_args(Via) if via != "clock"}
    assert len(told) == len(get_args(Via)) - 1


@pytest.mark.parametrize(
    ("pause", "said"),
    [
        (Pause("suspend", NOW, DUE), f"{ANSWER} cancels itself."),
        (Pause("suspend", NOW, DUE, "resume"), f"{ANSWER} goes on by itself."),
        (Pause("rerun", NOW, DUE), "Slept since {0}, until {1} at most; then the step runs again."),
        (Pause("delay", NOW, DUE), "Slept since {0}, until {1} at most; then the run goes on by itself."),
    ],
)
def test_a_pause_is_told_with_its_two_ends(pause: Pause, said: str) -> None:
    assert pause_sentence(asdict(pause)) == said.format("21 Nov 2025, 22:11 UTC", "21 Nov 2025, 22:12 UTC")


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ("kernel-1-ab", "in a kernel"),
        ("worker-1-ab", "in a worker"),
        ("shell-1-ab", "in a shell"),
        (None, ""),
        ("x", ""),
    ],
)
def test_an_owner_is_told_as_the_kind_of_process_it_is(owner: str | None, said: str) -> None:
    assert process_phrase(owner) == said


@pytest.mark.parametrize("status", Status)
def test_all_that_users_wrote_goes_through_the_quotes(status: Status) -> None:
    decision = Decision("cancelled", NOW, "api", "BY", "REASON")
    run = replace(RUN, status=status, steps=("draft", "STEP"), summary="SUMMARY", error="ERROR", decision=decision)
    text = " ".join(run_sentences(summary(run), quoted))
    for word in ("STEP", "SUMMARY", "ERROR", "BY", "REASON"):
        assert text.count(word) == text.count(quoted(word))
    assert quoted("SUMMARY") in text


def test_what_users_wrote_loses_links_and_what_drives_a_terminal() -> None:
    assert harmless("\x1b[31mhttp://h/pdnb/resume/abc.def\x07 x") == "http://h/pdnb/resume/… x"
