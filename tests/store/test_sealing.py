"""No working link lies in what is kept, and each run reads its own."""

from __future__ import annotations

from pdnb.links import Links, Target
from pdnb.model import (
    JSON,
    Raised,
    Returned,
    RunRecord,
)
from pdnb.store.store import Store
from tests.store.conftest import Place
from tests.support.store_runs import LINKS, SECRET, T0, code, waiting


def linked(run: RunRecord) -> tuple[str, JSON]:
    """A token of the run's present attempt, and a value that holds it in every way."""
    url = LINKS.url("resume", Target(run.id, run.step, run.runs))
    return url.rsplit("/", 1)[1], {"url": url, url: [f"<a href='{url}'>{url}</a>\n\"{url}\""]}


def test_what_lists_show_holds_neither_a_token_nor_a_placeholder(store: Store) -> None:
    """The card and ``repr`` show a redacted link."""
    run = store.add(code(), None, at_ms=T0, owner="worker-1")
    token, _ = linked(run)
    store.apply(run.id, Returned(T0 + 1, 1, {"$summary": f"see {token}"}))
    store.apply(run.id, Raised(T0 + 2, 1, error=f"ValueError: {token}"))
    run = store.get(run.id)
    assert (run.summary, run.error) == ("see …", "ValueError: …")


def test_a_link_works_again_after_a_restart_at_another_address(place: Place, store: Store) -> None:
    """Links: after a restart the same links work again."""
    run = waiting(store)
    token, _ = linked(run)
    assert Links(SECRET, "http://elsewhere/").read("resume", token) == Target(run.id, "draft", 1)
