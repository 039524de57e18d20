"""Times that a person writes: how long, in milliseconds or as a ``timedelta``; until when, as an aware ``datetime``."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Final

#: The longest pause: 365 days.
MAX_MS: Final = 365 * 86_400_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(name: str, value: object, *, least: int) -> int:
    """*value*, a number or a ``timedelta``, as milliseconds; raises naming the argument."""
    if isinstance(value, timedelta):
        value = value / timedelta(milliseconds=1)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r}: use milliseconds (a number) or a datetime.timedelta")
    if not least <= value <= MAX_MS:  # neither NaN nor infinity is
        raise ValueError(f"{name} is {value!r}: use {least} to {MAX_MS} milliseconds (365 days)")
    return math.ceil(value)


def unix_milliseconds(name: str, value: object, *, now_ms: int) -> int:
    """The moment *value*, an aware ``datetime`` after *now_ms*, as Unix milliseconds; raises naming the argument.

    A moment is absolute: an hour that a change of clocks skips or repeats is counted as the zone counts it.
    """
    if not isinstance(value, datetime) or value != value:  # noqa: PLR0124  # pandas' NaT says that it is one
        hint = 'datetime(2027, 3, 28, 9, tzinfo=ZoneInfo("Europe/Berlin"))'
        raise TypeError(f"{name} is {value!r}: use a datetime with a time zone, as {hint}")
    if value.utcoffset() is None:
        raise ValueError(
            f"{name} is {value.isoformat()}, which could be in any time zone: add one, as "
            f'tzinfo=ZoneInfo("Europe/Berlin"), or write {name}=x.astimezone() for the zone of this machine'
        )
    due_ms = -int((_EPOCH - value) // timedelta(milliseconds=1))  # rounded up: never early
    if due_ms <= now_ms:
        raise ValueError(f"{name} is {value.isoformat()}, which has passed: use a moment to come")
    if due_ms > now_ms + MAX_MS:
        raise ValueError(f"{name} is {value.isoformat()}: use a moment within 365 days")
    return due_ms


def check_length(name: str, value: object) -> None:
    """Raise ``TypeError`` if *value*, the length of a pause, is a moment: that has an argument of its own."""
    if isinstance(value, date):
        raise TypeError(
            f"{name} is {value.isoformat()}, a moment and no length of time: write until= instead of {name}="
        )
