"""The API and the card behind Jupyter's login: who may, what they see, and what a stale button does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPClientError, HTTPResponse

import pdnb
from pdnb.codec import SCHEMA
from pdnb.coordination.home import now_ms
from pdnb.errors import StoreUnavailable
from pdnb.model import Raised, Returned, RunRecord, Status
from pdnb.server.pages import APP_CSP
from tests.support.server import Answer, Rig

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jupyter_server.auth import User
    from jupyter_server.base.handlers import JupyterHandler
    from traitlets.config import Config

    Fetch = Callable[..., Awaitable[HTTPResponse]]

NOBODY = "0" * 20
READS = ("api/runs", f"api/runs/{NOBODY}", "api/info", f"card/{NOBODY}")
WRITES = (f"api/runs/{NOBODY}/resume", f"api/runs/{NOBODY}/cancel")


class NotPdnb(Authorizer):
    """Allows everything but pdnb."""

    def is_authorized(self, handler: JupyterHandler, user: User, action: str, resource: str) -> bool:
        return resource != "pdnb"


@pytest.fixture
def jp_server_config(jp_server_config: Config, request: pytest.FixtureRequest) -> Config:
    """A test may be marked by ``parametrize`` to have no rights."""
    if getattr(request, "param", None) == "denied":
        jp_server_config.ServerApp.authorizer_class = NotPdnb
    return jp_server_config


def shown(run: RunRecord, **more: Any) -> dict[str, Any]:
    """What a button sends: the attempt that was on display."""
    return {"step": run.step, "runs": run.runs, **more}


# ---- who may ------------------------------------------------------------------------------------------------------


async def test_without_a_login_the_api_is_forbidden_and_the_pages_lead_to_the_login(rig: Rig) -> None:
    run = rig.suspended()
    for path in (*READS, f"api/runs/{run.id}", f"card/{run.id}"):
        answer = await rig.request("GET", f"{rig.base}pdnb/{path}")
        if path.startswith("card/"):
            assert (answer.status, "/login?" in answer.header("location")) == (302, True)
        else:
            assert answer.status == 403
        assert b"launch" not in answer.body
    for path in (*WRITES, f"api/runs/{run.id}/resume", f"api/runs/{run.id}/cancel"):
        body = json.dumps(shown(run)).encode()
        assert (await rig.request("POST", f"{rig.base}pdnb/{path}", None, body)).status == 403
    assert rig.now(run) == run


async def test_a_links_token_is_no_login(rig: Rig) -> None:
    run = rig.suspended()
    for token in (rig.token("resume", run), rig.token("cancel", run)):
        answer = await rig.request("GET", f"{rig.base}pdnb/api/runs", {"Authorization": f"token {token}"})
        assert answer.status == 403
        assert (await rig.request("GET", f"{rig.base}pdnb/api/runs?token={token}")).status == 403


async def browser_login(rig: Rig, token: str) -> dict[str, str]:
    """The cookies of somebody who has logged in with a browser."""
    page = await rig.request("GET", f"{rig.base}pdnb/card/{rig.suspended().id}?token={token}")
    assert page.status == 200
    pairs = [line.split(";")[0] for line in page.headers["set-cookie"]]
    return dict(pair.split("=", 1) for pair in pairs)


async def test_a_browser_needs_the_xsrf_token_and_the_page_has_given_it(
    rig: Rig, jp_auth_header: dict[str, str]
) -> None:
    """The API with login: Jupyter's authentication, authorisation and XSRF stay on."""
    cookies = await browser_login(rig, jp_auth_header["Authorization"].split()[1])
    run = rig.suspended()
    path, body = f"{rig.base}pdnb/api/runs/{run.id}/resume", json.dumps(shown(run, via="card")).encode()
    login = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    assert (await rig.request("GET", f"{rig.base}pdnb/api/runs", login)).status == 200
    assert (await rig.request("POST", path, login, body)).status == 403
    assert (await rig.request("POST", path, {**login, "X-XSRFToken": "2|12345678|wrong|1"}, body)).status == 403
    assert rig.now(run) == run
    own = {**login, "X-XSRFToken": cookies["_xsrf"], "Origin": f"http://127.0.0.1:{rig.port}"}
    assert (await rig.request("POST", path, {**own, "Origin": "https://evil.example"}, body)).status in (403, 404)
    assert rig.now(run) == run
    assert (await rig.request("POST", path, own, body)).status == 200


