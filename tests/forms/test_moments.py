"""Moments as people enter them: in their own zone, or this machine's, and kept with an offset."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pdnb.forms import moments

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine stands in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "zone", "meant"),
    [
        ("2026-01-31T12:30", "", "2026-01-31T12:30:00+01:00"),
        ("2026-07-31T12:30:15", "", "2026-07-31T12:30:15+02:00"),
        ("2026-07-31 12:30", "", "2026-07-31T12:30:00+02:00"),
        ("2026-07-31T12:30", "America/New_York", "2026-07-31T12:30:00-04:00"),
        ("2026-07-31T12:30", "UTC", "2026-07-31T12:30:00+00:00"),
        ("2026-03-29T02:30", "", "2026-03-29T03:30:00+02:00"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T03:30:00+02:00"),
        ("2026-10-25T02:30", "", "2026-10-25T02:30:00+02:00"),
        ("2026-01-31T12:30+05:30", "UTC", "2026-01-31T12:30:00+05:30"),
        ("2026-01-31T12:30:00Z", "", "2026-01-31T12:30:00Z"),
        ("2026-01-31T12:30:00.5Z", "", "2026-01-31T12:30:00.5Z"),
        (" 2026-01-31t12:30z ", "", "2026-01-31T12:30:00+00:00"),
    ],
)
def test_a_moment_gets_the_offset_of_its_zone_on_that_day(text: str, zone: str, meant: str) -> None:
    assert moments.aware(text, zone) == meant


@pytest.mark.parametrize("text", ["", "soon", "2026-01-31", "2026-13-31T12:30", "12:30", "0001-01-01T00:00"])
def test_what_is_no_moment_stays_and_is_refused_later(text: str) -> None:
    assert moments.aware(text) == text


def test_a_zone_that_is_none_is_not_guessed() -> None:
    for zone in ("Mars/Olympus", "../../etc/passwd", "/etc/passwd", "\0"):
        assert moments.aware("2026-01-31T12:30", zone) == "2026-01-31T12:30"


def test_an_input_shows_a_moment_in_this_machines_zone() -> None:
    assert moments.local("2026-07-31T10:30:00Z") == "2026-07-31T12:30:00"
    assert moments.local("2026-07-31T10:30:00.123456-05:00") == "2026-07-31T17:30:00.123"
    assert moments.local("2026-07-31T10:30:00") == "2026-07-31T10:30:00"
    assert [moments.local(text) for text in ("", "soon")] == ["", ""]


def test_what_is_shown_and_sent_back_is_the_same_moment() -> None:
    for month in range(1, 13):
        moment = datetime(2026, month, 25, 0, 30, tzinfo=UTC)
        assert datetime.fromisoformat(moments.aware(moments.local(moment.isoformat()))) == moment


def test_the_zones_name_is_the_one_that_people_know(monkeypatch: pytest.MonkeyPatch) -> None:
    assert moments.zone_name() == "Europe/Berlin"
    assert {"UTC", "Europe/Berlin", "Asia/Tokyo"} <= set(moments.zone_names())
    monkeypatch.setenv("TZ", "XYZ-3")
    time.tzset()
    assert moments.zone_name() == "XYZ"
    monkeypatch.delenv("TZ")
    time.tzset()
    assert moments.zone_name() in {*moments.zone_names(), *time.tzname}
