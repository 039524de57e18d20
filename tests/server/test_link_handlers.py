"""The two open routes: what each request to a link does, and what every answer carries."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from pdnb.coordination.home import Home, now_ms
from pdnb.errors import StoreUnavailable
from pdnb.links import Links, Target
from pdnb.model import Exited, Raised, Returned, RunRecord, Status, Suspended
from pdnb.server.pages import LINK_CSP
from tests.support.server import DAY, Answer, Rig, code, parse, send, written
from tests.support.sqlite_store import table_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from jupyter_server.serverapp import ServerApp

    from pdnb.links import Purpose

ACTING = ("POST", "PUT", "PATCH", "DELETE")
SILENT = ("HEAD", "OPTIONS")
PURPOSES: tuple[Purpose, ...] = ("resume", "cancel")
PAGE = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
READERS = ("curl/8.5", "Slackbot-LinkExpanding 1.0", "Mozilla/5.0 (Windows NT 10.0) Chrome/130", "")

CONTRACT = {
    "cache-control": "no-store",
    "content-security-policy": LINK_CSP,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
NEVER = ("set-cookie", "location", "www-authenticate", "refresh")


@pytest.fixture
def rig(pdnb_server: ServerApp, pdnb_dir: Path) -> Iterator[Rig]:
    with Home(pdnb_dir, kind="kernel") as home:
        yield StrictRig(pdnb_server, home)


class StrictRig(Rig):
    """Every answer, whatever was asked, is held against the contract."""

    async def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        answer = await super().request(method, path, headers, body)
        assert_contract(answer)
        return answer


def assert_contract(answer: Answer) -> None:
    for name, value in CONTRACT.items():
        assert answer.header(name) == value
    assert not [name for name in answer.headers if name in NEVER or name.startswith("access-control-")]
    assert len(answer.body) < 8_000
    assert b"Traceback" not in answer.body
    assert b".py" not in answer.body
    assert b"pdnb1" not in answer.body


class Forms(HTMLParser):
    """The forms, buttons and scripts of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


# ---- GET asks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", PURPOSES)
async def test_a_get_acts_on_no_link_whatever_waits_and_whoever_reads(rig: Rig, purpose: Purpose) -> None:
    """GET acts on no link, resume or cancel, suspend, rerun or delay … user-agent lists failed both ways."""
    for run in (rig.suspended(), rig.sleeping("rerun"), rig.sleeping("delay"), rig.working()):
        for reader in READERS:
            for accept in (PAGE, JSON, {}):
                answer = await rig.request("GET", rig.path(purpose, run), {"User-Agent": reader, **accept})
                assert answer.status == 200
        assert rig.now(run) == run


@pytest.mark.parametrize("purpose", PURPOSES)
async def test_the_page_of_a_get_tells_what_waits_and_has_one_button_that_posts(rig: Rig, purpose: Purpose) -> None:
    """A page with the workflow's name, the step, `$summary`, since when, until when, and one button that POSTs."""
    run = rig.suspended(exports={"$summary": "Send <it> to 240 people?"})
    answer = await rig.request("GET", rig.path(purpose, run), PAGE)
    page = Forms(answer.text)
    assert answer.header("content-type") == "text/html; charset=UTF-8"
    for part in ("launch", "approve", "Send <it> to 240 people?", "Waiting since", "Until"):
        assert part in page.text
    assert len(page.all("time")) == 2
    assert page.all("form") == [{"method": "post"}]  # without an action: to this very URL
    assert len(page.all("button")) == 1
    assert not page.all("script")


async def test_a_get_answers_with_json_when_json_is_asked_for_and_else_with_a_page(rig: Rig) -> None:
    run = rig.suspended()
    for accept in ("", "*/*", "text/html", "text/html,application/xhtml+xml,application/json;q=0.9"):
        answer = await rig.request("GET", rig.path("resume", run), {"Accept": accept})
        assert answer.header("content-type").startswith("text/html"), accept
    answer = await rig.request("GET", rig.path("resume", run), JSON)
    assert answer.header("content-type") == "application/json"
    told = answer.json()
    assert (told["workflow"], told["step"], told["status"], told["due_ms"]) == (
        "launch", "approve", "suspended", run.due_ms,
    )  # fmt: skip


