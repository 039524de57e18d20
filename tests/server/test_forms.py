"""Forms by every way in: a bad answer is told what to correct, the run stays suspended, and then a good one counts."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pydantic
import pytest

from pdnb.coordination.home import now_ms
from pdnb.forms import moments
from pdnb.forms.schemas import form_schema
from pdnb.model import Prompt, RunRecord, Status, Suspended
from tests.support.server import Answer, Rig

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


FORM = {
    "type": "object",
    "properties": {
        "amount": {"type": "integer", "title": "Amount", "maximum": 10, "default": 2},
        "how": {"enum": ["quickly", "slowly"], "title": "How"},
        "sure": {"type": "boolean"},
    },
    "required": ["amount", "how"],
    "additionalProperties": False,
}
GOOD = {"amount": 7, "how": "slowly", "sure": False}
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
PAGE = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


def asking(rig: Rig, run: RunRecord | None = None, **ask: Any) -> RunRecord:
    """A run that waits with a form (or with what *ask* says)."""
    run, now = run or rig.working(), now_ms()
    event = Suspended(now, run.fence, due_ms=now + 3_600_000, prompt=Prompt(**(ask or {"form": FORM})))
    return rig.home.store.apply(run.id, event)


def answered(rig: Rig, run: RunRecord) -> Any:
    """The body that the workflow received."""
    return rig.home.store.exports(run.id)[run.step]["$resume_data"]["body"]


def waits(rig: Rig, run: RunRecord) -> bool:
    return rig.now(run) == run


async def test_a_bad_answer_by_plain_post_gets_422_and_then_a_good_one_counts(rig: Rig) -> None:
    run = asking(rig)
    path = rig.path("resume", run)
    for body, problem in (
        (b'{"amount": 11, "how": "slowly"}', "amount: 11 is more than the maximum of 10"),
        (b'{"amount": 1}', "how: is required"),
        (b'"yes"', "the answer must be an object with the form's fields"),
    ):
        answer = await rig.request("POST", path, JSON, body)
        assert answer.status == 422
        assert problem in answer.json()["problems"][0]
        assert waits(rig, run)
    assert (await rig.request("POST", path, JSON)).status == 422  # a plain click answers nothing
    assert (await rig.request("POST", path, JSON, json.dumps(GOOD).encode())).status == 200
    assert answered(rig, run) == GOOD


async def test_a_bad_answer_on_the_page_gets_422_and_the_page_again_with_what_was_filled_in(rig: Rig) -> None:
    run = asking(rig)
    path = rig.path("resume", run)
    bad = urlencode({"amount": "12", "how": "slowly"}).encode()
    answer = await rig.request("POST", path, PAGE, bad)
    assert (answer.status, waits(rig, run)) == (422, True)
    assert "amount: 12 is more than the maximum of 10" in answer.text
    assert 'value="12"' in answer.text
    assert '<option value="slowly" selected>' in answer.text
    good = urlencode({"amount": "7", "how": "slowly"}).encode()
    assert (await rig.request("POST", path, PAGE, good)).status == 200
    assert answered(rig, run) == GOOD


async def test_a_bad_answer_through_the_api_gets_422_and_then_a_good_one_counts(
    rig: Rig, api: Callable[..., Awaitable[Answer]]
) -> None:
    run = asking(rig)
    meant = {"step": run.step, "runs": run.runs, "via": "card"}
    for bad in ({"body": {"amount": 11, "how": "slowly"}}, {"fields": {"amount": "11", "how": "slowly"}}, {}):
        answer = await api("POST", f"api/runs/{run.id}/resume", {**meant, **bad})
        assert (answer.status, waits(rig, run)) == (422, True)
        assert answer.json()["problems"]
    good = {**meant, "fields": {"amount": "7", "how": "slowly"}}
    assert (await api("POST", f"api/runs/{run.id}/resume", good)).status == 200
    assert answered(rig, run) == GOOD


async def test_a_file_in_the_place_of_a_field_gets_422_and_nothing_of_the_machine_is_told(rig: Rig) -> None:
    run = asking(rig)
    body = (
        b'--XX\r\nContent-Disposition: form-data; name="how"; filename="a.txt"\r\n\r\nsecret\r\n'
        b'--XX\r\nContent-Disposition: form-data; name="amount"\r\n\r\n12\r\n--XX--\r\n'
    )
    for accept in ("text/html", "application/json"):
        kind = {"Content-Type": "multipart/form-data; boundary=XX", "Accept": accept}
        answer = await rig.request("POST", rig.path("resume", run), kind, body)
        assert (answer.status, waits(rig, run)) == (422, True)
        assert "how: " in answer.text
        assert str(rig.home.directory) not in answer.text
    assert not [path for path in (rig.home.directory / "uploads").rglob("*") if path.is_file()]


async def test_fields_that_are_no_strings_are_told_and_nothing_breaks(
    rig: Rig, api: Callable[..., Awaitable[Answer]]
) -> None:
    run = asking(rig)
    meant = {"step": run.step, "runs": run.runs, "via": "card"}
    for fields, status in (([], 400), ("x", 400), (5, 400), ({"amount": None, "how": {"a": 1}, "sure": []}, 422)):
        answer = await api("POST", f"api/runs/{run.id}/resume", {**meant, "fields": fields})
        assert (answer.status, waits(rig, run)) == (status, True)
    good = {"amount": 7, "how": "slowly"}
    assert (await api("POST", f"api/runs/{run.id}/resume", {**meant, "fields": good})).status == 200


async def test_the_page_shows_message_fields_and_defaults_without_script(rig: Rig) -> None:
    run = asking(rig, form=FORM, message="Please **check** the [plan](https://example.org/plan) <script>x</script>")
    answer = await rig.request("GET", rig.path("resume", run), {"Accept": "text/html"})
    assert answer.status == 200
    assert "<strong>check</strong>" in answer.text
    assert 'href="https://example.org/plan"' in answer.text
    assert "<script" not in answer.text
    assert 'type="number" id="f1" name="amount" value="2"' in answer.text
    assert '<label for="f2"><bdi>How</bdi></label>' in answer.text
    assert waits(rig, run)


async def test_the_cancel_page_asks_for_no_form(rig: Rig) -> None:
    run = asking(rig)
    assert 'name="amount"' not in (await rig.request("GET", rig.path("cancel", run), {"Accept": "text/html"})).text
    assert (await rig.request("POST", rig.path("cancel", run), JSON)).status == 200
    assert rig.status(run) is Status.CANCELLED


async def test_a_get_never_answers_a_form(rig: Rig) -> None:
    """Also where the author said ``confirm=False``: an empty answer would be refused."""
    run, now = rig.working(), now_ms()
    run = rig.home.store.apply(
        run.id, Suspended(now, run.fence, due_ms=now + 3_600_000, confirm=False, prompt=Prompt(form=FORM))
    )
    assert (await rig.request("GET", rig.path("resume", run), {"Accept": "text/html"})).status == 200
    assert waits(rig, run)


async def test_an_answer_that_came_before_the_form_and_does_not_fit_is_no_answer(rig: Rig) -> None:
    run = rig.working()
    early = await rig.request("POST", rig.path("resume", run), JSON, b'{"amount": 99}')
    assert early.status == 202
    run = asking(rig, rig.now(run))
    assert run.status is Status.SUSPENDED
    (attempt,) = rig.home.store.attempts(run.id)
    assert (attempt.note, attempt.request) == ("an answer that came early did not fit the form", None)
    assert (await rig.request("POST", rig.path("resume", run), JSON, json.dumps(GOOD).encode())).status == 200


async def test_an_answer_that_came_before_the_form_and_fits_counts(rig: Rig) -> None:
    run = rig.working()
    assert (await rig.request("POST", rig.path("resume", run), JSON, json.dumps(GOOD).encode())).status == 202
    assert asking(rig, rig.now(run)).status is Status.QUEUED
    assert answered(rig, run) == GOOD


@pytest.mark.parametrize(
    ("after", "shown"),
    [
        ("The budget is yours.", "<bdi>The budget is yours.</bdi>"),
        ("https://example.org/next?a=1&b=2", 'href="https://example.org/next?a=1&amp;b=2"'),
        ("javascript:alert(1)", "<bdi>javascript:alert(1)</bdi>"),
        ('"><script>x</script>', "&lt;script&gt;"),
        ("http://[draft] of the budget", "<bdi>http://[draft] of the budget</bdi>"),
        ("http://[draft]", 'href="http://[draft]"'),  # not for us to judge
    ],
)
async def test_who_has_answered_gets_what_the_author_has_for_after(rig: Rig, after: str, shown: str) -> None:
    run = asking(rig, after=after)
    answer = await rig.request("POST", rig.path("resume", run), PAGE, b"")
    assert answer.status == 200
    assert shown in answer.text


async def test_who_comes_late_is_told_who_decided_when_and_how(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    run = asking(rig, message="Fine?")
    assert (
        await api("POST", f"api/runs/{run.id}/resume", {"step": run.step, "runs": run.runs, "via": "inbox"})
    ).status == 200
    late = await rig.request("POST", rig.path("resume", run), PAGE, b"")
    assert late.status == 409
    assert "in the inbox" in late.text
    decision = rig.now(run).decision
    assert decision is not None
    assert decision.by is not None
    assert decision.by in late.text


async def test_a_failed_run_is_retried_through_the_api_and_a_stale_retry_is_refused(
    rig: Rig, api: Callable[..., Awaitable[Answer]]
) -> None:
    from pdnb.model import Raised

    run = rig.working()
    run = rig.home.store.apply(run.id, Raised(now_ms(), run.fence, error="ValueError: no"))
    meant = {"step": run.step, "runs": run.runs, "via": "card"}
    assert (await api("POST", f"api/runs/{run.id}/retry", {**meant, "runs": 7})).status == 409
    assert (await api("POST", f"api/runs/{run.id}/retry", meant)).status == 200
    assert (rig.now(run).status, rig.now(run).runs) == (Status.QUEUED, 2)
    assert (await api("POST", f"api/runs/{run.id}/retry", meant)).status == 409


async def test_the_copy_buttons_links_are_behind_the_login_and_are_not_kept(
    rig: Rig, api: Callable[..., Awaitable[Answer]]
) -> None:
    run = asking(rig)
    assert (await rig.request("GET", f"{rig.base}pdnb/api/runs/{run.id}/links")).status == 403
    answer = await api("GET", f"api/runs/{run.id}/links")
    assert answer.header("cache-control") == "no-store"
    assert answer.json()["resume_url"].endswith(rig.path("resume", run))
    assert (await rig.request("POST", rig.path("cancel", run), JSON)).status == 200
    assert (await api("GET", f"api/runs/{run.id}/links")).json() == {"resume_url": None, "cancel_url": None}


async def test_a_cancel_link_acts_on_a_get_where_its_author_said_so_also_with_a_form(rig: Rig) -> None:
    run, now = rig.working(), now_ms()
    event = Suspended(now, run.fence, due_ms=now + 3_600_000, confirm=False, prompt=Prompt(form=FORM))
    run = rig.home.store.apply(run.id, event)
    assert (await rig.request("GET", rig.path("cancel", run), JSON)).status == 200
    assert rig.status(run) is Status.CANCELLED


# ---- numbers out of range -------------------------------------------------------------------------------------------

PRICE = {"properties": {"price": {"anyOf": [{"type": "number"}, {"type": "string"}]}, "more": {"type": "object"}}}


def multipart(**fields: str) -> tuple[dict[str, str], bytes]:
    parts = [f'--XX\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{text}\r\n' for n, text in fields.items()]
    kind = {"Content-Type": "multipart/form-data; boundary=XX", "Accept": "application/json"}
    return kind, ("".join(parts) + "--XX--\r\n").encode()


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 4_000, "9" * 5_000], ids=len)
@pytest.mark.parametrize("form", [PRICE, None], ids=["form", "no form"])
async def test_a_number_out_of_range_is_a_422_with_its_fields_name_on_every_way_in(
    rig: Rig, api: Callable[..., Awaitable[Answer]], number: str, form: dict[str, Any] | None
) -> None:
    """No check stands before the last transformation of a body."""
    run = asking(rig, form=form) if form else asking(rig, message="How much?")
    link, route = rig.path("resume", run), f"api/runs/{run.id}/resume"
    meant = f'"step": "{run.step}", "runs": {run.runs}, "via": "card"'
    sent = f'{{"price": {number}, "more": {{"n": [0, {number}]}}}}'
    answers = [
        (await rig.request("POST", link, JSON, sent.encode()), True),
        (await api("POST", route, f'{{{meant}, "body": {sent}}}'.encode()), True),
    ]
    if form:
        fields = {"price": number, "more": f'{{"n": [0, {number}]}}'}
        kind = {**PAGE, "Accept": "application/json"}
        answers += [
            (await rig.request("POST", link, kind, urlencode(fields).encode()), True),
            (await rig.request("POST", link, *multipart(**fields)), True),
            (await api("POST", route, f'{{{meant}, "fields": {json.dumps(fields)}}}'.encode()), True),
        ]
    for answer, _ in answers:
        assert answer.status == 422, answer.text[:300]
        first, second = answer.json()["problems"]
        assert (first.split(": ")[0], second.split(": ")[0]) == ("price", "more.n[1]")
        assert first.endswith("is a number out of range")
        assert len(answer.body) < 1_000
        assert waits(rig, run)
    page = await rig.request("POST", link, PAGE, urlencode({"price": "1e400"}).encode())
    if form:
        assert (page.status, waits(rig, run)) == (422, True)
        assert "1e400 is a number out of range" in page.text
        assert 'name="price" value="1e400"' in page.text


async def test_the_largest_numbers_come_through_every_way_in(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    for text, number in (("9007199254740993", 2**53 + 1), ("1.7976931348623157e308", 1.7976931348623157e308)):
        run = asking(rig, form=PRICE)
        assert (await rig.request("POST", rig.path("resume", run), PAGE, f"price={text}".encode())).status == 200
        assert answered(rig, run) == {"price": number}
        run = asking(rig, form=PRICE)
        meant = f'{{"step": "{run.step}", "runs": {run.runs}, "body": {{"price": {text}}}}}'
        assert (await api("POST", f"api/runs/{run.id}/resume", meant.encode())).status == 200
        assert answered(rig, run) == {"price": number}


# ---- bodies as real senders write them ------------------------------------------------------------------------------


async def test_a_field_whose_name_ends_in_brackets_is_answered_on_its_page(rig: Rig) -> None:
    form = {"properties": {"tags[]": {"type": "array", "items": {"type": "string"}}, "n": {"type": "integer"}}}
    for kind, body in (
        (PAGE, urlencode({"tags[]": "a\r\nb", "n[]": "3"}).encode()),
        multipart(**{"tags[]": "a\r\nb", "n[]": "3"}),
    ):
        run = asking(rig, form=form)
        assert (await rig.request("POST", rig.path("resume", run), kind, body)).status == 200
        assert answered(rig, run) == {"tags[]": ["a", "b"], "n": 3}


async def test_an_api_body_may_begin_with_a_byte_order_mark(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    run = asking(rig)
    meant = {"step": run.step, "runs": run.runs, "body": GOOD}
    body = b"\xef\xbb\xbf" + json.dumps(meant).encode()
    assert (await api("POST", f"api/runs/{run.id}/resume", body, Content_Encoding="utf-8")).status == 200
    assert answered(rig, run) == GOOD


# ---- what pydantic writes -------------------------------------------------------------------------------------------


class Trip(pydantic.BaseModel):
    fare: Decimal = Decimal("12.50")
    leaves: datetime
    names: list[str] = ["Ada"]
    room: int | str | None = None


TRIP = form_schema(Trip)


async def test_a_moment_is_entered_in_the_servers_zone_or_in_one_that_is_picked(rig: Rig) -> None:
    """Without a script the page cannot know the person's zone: it names the server's, and offers the others."""
    run = asking(rig, form=TRIP)
    page = (await rig.request("GET", rig.path("resume", run), {"Accept": "text/html"})).text
    assert 'type="datetime-local" step="any" id="f2" name="leaves"' in page
    assert f"that of the server is {moments.zone_name()}" in page
    assert "<option selected>" in page or '<option value="" selected>' in page
    assert 'inputmode="decimal" autocomplete="off" id="f1" name="fare" value="12.50"' in page
    assert ">\nAda</textarea>" in page
    for zone, meant in (("", moments.aware("2026-07-01T09:00")), ("Asia/Tokyo", "2026-07-01T09:00:00+09:00")):
        run = asking(rig, form=TRIP)
        sent = [
            ("fare", "0.10"),
            ("leaves", "2026-07-01T09:00"),
            *([("leaves", zone)] if zone else []),
            ("names", "Eve\r\nBob"),
        ]
        assert (await rig.request("POST", rig.path("resume", run), PAGE, urlencode(sent).encode())).status == 200
        assert answered(rig, run) == {"fare": "0.10", "leaves": meant, "names": ["Eve", "Bob"]}
        assert Trip.model_validate(answered(rig, run)).leaves.tzinfo is not None


async def test_what_does_not_fit_a_model_is_refused_alike_on_every_way_in(
    rig: Rig, api: Callable[..., Awaitable[Answer]]
) -> None:
    run = asking(rig, form=TRIP)
    meant = {"step": run.step, "runs": run.runs, "via": "card"}
    bad = {"fare": "much", "leaves": "2026-07-01T09:00:00", "names": ["Ada", 3], "room": [1]}
    for answer in (
        await rig.request("POST", rig.path("resume", run), JSON, json.dumps(bad).encode()),
        await api("POST", f"api/runs/{run.id}/resume", {**meant, "body": bad}),
    ):
        assert answer.status == 422
        assert [line.split(":")[0] for line in answer.json()["problems"]] == ["fare", "leaves", "names[1]", "room"]
    fields = {"fare": "much", "leaves": "soon", "names": "Ada", "room": "12"}
    answer = await api("POST", f"api/runs/{run.id}/resume", {**meant, "fields": fields})
    assert [line.split(":")[0] for line in answer.json()["problems"]] == ["fare", "leaves"]
    assert waits(rig, run)
    good = {**meant, "fields": {"fare": "1", "leaves": "2026-07-01T09:00:00-05:00", "names": "Ada", "room": "12"}}
    assert (await api("POST", f"api/runs/{run.id}/resume", good)).status == 200
    assert answered(rig, run) == {"fare": "1", "leaves": "2026-07-01T09:00:00-05:00", "names": ["Ada"], "room": 12}
