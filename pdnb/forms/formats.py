"""The formats a form checks: the few that are certain, cheap, and the same whatever else is installed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jsonschema import FormatChecker

_MAX_LENGTH: Final = 10_000


def _is_date(text: str) -> object:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) and date.fromisoformat(text)


_TIME: Final = re.compile(r"(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII | re.IGNORECASE)
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def _is_time(text: str) -> object:
    """Of a day, as on a clock: without an offset, too (JSON Schema wants one, pydantic writes none)."""
    whole = _TIME.fullmatch(text)
    return whole and time.fromisoformat(f"{whole[1]}{(whole[3] or '').upper()}")


def _has_offset(text: str) -> bool:
    whole = _TIME.fullmatch(text)
    return whole is not None and whole[3] is not None


def is_decimal(text: str) -> bool:
    """Whether *text* is a number in digits, of any length, that is not too large."""
    return len(text) <= 1_000 and _DECIMAL.fullmatch(text) is not None and math.isfinite(float(text))


def _is_moment(text: str) -> object:
    return text[10:11] in {"T", "t", " "} and _is_date(text[:10]) and _has_offset(text[11:]) and _is_time(text[11:])


def _is_email(text: str) -> object:
    return len(text) <= 320 and re.fullmatch(r"[^\s@<>\"]+@[^\s@<>\".]+(\.[^\s@<>\".]+)*", text)


def _is_uuid(text: str) -> object:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text, re.IGNORECASE)


def _is_uri(text: str) -> object:
    return re.fullmatch(r"[a-z][a-z0-9+.-]*:[!-~]+", text, re.IGNORECASE)


def _is_ipv4(text: str) -> object:
    from ipaddress import IPv4Address

    return IPv4Address(text)


def _is_ipv6(text: str) -> object:
    from ipaddress import IPv6Address

    return IPv6Address(text)


#: How each is called in a line, and its check; that may also raise ``ValueError``.
FORMATS: Final[dict[str, tuple[str, Callable[[str], object]]]] = {
    "date": ("a date like 2025-01-31", _is_date),
    "time": ("a time like 12:30:00", _is_time),
    "date-time": ("a moment with its time zone, like 2025-01-31T12:30:00Z or 2025-01-31T13:30:00+01:00", _is_moment),
    "decimal": ("a decimal number", is_decimal),
    "email": ("a mail address", _is_email),
    "ipv4": ("an IPv4 address", _is_ipv4),
    "ipv6": ("an IPv6 address", _is_ipv6),
    "uuid": ("a UUID", _is_uuid),
    "uri": ("a URL", _is_uri),
}


def format_checker() -> FormatChecker:
    """jsonschema's checker with these formats only; any other is a remark and checks nothing."""
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    for name, (_, check) in FORMATS.items():
        checker.checks(name, raises=ValueError)(_only_texts(check))
    return checker


def _only_texts(check: Callable[[str], object]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or (len(value) <= _MAX_LENGTH and bool(check(value)))