@pytest.mark.parametrize("jp_server_config", ["denied"], indirect=True)
async def test_whom_jupyters_authorizer_denies_pdnb_is_denied_all_of_it(
    rig: Rig, api: Callable[..., Awaitable[Answer]]
) -> None:
    """Authorisation (`auth_resource = "pdnb"`)."""
    run = rig.suspended()
    for path in (*READS, f"api/runs/{run.id}", f"card/{run.id}"):
        answer = await api("GET", path)
        assert answer.status == 403, path
        assert b"launch" not in answer.body
    for what in ("resume", "cancel"):
        assert (await api("POST", f"api/runs/{run.id}/{what}", shown(run))).status == 403
    assert rig.now(run) == run
    assert (await rig.request("POST", rig.path("resume", run))).status == 200  # a link is its own permission


async def test_only_the_methods_that_are_described_exist(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    run = rig.suspended()
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await api(method, "api/runs", {})).status == 405
        assert (await api(method, f"api/runs/{run.id}", {})).status == 405
    for method in ("GET", "PUT", "DELETE"):
        assert (await api(method, f"api/runs/{run.id}/resume")).status == 405
    assert rig.now(run) == run


# ---- looking ------------------------------------------------------------------------------------------------------


async def list_runs(fetch: Fetch, **params: str) -> list[str]:
    found = json.loads((await fetch("pdnb", "api", "runs", params=params)).body)
    return [run["id"] for run in found["runs"]]


async def test_the_list_is_newest_first_and_filtered_by_status_and_workflow(rig: Rig, jp_fetch: Fetch) -> None:
    first, second = rig.suspended(), rig.working(name="other one")
    third, fourth = rig.sleeping("rerun"), rig.suspended(rig.working(name="other one"))
    everything = [run.id for run in (fourth, third, second, first)]
    assert await list_runs(jp_fetch) == everything
    assert await list_runs(jp_fetch, status="suspended") == [fourth.id, first.id]
    assert await list_runs(jp_fetch, workflow="other one") == [fourth.id, second.id]
    assert await list_runs(jp_fetch, workflow="other one", status="running") == [second.id]
    assert await list_runs(jp_fetch, workflow="no such workflow") == []
    response = await jp_fetch("pdnb", "api", "runs", params=[("status", "running"), ("status", "sleeping")])
    assert [run["id"] for run in json.loads(response.body)["runs"]] == [third.id, second.id]


