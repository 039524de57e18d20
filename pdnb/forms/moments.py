"""Moments as people enter them: a date and a time of day in some zone, kept with the zone's offset.

A person's own zone is known to a script in the browser, or by what the person picks; otherwise it is this machine's.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

_LOCALTIME: Final = Path("/etc/localtime")
_LEGACY: Final = ("Etc/", "SystemV/", "US/", "posix/", "right/")


def zone_name() -> str:
    """The name of this machine's zone: ``Europe/Berlin`` where it is known, else ``CET`` and its like."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if not named and _LOCALTIME.is_symlink():
        _, found, named = str(_LOCALTIME.resolve()).partition("zoneinfo/")
        named = named.removeprefix("Etc/") if found else ""
    return named if named in available_timezones() else datetime.now().astimezone().tzname() or "UTC"


@cache
def zone_names() -> tuple[str, ...]:
    """The zones that a person may pick, by their names; empty where this machine has no list of them."""
    return ("UTC", *sorted(n for n in available_timezones() if "/" in n and not n.startswith(_LEGACY)))


def aware(text: str, zone: str = "") -> str:
    """The moment *text* with an offset, as ``2025-01-31T12:30:00+01:00``; what is no moment stays as it is.

    A moment without an offset is one in *zone*, or in this machine's. An hour that the clocks skip is one hour later.
    """
    bare = text.strip()
    if bare[10:11] not in {"T", "t", " "}:
        return text
    try:
        moment = datetime.fromisoformat(bare.upper())
        if moment.tzinfo is None:
            at = ZoneInfo(zone) if zone else None
            moment = _here(moment) if at is None else moment.replace(tzinfo=at).astimezone(UTC).astimezone(at)
        elif bare[16:17] == ":":  # whole: in the sender's own spelling
            return bare
        return moment.isoformat()
    except (ValueError, OverflowError, OSError, KeyError):  # KeyError: there is no such zone
        return text


def read(text: str) -> datetime | None:
    """The moment *text*, in this machine's zone; ``None`` for what is none."""
    try:
        moment = datetime.fromisoformat(text.strip().upper())
        return _here(moment) if moment.tzinfo is None else moment.astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def local(text: str) -> str:
    """What an input for a date and a time shows of the moment *text*, in this machine's zone; ``""`` for none."""
    moment = read(text)
    if moment is None:
        return ""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def _here(moment: datetime) -> datetime:
    """A moment without an offset, in this machine's zone; ``astimezone()`` goes back where clocks skip an hour."""
    seconds = int(moment.replace(microsecond=0).timestamp())
    return datetime.fromtimestamp(seconds, UTC).astimezone().replace(microsecond=moment.microsecond)
