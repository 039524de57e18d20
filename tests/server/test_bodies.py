"""What callers send to a link: read as what it says it is, or refused with nothing changed and the link still good."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from pdnb.request import MAX_BODY
from pdnb.server import link_bodies
from tests.support.server import Answer, Rig, chunked, parse, send, written

if TYPE_CHECKING:
    from pdnb.model import RunRecord

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def data(rig: Rig, run: RunRecord) -> dict[str, Any]:
    found: dict[str, Any] = rig.home.store.exports(run.id)["approve"]["$resume_data"]
    return found


async def assert_still_good(rig: Rig, run: RunRecord) -> None:
    """State unchanged, link still good."""
    assert rig.now(run) == run
    answer = await rig.request("POST", rig.path("resume", run), JSON, b'"at last"')
    assert answer.status == 200
    assert data(rig, run)["body"] == "at last"


READ: dict[str, tuple[dict[str, str], bytes, Any]] = {
    "json": (JSON, b'{"a": [1, 2.5, null, "\xc3\xa9"]}', {"a": [1, 2.5, None, "é"]}),
    "json with a suffix": ({"Content-Type": "application/vnd.x+json; charset=UTF-8"}, b"[]", []),
    "json in utf-16": ({"Content-Type": 'application/json; charset="utf-16"'}, '{"é": 1}'.encode("utf-16"), {"é": 1}),
    "json null": (JSON, b"null", None),
    "json with a long number": (JSON, b"9" * 3_000, int("9" * 3_000)),
    # of several equal keys the last one counts, as in browsers
    "duplicate keys": (JSON, b'{"decision": "no", "decision": "yes"}', {"decision": "yes"}),
    "form": (FORM, b"a=1&b=x+y&b=%C3%A9&c=", {"a": "1", "b": ["x y", "é"], "c": ""}),
    "form in latin-1": (
        {"Content-Type": "application/x-www-form-urlencoded; charset=iso-8859-1"}, b"a=\xe9", {"a": "é"},
    ),
    "text": ({"Content-Type": "text/plain"}, b'{"no": "json"}', '{"no": "json"}'),
    "text in latin-1": ({"Content-Type": "text/plain; charset=latin-1"}, b"\xe9", "é"),
    "xml": ({"Content-Type": "application/xml"}, b"<a/>", "<a/>"),
    "no type": ({}, b"hello", "hello"),
    "a type that is none": ({"Content-Type": ";;=/,"}, b"hello", "hello"),
    "identity": ({"Content-Encoding": "identity", **JSON}, b"1", 1),
    "nul": ({"Content-Type": "text/plain"}, b"a\0b", "a\0b"),
}  # fmt: skip


async def test_bodies_are_read_as_what_they_say_they_are(rig: Rig) -> None:
    """JSON and form bodies parsed, text as string, no body: key absent."""
    for name, (headers, body, expected) in READ.items():
        run = rig.suspended()
        answer = await rig.request("POST", rig.path("resume", run), headers, body)
        assert answer.status == 200, (name, answer.text)
        assert data(rig, run)["body"] == expected, name


REFUSED: dict[str, tuple[int, dict[str, str], bytes]] = {
    "truncated json": (400, JSON, b'{"a": [1, 2'),
    "no json": (400, JSON, b"secret-thing"),
    "two json values": (400, JSON, b"{} {}"),
    "a form that says it is json": (400, JSON, b"a=1&b=2"),
    "NaN": (400, JSON, b"NaN"),
    "infinity inside": (400, JSON, b'{"a": [-Infinity]}'),
    "a float beyond all floats": (422, JSON, b"1e999"),
    "a number of 5,000 digits": (422, JSON, b"1" * 5_000),
    "lone surrogate": (400, JSON, rb'{"a": "\ud800"}'),
    "lone surrogate as a key": (400, JSON, rb'{"\udfff": 1}'),
    "lists 100,000 deep": (400, JSON, b"[" * 100_000 + b"]" * 100_000),
    "objects 90,000 deep": (400, JSON, b'{"a":' * 90_000),
    "lists 150 deep": (400, JSON, b"[" * 150 + b"]" * 150),
    "a secret as key of something bad": (400, JSON, rb'{"secret-thing": {"secret-thing": "\ud800"}}'),
    "too many fields": (400, FORM, b"a=1&" * 1_001),
    "as many fields as fit": (400, FORM, b"a&" * (MAX_BODY // 2)),
    "json in no utf-8": (415, JSON, b'"\xff"'),
    "text in no utf-8": (415, {"Content-Type": "text/plain"}, b"\xff\xfe"),
    "an unknown charset": (415, {"Content-Type": "text/plain; charset=secret-thing"}, b"x"),
    "a codec that is no charset": (415, {"Content-Type": "text/plain; charset=base64"}, b"eA=="),
    "a charset that lies": (415, {"Content-Type": "application/json; charset=ascii"}, b'"\xc3\xa9"'),
    "a charset with a nul": (415, {"Content-Type": "text/plain; charset*=''%00"}, b"x"),
    "a charset that always fails": (415, {"Content-Type": "text/plain; charset=undefined"}, b"x"),
    "a charset that takes minutes": (415, {"Content-Type": "text/plain; charset=punycode"}, b"a" * MAX_BODY),
    "gzip": (415, {"Content-Encoding": "gzip", **JSON}, gzip.compress(b"{}")),
    "a gzip bomb": (415, {"Content-Encoding": "gzip", **JSON}, gzip.compress(bytes(50_000_000))),
    "gzip on top": (415, {"Content-Encoding": "identity, gzip", **JSON}, gzip.compress(b"{}")),
    "deflate": (415, {"Content-Encoding": "deflate"}, b"x"),
    "a form that is cut short": (
        400, {"Content-Type": "multipart/form-data; boundary=x"},
        b'--x\r\nContent-Disposition: form-data; name="a"; filename="../../secret-thing"\r\n\r\n1\r\n--x',
    ),
    "a form without a boundary": (400, {"Content-Type": "multipart/form-data"}, b"--x\r\n"),
    "another multipart": (415, {"Content-Type": "multipart/mixed; boundary=x"}, b"--x--\r\n"),
}  # fmt: skip


async def test_bodies_that_are_not_what_they_say_change_nothing(rig: Rig) -> None:
    """Undecodable / bad JSON: 415 / 400; state unchanged, link still good … no echo of the input."""
    run, early = rig.suspended(), rig.working()
    for name, (status, headers, body) in REFUSED.items():
        began = time.monotonic()
        for accept in ("text/html", "application/json"):
            for one in (run, early):
                answer = await rig.request("POST", rig.path("resume", one), {"Accept": accept, **headers}, body)
                assert answer.status == status, name
                assert b"secret-thing" not in answer.body, name
                assert b"Traceback" not in answer.body, name
                assert len(answer.body) < 8_000
        assert time.monotonic() - began < 5, name
        assert answer.json()["status"] == "refused"
    assert rig.now(early) == early
    await assert_still_good(rig, run)


async def test_a_query_of_too_many_fields_is_refused(rig: Rig) -> None:
    run = rig.suspended()
    answer = await rig.request("POST", rig.path("resume", run) + "?" + "a&" * 20_000)
    assert answer.status == 400
    await assert_still_good(rig, run)


async def test_the_body_of_a_cancel_is_not_looked_at(rig: Rig) -> None:
    run = rig.suspended()
    assert (await rig.request("POST", rig.path("cancel", run), JSON, b"{broken")).status == 200


# ---- size ---------------------------------------------------------------------------------------------------------


async def test_512_kb_pass_declared_and_chunked(rig: Rig) -> None:
    """Up to 512 KB parsed."""
    body = b"x" * MAX_BODY
    declared, in_chunks, in_bytes = rig.suspended(), rig.suspended(), rig.suspended()
    assert (await rig.request("POST", rig.path("resume", declared), None, body)).status == 200
    for run, raw in ((in_chunks, chunked(body[:300_000], body[300_000:])), (in_bytes, chunked(*[b"x"] * 5_000))):
        request = written("POST", rig.path("resume", run), {"Transfer-Encoding": "chunked"})
        assert parse(await send(rig.port, request, raw)).status == 200
    assert [len(data(rig, run)["body"]) for run in (declared, in_chunks, in_bytes)] == [MAX_BODY, MAX_BODY, 5_000]


@pytest.mark.parametrize("size", [MAX_BODY + 1, 3_000_000, 30_000_000])
async def test_a_body_above_512_kb_is_413_declared_and_chunked(rig: Rig, size: int) -> None:
    """Above: 413, still suspended … link still good."""
    run, early = rig.suspended(), rig.working()
    pieces = [b"x" * 60_000] * (size // 60_000) + [b"x" * (size % 60_000)]
    for one in (run, early):
        for head, rest in (
            ({"Content-Length": str(size)}, b"".join(pieces)),
            ({"Transfer-Encoding": "chunked"}, chunked(*pieces)),
        ):
            answer = parse(await send(rig.port, written("POST", rig.path("resume", one), head), rest))
            assert answer.status == 413
            assert answer.header("cache-control") == "no-store"
            assert answer.json()["status"] == "refused"
    assert rig.now(early) == early
    await assert_still_good(rig, run)


async def test_a_get_that_carries_too_much_never_acts(rig: Rig) -> None:
    run = rig.suspended(confirm=False)
    for size in (MAX_BODY + 1, 9_000_000):
        answer = parse(await send(rig.port, written("GET", rig.path("resume", run), None, b"x" * size)))
        assert answer.status == 413
    assert rig.now(run) == run


async def test_a_plain_client_that_listens_only_after_it_has_spoken_hears_the_413(rig: Rig) -> None:
    run = rig.suspended()

    def client(size: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=10)
        connection.request("POST", rig.path("resume", run), b"x" * size, JSON)
        status = connection.getresponse().status
        connection.close()
        return status

    for size in (MAX_BODY + 1, 2_000_000):
        assert await asyncio.to_thread(client, size) == 413
    await assert_still_good(rig, run)


async def test_a_caller_that_asks_before_it_sends_is_refused_before_it_sends(rig: Rig) -> None:
    run = rig.suspended()
    headers = {"Expect": "100-continue", "Content-Length": str(MAX_BODY + 1)}
    raw = await send(rig.port, written("POST", rig.path("resume", run), headers))
    assert raw.startswith(b"HTTP/1.1 413 ")
    await assert_still_good(rig, run)


async def test_a_caller_that_asks_before_it_sends_is_let_in(rig: Rig) -> None:
    run = rig.suspended()
    headers = {"Expect": "100-continue", "Content-Length": "2", **JSON}
    raw = await send(rig.port, written("POST", rig.path("resume", run), headers), b"42")
    assert raw.startswith(b"HTTP/1.1 100 ")
    assert parse(raw).status == 200
    assert data(rig, run)["body"] == 42


# ---- bodies that do not come, or not as announced -------------------------------------------------------------------


async def test_a_stalled_body_is_closed_in_time_and_nothing_has_changed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow (body up to 512 KB: 15 s): closed; state unchanged, link still good."""
    assert link_bodies.BODY_S == 15
    monkeypatch.setattr(link_bodies, "BODY_S", 0.2)
    run = rig.suspended()
    path = rig.path("resume", run)
    stalled = (
        (written("POST", path, {"Content-Length": "10"}), b"12345"),
        (written("POST", path, {"Content-Length": str(MAX_BODY * 4)}), b"12345"),
        (written("POST", path, {"Transfer-Encoding": "chunked"}), b"5\r\n12345\r\n"),
        (written("POST", path, {"Transfer-Encoding": "chunked"}), b"ffff"),
        (written("POST", path + "/", {"Content-Length": "10"}), b"12345"),
    )
    began = time.monotonic()
    assert await asyncio.gather(*(send(rig.port, *pieces) for pieces in stalled)) == [b""] * len(stalled)
    assert 0.2 <= time.monotonic() - began < 5
    monkeypatch.undo()
    await assert_still_good(rig, run)


