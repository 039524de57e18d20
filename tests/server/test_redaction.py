"""No token in any log, at any level, whatever goes wrong; nor in the metrics."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdnb.coordination.home import Home, now_ms
from pdnb.errors import StoreCorrupt
from pdnb.model import RunRecord, Suspended
from pdnb.server.redaction import RedactTokens, redact_logs
from tests.support.owners import served_by
from tests.support.processes import TOKEN, Server, alive, post, until
from tests.support.server import DAY, Rig, code, send
from tests.workers.test_worker import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """Signatures that must not be heard of; afterwards nothing that was logged or printed has one of them."""
    secrets: list[str] = []
    caplog.set_level(logging.DEBUG)
    yield secrets
    printed = capfd.readouterr()
    records = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    assert any("[link]" in record.getMessage() for record in records)
    formatter = logging.Formatter()
    said = "\n".join((printed.out, printed.err, *(f"{formatter.format(r)} {r.msg} {r.args}" for r in records)))
    assert secrets
    for secret in secrets:
        assert secret not in said
        assert secret[:-3] not in said


def signature(token: str) -> str:
    return token.rpartition(".")[2]


def everywhere(base: str, token: str, end: str = "") -> list[str]:
    """Paths with *token* in them: links, what looks like one, and what is Jupyter's own."""
    encoded = token.replace(".", "%2E").replace("p", "%70", 1)
    paths = [f"{base}pdnb/{purpose}/{written}" for purpose in ("resume", "cancel") for written in (token, encoded)]
    paths += [f"{path}{end}" for path in paths for end in ("/", "/x", "?a=1", "%00", "?token=x")]
    paths += [f"{base}pdnb//resume/{token}", f"{base}/pdnb/resume/{token}", f"{base}pdnb/resume//{token}"]
    paths += [f"{base}pdnb/%72esume/{token}", f"{base}pdnb/%72esume/{encoded}", f"{base}nowhere/{token}"]
    paths += [f"{base}nowhere/{encoded}", f"{base}nowhere?link={token}", f"{base}nowhere?link={encoded}"]
    paths += [f"/pdnb/resume/{token}", f"{base}api/contents/{token}", f"{base}files/{token}", f"{base}{token}"]
    paths += [f"{base}pdnb/api/runs?cursor={token}", f"{base}pdnb/api/runs/{token}", f"{base}pdnb/card/{token}"]
    paths += [f"{base}login?next={base}pdnb/resume/{token}", f"{base}tree/{token}/", f"{base}%E0%A4%A/{token}"]
    return [path + end for path in paths]


async def test_no_token_is_logged_over_a_whole_life(rig: Rig, heard: list[str]) -> None:
    """No token in any log (also at `--debug`, also on exceptions)."""
    for run in (rig.suspended(), rig.working(), rig.suspended(confirm=False), rig.sleeping("rerun")):
        heard += [signature(rig.token("resume", run)), signature(rig.token("cancel", run))]
        for method in ("GET", "HEAD", "OPTIONS", "BREW", "POST", "POST", "GET", "PUT"):
            for accept in ("text/html", "application/json"):
                await rig.request(method, rig.path("resume", run), {"Accept": accept})
                await rig.request(method, rig.path("cancel", run), {"Accept": accept})


async def test_no_token_of_a_path_is_logged_wherever_it_leads(
    rig: Rig, heard: list[str], jp_auth_header: dict[str, str]
) -> None:
    run = rig.suspended()
    for token in (rig.token("resume", run), rig.token("cancel", run)):
        heard.append(signature(token))
        for path in everywhere(rig.base, token):
            headers = {"Referer": f"http://x{path}", "User-Agent": token, "Accept": token, "X-Forwarded-For": token}
            for method in ("GET", "POST"):
                await rig.request(method, path, headers, b"{}")
                await rig.request(method, path, {**headers, **jp_auth_header}, b"{}")


async def test_no_token_of_a_body_is_logged(rig: Rig, heard: list[str], jp_auth_header: dict[str, str]) -> None:
    run = rig.suspended()
    token = rig.token("resume", run)
    heard.append(signature(token))
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", f"text/plain; charset={token}"):
        for body in (b'{"broken": "%b' % token.encode(), b"\xff" + token.encode(), b"x" * 600_000 + token.encode()):
            await rig.request("POST", rig.path("resume", run), {"Content-Type": kind}, body)
    values = ({"step": token, "runs": 1}, {"step": "approve", "runs": 9, "body": token}, {"via": token}, token)
    for value in values:
        for what in ("resume", "cancel"):
            path = f"{rig.base}pdnb/api/runs/{run.id}/{what}"
            await rig.request("POST", path, jp_auth_header, json.dumps(value).encode())
            await rig.request("POST", path, jp_auth_header, json.dumps(value).encode()[:-1])


