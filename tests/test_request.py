"""The HTTP event: one shape for every caller, the caller's data unchanged, no token and no session in it."""

from __future__ import annotations

import codecs
import json
import warnings
from datetime import date
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.codec import checked
from pdnb.errors import NotJSON
from pdnb.json_text import out_of_range
from pdnb.links import Links, Target
from pdnb.model import JSON
from pdnb.request import NO_BODY, BadBody, by_name, check_event, from_http, from_person, parse_body

TOKEN = Links(b"x" * 32).token("resume", Target("0123456789abcdefghjk", "approve", 1))

JSON_TYPE = {"content-type": "application/json"}
FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}


def event(
    *, body: bytes = b"", headers: list[tuple[str, str]] | None = None, query: str = "", method: str = "POST"
) -> dict[str, JSON]:
    found = from_http(
        method=method,
        url=f"http://host/pdnb/resume/{TOKEN}?{query}",
        path=f"/pdnb/resume/{TOKEN}",
        query=query,
        headers=headers or [],
        body=body,
        client_ip="192.0.2.7",
    )
    return check_event(found)


def refused(body: bytes, headers: dict[str, str]) -> BadBody:
    with pytest.raises(BadBody) as refusal:
        parse_body(body, headers)
    assert "\n" not in str(refusal.value)
    return refusal.value


# ---- the shape ----------------------------------------------------------------------------------------------------


def test_an_event_has_one_shape() -> None:
    """One shape, the HTTP event: ``{"method", "path", "query", "headers", "body", "client_ip", "url"}``."""
    found = event(body=b'{"ok": true}', headers=[("Content-Type", "application/json")], query="a=1")
    assert found == {
        "method": "POST",
        "path": "/pdnb/resume/…",
        "query": {"a": "1"},
        "headers": {"content-type": "application/json"},
        "body": {"ok": True},
        "client_ip": "192.0.2.7",
        "url": "http://host/pdnb/resume/…?a=1",
    }


def test_without_a_body_the_key_is_absent() -> None:
    """No body: key absent."""
    assert "body" not in event()
    assert "body" not in event(headers=[("Content-Type", "application/json"), ("Content-Length", "0")])


def test_a_callers_own_query_shows_up() -> None:
    """``resume_url + "?decision=approve"`` works and shows up in ``query``."""
    assert event(query="decision=approve", method="GET")["query"] == {"decision": "approve"}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
        ("a=&b", {"a": "", "b": ""}),
        ("a=%C3%A4+b%26", {"a": "ä b&"}),
        ("%ff=%00", {"\ufffd": "\x00"}),
        ("a=1;b=2", {"a": "1;b=2"}),
    ],
)
def test_a_query_becomes_a_dict_and_a_name_that_comes_twice_holds_a_list(query: str, fields: dict[str, Any]) -> None:
    assert event(query=query)["query"] == fields


def test_header_names_are_lower_case_and_repeated_headers_joined() -> None:
    """Header names lower case."""
    assert event(headers=[("X-Thing", "a"), ("x-thing", "b")])["headers"] == {"x-thing": "a, b"}


@pytest.mark.parametrize("name", ["Cookie", "Authorization", "PROXY-authorization", "X-XSRFToken", "Referer"])
def test_headers_in_which_a_browser_sends_its_session_along_are_left_out(name: str) -> None:
    """Without ``cookie``, ``authorization``, ``proxy-authorization``, ``x-xsrftoken``, ``referer``."""
    assert event(headers=[(name, "secret"), ("Accept", "*/*")])["headers"] == {"accept": "*/*"}


def test_the_token_never_appears_in_it() -> None:
    """The token never appears in it."""
    found = event(
        query=f"from=http://host/pdnb/resume/{TOKEN}&{TOKEN}=1",
        headers=[("X-Original-Url", f"http://host/pdnb/resume/{TOKEN}"), ("X-Original-Url", TOKEN), ("Host", "host")],
    )
    assert TOKEN not in json.dumps(found)
    assert TOKEN[-43:] not in json.dumps(found)


