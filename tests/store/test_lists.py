"""Lists: pages by opaque cursors, every run once, newest first."""

from __future__ import annotations

from typing import Any

import pytest

from pdnb.model import (
    Cancelled,
    Status,
)
from pdnb.store.reads import Page
from pdnb.store.store import Store
from tests.support.store_runs import T0, code


def everything(store: Store, limit: int, **how: Any) -> list[str]:
    """All runs' ids, page by page."""
    found: list[str] = []
    page = Page((), "first")
    cursor = None
    while page.next is not None:
        page = store.list(limit=limit, cursor=cursor, **how)
        assert len(page.runs) <= limit
        found += [run.id for run in page.runs]
        cursor = page.next
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 50])
def test_pages_hold_every_run_once_newest_first(store: Store, limit: int) -> None:
    ids = [store.add(code(name), None, at_ms=T0).id for name in "abbaaab"]
    store.apply(ids[2], Cancelled(T0 + 1, "draft", 1, "magic"))
    assert everything(store, limit) == ids[::-1]
    assert everything(store, limit, workflow="a") == [ids[i] for i in (5, 4, 3, 0)]
    assert everything(store, limit, statuses=[Status.CANCELLED]) == [ids[2]]
    assert everything(store, limit, statuses=[Status.QUEUED], workflow="b") == [ids[6], ids[1]]
    assert everything(store, limit, statuses=[]) == []
    assert everything(store, limit, workflow="c") == []


def test_a_page_goes_on_where_the_one_before_ended_whatever_was_added_or_changed_since(store: Store) -> None:
    ids = [store.add(code(), None, at_ms=T0).id for _ in range(4)]
    first = store.list(limit=2)
    store.add(code(), None, at_ms=T0)
    store.apply(ids[0], Cancelled(T0 + 1, "draft", 1, "magic"))
    second = store.list(limit=2, cursor=first.next)
    assert [run.id for run in (*first.runs, *second.runs)] == ids[::-1]
    assert second.next is None


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", " 1", "9" * 19, "9" * 5_000, "1; DROP TABLE Cache"])
def test_what_is_no_cursor_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(ValueError, match="is no cursor: pass the 'next' of the page before"):
        store.list(cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_of_nothing_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(ValueError, match=r"limit is .*: use 1 or more"):
        store.list(limit=limit)


def test_workflows_whose_names_contain_each_other_are_kept_apart(store: Store) -> None:
    names = ["a", "a b", "queued a", "a%", "A", "ä", "a/b"]
    ids = {name: store.add(code(name), None, at_ms=T0).id for name in names}
    for name in names:
        assert [run.id for run in store.list(workflow=name).runs] == [ids[name]]
    assert store.counts()[Status.QUEUED] == len(names)