async def test_with_confirm_false_a_get_acts(rig: Rig) -> None:
    """`confirm=False` on the call … gives the seeds' behaviour: GET acts."""
    for run in (rig.suspended(confirm=False), rig.sleeping("rerun", confirm=False)):
        answer = await rig.request("GET", rig.path("resume", run))
        assert (answer.status, rig.status(run)) == (200, Status.QUEUED)
    for run in (rig.suspended(confirm=False), rig.sleeping("delay", confirm=False)):
        answer = await rig.request("GET", rig.path("cancel", run))
        assert (answer.status, rig.status(run)) == (200, Status.CANCELLED)
        assert (await rig.request("GET", rig.path("resume", run))).status == 410


async def test_even_with_confirm_false_a_get_never_acts_before_the_step_has_ended(rig: Rig) -> None:
    """GET acts (never before the step has ended) … Never by GET."""
    run = rig.working()
    for purpose in PURPOSES:
        answer = await rig.request("GET", rig.path(purpose, run))
        assert answer.status in (200, 202)
    assert rig.now(run) == run
    assert rig.suspended(run, confirm=False).status is Status.SUSPENDED


# ---- POST, PUT, PATCH, DELETE act ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ACTING)
async def test_an_acting_method_acts_and_says_so_after_the_commit(rig: Rig, method: str) -> None:
    """POST, PUT, PATCH, DELETE act: 200 after the commit, JSON or a page by `Accept`."""
    waiting = (rig.suspended(), rig.sleeping("rerun"), rig.sleeping("delay"))
    for run in waiting:
        answer = await rig.request(method, rig.path("resume", run))
        after = rig.now(run)
        assert (answer.status, answer.json()["status"], after.status) == (200, "resumed", Status.QUEUED)
        assert after.decision is not None
        assert (after.decision.what, after.decision.via) == ("resumed", "link")
        assert answer.json()["at_ms"] == after.decision.at_ms
    assert [(rig.now(run).step, rig.now(run).runs) for run in waiting] == [
        ("publish", 1), ("approve", 2), ("publish", 1),
    ]  # fmt: skip
    for run in (rig.suspended(), rig.sleeping("rerun"), rig.sleeping("delay")):
        answer = await rig.request(method, rig.path("cancel", run))
        assert (answer.status, answer.json()["status"], rig.status(run)) == (200, "cancelled", Status.CANCELLED)


async def test_an_acting_method_answers_with_a_page_for_a_browser(rig: Rig) -> None:
    for purpose, title in (("resume", "Thank you"), ("cancel", "Cancelled")):
        answer = await rig.request("POST", rig.path(purpose, rig.suspended()), PAGE)  # type: ignore[arg-type]
        assert answer.header("content-type").startswith("text/html")
        assert title in Forms(answer.text).text
        assert not Forms(answer.text).all("form")
        assert not Forms(answer.text).all("script")


@pytest.mark.parametrize("method", SILENT)
async def test_head_and_options_never_act(rig: Rig, method: str) -> None:
    for run in (rig.suspended(), rig.suspended(confirm=False), rig.working()):
        for purpose in PURPOSES:
            answer = await rig.request(method, rig.path(purpose, run), {"Origin": "https://evil.example"})
            assert answer.status in (200, 204)
            assert answer.body == b""
        assert rig.now(run) == run


async def test_head_with_a_body_never_acts_and_breaks_nothing(rig: Rig) -> None:
    run = rig.suspended(confirm=False)
    for method in ("HEAD", "OPTIONS"):
        for body in (b"{}", b"x" * 600_000):
            answer = parse(await send(rig.port, written(method, rig.path("resume", run), None, body)))
            assert answer.status in (200, 204, 413)
    assert rig.now(run) == run