def test_from_a_person_it_has_the_same_keys_plus_via_and_by() -> None:
    """From a button, magic or the API: same keys plus ``"via"`` and ``"by"`` (who)."""
    person = from_person("panel", "ann", {"ok": True})
    assert person.keys() == event(body=b"x").keys() | {"via", "by"}
    assert (person["via"], person["by"], person["body"]) == ("panel", "ann", {"ok": True})
    assert from_person("card", None).keys() == event().keys() | {"via", "by"}


def test_what_a_person_sends_becomes_json_as_it_is_now() -> None:
    rows: list[int] = [1]
    request = from_person("python", "ann", {7: (rows, date(2026, 3, 29))})
    rows.append(2)
    assert request["body"] == {"7": [[1], "2026-03-29"]}


def test_what_a_person_sends_is_json() -> None:
    with pytest.raises(NotJSON, match="body: set is not JSON"):
        from_person("python", "ann", {1})


@pytest.mark.parametrize("body", [0, False, "", [], {}])
def test_an_empty_answer_of_a_person_is_a_body(body: JSON) -> None:
    assert from_person("python", "ann", body)["body"] == body


# ---- bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "value"),
    [
        ({"content-type": "application/json"}, b'{"a": [1, null]}', {"a": [1, None]}),
        ({"content-type": "application/json; charset=utf-8"}, '"ä"'.encode(), "ä"),
        ({"content-type": "Application/JSON"}, b"3", 3),
        ({"content-type": "application/vnd.api+json"}, b"[]", []),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=1&b=x+y&a=2", {"a": ["1", "2"], "b": "x y"}),
        ({"content-type": "text/plain"}, b'{"a": 1}', '{"a": 1}'),
        ({"content-type": "text/plain; charset=latin-1"}, b"\xe4", "ä"),
        ({"content-type": "text/plain; charset=utf-16"}, "ä".encode("utf-16"), "ä"),
        ({"content-type": "text/xml"}, b"<a/>", "<a/>"),
        ({"content-type": "nonsense"}, b"x", "x"),
        ({"content-type": ""}, b"x", "x"),
        ({"content-encoding": "identity"}, b"x", "x"),
        ({}, "ä".encode(), "ä"),
    ],
)
def test_json_and_form_bodies_are_parsed_and_text_is_a_string(
    headers: dict[str, str], body: bytes, value: JSON
) -> None:
    """JSON and form bodies parsed, text as string."""
    assert parse_body(body, headers) == value


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=10))
def test_resume_data_is_the_callers_unchanged(value: JSON) -> None:
    """Resume data: the winner's, unchanged."""
    assert parse_body(json.dumps(value).encode(), JSON_TYPE) == value


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"a": 1',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"[" * 100_000,
        b"'a'",
        b"{} {}",
        b"\x00",
    ],
    ids=lambda body: f"{body[:10]!r}-{len(body)}",
)
def test_json_that_is_none_is_a_400(body: bytes) -> None:
    """JSON that is truncated, 100,000 deep, with NaN: 400."""
    assert refused(body, JSON_TYPE).status == 400


def test_of_duplicate_keys_the_last_counts() -> None:
    assert parse_body(b'{"a": 1, "a": 2}', JSON_TYPE) == {"a": 2}


def test_json_too_deep_to_store_is_a_400() -> None:
    assert event(body=b"[" * 99 + b"]" * 99, headers=[*JSON_TYPE.items()])["body"]
    for depth in (100, 500):
        with pytest.raises(BadBody, match="nested deeper than 100 levels") as refusal:
            event(body=b"[" * depth + b"]" * depth, headers=[*JSON_TYPE.items()])
        assert refusal.value.status == 400


def test_a_lone_surrogate_in_json_is_a_400() -> None:
    """JSON with lone surrogates."""
    with pytest.raises(BadBody, match="lone surrogate") as refusal:
        event(body=b'"\\ud800"', headers=[*JSON_TYPE.items()])
    assert refusal.value.status == 400


