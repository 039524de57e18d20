"""A small part of ``make chaos``: the laws hold after some dozens of SIGKILLs, and the checker notices every breach."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pdnb.coordination.home import Home, now_ms
from pdnb.model import Status
from tests.chaos import bodies, checker
from tests.chaos.battle import Battle, Wanted
from tests.chaos.checker import check
from tests.chaos.history import History, Record
from tests.chaos.players import Place
from tests.support.sqlite_store import table_of

WANTED = Wanted(workers=60, callers=10, kernels=1, servers=2)


@pytest.fixture(scope="module")
def fought(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Battle]:
    """A battle that is over, and where it was."""
    place = Place(tmp_path_factory.mktemp("chaos"))
    battle = Battle(place, WANTED, seed=7, seconds=None, target=15)
    battle.fight(lambda line: None)
    return place, battle


@pytest.fixture
def scene(fought: tuple[Place, Battle], tmp_path: Path) -> Place:
    """A copy of what the battle left, to tamper with."""
    shutil.copytree(fought[0].directory, tmp_path / "copy")
    return Place(tmp_path / "copy")


def test_no_run_and_no_acknowledged_change_is_lost_and_every_run_reaches_its_end(fought: tuple[Place, Battle]) -> None:
    """SIGKILL of kernel, server and worker at random moments and at store operations."""
    place, battle = fought
    verdict = check(place.store, place.history)
    assert battle.errors == []
    assert dict(verdict.violations) == {}
    killed = {
        kind: sum(n for name, n in battle.kills.items() if name.startswith(kind)) for kind in ("worker", "server")
    }
    assert killed["worker"] >= WANTED.workers
    assert killed["server"] >= WANTED.servers
    assert battle.kills.total() >= WANTED.workers + WANTED.callers + WANTED.kernels + WANTED.servers
    assert verdict.figures["acknowledged starts"] > 0
    assert verdict.figures["acknowledged resumes (200)"] > 0
    assert set(verdict.ends) <= {"succeeded", "cancelled"}


# ---- the checker itself: each breach is planted, and noticed ----


def first(scene: Place, **fields: object) -> Record:
    """The first record with these fields."""
    return next(r for r in scene.history.read()[0] if all(r.get(name) == value for name, value in fields.items()))


def forget_a_run(scene: Place) -> None:
    with Home(scene.store, kind="shell") as home:
        table_of(home.store).delete(f"run/{first(scene, what='started')['run']}")


def tell_of_a_run_that_is_not_there(scene: Place) -> None:
    scene.history.add("started", run="0" * 20, n=1)


def start_with_another_event(scene: Place) -> None:
    scene.history.add("started", run=first(scene, what="started")["run"], n=-1)


def acknowledge_another_body(scene: Place) -> None:
    told = first(scene, what="answered", purpose="resume", status=200)
    scene.history.add(**{**told, "body": "another"})


def acknowledge_a_cancel(scene: Place) -> None:
    with Home(scene.store, kind="shell") as home:
        run = next(iter(home.store.list(statuses=[Status.SUCCEEDED], limit=1).runs))
    scene.history.add("answered", purpose="cancel", run=run.id, step=run.step, runs=run.runs, status=202, body=None)


def acknowledge_twice(scene: Place) -> None:
    scene.history.add(**first(scene, what="answered", status=200))


def start_a_step_after_its_checkpoint(scene: Place) -> None:
    scene.history.add(**{**first(scene, what="start"), "pid": 0})


def start_a_step_after_its_resume(scene: Place) -> None:
    told = first(scene, what="answered", purpose="resume", status=200)
    lines = scene.history.path.read_text().splitlines()
    scene.history.path.write_text("\n".join(line for line in lines if '"what": "seen"' not in line))
    scene.history.add(**first(scene, what="start", run=told["run"], step=told["step"], runs=told["runs"]))


def start_what_left_nothing(scene: Place) -> None:
    with Home(scene.store, kind="shell") as home:
        run = next(iter(home.store.list(statuses=[Status.SUCCEEDED], limit=1).runs))
        table_of(home.store).delete(f"attempt/{run.id}/0000/{1:09d}")


def change_what_a_step_left(scene: Place) -> None:
    with Home(scene.store, kind="shell") as home:
        run = next(iter(home.store.list(statuses=[Status.SUCCEEDED], limit=1).runs))
        key = f"attempt/{run.id}/0000/{1:09d}"
        text = table_of(home.store).get(key)
        assert text is not None
        table_of(home.store).set(key, text.replace('"digest":', '"digest":1', 1))


def leave_a_run_in_the_queue(scene: Place) -> None:
    with Home(scene.store, kind="shell") as home:
        home.store.add(bodies.version("plain"), {"n": 1, "history": ""}, at_ms=now_ms())


@pytest.mark.parametrize(
    ("tamper", "law"),
    [
        (forget_a_run, checker.LOST_RUN),
        (tell_of_a_run_that_is_not_there, checker.LOST_RUN),
        (start_with_another_event, checker.LOST_CHANGE),
        (acknowledge_another_body, checker.LOST_CHANGE),
        (acknowledge_a_cancel, checker.LOST_CHANGE),
        (acknowledge_twice, checker.TWO_WINNERS),
        (start_a_step_after_its_checkpoint, checker.STARTED_AGAIN),
        (start_a_step_after_its_resume, checker.STARTED_AGAIN),
        (start_what_left_nothing, checker.LOST_CHANGE),
        (change_what_a_step_left, checker.TORN),
        (leave_a_run_in_the_queue, checker.NO_END),
        (leave_a_run_in_the_queue, checker.STORE),
    ],
)
def test_a_breach_is_noticed(scene: Place, tamper: Callable[[Place], None], law: str) -> None:
    tamper(scene)
    assert check(scene.store, scene.history).violations[law]


def test_a_record_that_was_torn_is_counted_and_costs_no_other(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    history.add("one")
    with history.path.open("a") as file:
        file.write('\n{"what": "to')
    history.add("two")
    records, torn = history.read()
    assert ([record["what"] for record in records], torn) == (["one", "two"], 1)