async def test_a_method_that_is_none_is_answered_like_everything_else(rig: Rig) -> None:
    run = rig.suspended()
    for method in ("TRACE", "PROPFIND", "CONNECT", "BREW"):
        answer = await rig.request(method, rig.path("resume", run))
        assert answer.status == 405
    assert rig.now(run) == run


# ---- before the step has ended ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ACTING)
async def test_an_early_request_is_kept_and_applies_when_the_step_ends(rig: Rig, method: str) -> None:
    """Before the step has ended, not GET: 202, kept, applied at the end."""
    run = rig.working()
    answer = await rig.request(method, rig.path("resume", run), {"Content-Type": "text/plain"}, b"quick")
    assert (answer.status, answer.json()["status"], rig.status(run)) == (202, "kept", Status.RUNNING)
    after = rig.suspended(run)
    assert (after.status, after.step) == (Status.QUEUED, "publish")
    assert rig.home.store.exports(run.id)["approve"]["$resume_data"]["body"] == "quick"


async def test_the_first_early_request_wins_and_the_second_is_told(rig: Rig) -> None:
    run = rig.working()
    assert (await rig.request("POST", rig.path("resume", run), None, b"first")).status == 202
    second = await rig.request("POST", rig.path("resume", run), None, b"second")
    third = await rig.request("POST", rig.path("cancel", run))
    assert (second.status, third.status) == (409, 409)
    assert rig.suspended(run).status is Status.QUEUED
    assert rig.home.store.exports(run.id)["approve"]["$resume_data"]["body"] == "first"


async def test_an_early_cancel_applies_at_any_ending_but_failure(rig: Rig) -> None:
    """A resume applies when the step ends in a pause, a cancel at any ending but failure."""
    endings = (
        (Returned(now_ms(), 1), Status.CANCELLED),
        (Suspended(now_ms(), 1, due_ms=now_ms() + DAY), Status.CANCELLED),
        (Exited(now_ms(), 1), Status.CANCELLED),
        (Raised(now_ms(), 1, error="ValueError"), Status.FAILED),
    )
    for ending, status in endings:
        run = rig.working()
        assert (await rig.request("POST", rig.path("cancel", run))).status == 202
        assert rig.home.store.apply(run.id, ending).status is status
        late = await rig.request("POST", rig.path("cancel", run))
        assert late.status == 410


async def test_an_early_resume_of_a_step_that_just_returns_is_void(rig: Rig) -> None:
    run = rig.working()
    assert (await rig.request("POST", rig.path("resume", run))).status == 202
    after = rig.home.store.apply(run.id, Returned(now_ms(), run.fence))
    assert (after.status, after.step) == (Status.RUNNING, "publish")
    assert (await rig.request("POST", rig.path("resume", run))).status == 410


# ---- again, or too late -------------------------------------------------------------------------------------------


async def test_a_second_request_is_told_that_somebody_was_first_and_changes_nothing(rig: Rig) -> None:
    """409 "already resumed" … nothing changes; the page says what happened and when."""
    run = rig.suspended()
    await rig.request("POST", rig.path("resume", run), None, b"first")
    before, exports = rig.now(run), rig.home.store.exports(run.id)
    for purpose in PURPOSES:
        for method in (*ACTING, "GET"):
            answer = await rig.request(method, rig.path(purpose, run), JSON)
            assert (answer.status, answer.json()["status"]) == (409, "already resumed")
            assert before.decision is not None
            assert answer.json()["at_ms"] == before.decision.at_ms
    page = Forms((await rig.request("POST", rig.path("resume", run), PAGE)).text)
    assert "Already resumed" in page.text
    assert len(page.all("time")) == 1
    assert not page.all("form")
    assert (rig.now(run), rig.home.store.exports(run.id)) == (before, exports)