@pytest.mark.parametrize("number", ["1e400", "-1E+999", "9" * 3_901, "9" * 5_000])
def test_a_number_out_of_range_stands_in_its_place_as_it_was_written(number: str) -> None:
    """So that what refuses it can name its field; no check stands before the last transformation."""
    body = parse_body(b'{"a": [1, %s]}' % number.encode(), JSON_TYPE)
    assert [(path, found.text) for path, found in out_of_range(body)] == [(("a", 1), number)]
    with pytest.raises(BadBody, match="out of range"):
        check_event({"body": body})


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"x", {"content-encoding": "gzip"}),
        (b"x", {"content-encoding": "br", **JSON_TYPE}),
        (b"x", {"content-encoding": "GZIP"}),
        (b"\xff", {}),
        (b"\xff", JSON_TYPE),
        (b"\xff", FORM_TYPE),
        (b"x", {"content-type": "text/plain; charset=klingon"}),
        (b"x", {"content-type": "text/plain; charset=undefined"}),
        (b"x", {"content-type": "text/plain; charset=idna"}),
        (b"x-", {"content-type": "text/plain; charset=punycode"}),
        (b"\\x41", {"content-type": "text/plain; charset=unicode_escape"}),
        (b"x", {"content-type": "text/plain; charset=hex"}),
        (b"x", {"content-type": "text/plain; charset=a\x00b"}),
        (b"x", {"content-type": "text/plain; charset=" + "x" * 10_000}),
        (b"--b\r\n\r\n--b--", {"content-type": "multipart/form-data; boundary=b"}),
        (b"--b\r\n\r\n--b--", {"content-type": "multipart/mixed"}),
    ],
    ids=lambda x: str(x)[:60],
)
def test_a_body_that_cannot_be_decoded_is_a_415(body: bytes, headers: dict[str, str]) -> None:
    """Undecodable: 415; gzip bodies and bombs; content types that lie."""
    refusal = refused(body, headers)
    assert refusal.status == 415
    assert len(str(refusal)) < 200


def test_a_body_that_takes_long_to_decode_is_not_decoded() -> None:
    """500 bodies do not delay a normal resume: 300 KB of punycode would take seconds."""
    assert refused(b"a-" + b"a9b" * 100_000, {"content-type": "text/plain; charset=punycode"}).status == 415


def test_too_many_fields_are_a_400() -> None:
    """Millions of form fields."""
    assert refused(b"&".join([b"a=1"] * 1_001), FORM_TYPE).status == 400
    assert refused(b"&" * 500_000, FORM_TYPE).status == 400
    assert parse_body(b"&".join([b"a=1"] * 1_000), FORM_TYPE) == {"a": ["1"] * 1_000}
    with pytest.raises(BadBody):
        event(query="&".join(["a=1"] * 1_001))


charsets = st.sampled_from(
    ["utf-8", "utf-16", "utf-7", "latin-1", "idna", "punycode", "undefined", "cp1252", "shift_jis"]
)
kinds = st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
types = st.text(max_size=30) | st.builds("{}; charset={}".format, kinds, charsets | st.text(max_size=10))


