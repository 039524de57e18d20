"""Runs as a pandas ``DataFrame``: a row per run, times as times, whatever runs there are."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from pdnb.model import Decision, Pause, RunRecord, Status
from pdnb.views.documents import summary
from pdnb.views.table import frame

T0 = 1_700_000_000_000
WAITING = RunRecord(
    id="0123456789abcdefghjk",
    workflow="launch",
    version_id="a" * 32,
    environment="b" * 16,
    steps=("draft", "approve"),
    status=Status.SUSPENDED,
    created_ms=T0,
    since_ms=T0 + 5_000,
    pause=Pause("suspend", T0 + 5_000, T0 + 86_400_000),
    active_ms=31_500,
    credits=2,
)
OVER = replace(
    WAITING,
    id="1123456789abcdefghjk",
    status=Status.CANCELLED,
    position=1,
    pause=None,
    decision=Decision("cancelled", T0 + 9_000, "panel", "ann", "no"),
    ended_ms=T0 + 9_000,
    summary="two rows",
    error=None,
)
COLUMNS = [
    "workflow", "step", "status", "started", "started_by", "since", "due", "ended", "active_s", "paused_s", "credits",
    "decision", "via", "by", "summary", "error",
]  # fmt: skip


def test_a_table_has_a_row_per_run_indexed_by_its_id() -> None:
    table = frame([summary(OVER), summary(WAITING)])
    assert list(table.index) == [OVER.id, WAITING.id]
    assert table.index.name == "id"
    assert list(table.columns) == COLUMNS
    assert list(table["status"]) == ["cancelled", "suspended"]
    assert list(table["step"]) == ["approve", "draft"]


def test_times_are_utc_timestamps_and_a_missing_one_is_not_a_time() -> None:
    table = frame([summary(OVER), summary(WAITING)])
    for name in ("started", "since", "due", "ended"):
        assert isinstance(table[name].dtype, pd.DatetimeTZDtype)
        assert str(table[name].dt.tz) == "UTC"
    assert table["started"].iloc[0] == pd.Timestamp("2023-11-14T22:13:20Z")
    assert table["due"].iloc[1] == pd.Timestamp("2023-11-15T22:13:20Z")
    assert table["due"].isna().to_list() == [True, False]
    assert table["ended"].isna().to_list() == [False, True]


def test_active_time_is_in_seconds_and_credits_are_shown() -> None:
    """Credits: shown per run and in the table; paused time is free."""
    row = frame([summary(replace(WAITING, paused_ms=1_500))]).iloc[0]
    assert (row["active_s"], row["paused_s"], row["credits"]) == (31.5, 1.5, 2)


def test_who_decided_and_how_is_in_the_table() -> None:
    """Who resumed or cancelled, by what way and when, is kept with the run."""
    row = frame([summary(OVER)]).iloc[0]
    assert (row["decision"], row["via"], row["by"], row["summary"]) == ("cancelled", "panel", "ann", "two rows")


@pytest.mark.parametrize("count", range(3))
def test_a_table_of_any_runs_has_the_same_columns_and_can_be_shown(count: int) -> None:
    runs = [OVER, WAITING][:count]
    table = frame([summary(run) for run in runs])
    assert list(table.columns) == COLUMNS
    assert len(table) == len(runs)
    assert "active_s" in table.to_html()
    assert all(isinstance(table[name].dtype, pd.DatetimeTZDtype) for name in ("started", "since", "due", "ended"))


def test_a_hundred_runs_can_be_counted_by_status() -> None:
    table = frame([summary(replace(run, id=f"{i:020d}")) for i in range(50) for run in (WAITING, OVER)])
    assert table.groupby("status")["credits"].sum().to_dict() == {"cancelled": 100, "suspended": 100}