async def test_after_its_run_was_cancelled_a_link_is_gone(rig: Rig) -> None:
    run = rig.suspended()
    await rig.request("POST", rig.path("cancel", run))
    before = rig.now(run)
    for purpose in PURPOSES:
        for method in (*ACTING, "GET"):
            answer = await rig.request(method, rig.path(purpose, run), JSON)
            assert (answer.status, answer.json()["status"]) == (410, "already cancelled")
            assert answer.json()["at_ms"] == before.ended_ms
    assert rig.now(run) == before


async def test_after_the_time_to_answer_a_link_is_gone(rig: Rig) -> None:
    run = rig.suspended(timeout_ms=60_000)
    rig.service.home.clock = lambda: now_ms() + 60_000
    first = await rig.request("POST", rig.path("resume", run))
    again = await rig.request("GET", rig.path("resume", run), JSON)
    assert [answer.status for answer in (first, again)] == [410, 410]
    assert [answer.json()["status"] for answer in (first, again)] == ["timed out", "timed out"]
    assert rig.status(run) is Status.CANCELLED


async def test_a_pause_that_ended_by_itself_says_so(rig: Rig) -> None:
    waiting = (rig.sleeping("delay", wait_ms=60_000), rig.suspended(timeout_ms=60_000, on_timeout="resume"))
    rig.service.home.clock = lambda: now_ms() + 60_000
    for run in waiting:
        answer = await rig.request("POST", rig.path("resume", run))
        assert (answer.status, answer.json()["status"], rig.status(run)) == (410, "elapsed", Status.QUEUED)


async def test_after_the_end_of_its_run_or_the_failure_of_its_step_a_link_is_gone(rig: Rig) -> None:
    failed, exited, returned = rig.working(), rig.working(), rig.working("only")
    rig.home.store.apply(failed.id, Raised(now_ms(), 1, error="ValueError: no"))
    rig.home.store.apply(exited.id, Exited(now_ms(), 1))
    rig.home.store.apply(returned.id, Returned(now_ms(), 1))
    for run in (failed, exited, returned):
        before = rig.now(run)
        for purpose in PURPOSES:
            for method in ("POST", "GET"):
                answer = await rig.request(method, rig.path(purpose, run), JSON)
                assert (answer.status, answer.json()["status"]) == (410, "over")
        assert rig.now(run) == before


async def test_the_link_of_an_earlier_attempt_never_moves_a_later_one(rig: Rig) -> None:
    """Bound to run, step and attempt … an old attempt's token: 404 or 410 (or 409), nothing changes."""
    first = rig.sleeping("rerun")
    await rig.request("POST", rig.path("resume", first))
    second = rig.claimed(first)
    assert second.runs == 2
    second = rig.suspended(second)
    for purpose in PURPOSES:
        for method in (*ACTING, "GET"):
            assert (await rig.request(method, rig.path(purpose, first), JSON)).status == 409
    assert rig.now(second) == second


# ---- no such link -------------------------------------------------------------------------------------------------


