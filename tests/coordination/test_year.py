"""A year of virtual time in a real store: every pause ends once, in order, none early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.year import END_MS, Year
from pdnb.model import Status

if TYPE_CHECKING:
    from pathlib import Path

PAUSES = 500  # make soak lets 100,000 end


@pytest.mark.no_cover  # the same few lines for a year
def test_in_a_year_every_pause_ends_once_in_order_and_never_early(tmp_path: Path) -> None:
    """Virtual time: a year, each once, in order; clock set back: nothing twice, no crash."""
    year = Year(tmp_path, PAUSES)
    year.pass_by()
    assert year.faults() == {"never": 0, "twice": 0, "early": 0, "late": 0, "out of order": 0}
    assert len(year.store.ended) == sum(year.kinds.values()) == PAUSES
    assert min(year.kinds.values()) > PAUSES // 8
    runs = {status: count for status, count in year.store.counts().items() if count}
    assert runs.keys() == {Status.SUCCEEDED, Status.CANCELLED}
    assert year.store.next_due_ms() is None
    assert year.store.elapse(END_MS * 2) == 0
    year.store.close()