async def test_a_cursor_leads_through_every_run_once(rig: Rig, jp_fetch: Fetch) -> None:
    runs = [rig.working(name=f"w{i % 3}").id for i in range(7)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for size in (3, 3, 1):
        page = json.loads((await jp_fetch("pdnb", "api", "runs", params={"limit": "3", **cursor})).body)
        assert len(page["runs"]) == size
        seen += [run["id"] for run in page["runs"]]
        cursor = {"cursor": page["next"]}
    assert page["next"] is None
    assert seen == runs[::-1]


BAD_QUERIES = (
    "status=waiting", "status=", "status=suspended&status=no", "limit=0", "limit=-1", "limit=1001", "limit=x",
    "limit=", "limit=1.5", f"limit={'9' * 5_000}", "cursor=x", "cursor=-1", "cursor=", f"cursor={'9' * 30}",
    f"cursor={'9' * 5_000}", "cursor=%00",
)  # fmt: skip


async def test_a_query_that_makes_no_sense_is_a_400_with_one_line(
    rig: Rig, api: Callable[..., Awaitable[Answer]]
) -> None:
    for query in BAD_QUERIES:
        answer = await api("GET", f"api/runs?{query}")
        assert answer.status == 400, query
        message = answer.json()["message"]
        assert "\n" not in message
        assert 0 < len(message) < 300


async def test_one_run_is_given_with_exports_and_attempts(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    run = rig.suspended(exports={"$return_value": {"n": 1}, "$summary": "one"})
    document = (await api("GET", f"api/runs/{run.id}")).json()
    assert document["id"] == run.id
    assert (document["workflow"], document["status"], document["step"]) == ("launch", "suspended", "approve")
    assert (document["created_ms"], document["due_ms"]) == (run.created_ms, run.due_ms)
    assert document["exports"] == {
        "trigger": {"event": {"to": "team"}}, "approve": {"$return_value": {"n": 1}, "$summary": "one"},
    }  # fmt: skip
    assert [(a["step"], a["runs"], a["outcome"]) for a in document["attempts"]] == [("approve", 1, "suspended")]
    assert (document["decision"], document["credits"]) == (None, 1)
    row = (await api("GET", "api/runs")).json()["runs"][0]
    assert "exports" not in row
    assert "attempts" not in row
    assert {name: document[name] for name in row} == row


async def test_an_id_that_is_none_is_a_404(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    for run_id in (NOBODY, "x", "..", "%00" * 20, "A" * 20, "a" * 5_000, "a%2Fb"):
        for method, path in (("GET", "api/runs/{}"), ("POST", "api/runs/{}/resume"), ("GET", "card/{}")):
            value = {"step": "approve", "runs": 1} if method == "POST" else None
            answer = await api(method, path.format(run_id), value)
            assert answer.status == 404, run_id
            assert str(rig.home.directory).encode() not in answer.body


async def test_info_tells_versions_and_how_many_runs_have_each_status(
    rig: Rig, api: Callable[..., Awaitable[Answer]]
) -> None:
    rig.suspended()
    rig.suspended()
    rig.working()
    info = (await api("GET", "api/info")).json()
    assert info["schema"] == SCHEMA
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", info["version"])
    assert info["counts"] == {str(status): 0 for status in Status} | {"suspended": 2, "running": 1}


async def test_what_has_not_changed_is_not_sent_again(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    run = rig.suspended()
    for path in ("api/runs", f"api/runs/{run.id}", "api/info"):
        tag = (await api("GET", path)).header("etag")
        again = await api("GET", path, If_None_Match=tag)
        assert (again.status, again.body) == (304, b"")
    tag = (await api("GET", f"api/runs/{run.id}")).header("etag")
    await api("POST", f"api/runs/{run.id}/resume", shown(run))
    after = await api("GET", f"api/runs/{run.id}", If_None_Match=tag)
    assert (after.status, after.json()["status"]) == (200, "queued")


async def test_neither_api_nor_card_shows_a_token(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    """No token … in exports … in events. The card shows a redacted link."""
    run = rig.working()
    links = {what: str(rig.home.link(what, run)) for what in ("resume", "cancel")}
    run = rig.suspended(run, exports={"$return_value": links, "$summary": links["resume"], "mail": str(links)})
    assert rig.home.store.exports(run.id)["approve"]["$return_value"] == links
    body = json.dumps(shown(run, body=links)).encode()
    for answer in (
        await api("GET", "api/runs"),
        await api("GET", f"api/runs/{run.id}"),
        await api("GET", f"card/{run.id}"),
        await api("POST", f"api/runs/{run.id}/resume", body),
        await api("GET", f"api/runs/{run.id}"),
    ):
        assert answer.status == 200
        for url in links.values():
            assert url.rpartition(".")[2].encode() not in answer.body


# ---- resume and cancel by id --------------------------------------------------------------------------------------


async def test_a_resume_by_id_reaches_the_step_with_via_and_by(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    """From a button, magic or the API: same keys plus `"via"` and `"by"` (who)."""
    for via in ("api", "card", "panel", "inbox", "shell"):
        run = rig.suspended()
        answer = await api("POST", f"api/runs/{run.id}/resume", shown(run, via=via, body={"ok": True}))
        assert (answer.status, answer.json()["status"]) == (200, "queued")
        data = rig.home.store.exports(run.id)["approve"]["$resume_data"]
        assert set(data) == {"method", "path", "query", "headers", "body", "client_ip", "url", "via", "by"}
        assert (data["body"], data["via"]) == ({"ok": True}, via)
        decision = rig.now(run).decision
        assert decision is not None
        assert (decision.what, decision.via, decision.by) == ("resumed", via, data["by"])
        assert data["by"]


async def test_a_plain_resume_by_id_has_no_body(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    run = rig.suspended()
    assert (await api("POST", f"api/runs/{run.id}/resume", shown(run))).status == 200
    data = rig.home.store.exports(run.id)["approve"]["$resume_data"]
    assert ("body" in data, data["via"]) == (False, "api")


async def test_a_cancel_by_id_keeps_reason_way_and_person(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    run = rig.suspended()
    answer = await api("POST", f"api/runs/{run.id}/cancel", shown(run, via="inbox", reason="100% wrong"))
    assert (answer.status, answer.json()["status"]) == (200, "cancelled")
    decision = rig.now(run).decision
    assert decision is not None
    assert (decision.what, decision.via, decision.reason) == ("cancelled", "inbox", "100% wrong")
    assert decision.by
    assert answer.json()["decision"]["reason"] == "100% wrong"


async def test_a_stale_button_changes_nothing(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    """If the run has moved on, 409 and nothing changes, so a stale button never approves the next gate."""
    run = rig.suspended(rig.working("first", "second"))
    await api("POST", f"api/runs/{run.id}/resume", shown(run))
    gate = rig.suspended(rig.claimed(run))
    assert gate.step == "second"
    for stale in (
        shown(run),
        {"step": "second", "runs": 2},
        {"step": "third", "runs": 1},
        {"step": "second", "runs": 0},
    ):
        for what in ("resume", "cancel"):
            answer = await api("POST", f"api/runs/{run.id}/{what}", stale)
            assert answer.status == 409, stale
            assert "\n" not in answer.json()["message"]
    assert rig.now(gate) == gate


async def test_an_early_resume_by_id_is_kept(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    run = rig.working()
    assert (await api("POST", f"api/runs/{run.id}/resume", shown(run, body="quick"))).status == 202
    assert (await api("POST", f"api/runs/{run.id}/resume", shown(run, body="slow"))).status == 409
    assert rig.suspended(run).step == "publish"
    assert rig.home.store.exports(run.id)["approve"]["$resume_data"]["body"] == "quick"


async def test_what_is_over_is_gone(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    cancelled, failed, done = rig.suspended(), rig.working(), rig.working("only")
    await api("POST", f"api/runs/{cancelled.id}/cancel", shown(cancelled))
    rig.home.store.apply(failed.id, Raised(now_ms(), 1, error="ValueError: no"))
    rig.home.store.apply(done.id, Returned(now_ms(), 1))
    for run in (cancelled, failed, done):
        before = rig.now(run)
        for what in ("resume", "cancel"):
            assert (await api("POST", f"api/runs/{run.id}/{what}", shown(run))).status == 410
        assert rig.now(run) == before


BAD_BODIES: tuple[bytes, ...] = (
    b"", b"null", b"[]", b"[1]", b'"x"', b"1", b"{}", b"{broken", b"\xff", b"[" * 100_000,
    b'{"step": "approve"}', b'{"runs": 1}', b'{"step": "approve", "runs": "1"}', b'{"step": "approve", "runs": 1.0}',
    b'{"step": "approve", "runs": true}', b'{"step": 1, "runs": 1}', b'{"step": ["approve"], "runs": 1}',
    b'{"step": "approve", "runs": 1, "via": "link"}', b'{"step": "approve", "runs": 1, "via": ["api"]}',
    b'{"step": "approve", "runs": 1, "via": null}', b'{"step": "approve", "runs": 1' + b"1" * 5_000 + b"}",
)  # fmt: skip
BAD_RESUMES: tuple[bytes, ...] = (
    b'{"step": "approve", "runs": 1, "body": NaN}', rb'{"step": "approve", "runs": 1, "body": {"a%b": "\ud800"}}',
    b'{"step": "approve", "runs": 1, "body": ' + b"[" * 150 + b"]" * 150 + b"}",
)  # fmt: skip
BAD_CANCELS: tuple[bytes, ...] = (
    b'{"step": "approve", "runs": 1, "reason": 5}', b'{"step": "approve", "runs": 1, "reason": ["x"]}',
)  # fmt: skip


async def test_a_body_that_makes_no_sense_is_a_400_and_changes_nothing(
    rig: Rig, api: Callable[..., Awaitable[Answer]]
) -> None:
    run = rig.suspended()
    for what, bodies in (("resume", BAD_BODIES + BAD_RESUMES), ("cancel", BAD_BODIES + BAD_CANCELS)):
        for body in bodies:
            answer = await api("POST", f"api/runs/{run.id}/{what}", body)
            assert answer.status == 400, body[:100]
            message = answer.json()["message"]
            assert "\n" not in message
            assert 0 < len(message) < 400, message
            assert not answer.json().get("traceback")
            assert "%%%" not in message  # Jupyter itself doubles one
    assert rig.now(run) == run


async def test_texts_of_people_that_no_encoding_likes_do_no_harm(
    rig: Rig, api: Callable[..., Awaitable[Answer]]
) -> None:
    run, other = rig.suspended(), rig.suspended()
    answer = await api("POST", f"api/runs/{run.id}/cancel", rb'{"step": "approve", "runs": 1, "reason": "\ud800 <b>"}')
    assert answer.status in (200, 400)
    long = await api("POST", f"api/runs/{other.id}/cancel", shown(other, reason="x" * 100_000))
    assert long.status == 200
    decision = rig.now(other).decision
    assert decision is not None
    assert 200 < len(decision.reason or "") < 500
    for path in ("api/runs", f"api/runs/{run.id}", f"card/{run.id}", f"card/{other.id}"):
        assert (await api("GET", path)).status == 200


async def test_while_the_store_is_not_available_the_api_says_try_again(
    rig: Rig, api: Callable[..., Awaitable[Answer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = rig.suspended()

    def locked(*_: object, **__: object) -> None:
        raise StoreUnavailable(f"the store {rig.home.directory} is locked")

    with monkeypatch.context() as patch:
        for name in ("get", "list", "counts", "apply", "exports"):
            patch.setattr(rig.service.home.store, name, locked)
        for path in ("api/runs", f"api/runs/{run.id}", "api/info", f"card/{run.id}"):
            answer = await api("GET", path)
            assert answer.status == 503
            assert str(rig.home.directory).encode() not in answer.body
        assert (await api("POST", f"api/runs/{run.id}/resume", shown(run))).status == 503
    assert (await api("POST", f"api/runs/{run.id}/resume", shown(run))).status == 200


# ---- the card -----------------------------------------------------------------------------------------------------


async def test_the_card_is_a_page_of_this_origin_only(rig: Rig, api: Callable[..., Awaitable[Answer]]) -> None:
    run = rig.suspended(exports={"$return_value": "</script><script>alert(1)</script>"})
    answer = await api("GET", f"card/{run.id}")
    assert (answer.status, answer.header("content-security-policy")) == (200, APP_CSP)
    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-type").startswith("text/html")
    assert "alert(1)</script>" not in answer.text
    assert "frame-ancestors 'self'" in APP_CSP
    assert "unsafe-eval" not in APP_CSP
    assert "script-src 'self'" in APP_CSP


async def test_what_the_card_loads_is_served(rig: Rig, api: Callable[..., Awaitable[Answer]], jp_fetch: Fetch) -> None:
    page = (await api("GET", f"card/{rig.suspended().id}")).text
    paths = [path for path in re.findall(r'(?:src|href)="([^"]+)"', page) if not path.startswith("data:")]
    assert len(paths) == 2
    for path in paths:
        answer = await rig.request("GET", path)
        assert (answer.status, len(answer.body) > 100) == (200, True), path


async def test_a_card_of_no_run_is_a_404(rig: Rig, jp_fetch: Fetch) -> None:
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch("pdnb", "card", NOBODY)
    assert caught.value.code == 404


def test_every_route_of_the_api_is_described_and_nothing_else() -> None:
    import yaml  # type: ignore[import-untyped]  # it ships no types

    from pdnb.server.api_handlers import API_HANDLERS

    described = yaml.safe_load((Path(pdnb.__path__[0]) / "server/openapi.yaml").read_text())["paths"]
    routes: set[str] = set()
    for pattern, _ in API_HANDLERS:
        path = pattern.replace("([0-9a-z]{20})", "{id}")
        choices = re.search(r"\(([a-z|]+)\)", path)
        for choice in choices[1].split("|") if choices else [""]:
            routes.add(path.replace(choices[0], choice) if choices else path)
    assert {path for path in described if "{token}" not in path} == routes