def wrong_paths(rig: Rig, run: RunRecord, elsewhere: Links) -> Iterator[str]:
    """Paths that are no link, though they look like one."""
    resume, cancel = rig.token("resume", run), rig.token("cancel", run)
    base = f"{rig.base}pdnb/"
    yield f"{base}resume/{cancel}"
    yield f"{base}cancel/{resume}"
    yield f"{base}resume/{elsewhere.token('resume', Target(run.id, run.step, run.runs))}"
    yield f"{base}resume/{rig.home.links.token('resume', Target('0' * 20, run.step, 1))}"  # signed, but no such run
    head, _, signature = resume.rpartition(".")
    yield f"{base}resume/{head}.{'A' * 43}"
    yield f"{base}resume/{head}.{signature[::-1]}"
    yield f"{base}resume/{resume.replace('.1.', '.2.')}"
    yield f"{base}resume/{resume.replace('approve', 'publish')}"
    yield f"{base}resume/{resume[:-1]}"
    yield f"{base}resume/{resume}A"
    yield f"{base}resume/{resume}."
    yield f"{base}resume/{resume}%20"
    yield f"{base}resume/{resume}%00"
    yield f"{base}resume/%00{resume}"
    yield f"{base}resume/{resume}%0a"
    yield f"{base}resume/%ff{resume}"
    yield f"{base}resume/{resume}%2F"
    yield f"{base}resume/x%2F{resume}"
    yield f"{base}resume/..%2Fresume%2F{resume}"
    yield f"{base}resume/{resume}/"
    yield f"{base}resume/{resume}/x"
    yield f"{base}resume//{resume}"
    yield f"{base}resume/./{resume}"
    yield f"{rig.base}pdnb//resume/{resume}"
    yield f"{rig.base}/pdnb/resume/{resume}"
    yield f"{base}resume/"
    yield f"{base}resume"
    yield f"{base}resume/x"
    yield f"{base}resume/%25"
    yield f"{base}resume/%"
    yield f"{base}resume/{resume.upper()}"
    yield f"{base}resume/{'a' * 60_000}"
    yield f"{base}resume/{'%00' * 20_000}"
    yield f"{base}resume/{'/' * 60_000}"
    yield f"{base}resume/{head}." + "\N{FULLWIDTH LATIN SMALL LETTER A}".encode().decode("latin1") * 43
    yield f"{base}resume/pdnb1r.{run.id}.approve.{'9' * 5_000}.{'a' * 43}"