@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode), types)
def test_any_body_of_any_type_is_an_event_that_can_be_stored_or_a_clear_refusal(body: bytes, kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = event(body=body, headers=[("Content-Type", kind)])
        except BadBody as error:
            status, line = error.status, str(error)
        else:
            assert checked(found, "event")
            assert "body" in found or parse_body(body, {"content-type": kind}) is NO_BODY
            return
    assert status in (400, 415)
    assert "\n" not in line


# ---- bodies as real senders write them ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
@pytest.mark.parametrize("body", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_a_blank_body_is_none(kind: str, body: bytes) -> None:
    assert "body" not in event(body=body, headers=[("Content-Type", kind)])


@pytest.mark.parametrize(
    "encoding",
    ["", " ", "identity", "UTF-8", "utf8", "iso-8859-1", "utf-16", '"utf-8"', "charset=UTF-8", "identity, utf-8"],
)
def test_a_content_encoding_that_compresses_nothing_says_nothing(encoding: str) -> None:
    """Some senders name the charset there."""
    assert parse_body(b'{"a": 1}', {**JSON_TYPE, "content-encoding": encoding}) == {"a": 1}


@pytest.mark.parametrize(
    "encoding", ["gzip", "x-gzip", "deflate", "br", "zstd", "compress", "utf-8, gzip", "zlib", "base64", "hex", "rot13"]
)
def test_a_content_encoding_that_changes_bytes_is_refused(encoding: str) -> None:
    assert refused(b'{"a": 1}', {**JSON_TYPE, "content-encoding": encoding}).status == 415


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON_TYPE, b'\xef\xbb\xbf{"a": "\xc3\xa9"}'),
        ({"content-type": "application/json; charset=iso-8859-1"}, b'\xef\xbb\xbf{"a": "\xc3\xa9"}'),
        ({"content-type": "application/json; charset=utf-16-le"}, '\ufeff{"a": "é"}'.encode("utf-16-le")),
        (JSON_TYPE, '{"a": "é"}'.encode("utf-16")),
        (JSON_TYPE, '{"a": "é"}'.encode("utf-32")),
        (JSON_TYPE, '{"\ufeffa": "é"}'.encode()),
        (FORM_TYPE, b"\xef\xbb\xbfa=%C3%A9"),
        (FORM_TYPE, b"%EF%BB%BFa=%C3%A9"),
        (FORM_TYPE, b"a[]=%C3%A9"),
        (FORM_TYPE, b"%EF%BB%BFa%5B%5D=%C3%A9"),
        ({"content-type": "application/x-www-form-urlencoded; charset=iso-8859-1"}, b"a=%E9"),
    ],
)
def test_a_byte_order_mark_brackets_and_a_charset_change_nothing(headers: dict[str, str], body: bytes) -> None:
    assert parse_body(body, headers) == {"a": "é"}


def test_a_text_loses_its_byte_order_mark_and_nothing_else() -> None:
    assert parse_body(b"\xef\xbb\xbf a \xef\xbb\xbf", {}) == " a \ufeff"
    assert parse_body(b'{"\xef\xbb\xbfa": 1, "a": 2}', JSON_TYPE) == {"\ufeffa": 1, "a": 2}


def test_brackets_belong_to_the_name_of_a_field_that_is_asked_for() -> None:
    body = b"a[]=1&b[]=2&b=3&[]=4"
    assert parse_body(body, FORM_TYPE) == {"a": "1", "b": ["2", "3"], "[]": "4"}
    assert parse_body(body, FORM_TYPE, {"a[]"}) == {"a[]": "1", "b": ["2", "3"], "[]": "4"}


def test_a_query_keeps_its_names() -> None:
    assert event(query="a[]=1&%EF%BB%BFb=2")["query"] == {"a[]": "1", "\ufeffb": "2"}


names = st.text("abc. [x", min_size=1, max_size=4).filter(lambda name: not name.endswith("[]"))
filled = st.lists(st.tuples(names, st.text(max_size=5)), min_size=1, max_size=6)
marks = st.sampled_from(["", "\ufeff"])


@given(filled, st.data())
def test_one_form_in_any_spelling_is_one_body(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    """Transformed equivalents: marks, brackets, charsets and encodings, each where senders put them."""
    plain = by_name(pairs)
    spelled = [(data.draw(marks) + name + data.draw(st.sampled_from(["", "[]"])), value) for name, value in pairs]
    body = data.draw(st.sampled_from([b"", codecs.BOM_UTF8])) + urlencode(spelled).encode()
    kind = data.draw(st.sampled_from(["", ";charset=utf-8", "; charset=UTF-8", ';charset="utf8"']))
    headers = {
        "content-type": FORM_TYPE["content-type"] + kind,
        "content-encoding": data.draw(st.sampled_from(["", "identity", "utf-8", "UTF-8, identity"])),
    }
    assert parse_body(body, headers) == plain


@given(st.dictionaries(names, st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=4)), st.data())
def test_one_json_body_in_any_spelling_is_one_body(value: dict[str, Any], data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(["", " ", "\n"])) + json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    charset = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
    body = text.encode(charset, "surrogatepass" if charset == "utf-16" else "strict")
    named = data.draw(st.sampled_from(["", f"; charset={charset}"]))
    encoding = data.draw(st.sampled_from(["", "identity", "utf-8"]))
    assert parse_body(body, {"content-type": f"application/json{named}", "content-encoding": encoding}) == value
