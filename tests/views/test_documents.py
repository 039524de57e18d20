"""A run as people and programs see it: one JSON shape, without what only the machine needs, without a token."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pdnb.links import Links, Target
from pdnb.model import Attempt, Decision, Pause, RunRecord, Status
from pdnb.views.documents import detail, summary

T0 = 1_700_000_000_000
RUN = RunRecord(
    id="0123456789abcdefghjk",
    workflow="launch",
    version_id="a" * 32,
    environment="b" * 16,
    steps=("draft", "approve", "publish"),
    status=Status.SUSPENDED,
    created_ms=T0,
    since_ms=T0 + 5,
    position=1,
    runs=2,
    fence=3,
    owner="kernel-1",
    pause=Pause("suspend", T0 + 5, T0 + 9),
    decision=Decision("resumed", T0 + 4, "panel", "ann"),
    summary="two rows",
    active_ms=31_000,
    credits=2,
    revision=7,
)
ATTEMPT = Attempt(
    "draft", 0, 1, T0, T0 + 5, "suspended", {"$return_value": 1}, ({"output_type": "stream"},), decision=RUN.decision
)
TOKEN = Links(b"x" * 32).token("resume", Target(RUN.id, "draft", 1))


def test_a_run_in_a_list_has_these_fields() -> None:
    """A run is ``{"id", "workflow", "status", "step", "created_ms", "due_ms", …, "decision", "credits", …}``."""
    shown = summary(RUN)
    assert {
        "id": RUN.id,
        "workflow": "launch",
        "status": "suspended",
        "step": "approve",
        "steps": ["draft", "approve", "publish"],
        "runs": 2,
        "created_ms": T0,
        "due_ms": T0 + 9,
        "credits": 2,
        "summary": "two rows",
        "deployment_id": "a" * 32,
        "decision": {"what": "resumed", "at_ms": T0 + 4, "via": "panel", "by": "ann", "reason": None},
    }.items() <= shown.items()


def test_what_only_the_machine_needs_is_not_shown() -> None:
    assert not {"owner", "fence", "environment", "retries", "losses", "awake_ms"} & summary(RUN).keys()


def test_bulk_is_only_in_the_view_of_one_run() -> None:
    """Exports and outputs are absent from lists."""
    assert not {"exports", "attempts", "outputs"} & summary(RUN).keys()
    shown = detail(RUN, {"draft": {"$return_value": 1}}, [ATTEMPT])
    assert shown["exports"] == {"draft": {"$return_value": 1}}
    (attempt,) = shown["attempts"]
    assert (attempt["step"], attempt["runs"], attempt["outcome"]) == ("draft", 1, "suspended")
    assert attempt["outputs"] == [{"output_type": "stream"}]
    assert attempt["decision"]["by"] == "ann"
    assert shown.items() >= summary(RUN).items()


@pytest.mark.parametrize("status", Status)
def test_every_view_is_plain_json(status: Status) -> None:
    run = replace(RUN, status=status, pause=RUN.pause if status.waits else None)
    for shown in (summary(run), detail(run, {"trigger": {"event": None}}, [ATTEMPT, ATTEMPT])):
        assert json.loads(json.dumps(shown, allow_nan=False)) == shown
        assert type(shown["status"]) is str
        assert shown["status"] == status.value
        assert shown["due_ms"] == (T0 + 9 if status.waits else None)


def test_no_view_holds_a_token() -> None:
    """No token in exports, reprs, events: the card shows a redacted link."""
    attempt = replace(
        ATTEMPT,
        exports={"url": f"http://host/pdnb/resume/{TOKEN}?x"},
        outputs=({"text": [TOKEN]},),
        context=TOKEN,
        request={"body": TOKEN},
        mails=({"text": TOKEN},),
        error=TOKEN,
    )
    shown = detail(RUN, {"draft": attempt.exports, TOKEN: {}}, [attempt])
    assert TOKEN not in json.dumps(shown)
    assert TOKEN[-43:] not in json.dumps(shown)
    assert shown["exports"]["draft"]["url"] == "http://host/pdnb/resume/…?x"
