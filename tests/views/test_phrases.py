"""What happened to a run is told in sentences; what users wrote goes through the caller's quotes."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import get_args

import pytest

from pdnb.model import Decision, Outcome, Pause, RunRecord, Status, Via
from pdnb.views.documents import summary
from pdnb.views.phrases import OUTCOMES, decided, own, sentences, waited, where

NOW = 1_763_763_065_000  # 21 Nov 2025, 22:11:05 UTC
DUE = NOW + 60_000
ANSWER = "Waited for a person or a callback since {0}, to"
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
    assert decided(asdict(decision), quoted) == said


def test_every_way_to_decide_and_every_outcome_has_its_words() -> None:
    told = {decided(asdict(Decision("resumed", NOW, via))) for via in get_args(Via) if via != "clock"}
    assert len(told) == len(get_args(Via)) - 1
    assert OUTCOMES.keys() == set(get_args(Outcome))


@pytest.mark.parametrize(
    ("pause", "said"),
    [
        (Pause("suspend", NOW, DUE), f"{ANSWER} cancel itself on {{1}}."),
        (Pause("suspend", NOW, DUE, "resume"), f"{ANSWER} go on by itself on {{1}}."),
        (Pause("rerun", NOW, DUE), "Waited since {0} to run again on {1}."),
        (Pause("delay", NOW, DUE), "Waited since {0} to go on with the next step on {1}."),
    ],
)
def test_a_pause_is_told_with_its_two_ends(pause: Pause, said: str) -> None:
    assert waited(asdict(pause)) == said.format("21 Nov 2025, 22:11 UTC", "21 Nov 2025, 22:12 UTC")


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
    assert where(owner) == said


@pytest.mark.parametrize("status", Status)
def test_all_that_users_wrote_goes_through_the_quotes(status: Status) -> None:
    decision = Decision("cancelled", NOW, "api", "BY", "REASON")
    run = replace(RUN, status=status, steps=("draft", "STEP"), summary="SUMMARY", error="ERROR", decision=decision)
    text = " ".join(sentences(summary(run), quoted))
    for word in ("STEP", "SUMMARY", "ERROR", "BY", "REASON"):
        assert text.count(word) == text.count(quoted(word))
    assert quoted("SUMMARY") in text


def test_what_users_wrote_loses_links_and_what_drives_a_terminal() -> None:
    assert own("\x1b[31mhttp://h/pdnb/resume/abc.def\x07 x") == "http://h/pdnb/resume/… x"