async def test_many_stalled_bodies_do_not_delay_a_normal_resume(rig: Rig) -> None:
    run = rig.suspended()
    stalled = [
        asyncio.create_task(send(rig.port, written("POST", rig.path("resume", run), {"Content-Length": "10"}), b"1"))
        for _ in range(100)
    ]
    await asyncio.sleep(0)
    began = time.monotonic()
    await assert_still_good(rig, run)
    assert time.monotonic() - began < 5
    for task in stalled:
        task.cancel()
    await asyncio.gather(*stalled, return_exceptions=True)


async def test_a_caller_that_leaves_before_its_body_is_complete_has_not_acted(rig: Rig) -> None:
    run = rig.suspended()
    for _ in range(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        writer.write(written("POST", rig.path("resume", run), {"Content-Length": "100"}) + b"[1, 2")
        await writer.drain()
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    await assert_still_good(rig, run)


LENGTHS = ("abc", "-1", "+5", "1e3", "5, 6", "0x5", "9" * 30, "9" * 5_000, "", "5 5")


async def test_a_length_that_is_none_acts_on_nothing_and_breaks_nothing(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    run = rig.suspended()
    for length in LENGTHS:
        raw = await send(rig.port, written("POST", rig.path("resume", run), {"Content-Length": length}), b"12345")
        assert parse(raw).status in (400, 413), length
    both = {"Content-Length": "5", "Transfer-Encoding": "chunked"}
    for headers in (both, {"Transfer-Encoding": "gzip"}, {"Transfer-Encoding": "chunked, chunked"}):
        raw = await send(rig.port, written("POST", rig.path("resume", run), headers), b"12345")
        assert not raw or parse(raw).status == 400
    for body in (b"zz\r\n", b"-5\r\n12345\r\n0\r\n\r\n", b"5\r\n12345678\r\n0\r\n\r\n"):
        raw = await send(rig.port, written("POST", rig.path("resume", run), {"Transfer-Encoding": "chunked"}), body)
        assert not raw or parse(raw).status == 400
    assert not [record for record in caplog.records if "Uncaught" in record.getMessage()]
    await assert_still_good(rig, run)


async def test_the_same_post_twice_on_one_connection_acts_once(rig: Rig) -> None:
    run = rig.suspended()
    twice = written("POST", rig.path("resume", run), {"Connection": "keep-alive", **JSON}, b"1")
    raw = await send(rig.port, twice + twice + written("HEAD", rig.path("resume", run)))
    assert re.findall(rb"HTTP/1.1 (\d+) ", raw) == [b"200", b"409", b"409"]


async def test_resume_data_is_the_winners_and_comes_back_unchanged(rig: Rig) -> None:
    """Resume data: the winner's, unchanged."""
    run, value = rig.suspended(), {"<b>": ["</script>", "{{7*7}}", "${x}", "'; DROP TABLE Cache;--", "é\n\t\0"]}
    await rig.request("POST", rig.path("resume", run), JSON, json.dumps(value).encode())
    loser: Answer = await rig.request("POST", rig.path("resume", run), JSON, b'"loser"')
    assert loser.status == 409
    assert data(rig, run)["body"] == value
