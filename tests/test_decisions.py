"""Every way in makes the same event of the same decision."""

from __future__ import annotations

import pytest

from pdnb.decisions import answer_from_fields, decide, read_action
from pdnb.errors import NotJSON
from pdnb.model import Cancelled, Prompt, Resumed, Retried
from pdnb.request import from_person

FORM = {"type": "object", "properties": {"amount": {"type": "integer"}, "note": {"type": "string"}}}


def test_a_resume_by_a_person_carries_what_they_sent() -> None:
    event = decide("resume", "gate", 2, at_ms=7, via="panel", by="ann", body={"ok": True})
    assert event == Resumed(7, "gate", 2, "panel", "ann", from_person("panel", "ann", {"ok": True}))


def test_a_resume_by_link_carries_the_request_as_it_came() -> None:
    event = decide("resume", "gate", 1, at_ms=7, via="link", request={"method": "PUT"})
    assert event == Resumed(7, "gate", 1, "link", None, {"method": "PUT"})


def test_a_cancel_carries_its_reason_and_a_retry_nothing() -> None:
    assert decide("cancel", "gate", 1, at_ms=7, via="api", reason="late") == Cancelled(
        7, "gate", 1, "api", None, "late"
    )
    assert decide("retry", "gate", 1, at_ms=7, via="api", by="ann") == Retried(7, "gate", 1, "api", "ann")


def test_a_body_that_is_not_json_is_no_decision() -> None:
    with pytest.raises(NotJSON, match=r"^body"):
        decide("resume", "gate", 1, at_ms=7, via="python", body={1})


def test_fields_mean_an_answer_to_the_form() -> None:
    assert answer_from_fields(Prompt(form=FORM), {"amount": "3", "note": ""}) == {"amount": 3}


@pytest.mark.parametrize("prompt", [None, Prompt(), Prompt("Well?")])
def test_fields_without_a_form_are_refused(prompt: Prompt | None) -> None:
    with pytest.raises(ValueError, match="asks with no form"):
        answer_from_fields(prompt, {"amount": "3"})


@pytest.mark.parametrize("fields", [[], "amount=3", 3])
def test_fields_that_are_no_object_are_refused(fields: object) -> None:
    with pytest.raises(ValueError, match="fields is an object"):
        answer_from_fields(Prompt(form=FORM), fields)


def test_only_three_words_are_actions() -> None:
    assert [read_action(word) for word in ("resume", "cancel", "retry")] == ["resume", "cancel", "retry"]
    with pytest.raises(ValueError, match="'upgrade'"):
        read_action("upgrade")
