"""Large bodies and files sent to a link: byte for byte on disk, for the winner only, and nothing left of the others."""

from __future__ import annotations

import asyncio
import codecs
import os
import secrets
import stat
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.errors import StoreUnavailable
from pdnb.model import Returned, Status
from pdnb.request import MAX_BODY, BadBody, by_name
from pdnb.server import link_bodies, uploads
from pdnb.server.link_handlers import LinkHandler
from pdnb.server.multipart import FormUpload
from pdnb.server.service import MAX_UPLOAD
from pdnb.server.upload_files import RunFiles
from tests.support.server import Answer, Rig, chunked, eventually, parse, send, written

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pdnb.model import Event, RunRecord

FLAG = "?pipedream_upload_body=1"
HEADER = {"x-pd-upload-body": "1"}
FORM = {"Content-Type": "multipart/form-data; boundary=XX"}


def part(disposition: str | bytes, content: bytes, *more: str) -> bytes:
    """One part of a form, with the boundary before it; *more* are further header lines."""
    named = disposition if isinstance(disposition, bytes) else disposition.encode()
    lines = [b"Content-Disposition: form-data; " + named, *(line.encode() for line in more)]
    return b"--XX\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--XX--\r\n"


def body_of(rig: Rig, run: RunRecord) -> Any:
    """What the step's exports hold of the request's body."""
    return rig.home.store.exports(run.id)["approve"]["$resume_data"]["body"]


async def sweep(rig: Rig) -> None:
    """What the server does when it becomes the leader, a minute from now."""
    named = rig.service._named_files
    await rig.service.call(uploads.remove_unnamed, rig.home.directory, named, before_s=time.time() + 60)


def kept(rig: Rig) -> list[Path]:
    """Every file that stands below the uploads' directory."""
    return sorted(path for path in (rig.home.directory / "uploads").rglob("*") if path.is_file())


def content(found: dict[str, str]) -> bytes:
    """What the file holds that an event's body names."""
    return Path(found["path"]).read_bytes()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def beside_uploads(place: Path) -> set[Path]:
    """Every file below *place* that is no upload; the store's own come and go."""
    found = {path for path in place.rglob("*") if "uploads" not in path.parts}
    return {path for path in found if path.suffix not in (".db-journal", ".lock")}


async def put(rig: Rig, run: RunRecord, body: bytes, headers: dict[str, str] | None = None, query: str = "") -> Answer:
    return await rig.request("POST", rig.path("resume", run) + query, headers, body)


async def assert_still_good(rig: Rig, run: RunRecord) -> None:
    """Nothing left on disk, nothing changed, and the link takes another upload."""
    await eventually(lambda: not kept(rig))
    assert list((rig.home.directory / "uploads").glob("*")) == []
    assert rig.now(run) == run
    assert (await put(rig, run, b"at last", HEADER)).status == 200
    assert content(body_of(rig, run)) == b"at last"


