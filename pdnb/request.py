"""The HTTP event that resumes a run, in one shape for requests to its link and for clicks on buttons.

``{"method", "path", "query", "headers", "body", "client_ip", "url"}``; ``body`` is absent when there was none. Header
names are lower case, headers that carry a browser's session are left out, and so is the link's token.
From a button, a magic or the API it also has ``via`` and ``by``.

Bodies are read as real senders write them:

- a byte order mark is no part of a text, nor of a key; a body of blanks is none;
- in a form, ``name[]`` is ``name``, unless the step asks for a field that is called so;
- a ``Content-Encoding`` that is empty, ``identity`` or a charset says nothing; any other is refused.

What a body means to a form is decided after it is read, so nothing here says whether it can be kept:
:func:`check_event` does, on the event in its last form.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Collection, Iterable, Mapping
from email.message import Message
from typing import Final
from urllib.parse import parse_qsl, unquote

from pdnb import json_text
from pdnb.codec import checked
from pdnb.errors import NotJSON, PdnbError
from pdnb.links import redact
from pdnb.model import JSON

#: The largest body that is parsed, in bytes (Pipedream's limit).
MAX_BODY: Final = 512 * 1024

#: What a body of nothing, or of blanks, is parsed to; ``None`` would be JSON's ``null``.
NO_BODY: Final[JSON] = object()

_MAX_FIELDS: Final = 1_000
_BOM: Final = "\ufeff"
_MARKS: Final = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Codecs of Python's own, which no sender means; some take seconds for a body of the largest size.
_ODD: Final = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
_PRIVATE: Final = frozenset({"cookie", "authorization", "proxy-authorization", "x-xsrftoken", "referer"})


class BadBody(PdnbError):
    """A body that cannot be read as what it says it is. ``status`` is the HTTP status that says so."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def from_http(
    *,
    method: str,
    url: str,
    path: str,
    query: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    client_ip: str,
    asked: Collection[str] = (),
) -> dict[str, JSON]:
    """The event of a real request, not yet checked; *asked* are the names of a form's fields. Raises ``BadBody``."""
    kept = _headers(headers)
    event: dict[str, JSON] = {
        "method": method,
        "path": redact(path),
        "query": _query(redact(query)),
        "headers": kept,
        "client_ip": client_ip,
        "url": redact(url),
    }
    parsed = parse_body(body, kept, asked)
    if parsed is not NO_BODY:
        event["body"] = parsed
    return event


def check_event(event: dict[str, JSON]) -> dict[str, JSON]:
    """*event*, which can be stored as it is; raises ``BadBody`` otherwise."""
    try:
        checked(event, "request")
    except NotJSON as error:
        raise BadBody(f"the body is not plain JSON: {str(error).rpartition(': ')[2]}") from None  # no echo of its keys
    return event


def from_person(via: str, by: str | None, body: JSON = None) -> dict[str, JSON]:
    """The event of a click or a command; raises ``NotJSON`` when *body* is not JSON."""
    event: dict[str, JSON] = {"method": "POST", "path": "", "query": {}, "headers": {}, "client_ip": "", "url": ""}
    if body is not None:
        event["body"] = json.loads(checked(body, "body"))  # a copy, and as JSON
    return {**event, "via": via, "by": by}


def parse_body(body: bytes, headers: Mapping[str, str], asked: Collection[str] = ()) -> JSON:
    """JSON and form bodies parsed, anything else as text; ``NO_BODY`` when it is blank.

    Raises ``BadBody`` (400 or 415). *headers* by their names in lower case; *asked*: see :func:`by_name`. A number
    that is out of range stands in its place as :class:`~pdnb.json_text.OutOfRange`.
    """
    if not body:
        return NO_BODY
    check_encoding(headers.get("content-encoding", ""))
    message = Message()
    message["content-type"] = headers.get("content-type", "text/plain")
    kind = message.get_content_type()
    if kind.startswith("multipart/"):
        raise BadBody("of multipart bodies only multipart/form-data is read", 415)
    is_json, is_form = kind == "application/json" or kind.endswith("+json"), kind == "application/x-www-form-urlencoded"
    charset = _charset(body, message.get_content_charset(""), guess=is_json or is_form)
    try:
        if codecs.lookup(charset).name in _ODD:
            raise LookupError(charset)
        text = body.decode(charset).lstrip(_BOM)
    except (LookupError, ValueError):
        raise BadBody("the body is not text in the charset it names", 415) from None
    if not text.strip():
        return NO_BODY
    if is_json:
        return _json(text)
    return by_name(_pairs(text, charset), asked) if is_form else text


def check_encoding(named: str) -> None:
    """Raise ``BadBody`` if a ``Content-Encoding`` says that the bytes are not the body's own."""
    for encoding in named.split(","):
        if not _says_nothing(encoding):
            raise BadBody("send the body without Content-Encoding", 415)


def by_name(pairs: Iterable[tuple[str, JSON]], asked: Collection[str] = ()) -> dict[str, JSON]:
    """A form's fields as a dict; a name that comes twice holds a list.

    ``name[]`` is ``name``, as many senders write a list, and a byte order mark before a name is no part of it; a name
    that is *asked* for is taken as it is.
    """
    found: dict[str, JSON] = {}
    for sent, value in pairs:
        name = sent if sent in asked else sent.lstrip(_BOM)
        if name not in asked:
            name = name.removesuffix("[]") or name
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def without_tokens(text: str) -> str:
    """*text* with every token reduced to an ellipsis; decoded first when one is percent-encoded."""
    clean = redact(text)
    if "%" in clean and (decoded := redact(plain := unquote(clean))) != plain:
        return decoded
    return clean


def _says_nothing(encoding: str) -> bool:
    """Whether a ``Content-Encoding`` compresses nothing: some senders name the charset there."""
    name = encoding.strip().strip('"').lower().removeprefix("charset=")
    if name in {"", "identity", "none"}:
        return True
    try:
        b"a".decode(name)
    except LookupError:  # no charset
        return False
    except ValueError:  # a charset, of which one byte is no text
        return True
    return True


def _charset(body: bytes, named: str, *, guess: bool) -> str:
    """The charset of *body*: what its byte order mark says, what was *named*, or UTF-8."""
    if body.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if not named and guess:  # of a text without a name these could be letters
        for mark, charset in _MARKS:
            if body.startswith(mark):
                return charset
    return named or "utf-8"


def _json(text: str) -> JSON:
    try:
        value: JSON = json_text.loads(text)
    except ValueError as error:
        raise BadBody(f"the body is not JSON: {error}") from None
    if isinstance(value, dict) and any(name.startswith(_BOM) for name in value):
        return {name if (bare := name.lstrip(_BOM)) in value else bare: each for name, each in value.items()}
    return value


def _pairs(text: str, charset: str = "utf-8") -> list[tuple[str, str]]:
    """The fields of a query or a form; *charset* is that of its percent-encoded bytes."""
    try:
        ascii_is_plain = "a".encode(charset) == b"a"
        encoding = charset if ascii_is_plain else "utf-8"
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, encoding=encoding)
    except ValueError:
        raise BadBody(f"more than {_MAX_FIELDS} fields are too many") from None


def _query(text: str) -> dict[str, JSON]:
    """A query as a dict, with its names as they are."""
    pairs = _pairs(text)
    return by_name(pairs, {name for name, _ in pairs})


def _headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        if key not in _PRIVATE:
            clean = without_tokens(value)
            found[key] = f"{found[key]}, {clean}" if key in found else clean
    return found