async def test_no_token_of_a_request_that_is_none_is_logged(rig: Rig, heard: list[str]) -> None:
    run = rig.suspended()
    path = rig.path("resume", run)
    heard.append(signature(path))
    for raw in (
        f"POST {path}\r\n\r\n",
        f"POST {path} HTTP/9.9\r\nHost: x\r\n\r\n",
        f"POST {path} HTTP/1.1\r\n{path}\r\n\r\n",
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {path}\r\n\r\n",
        f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {path}\r\n\r\n",
        f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{path}\r\n",
        f"POST {path} HTTP/1.1\r\nHost: {path}\r\n\r\n",
        f"{path} POST HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        await send(rig.port, raw.encode())


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_no_token_is_logged_when_something_of_ours_breaks(
    rig: Rig, heard: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, accept: str
) -> None:
    run = rig.suspended()
    token = rig.token("resume", run)
    heard += [signature(token), signature(rig.token("cancel", run))]
    errors: list[Exception] = [
        RuntimeError("nothing is mentioned"),
        RuntimeError(f"a link: {token}"),
        RuntimeError(f"a link: {token.replace('.', '%2E')}"),
        KeyError(token),
        StoreCorrupt(f"a row with {token}"),
        ExceptionGroup(token, [ValueError(token)]),
    ]
    for error in errors:

        def broken(*_: object, error: Exception = error, **__: object) -> None:
            link = f"a local with {token}"
            raise error from ValueError(link)

        with monkeypatch.context() as patch:
            patch.setattr(rig.service.home.store, "apply", broken)
            patch.setattr(rig.service.home.store, "would_refuse", broken)
            for method in ("GET", "POST", "HEAD"):
                for purpose in ("resume", "cancel"):
                    headers = {"Accept": accept, "Referer": rig.path("resume", run), "User-Agent": token}
                    answer = await rig.request(method, rig.path(purpose, run), headers)
                    assert answer.status in (500, 503)
                    assert signature(token).encode() not in answer.body
    assert "nothing is mentioned" in caplog.text  # an error of ours is no secret
    assert "Traceback" in caplog.text


async def test_no_token_is_logged_when_the_keeper_of_the_store_stumbles(
    rig: Rig, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.request("GET", f"{rig.base}pdnb/resume/x")
    token = rig.token("resume", rig.suspended())
    heard.append(signature(token))
    for error in (RuntimeError(token), StoreCorrupt(token)):

        def broken(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(rig.service.home.store, "elapse", broken)
        with pytest.raises(type(error)):
            await rig.service.step()
        rig.service._changed.set()
        await rig.service.call(lambda: None)


async def test_the_metrics_have_no_token(rig: Rig, jp_auth_header: dict[str, str]) -> None:
    """No token … in Prometheus labels."""
    run = rig.suspended()
    for path in everywhere(rig.base, rig.token("resume", run)):
        await rig.request("GET", path)
    page = await rig.request("GET", f"{rig.base}metrics", jp_auth_header)
    assert page.status == 200
    assert "pdnb.server.link_handlers.LinkHandler" in page.text
    assert "pdnb1" not in page.text
    assert signature(rig.token("resume", run)) not in page.text


def test_a_record_keeps_all_but_its_token() -> None:
    token = f"pdnb1r.{'0' * 20}.approve.1.{'a' * 43}"
    made = []
    log = logging.getLogger(f"some {token[::-1]}")
    log.propagate = False
    handler = logging.Handler()
    handler.emit = lambda record: made.append(handler.format(record))  # type: ignore[method-assign]
    log.addHandler(handler)
    redact_logs(log)
    log.warning("%s and %s", 1, f"http://x/{token}?a=%20b")
    log.warning("100%% of %s", "it")
    log.warning("50% of it")
    try:
        raise ValueError(token)
    except ValueError:
        log.exception("trouble")
    assert made[:3] == ["1 and http://x/…?a=%20b", "100% of it", "50% of it"]
    assert made[3].startswith("trouble\nTraceback")
    assert made[3].endswith("ValueError: …")
    assert sum(isinstance(each, RedactTokens) for each in log.filters) == 1
    redact_logs(log)
    assert sum(isinstance(each, RedactTokens) for each in log.filters) == 1


def test_a_real_server_at_debug_logs_no_token(tmp_path: Path, pdnb_dir: Path) -> None:
    dies = "import os\nos.write(2, step.flow.suspend()['resume_url'].encode())\nos._exit(7)"

    def suspended(home: Home) -> RunRecord:
        run = home.store.add(code("approve", place=PLACE), None, at_ms=now_ms(), owner=home.owner)
        return home.store.apply(run.id, Suspended(now_ms(), run.fence, due_ms=now_ms() + DAY))

    with Server(tmp_path / "server", pdnb_dir) as server, Home(pdnb_dir, kind="kernel") as home:
        until((pdnb_dir / "settings.json").exists)
        home.reload_settings()
        run, bad = suspended(home), home.store.add(code(dies=dies), None, at_ms=now_ms())
        links = [str(home.link("resume", run)), str(home.link("cancel", run)), str(home.link("resume", bad))]
        assert post(links[0]) == 200
        for link in links:
            post(link)
            post(link + "/")
            post(link.replace("pdnb/", "").replace(".", "%2E") + f"?token={TOKEN}")
        until(lambda: home.store.get(bad.id).status.over)
        until(lambda: home.store.get(run.id).status.over)
        (worker,) = served_by(home, home.store.get(run.id)) - {os.getpid()}
        server.stop()
        log = server.log
        until(lambda: not alive(worker), within_s=10)
    assert "[link]" in log
    assert "pdnb1r…" not in log
    for link in links:
        assert signature(link) not in log
