"""Formatting of moments, durations and users' texts for people.

Rules: pure; the present moment is passed in; users' texts lose what could control a terminal or break an encoding, and
nothing else.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_SECOND: Final = 1_000
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in any locale


def span(ms: int) -> str:
    """A length of time in at most two units: ``"23 h 59 min"``; never negative."""
    s = max(0, ms // _SECOND)
    days, hours, minutes, seconds = s // 86_400, s // 3_600 % 24, s // 60 % 60, s % 60
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    first = next((i for i, (n, _) in enumerate(parts) if n), len(parts) - 1)
    return " ".join(f"{n} {unit}" for i, (n, unit) in enumerate(parts[first : first + 2]) if n or i == 0)


def relative(at_ms: int, now_ms: int) -> str:
    """A moment as seen from another: ``"in 23 h 59 min"``, ``"4 min 10 s ago"``, ``"just now"``."""
    if abs(at_ms - now_ms) < _SECOND:
        return "just now"
    return f"in {span(at_ms - now_ms)}" if at_ms > now_ms else f"{span(now_ms - at_ms)} ago"


def utc(ms: int) -> str:
    """A moment as text that is the same everywhere: ``"21 Nov 2025, 22:11 UTC"``."""
    moment = datetime.fromtimestamp(ms / _SECOND, UTC)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment:%Y, %H:%M} UTC"


def iso(ms: int) -> str:
    """A moment for machines: ``"2025-11-21T22:11:05Z"``."""
    return f"{datetime.fromtimestamp(ms / _SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"


def plain(text: str) -> str:
    """*text* without terminal codes, control characters and lone surrogates; newlines and tabs stay."""
    return _CONTROL.sub("", _ANSI.sub("", text.replace("\r\n", "\n")))


def clip(text: str, length: int) -> str:
    """*text*, or its beginning and ``…`` if it is longer than *length* characters."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
