"""Everybody at once, through real servers: one decides, and everybody is told the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.one_winner import REQUESTS, Reply, storm
from pdnb.coordination.home import Home, now_ms
from pdnb.links import Target
from pdnb.model import RunRecord, Status, Suspended
from tests.support.processes import Server, until
from tests.support.server import DAY, code

if TYPE_CHECKING:
    from pdnb.links import Purpose


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two servers of one store."""
    place = tmp_path_factory.mktemp("concurrency")
    options = ("--PdnbApp.max_workers=0", "--log-level=WARN")
    with (
        Server(place / "first", place / "store", *options) as first,
        Server(place / "second", place / "store", *options) as second,
    ):
        yield first, second


@pytest.fixture
def home(servers: tuple[Server, Server]) -> Iterator[Home]:
    with Home(servers[0].store, kind="kernel") as home:
        yield home


def suspended(home: Home, *, due_ms: int | None = None) -> RunRecord:
    run = home.store.add(code("ask", "after"), None, at_ms=now_ms(), owner=home.owner)
    return home.store.apply(run.id, Suspended(now_ms(), run.fence, due_ms=due_ms or now_ms() + DAY))


def path(home: Home, purpose: Purpose, run: RunRecord) -> str:
    return f"/pdnb/{purpose}/{home.links.token(purpose, Target(run.id, run.step, run.runs))}"


def test_of_a_thousand_requests_exactly_one_resumes(servers: tuple[Server, Server], home: Home) -> None:
    """1,000 concurrent requests on one suspension: one 200, the rest 409. Resume data: the winner's, unchanged."""
    run = suspended(home)
    told = storm([(servers[0].port, path(home, "resume", run), b"%d" % i) for i in range(REQUESTS)])
    assert Counter(one.status for one in told) == {200: 1, 409: REQUESTS - 1}
    after = home.store.get(run.id)
    winner = home.store.exports(run.id)["ask"]["$resume_data"]["body"]
    assert told[winner].status == 200
    assert after.decision is not None
    assert {one.document["at_ms"] for one in told} == {after.decision.at_ms}
    assert {one.document["status"] for one in told if one.status == 409} == {"already resumed"}
    assert (after.status, after.revision) == (Status.QUEUED, run.revision + 1)


@pytest.mark.parametrize("early_ms", [400, 0])
def test_resumes_cancels_and_the_clock_at_once_make_one_decision(
    servers: tuple[Server, Server], home: Home, early_ms: int
) -> None:
    """500 resumes against 500 cancels against the timer: one decision, and everybody is told the same."""
    due_ms = now_ms() + 2_500
    run = suspended(home, due_ms=due_ms)
    purposes: tuple[Purpose, ...] = ("resume", "cancel")
    requests = [(servers[i // 2 % 2].port, path(home, purposes[i % 2], run), b"%d" % i) for i in range(REQUESTS)]
    told = storm(requests, at_s=(due_ms - early_ms) / 1_000)
    until(lambda: not home.store.get(run.id).status.waits)
    after = home.store.get(run.id)
    decision = after.decision
    assert decision is not None
    assert after.revision == run.revision + 1
    assert {one.document["at_ms"] for one in told} == {decision.at_ms}
    winners = [i for i, one in enumerate(told) if one.status == 200]
    others = Counter((one.status, one.document["status"]) for one in told if one.status != 200)
    if decision.what == "timed out":
        assert decision.at_ms >= due_ms
        assert (winners, others, after.status) == ([], {(410, "timed out"): REQUESTS}, Status.CANCELLED)
    else:
        assert len(winners) == 1
        assert purposes[winners[0] % 2] == {"resumed": "resume", "cancelled": "cancel"}[decision.what]
        verdict = (409, "already resumed") if decision.what == "resumed" else (410, "already cancelled")
        assert others == {verdict: REQUESTS - 1}


def test_a_thousand_early_requests_are_kept_once(servers: tuple[Server, Server], home: Home) -> None:
    """Before the step has ended: kept, the first wins."""
    run = home.store.add(code("ask", "after"), None, at_ms=now_ms(), owner=home.owner)
    link = path(home, "resume", run)
    told: list[Reply] = storm([(servers[i % 2].port, link, b"%d" % i) for i in range(REQUESTS)])
    assert Counter(one.status for one in told) == {202: 1, 409: REQUESTS - 1}
    home.store.apply(run.id, Suspended(now_ms(), run.fence, due_ms=now_ms() + DAY))
    kept = home.store.exports(run.id)["ask"]["$resume_data"]["body"]
    assert told[kept].status == 202


def test_every_request_of_the_storm_keeps_its_place(servers: tuple[Server, Server], home: Home) -> None:
    runs = [suspended(home) for _ in range(20)]
    told = storm([(servers[1].port, path(home, "resume", run), b"%d" % i) for i, run in enumerate(runs)])
    assert {one.status for one in told} == {200}
    assert [home.store.exports(run.id)["ask"]["$resume_data"]["body"] for run in runs] == list(range(20))
    assert not list(Path(home.directory).glob("uploads/*"))
