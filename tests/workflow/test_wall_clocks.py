"""A difference of one zone's datetimes is no length of time; the refusal has the line to write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pdnb.errors import DefinitionError
from pdnb.workflow.wall_clocks import check_lengths


def test_python_subtracts_the_hands_of_one_zones_clock() -> None:
    """What the refusal is there for: nine o'clock after the change is 14 hours after 18 o'clock, not 15."""
    zone = ZoneInfo("Europe/Berlin")
    evening, nine = datetime(2027, 3, 27, 18, tzinfo=zone), datetime(2027, 3, 28, 9, tzinfo=zone)
    assert nine - evening == timedelta(hours=15)
    assert nine.astimezone(UTC) - evening.astimezone(UTC) == timedelta(hours=14)


@pytest.mark.parametrize(
    ("call", "write"),
    [
        (
            "pd.flow.suspend(datetime(2027, 3, 28, 9, tzinfo=z) - datetime.now(z))",
            "pd.flow.suspend(until=datetime(2027, 3, 28, 9, tzinfo=z))",
        ),
        ("step.flow.delay(ms=nine - datetime.datetime.now(tz=z))", "pd.flow.delay(until=nine)"),
        ("pd.flow.rerun(nine() - dt.datetime.today(), {'n': 1})", "pd.flow.rerun(until=nine())"),
    ],
)
def test_a_pause_of_such_a_length_is_refused_with_the_line_to_write(call: str, write: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        check_lengths(f"def handler(pd):\n    {call}", "step approve of w")
    assert str(refusal.value).startswith("step approve of w, line 2: ")
    assert str(refusal.value).endswith(f" is an hour off when the clocks change in between: write {write}")


@pytest.mark.parametrize(
    "call",
    [
        "pd.flow.suspend(nine - datetime.now(UTC))",
        "pd.flow.suspend(nine - datetime.now(timezone.utc))",
        "pd.flow.suspend(nine - datetime.now(ZoneInfo('UTC')))",
        "pd.flow.suspend(nine - datetime.now().astimezone())",
        "pd.flow.suspend(nine - pandas.Timestamp.now(z))",
        "pd.flow.suspend(nine - eight)",
        "pd.flow.suspend(timedelta(hours=1) - timedelta(minutes=1))",
        "pd.flow.suspend()",
        "pd.flow.suspend(until=nine)",
        "pd.flow.delay(60_000 - 1)",
        "other.suspend(nine - datetime.now(z))",
    ],
)
def test_every_other_length_passes(call: str) -> None:
    check_lengths(f"await x\n{call}", "step approve of w")
