"""Run records for tests of what shows them."""

from __future__ import annotations

from typing import Final

from pdnb.model import Pause, RunRecord, Status

NOW: Final = 1_763_763_065_000  # 21 Nov 2025, 22:11:05 UTC
DAY: Final = 86_400_000

#: Its step ``approve`` has been waiting for a person for a minute, and will for a day.
SUSPENDED: Final = RunRecord(
    id="r1",
    workflow="01_approve",
    version_id="h",
    environment="e",
    steps=("draft", "approve", "publish"),
    status=Status.SUSPENDED,
    created_ms=NOW - 70_000,
    since_ms=NOW - 60_000,
    position=1,
    pause=Pause("suspend", NOW - 60_000, NOW - 60_000 + DAY),
)
