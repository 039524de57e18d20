"""The HTTP event that resumes a run, in one shape for requests to its link and for clicks on buttons.

``{"method", "path", "query", "headers", "body", "client_ip", "url"}``; ``body`` is absent when there was none. Header
names are lower case, headers that carry a browser's session are left out, and so is the link's token.
From a button, a magic or the API it also has ``via`` and ``by``.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Mapping
from email.message import Message
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from pdnb.codec import checked
from pdnb.errors import NotJSON, PdnbError
from pdnb.links import redact
from pdnb.model import JSON

#: The largest body that is parsed, in bytes (Pipedream's limit).
MAX_BODY: Final = 512 * 1024

_MAX_FIELDS: Final = 1_000
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
) -> dict[str, JSON]:
    """The event of a real request. Raises ``BadBody``."""
    kept = _headers(headers)
    event: dict[str, JSON] = {
        "method": method,
        "path": redact(path),
        "query": _fields(redact(query)),
        "headers": kept,
        "client_ip": client_ip,
        "url": redact(url),
    }
    if body:
        event["body"] = parse_body(body, kept)
    try:
        checked(event, "request")
    except NotJSON as error:
        raise BadBody(f"the body is not plain JSON: {str(error).rpartition(': ')[2]}") from None  # no echo of its keys
    return event


def from_person(via: str, by: str | None, body: JSON = None) -> dict[str, JSON]:
    """The event of a click or a command; raises ``NotJSON`` when *body* is not JSON."""
    event: dict[str, JSON] = {"method": "POST", "path": "", "query": {}, "headers": {}, "client_ip": "", "url": ""}
    if body is not None:
        checked(body, "body")
        event["body"] = body
    return {**event, "via": via, "by": by}


def parse_body(body: bytes, headers: Mapping[str, str]) -> JSON:
    """JSON and form bodies parsed, anything else as text. Raises ``BadBody`` (400 or 415)."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise BadBody("send the body without Content-Encoding", 415)
    message = Message()
    message["content-type"] = headers.get("content-type", "text/plain")
    kind, charset = message.get_content_type(), message.get_content_charset("utf-8")
    if kind.startswith("multipart/"):
        raise BadBody("of multipart bodies only multipart/form-data is read", 415)
    try:
        if codecs.lookup(charset).name in _ODD:
            raise LookupError(charset)
        text = body.decode(charset)
    except (LookupError, ValueError):
        raise BadBody("the body is not text in the charset it names", 415) from None
    if kind == "application/json" or kind.endswith("+json"):
        return _json(text)
    if kind == "application/x-www-form-urlencoded":
        return _fields(text)
    return text


def without_tokens(text: str) -> str:
    """*text* with every token reduced to an ellipsis; decoded first when one is percent-encoded."""
    clean = redact(text)
    if "%" in clean and (decoded := redact(plain := unquote(clean))) != plain:
        return decoded
    return clean


def _json(text: str) -> JSON:
    def refuse(constant: str) -> Any:
        raise BadBody(f"the body is not JSON: {constant} is no JSON number")

    try:
        return json.loads(text, parse_constant=refuse)
    except RecursionError:
        raise BadBody("the body is JSON nested too deeply") from None
    except ValueError as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else "a number has too many digits"
        raise BadBody(f"the body is not JSON: {reason}") from None


def _fields(text: str) -> dict[str, JSON]:
    """A query or form as a dict; a name that comes twice holds a list."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise BadBody(f"more than {_MAX_FIELDS} fields are too many") from None
    found: dict[str, JSON] = {}
    for name, value in pairs:
        put(found, name, value)
    return found


def put(found: dict[str, JSON], name: str, value: JSON) -> None:
    """Add a field; a name that comes twice holds a list."""
    if name not in found:
        found[name] = value
    elif isinstance(found[name], list):
        found[name].append(value)
    else:
        found[name] = [found[name], value]


def _headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        if key not in _PRIVATE:
            clean = without_tokens(value)
            found[key] = f"{found[key]}, {clean}" if key in found else clean
    return found