@asynccontextmanager
async def begun(
    rig: Rig, run: RunRecord, headers: dict[str, str], *pieces: bytes, query: str = ""
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """An upload that has reached the disk and goes on as its caller says."""
    before = len(kept(rig))
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(written("POST", rig.path("resume", run) + query, headers) + b"".join(pieces))
    await writer.drain()
    await eventually(lambda: len(kept(rig)) > before)
    yield reader, writer
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


# ---- the raw body ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("headers", "query"), [({}, FLAG), ({}, "?a=b&pipedream_upload_body=1"), (HEADER, "")])
async def test_a_flag_brings_the_raw_bytes_to_a_file(rig: Rig, headers: dict[str, str], query: str) -> None:
    """`?pipedream_upload_body=1` or header `x-pd-upload-body: 1`: the raw bytes are streamed to a file."""
    sent = secrets.token_bytes(700_001)
    declared, in_chunks = rig.suspended(), rig.suspended()
    assert (await put(rig, declared, sent, {"Content-Type": "application/json", **headers}, query)).status == 200
    request = written("POST", rig.path("resume", in_chunks) + query, {"Transfer-Encoding": "chunked", **headers})
    raw = chunked(*(sent[at : at + 9_999] for at in range(0, len(sent), 9_999)))
    assert parse(await send(rig.port, request, raw)).status == 200
    for run in (declared, in_chunks):
        assert rig.status(run) is Status.QUEUED
        body = body_of(rig, run)
        assert body.keys() == {"raw_body_url", "path"}
        path = Path(body["path"])
        assert content(body) == sent
        assert body["raw_body_url"] == path.as_uri()
        assert url2pathname(urlsplit(body["raw_body_url"]).path) == body["path"]
        assert path.parent == rig.home.directory / "uploads" / run.id
        assert mode(path) == 0o600
        assert mode(path.parent) == 0o700


async def test_a_flag_takes_the_bytes_of_anything_as_they_are(rig: Rig) -> None:
    """The raw bytes, whatever they say they are."""
    for headers, sent in (
        (FORM, form(part('name="a"', b"1"))),
        ({"Content-Type": "application/json"}, b"{broken"),
        ({"Content-Encoding": "gzip"}, b"\x1f\x8b no gzip"),
        ({"Content-Type": "text/plain; charset=no-such"}, b"\xff\0"),
    ):
        run = rig.suspended()
        assert (await put(rig, run, sent, {**headers, **HEADER})).status == 200
        assert content(body_of(rig, run)) == sent


@pytest.mark.parametrize("flag", ["?pipedream_upload_body=0", "?pipedream_upload_body=", "?upload_body=1"])
async def test_another_value_is_no_flag(rig: Rig, flag: str) -> None:
    run = rig.suspended()
    assert (await put(rig, run, b"hello", {"x-pd-upload-body": "0"}, flag)).status == 200
    assert body_of(rig, run) == "hello"
    assert not kept(rig)


async def test_every_verb_that_acts_uploads_and_the_others_make_no_file(rig: Rig) -> None:
    for verb in ("POST", "PUT", "PATCH", "DELETE"):
        run = rig.suspended()
        assert (await rig.request(verb, rig.path("resume", run) + FLAG, {}, verb.encode())).status == 200
        assert content(body_of(rig, run)) == verb.encode()
    before, run = kept(rig), rig.suspended(confirm=False)
    for verb in ("GET", "HEAD", "OPTIONS"):
        await rig.request(verb, rig.path("resume", run) + FLAG, HEADER, b"x" * 10)
        assert kept(rig) == before
    assert (await rig.request("POST", rig.path("cancel", rig.suspended()) + FLAG, HEADER, b"why")).status == 200
    assert kept(rig) == before


async def test_an_upload_wakes_a_rerun_with_its_body(rig: Rig) -> None:
    """Rerun: the same step at once, with `run["callback_request"]`."""
    run = rig.sleeping("rerun")
    assert (await put(rig, run, b"result", HEADER)).status == 200
    asked = rig.home.store.rerun_input(rig.now(run))
    assert asked is not None
    assert asked.request is not None
    assert content(asked.request["body"]) == b"result"
    assert asked.request["headers"]["x-pd-upload-body"] == "1"


async def test_a_caller_that_asks_before_it_sends_is_let_in(rig: Rig) -> None:
    run = rig.suspended()
    head = written("POST", rig.path("resume", run), {**HEADER, "Expect": "100-continue", "Content-Length": "2"})
    raw = await send(rig.port, head, b"42")
    assert raw.startswith(b"HTTP/1.1 100 ")
    assert parse(raw).status == 200


# ---- forms with files -----------------------------------------------------------------------------------------------


async def test_a_form_brings_fields_as_text_and_files_as_files(rig: Rig) -> None:
    """A multipart file part becomes `{"filename", "mimetype", "url", "path"}`."""
    pdf, run = secrets.token_bytes(10_000), rig.suspended()
    sent = form(
        part('name="decision"', "schön".encode()),
        part('name="empty"', b""),
        part('name="report"; filename="Bericht ü.pdf"', pdf, "Content-Type: application/pdf"),
        part('name="plain"; filename="a;b.txt"', b"--X\r\n--XY\r\n"),
        part('name="none"; filename=""', b"", "Content-Type: application/octet-stream"),
    )
    assert (await put(rig, run, sent, FORM)).status == 200
    body = body_of(rig, run)
    assert (body["decision"], body["empty"]) == ("schön", "")
    report, plain = body["report"], body["plain"]
    assert "none" not in body  # an input for a file in which none was chosen
    assert report.keys() == plain.keys() == {"filename", "mimetype", "url", "path"}
    assert (report["filename"], report["mimetype"]) == ("Bericht ü.pdf", "application/pdf")
    assert (plain["filename"], plain["mimetype"]) == ("a;b.txt", "application/octet-stream")
    for found, expected in ((report, pdf), (plain, b"--X\r\n--XY\r\n")):
        path = Path(found["path"])
        assert content(found) == expected
        assert found["url"] == path.as_uri()
        assert path.parent == rig.home.directory / "uploads" / run.id
        assert mode(path) == 0o600


async def test_a_form_with_files_is_read_as_real_senders_write_it(rig: Rig) -> None:
    """Marks and brackets are no part of a name; an empty input for a file is absent, an empty file is there."""
    run = rig.suspended()
    sent = codecs.BOM_UTF8 + form(
        part('name="\ufeffdecision"', b"yes"),
        part('name="tags[]"', b"a"),
        part('name="files[]"; filename=""', b"", "Content-Type: application/octet-stream"),
        part('name="tags"', b"b"),
        part('name="unnamed"; filename=""', b"x"),
        part('name="hollow"; filename="a.txt"', b""),
    )
    answer = await put(rig, run, sent, {**FORM, "Content-Encoding": "utf-8"})
    assert answer.status == 200
    body = body_of(rig, run)
    assert (body["decision"], body["tags"], "files" in body) == ("yes", ["a", "b"], False)
    assert (body["unnamed"]["filename"], content(body["unnamed"])) == ("", b"x")
    assert (body["hollow"]["filename"], content(body["hollow"])) == ("a.txt", b"")


async def test_a_form_with_files_that_is_blank_is_no_body(rig: Rig) -> None:
    for sent in (b"", b"\r\n", codecs.BOM_UTF8, codecs.BOM_UTF8 + b"\r\n "):
        run = rig.suspended()
        assert (await put(rig, run, sent, FORM)).status == 200
        assert "body" not in rig.home.store.exports(run.id)["approve"]["$resume_data"]


async def test_a_form_with_files_that_is_compressed_is_refused(rig: Rig) -> None:
    run = rig.suspended()
    assert (await put(rig, run, form(part('name="a"', b"1")), {**FORM, "Content-Encoding": "gzip"})).status == 415
    await assert_still_good(rig, run)


marks = st.sampled_from(["", "\ufeff"])


@given(st.lists(st.tuples(st.text("ab.", min_size=1, max_size=3), st.text(max_size=4)), max_size=5), st.data())
def test_one_form_with_files_in_any_spelling_and_in_any_pieces_is_one_body(
    pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    parts = [
        part(f'name="{data.draw(marks)}{name}{data.draw(st.sampled_from(["", "[]"]))}"', value.encode())
        for name, value in pairs
    ]
    empty = part('name="none"; filename=""', b"")
    for place in data.draw(st.lists(st.integers(0, len(parts)), max_size=2)):
        parts.insert(place, empty)
    sent = data.draw(st.sampled_from([b"", codecs.BOM_UTF8])) + form(*parts)
    upload = FormUpload(RunFiles(Path("/nowhere"), "run"), FORM["Content-Type"])
    cuts = sorted(data.draw(st.lists(st.integers(0, min(60, len(sent))), max_size=5)))
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        upload.write(sent[start:end])
    assert upload.close() == by_name(pairs)


NAMES = ("../../evil", "/etc/passwd", "..", "a/b/c.txt", "%2e%2e%2fevil", "~/evil", "C:evil.exe", "a:b|c?", "é" * 300)


async def test_a_name_never_becomes_a_path(rig: Rig, tmp_path: Path) -> None:
    """Multipart with … `../` names."""
    run, before = rig.suspended(), beside_uploads(tmp_path)
    files = [
        part(f'name="{name}"; filename="{name}"', b"x")
        for name in (*NAMES, "C:\\evil.exe", "\\\\host\\evil", "..\\evil")
    ]
    assert (await put(rig, run, form(*files), FORM)).status == 200
    body = body_of(rig, run)
    assert [name for name in body if "\\" not in name] == list(NAMES)
    assert [found["filename"] for found in body.values()][: len(NAMES)] == list(NAMES)  # as data: what was sent
    assert {Path(found["path"]).parent for found in body.values()} == {rig.home.directory / "uploads" / run.id}
    assert len({found["path"] for found in body.values()}) == len(kept(rig)) == len(NAMES) + 3
    assert beside_uploads(tmp_path) == before


async def test_a_name_that_comes_twice_holds_a_list(rig: Rig) -> None:
    run = rig.suspended()
    sent = form(
        part('name="f"; filename="1"', b"one"), part('name="f"', b"two"), part('name="f"; filename="3"', b"three")
    )
    assert (await put(rig, run, sent, FORM)).status == 200
    first, second, third = body_of(rig, run)["f"]
    assert content(first) == b"one"
    assert second == "two"
    assert content(third) == b"three"


async def test_200_parts_pass_and_201_are_refused(rig: Rig) -> None:
    """Multipart with 200 parts."""
    parts = [part(f'name="f{i}"; filename="{i}"', str(i).encode()) for i in range(201)]
    passes, run = rig.suspended(), rig.suspended()
    assert (await put(rig, run, form(*parts), FORM)).status == 400
    await assert_still_good(rig, run)
    assert (await put(rig, passes, form(*parts[:200]), FORM)).status == 200
    assert [int(content(body_of(rig, passes)[f"f{i}"])) for i in range(200)] == list(range(200))


FILE = part('name="a"; filename="secret-thing"', b"1")
REFUSED: dict[str, tuple[int, dict[str, str], bytes]] = {
    "no boundary": (400, {"Content-Type": "multipart/form-data"}, form(FILE)),
    "an empty boundary": (400, {"Content-Type": "multipart/form-data; boundary="}, form(FILE)),
    "an endless boundary": (400, {"Content-Type": "multipart/form-data; boundary=" + "x" * 5_000}, form(FILE)),
    "another boundary": (400, {"Content-Type": "multipart/form-data; boundary=YY"}, form(FILE)),
    "no form": (400, FORM, b'{"secret-thing": 1}'),
    "cut short in a header": (400, FORM, b"--XX\r\nContent-Dispo"),
    "cut short in a file": (400, FORM, FILE + part('name="b"; filename="b"', b"secret-thing")[:-4]),
    "cut short before its end": (400, FORM, FILE),
    "cut short within its end": (400, FORM, form(FILE)[:-3]),
    "a header of 100 KB": (400, FORM, form(part('name="a"; filename="b"', b"1", "X-Long: " + "x" * 100_000))),
    "10,000 headers": (400, FORM, form(part('name="a"', b"1", *(f"X-{i}: 1" for i in range(10_000))))),
    "a part without headers": (400, FORM, b"--XX\r\n\r\n1\r\n--XX--\r\n"),
    "a part without a name": (400, FORM, form(FILE, part('filename="secret-thing"', b"1"))),
    "a name that is no UTF-8": (415, FORM, form(FILE, part(b'name="\xff"', b"1"))),
    "a file's name that is no UTF-8": (415, FORM, form(FILE, part(b'name="a"; filename="\xff.txt"', b"1"))),
    "a field that is no UTF-8": (415, FORM, form(FILE, part('name="b"', b"\xff"))),
    "a field above 512 KB": (413, FORM, form(FILE, part('name="b"', b"x" * (MAX_BODY + 1)))),
    "fields above 512 KB together": (
        413, FORM, form(FILE, *(part(f'name="{i}"', b"x" * (MAX_BODY // 10)) for i in range(11))),
    ),
}  # fmt: skip


async def test_a_form_that_cannot_be_read_changes_nothing_and_leaves_nothing(rig: Rig) -> None:
    run = rig.suspended()
    for name, (status, headers, sent) in REFUSED.items():
        for accept in ("application/json", "text/html"):
            answer = await put(rig, run, sent, {**headers, "Accept": accept})
            assert answer.status == status, (name, answer.text)
            for hidden in (b"secret-thing", b"Traceback", str(rig.home.directory).encode()):
                assert hidden not in answer.body, name
        await eventually(lambda: not kept(rig))
        assert rig.now(run) == run, name
    await assert_still_good(rig, run)


async def test_fields_of_512_kb_together_pass(rig: Rig) -> None:
    run = rig.suspended()
    sent = form(*(part(f'name="f{i}"', b"x" * (MAX_BODY // 8)) for i in range(8)))
    assert (await put(rig, run, sent, FORM)).status == 200
    assert sum(map(len, body_of(rig, run).values())) == MAX_BODY


def test_a_form_is_read_the_same_wherever_it_is_split(tmp_path: Path) -> None:
    """A boundary, a header, an end: each may come in two pieces."""
    file = b"\r\n--X\r\n--YX-not\r\r\n--X"
    sent = form(part('name="a"', b"field"), part('name="f"; filename="f"', file, "Content-Type: a/b"))
    for pieces in [(sent[:at], sent[at:]) for at in range(len(sent))] + [tuple(bytes([byte]) for byte in sent)]:
        upload = FormUpload(RunFiles(tmp_path, "run"), FORM["Content-Type"])
        for piece in pieces:
            upload.write(piece)
        found = upload.close()
        assert found["a"] == "field"
        assert content(found["f"]) == file
        upload.discard()
    assert list((tmp_path / "uploads").iterdir()) == []


async def test_a_form_in_chunks_of_a_byte_arrives(rig: Rig) -> None:
    run = rig.suspended()
    sent = form(part('name="a"', b"field"), part('name="f"; filename="f"', b"\r\n--X"))
    request = written("POST", rig.path("resume", run), {**FORM, "Transfer-Encoding": "chunked"})
    assert parse(await send(rig.port, request, chunked(*(bytes([byte]) for byte in sent)))).status == 200
    assert content(body_of(rig, run)["f"]) == b"\r\n--X"


async def test_a_file_of_20_mb_arrives_byte_for_byte(rig: Rig) -> None:
    big, run = (
        secrets.token_bytes(10_000_000) + b"\r\n--X\r\n--YX" + secrets.token_bytes(10_000_000),
        rig.suspended(),
    )
    sent = form(part('name="f"; filename="big"', big), part('name="last"', b"1"))
    assert (await put(rig, run, sent, FORM)).status == 200
    assert content(body_of(rig, run)["f"]) == big
    assert body_of(rig, run)["last"] == "1"


# ---- the link is looked at before the body is read ------------------------------------------------------------------


@pytest.mark.parametrize("headers", [HEADER, FORM])
async def test_token_and_state_are_looked_at_before_the_body_is_read(rig: Rig, headers: dict[str, str]) -> None:
    """Uploads: token and state are checked before the body is read. None of it is ever sent here."""
    resumed, cancelled = rig.suspended(), rig.suspended()
    await rig.request("POST", rig.path("resume", resumed))
    await rig.request("POST", rig.path("cancel", cancelled))
    resume = rig.path("resume", rig.suspended())
    for status, path in (
        (404, f"{rig.base}pdnb/resume/nonsense"),
        (404, f"{rig.base}pdnb/resume/"),
        (404, resume[:-1]),
        (404, resume + "/"),
        (404, resume.replace("pdnb1r", "pdnb1c")),
        (409, rig.path("resume", resumed)),
        (410, rig.path("resume", cancelled)),
    ):
        for length in ({"Content-Length": "100000000"}, {"Transfer-Encoding": "chunked"}):
            began = time.monotonic()
            answer = parse(await send(rig.port, written("POST", path, {**headers, **length})))
            assert answer.status == status, path
            assert answer.header("connection") == "close"
            assert time.monotonic() - began < 5
    assert not kept(rig)
    await eventually(lambda: rig.service.uploading == set())


async def test_the_second_upload_to_a_link_is_503_and_the_first_goes_on(rig: Rig) -> None:
    """One upload per link at a time (others 503)."""
    run, other = rig.suspended(), rig.suspended()
    async with begun(rig, run, {**HEADER, "Content-Length": "10"}, b"12345") as (reader, writer):
        for _ in range(2):  # the one that was refused does not make room for the next
            answer = parse(await send(rig.port, written("POST", rig.path("resume", run), {**FORM, **HEADER}, b"x")))
            assert answer.status == 503
            assert answer.header("retry-after") == "5"
        assert (await put(rig, other, b"another link", HEADER)).status == 200
        writer.write(b"67890")
        assert parse(await reader.read()).status == 200
    assert content(body_of(rig, run)) == b"1234567890"
    await eventually(lambda: rig.service.uploading == set())


# ---- too large, too slow, gone --------------------------------------------------------------------------------------


async def test_the_largest_upload_is_5_gb_unless_configured(rig: Rig) -> None:
    """`max_upload` 5 GB."""
    assert rig.service.max_upload == MAX_UPLOAD == 5 * 1024**3
    run = rig.suspended()
    head = written("POST", rig.path("resume", run), {**HEADER, "Content-Length": str(MAX_UPLOAD + 1)})
    assert parse(await send(rig.port, head)).status == 413
    head = written("POST", rig.path("resume", run), {**HEADER, "Content-Length": "9" * 30})
    assert parse(await send(rig.port, head)).status in (400, 413)
    await assert_still_good(rig, run)


@pytest.mark.parametrize("headers", [HEADER, FORM])
async def test_more_than_max_upload_is_413_declared_and_chunked(rig: Rig, headers: dict[str, str]) -> None:
    rig.service.max_upload = 1_000_000
    run = rig.suspended()
    overhead = len(form(part('name="f"; filename="f"', b"")))
    for size, status in ((1_000_001, 413), (3_000_000, 413), (1_000_000, 200)):
        sent = b"x" * size if headers is HEADER else form(part('name="f"; filename="f"', b"x" * (size - overhead)))
        assert len(sent) == size
        for how in ("declared", "chunked") if status == 413 else ("chunked",):
            head = {"Content-Length": str(size)} if how == "declared" else {"Transfer-Encoding": "chunked"}
            raw = [sent] if how == "declared" else [chunked(sent[:500_000], sent[500_000:])]
            answer = parse(await send(rig.port, written("POST", rig.path("resume", run), {**headers, **head}), *raw))
            assert answer.status == status, (size, how)
            if status == 413:
                assert answer.json()["message"] == "the body is larger than 1000000 bytes; nothing changed"
                await eventually(lambda: not kept(rig))
                assert rig.now(run) == run
    assert [path.stat().st_size for path in kept(rig)] == [1_000_000 if headers is HEADER else 1_000_000 - overhead]


@pytest.mark.parametrize("length", [{"Content-Length": "5000000000"}, {"Transfer-Encoding": "chunked"}])
async def test_an_upload_that_stalls_is_closed_and_its_files_are_gone(
    rig: Rig, length: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least 64 KB/s on average, also of one that would have time for 5 GB."""
    assert (link_bodies.BODY_S, link_bodies._MIN_SPEED) == (15, 64 * 1024)
    monkeypatch.setattr(link_bodies, "BODY_S", 0.2)
    run = rig.suspended()
    sent = form(FILE)[:-10]
    piece = sent if "Content-Length" in length else b"%x\r\n%b\r\n" % (len(sent), sent)
    began = time.monotonic()
    for headers in (HEADER, FORM):
        async with begun(rig, run, {**headers, **length}, piece) as (reader, _):
            assert await reader.read() == b""
    assert 0.4 <= time.monotonic() - began < 5
    monkeypatch.undo()
    await assert_still_good(rig, run)


async def test_an_upload_that_trickles_is_closed_and_a_fast_one_has_its_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On average: what came fast at first may pause."""
    monkeypatch.setattr(link_bodies, "BODY_S", 0.1)
    monkeypatch.setattr(link_bodies, "_MIN_SPEED", 2_000)
    run, patient = rig.suspended(), rig.suspended()
    async with begun(rig, patient, {**HEADER, "Content-Length": "100001"}, b"x" * 100_000) as (heard, fast):
        async with begun(rig, run, {**HEADER, "Content-Length": "100000"}, b"x") as (reader, writer):
            began, closed = time.monotonic(), asyncio.create_task(reader.read())
            while not closed.done():
                writer.write(b"x")
                assert time.monotonic() - began < 10
                await asyncio.wait([closed], timeout=0.01)
            assert closed.exception() is not None or closed.result() == b""
        await eventually(lambda: time.monotonic() - began > 0.3)
        fast.write(b"!")
        assert parse(await heard.read()).status == 200
    assert len(content(body_of(rig, patient))) == 100_001
    assert [path.parent.name for path in kept(rig)] == [patient.id]
    monkeypatch.undo()
    assert rig.now(run) == run
    assert (await put(rig, run, b"again", HEADER)).status == 200


@pytest.mark.parametrize("headers", [HEADER, FORM])
async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(rig: Rig, headers: dict[str, str]) -> None:
    run, sent = rig.suspended(), form(FILE, part('name="b"; filename="b"', b"x" * 100_000))[:-50_000]
    for length in ({"Content-Length": "1000000"}, {"Transfer-Encoding": "chunked"}):
        piece = sent if "Content-Length" in length else b"%x\r\n%b\r\n" % (len(sent), sent)
        for reset in (False, True):
            async with begun(rig, run, {**headers, **length}, piece) as (_, writer):
                if reset:
                    writer.transport.abort()
            await eventually(lambda: not kept(rig))
            assert rig.now(run) == run
    await assert_still_good(rig, run)


async def test_a_client_that_leaves_before_it_hears_the_answer_has_acted(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its body was whole: the run goes on with it, so its file has to be there."""
    run, left, apply, close = (
        rig.suspended(),
        asyncio.Event(),
        rig.service.apply,
        LinkHandler.on_connection_close,
    )

    async def held(run_id: str, event: Event) -> RunRecord:
        await left.wait()
        return await apply(run_id, event)

    def closed(handler: LinkHandler) -> None:
        close(handler)
        left.set()

    monkeypatch.setattr(rig.service, "apply", held)
    monkeypatch.setattr(LinkHandler, "on_connection_close", closed)
    async with begun(rig, run, {**HEADER, "Content-Length": "5"}, b"whole"):
        pass
    await eventually(lambda: rig.status(run) is Status.QUEUED)
    await eventually(lambda: rig.service.uploading == set())
    assert content(body_of(rig, run)) == b"whole"


async def test_no_task_is_left_behind_by_uploads_that_failed(rig: Rig) -> None:
    run, before = rig.suspended(), asyncio.all_tasks()
    async with begun(rig, run, {**HEADER, "Content-Length": "10"}, b"12345"):
        pass
    head = written("POST", rig.path("resume", run), {"Transfer-Encoding": "chunked"})
    assert parse(await send(rig.port, head, chunked(b"x" * 20_000_000))).status == 413
    await eventually(lambda: {t for t in asyncio.all_tasks() - before if "_execute" in repr(t)} == set())
    await assert_still_good(rig, run)


# ---- losers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("purpose", "status"), [("resume", 409), ("cancel", 410)])
async def test_the_files_of_a_loser_go_at_once(rig: Rig, purpose: Any, status: int) -> None:
    """Files of losers and orphans go at once."""
    for headers, sent in ((HEADER, b"x" * 100_000), (FORM, form(FILE))):
        run = rig.suspended()
        head = {**headers, "Content-Length": str(len(sent))}
        async with begun(rig, run, head, sent[:-1]) as (reader, writer):
            assert (await rig.request("POST", rig.path(purpose, run), {}, b"winner")).status == 200
            decided = rig.now(run)
            writer.write(sent[-1:])
            assert parse(await reader.read()).status == status
        assert not kept(rig)
        assert rig.now(run) == decided
        if purpose == "resume":
            assert body_of(rig, run) == "winner"


async def test_the_files_of_a_loser_go_and_the_winners_stay(rig: Rig) -> None:
    """Two uploads to one link, the second over another server of the same store."""
    run = rig.suspended()
    async with begun(rig, run, {**HEADER, "Content-Length": "10"}, b"loser") as (reader, writer):
        rig.service.uploading.clear()  # another server does not know of this one's uploads
        assert (await put(rig, run, b"winner", HEADER)).status == 200
        writer.write(b"loser")
        assert parse(await reader.read()).status == 409
    assert [path.read_bytes() for path in kept(rig)] == [b"winner"]
    assert kept(rig) == [Path(body_of(rig, run)["path"])]


# ---- a disk that is full, a store that is busy ----------------------------------------------------------------------


def fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the disk has room for names only."""
    new = RunFiles.new

    def full(place: RunFiles) -> tuple[Path, IO[bytes]]:
        path, file = new(place)
        file.close()
        return path, Path("/dev/full").open("wb")

    monkeypatch.setattr(RunFiles, "new", full)


@pytest.mark.parametrize("size", [10, 1_000_000], ids=["at the end", "in the middle"])
@pytest.mark.parametrize("headers", [HEADER, FORM])
async def test_a_full_disk_is_503_and_the_link_stays_good(
    rig: Rig, headers: dict[str, str], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Store not available: 503 with `Retry-After`; state unchanged, link still good."""
    run = rig.suspended()
    fill(monkeypatch)
    sent = b"x" * size
    answer = await put(rig, run, sent if headers is HEADER else form(part('name="f"; filename="f"', sent)), headers)
    assert answer.status == 503
    assert answer.header("retry-after") == "5"
    monkeypatch.undo()
    await assert_still_good(rig, run)


@pytest.mark.parametrize("headers", [HEADER, FORM])
def test_a_full_disk_does_not_keep_the_files_of_an_upload_that_it_broke(
    headers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing a file writes what was left to write, and fails once more."""
    fill(monkeypatch)
    upload = uploads.begin(tmp_path, "run", "", {name.title(): value for name, value in headers.items()})
    upload.write(part('name="f"; filename="f"', b"x")[:-2])
    with pytest.raises(OSError, match="No space left"):
        upload.write(b"x" * 1_000_000)
    upload.discard()
    assert list((tmp_path / "uploads").iterdir()) == []


async def test_a_place_that_cannot_be_made_is_503(rig: Rig) -> None:
    run = rig.suspended()
    (rig.home.directory / "uploads").write_text("a file where a directory should be")
    assert (await put(rig, run, b"x", HEADER)).status == 503
    (rig.home.directory / "uploads").unlink()
    await assert_still_good(rig, run)


async def test_a_store_that_is_locked_is_503_and_the_files_are_gone(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    run = rig.suspended()

    async def locked(run_id: str, event: Event) -> RunRecord:
        raise StoreUnavailable("locked")

    monkeypatch.setattr(rig.service, "apply", locked)
    assert (await put(rig, run, b"x", HEADER)).status == 503
    monkeypatch.undo()
    await assert_still_good(rig, run)


# ---- early ----------------------------------------------------------------------------------------------------------


async def test_an_upload_that_comes_early_is_kept_and_delivered(rig: Rig) -> None:
    """Before the step has ended, not GET: 202, kept, applied at the end."""
    run, late = rig.working(), rig.working()
    for one in (run, late):
        assert (await put(rig, one, form(part('name="f"; filename="f"', b"early")), FORM)).status == 202
    assert (await put(rig, run, b"second", HEADER)).status == 409
    assert len(kept(rig)) == 2
    await sweep(rig)
    assert len(kept(rig)) == 2
    rig.suspended(rig.now(run))
    assert rig.status(run) is Status.QUEUED
    assert content(body_of(rig, run)["f"]) == b"early"
    rig.home.store.apply(late.id, Returned(late.since_ms + 1, late.fence))  # it never asked for a pause
    assert "$resume_data" not in rig.home.store.exports(late.id)["approve"]


# ---- what a server that died left behind ----------------------------------------------------------------------------


@pytest.fixture
def left_behind(pdnb_dir: Path) -> dict[str, Path]:
    """Files below the uploads' directory before the server starts; those whose names begin with ``old`` are aged."""
    run = "0" * 20
    found = {name: pdnb_dir / "uploads" / run / name for name in ("old-orphan", "fresh-orphan")}
    found["old-alone"] = pdnb_dir / "uploads" / ("1" * 20) / "old-alone"
    for name, path in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        if name.startswith("old"):
            os.utime(path, (time.time() - 3_600,) * 2)
    return found


async def test_orphans_go_when_a_server_starts_and_fresh_ones_stay(left_behind: dict[str, Path], rig: Rig) -> None:
    """Files of orphans go; one that was written to just now may still be coming in, to another server."""
    await eventually(lambda: not left_behind["old-orphan"].exists())
    await eventually(lambda: not left_behind["old-alone"].parent.exists())
    assert left_behind["fresh-orphan"].exists()


async def test_files_that_a_run_names_stay_for_ever(rig: Rig) -> None:
    """The others with the run."""
    raw, files = rig.suspended(), rig.suspended()
    assert (await put(rig, raw, b"raw", HEADER)).status == 200
    twice = form(part('name="f"; filename="1"', b"one"), part('name="f"; filename="2"', b"two"), part('name="t"', b"x"))
    assert (await put(rig, files, twice, FORM)).status == 200
    named = kept(rig)
    assert len(named) == 3
    orphan = named[0].with_name("orphan")
    orphan.write_text("x")
    await sweep(rig)
    assert kept(rig) == named


async def test_nothing_goes_while_the_store_cannot_say_what_it_names(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is locked when the server starts has not forgotten its files."""
    run = rig.suspended()
    assert (await put(rig, run, b"raw", HEADER)).status == 200

    def locked(run_id: str) -> None:
        raise StoreUnavailable("locked")

    monkeypatch.setattr(rig.service.home.store, "attempts", locked)
    await sweep(rig)
    assert [path.read_bytes() for path in kept(rig)] == [b"raw"]


def test_a_sweep_of_a_store_without_uploads_is_nothing(tmp_path: Path) -> None:
    uploads.remove_unnamed(tmp_path, lambda _: set(), before_s=time.time())
    assert list(tmp_path.iterdir()) == []


def test_a_form_without_a_boundary_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadBody, match="names no boundary"):
        uploads.begin(tmp_path, "run", "", {"Content-Type": "multipart/form-data"})
    assert list(tmp_path.iterdir()) == []