async def test_whatever_is_no_link_gets_one_constant_answer(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Unknown, damaged, wrong purpose: 404, one constant body."""
    run = rig.suspended(confirm=False)
    elsewhere = Links(b"another store's secret, of some 40 bytes")
    paths = list(wrong_paths(rig, run, elsewhere))
    for method in (*ACTING, "GET"):
        for accept in (PAGE, JSON):
            bodies = set()
            for path in paths:
                answer = await rig.request(method, path, accept)
                assert answer.status == 404, (method, path[:200])
                bodies.add(answer.body)
            assert len(bodies) == 1
    for path in paths:
        assert (await rig.request("HEAD", path)).status == 404, path[:200]
        assert (await rig.request("OPTIONS", path)).status == 204
    assert rig.now(run) == run
    assert (await rig.request("GET", rig.path("resume", run))).status == 200  # the one that is right


async def test_a_path_longer_than_any_header_is_refused_without_harm(rig: Rig) -> None:
    run = rig.suspended()
    for path in (rig.path("resume", run) + "a" * 70_000, rig.path("resume", run) + "?" + "a" * 70_000):
        assert await send(rig.port, written("POST", path)) in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert rig.now(run) == run
    assert (await rig.request("POST", rig.path("resume", run))).status == 200


async def test_a_folder_called_like_a_route_is_still_served_by_jupyter(
    rig: Rig, jp_root_dir: Path, jp_auth_header: dict[str, str]
) -> None:
    (jp_root_dir / "pdnb" / "resume").mkdir(parents=True)
    (jp_root_dir / "pdnb" / "resume" / "notes.txt").write_text("mine")
    for path in ("api/contents/pdnb/resume/notes.txt", "files/pdnb/resume/notes.txt"):
        answer = await Rig.request(rig, "GET", f"{rig.base}{path}", jp_auth_header)
        assert (answer.status, b"mine" in answer.body) == (200, True)


# ---- who asks and how ---------------------------------------------------------------------------------------------


async def test_neither_host_nor_origin_nor_forwarding_headers_matter(rig: Rig) -> None:
    """Tests run with `allow_unauthenticated_access=False` and a foreign `Host`; `Host`/`X-Forwarded-*` lies."""
    lies = {
        "Host": "evil.example",
        "Origin": "null",
        "Referer": "https://evil.example/",
        "X-Forwarded-For": "1.2.3.4",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "X-Real-Ip": "1.2.3.4",
        "X-Scheme": "gopher",
        "Forwarded": "for=1.2.3.4;host=evil.example;proto=gopher",
        "Cookie": "_xsrf=no; username-x=stolen",
        "Authorization": "token wrong",
        "Sec-Fetch-Site": "cross-site",
    }
    published = rig.service.home.links.base_url
    for origin in ("null", "https://evil.example"):
        run = rig.suspended()
        page = await rig.request("GET", rig.path("resume", run), {**lies, "Origin": origin})
        assert page.status == 200
        assert b"evil.example" not in page.body
        answer = await rig.request("POST", rig.path("resume", run), {**lies, "Origin": origin})
        assert answer.status == 200
        assert b"evil.example" not in answer.body
        data = rig.home.store.exports(run.id)["approve"]["$resume_data"]
        assert data["client_ip"] == "127.0.0.1"
        assert data["url"].startswith("http://")
        assert rig.service.home.links.base_url == published


async def test_http_1_0_without_a_host_works_too(rig: Rig) -> None:
    run = rig.suspended()
    raw = await send(rig.port, f"POST {rig.path('resume', run)} HTTP/1.0\r\n\r\n".encode())
    assert parse(raw).status == 200
    assert_contract(parse(raw))


async def test_a_query_reaches_the_step_and_is_no_login(rig: Rig) -> None:
    """`resume_url + "?decision=approve"` works and shows up in `query`."""
    run = rig.suspended()
    answer = await rig.request("POST", rig.path("resume", run) + "?decision=approve&token=abc&n=1&n=2&empty=")
    assert answer.status == 200
    data = rig.home.store.exports(run.id)["approve"]["$resume_data"]
    assert data["query"] == {"decision": "approve", "token": "abc", "n": ["1", "2"], "empty": ""}


async def test_jupyters_own_token_in_the_query_logs_nobody_in(rig: Rig, jp_auth_header: dict[str, str]) -> None:
    token = jp_auth_header["Authorization"].split()[1]
    run = rig.suspended()
    assert (await rig.request("GET", f"{rig.path('resume', run)}?token={token}")).status == 200
    assert (await rig.request("POST", rig.path("resume", run), jp_auth_header)).status == 200
    decision = rig.now(run).decision
    assert decision is not None
    assert decision.by is None


async def test_the_event_has_the_shape_of_an_http_event_and_no_token(rig: Rig) -> None:
    """`{"method", "path", "query", "headers", "body", "client_ip", "url"}` … the token never appears in it."""
    run = rig.suspended()
    path = rig.path("resume", run)
    headers = {
        "Cookie": "session=1",
        "Authorization": "token secret",
        "Proxy-Authorization": "basic secret",
        "X-XSRFToken": "secret",
        "Referer": f"https://x/{path}",
        "X-Original-URI": path,
        "X-Forwarded-Uri": path.replace(".", "%2E"),
        "X-Answer": "Yes",
        "Content-Type": "application/json",
    }
    await rig.request("PUT", path + "?a=1", headers, b'{"ok": [true, null, 1.5]}')
    data = rig.home.store.exports(run.id)["approve"]["$resume_data"]
    assert set(data) == {"method", "path", "query", "headers", "body", "client_ip", "url"}
    assert (data["method"], data["query"], data["body"]) == ("PUT", {"a": "1"}, {"ok": [True, None, 1.5]})
    assert data["headers"]["x-answer"] == "Yes"
    assert all(name == name.lower() for name in data["headers"])
    assert not {"cookie", "authorization", "proxy-authorization", "x-xsrftoken", "referer"} & set(data["headers"])
    assert "secret" not in str(data)
    signature = rig.token("resume", run).rpartition(".")[2]
    assert signature not in str(data)


async def test_the_body_is_absent_from_the_event_when_there_was_none(rig: Rig) -> None:
    for body in (None, b""):
        run = rig.suspended()
        await rig.request("POST", rig.path("resume", run), {"Content-Type": "application/json"}, body)
        assert "body" not in rig.home.store.exports(run.id)["approve"]["$resume_data"]


async def test_a_request_that_wakes_a_rerun_is_its_callback_request(rig: Rig) -> None:
    run = rig.sleeping("rerun")
    await rig.request("POST", rig.path("resume", run), None, b"now")
    before = rig.home.store.rerun_input(rig.now(run))
    assert before is not None
    assert before.request is not None
    assert before.request["body"] == "now"
    assert "$resume_data" not in rig.home.store.exports(run.id)["approve"]


# ---- when the store is not available ------------------------------------------------------------------------------


async def test_while_the_store_is_not_available_the_link_says_try_again_and_works_after(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Store not available: 503 with `Retry-After`; state unchanged, link still good."""
    run = rig.suspended(confirm=False)

    def locked(*_: object) -> None:
        raise StoreUnavailable(f"the store {rig.home.directory} is locked")

    with monkeypatch.context() as patch:
        patch.setattr(rig.service.home.store, "apply", locked)
        patch.setattr(rig.service.home.store, "would_refuse", locked)
        for method in (*ACTING, "GET"):
            for accept in (PAGE, JSON):
                answer = await rig.request(method, rig.path("resume", run), accept)
                assert answer.status == 503
                assert answer.header("retry-after").isdecimal()
                assert str(rig.home.directory).encode() not in answer.body
    assert rig.now(run) == run
    assert (await rig.request("POST", rig.path("resume", run))).status == 200


async def test_a_store_that_is_really_locked_gives_503_and_no_change(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    run = rig.suspended()
    monkeypatch.setattr(table_of(rig.service.home.store)._cache, "_timeout", 0.05)
    await rig.service.call(rig.service.home.store.close)  # a connection keeps the timeout it began with
    with table_of(rig.home.store).transact():
        answer = await rig.request("POST", rig.path("resume", run))
    assert answer.status == 503
    assert answer.header("retry-after")
    assert rig.now(run) == run
    assert (await rig.request("POST", rig.path("resume", run))).status == 200


async def test_an_error_of_our_own_shows_nothing_and_changes_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    run = rig.suspended()

    def broken(*_: object) -> None:
        raise RuntimeError("a secret of the machine")

    with monkeypatch.context() as patch:
        patch.setattr(rig.service.home.store, "apply", broken)
        for accept in (PAGE, JSON):
            answer = await rig.request("POST", rig.path("resume", run), accept)
            assert answer.status == 500
            assert b"secret" not in answer.body
    assert rig.now(run) == run
    assert (await rig.request("POST", rig.path("resume", run))).status == 200


async def test_links_work_on_after_a_restart_of_the_store(rig: Rig, pdnb_dir: Path) -> None:
    """After a restart the same links work again."""
    with Home(pdnb_dir, kind="kernel") as other:
        run = other.store.add(code("approve", "publish"), None, at_ms=now_ms(), owner=other.owner)
        other.store.apply(run.id, Suspended(now_ms(), 1, due_ms=now_ms() + DAY))
        path = rig.path("resume", run)
    assert (await rig.request("POST", path)).status == 200


def test_the_policy_of_the_pages_allows_no_script_no_frame_and_no_source() -> None:
    """A CSP without scripts (`default-src 'none'`, sandbox with forms)."""
    rules = dict(re.split(r"\s+", rule.strip(), maxsplit=1) for rule in LINK_CSP.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["frame-ancestors"] == "'none'"
    assert rules["sandbox"] == "allow-forms allow-popups allow-popups-to-escape-sandbox"
    assert "script-src" not in LINK_CSP
    assert "unsafe" not in LINK_CSP


async def test_a_link_page_is_never_answered_from_a_cache(rig: Rig) -> None:
    run = rig.suspended(confirm=False)
    answer = await rig.request("GET", rig.path("resume", run), {"If-None-Match": "*"})
    assert answer.status == 200
    assert "etag" not in answer.headers


async def test_head_has_the_status_that_get_would_have(rig: Rig) -> None:
    run = rig.suspended()
    path = rig.path("resume", run)
    assert (await rig.request("HEAD", path)).status == 200
    await rig.request("POST", path)
    assert (await rig.request("HEAD", path)).status == 409
