"""The panel as a widget, without a browser: what it sends, what it is asked, what it answers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm

from pdnb.errors import RunNotFound, StoreUnavailable
from pdnb.handles import Run, start, wait, who
from pdnb.home import Home, now_ms
from pdnb.kernel.live import Live
from pdnb.kernel.panel import Panel
from pdnb.model import Claimed, Status
from pdnb.workflow import Environment, Frozen, Step

GATE = "step.flow.suspend()"


class Wire(BaseComm):
    """A comm whose messages stay here."""

    messages: list[dict[str, Any]]

    def publish_msg(
        self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
    ) -> None:
        vars(self).setdefault("messages", []).append({"type": msg_type, "data": json.loads(json.dumps(data))})

    def hear(self, content: Any) -> None:
        """A message from the front end."""
        self.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


@pytest.fixture
def home(pdnb_dir: Path) -> Iterator[Home]:
    with Home(pdnb_dir, kind="kernel") as home:
        yield home


@pytest.fixture(autouse=True)
def wires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comm, "create_comm", Wire)


def code(source: str, name: str = "play", step: str = "one") -> Frozen:
    return Frozen(name, (Step(step, source),), (), Environment(sys.executable, "/"))


def begun(home: Home, source: str, name: str = "play") -> Run:
    return start(home, code(source, name), show=False)


def opened(home: Home, **given: Any) -> tuple[Panel, Wire]:
    panel = Panel(home, Live(home), **given)
    assert isinstance(panel.comm, Wire)
    return panel, panel.comm


def asked(wire: Wire, run: Run, act: str, **more: Any) -> Any:
    """The answer to a press of a button, as it was on display."""
    wire.messages.clear()
    row = run._home.store.get(run.id)
    wire.hear({"act": act, "id": run.id, "step": row.step, "runs": row.runs, "seq": 7, **more})
    return answer(wire)


def answer(wire: Wire) -> Any:
    [content] = [content for content in told(wire) if "seq" in content]
    return content


def shown(wire: Wire) -> list[Any]:
    """The changed rows, look by look."""
    return [content["changed"] for content in told(wire) if "changed" in content]


def told(wire: Wire) -> list[Any]:
    """Every message to the front end that is not the widget's state."""
    return [m["data"]["content"] for m in wire.messages if m["data"].get("method") == "custom"]


def test_what_waits_for_a_person_comes_first_and_what_is_over_last(home: Home) -> None:
    gates = [begun(home, GATE).id for _ in range(2)]
    done = begun(home, "1").id
    asleep = begun(home, "step.flow.delay(3_600_000)").id
    queued = start(home, code("1"), headless=True).id
    with pytest.raises(ZeroDivisionError):
        begun(home, "1 / 0")
    working = home.store.add(code("1"), None, at_ms=now_ms(), owner=home.owner).id
    panel, _ = opened(home)
    assert [row["id"] for row in panel.rows][:5] == [*gates[::-1], working, queued, asleep]
    assert [row["status"] for row in panel.rows][5:] == ["failed", "succeeded"]
    assert panel.rows[6]["id"] == done


def test_those_that_wait_for_a_person_are_never_crowded_out(home: Home) -> None:
    gate = begun(home, GATE).id
    for _ in range(4):
        start(home, code("1"), headless=True)
    panel, _ = opened(home, limit=3)
    assert [(row["id"] == gate, row["status"]) for row in panel.rows] == [
        (True, "suspended"),
        (False, "queued"),
        (False, "queued"),
    ]


def test_a_panel_of_one_workflow_shows_no_other(home: Home) -> None:
    begun(home, GATE)
    mail = begun(home, GATE, "mail").id
    panel, _ = opened(home, workflow="mail")
    assert [row["id"] for row in panel.rows] == [mail]


def test_approve_resumes_the_run_and_says_who_did(home: Home) -> None:
    run = begun(home, GATE)
    _, wire = opened(home)
    said = asked(wire, run, "resume", body={"comment": "fine"})
    assert (said["seq"], said["run"]["id"], said["run"]["status"]) == (7, run.id, "succeeded")
    assert [rows[0]["status"] for rows in shown(wire)] == ["succeeded"]
    request = run.exports["one"]["$resume_data"]
    assert (request["body"], request["via"], request["by"]) == ({"comment": "fine"}, "panel", who())


def test_approve_without_a_word_has_no_body(home: Home) -> None:
    run = begun(home, GATE)
    _, wire = opened(home)
    assert asked(wire, run, "resume")["run"]["status"] == "succeeded"
    assert "body" not in run.exports["one"]["$resume_data"]


def test_cancel_cancels_with_its_reason(home: Home) -> None:
    run = begun(home, GATE)
    _, wire = opened(home)
    said = asked(wire, run, "cancel", reason="not today")
    decision = said["run"]["decision"]
    assert (said["run"]["status"], decision["reason"], decision["via"]) == ("cancelled", "not today", "panel")
    assert run.status is Status.CANCELLED


def test_a_stale_button_changes_nothing_and_says_why(home: Home) -> None:
    frozen = Frozen("play", (Step("first", GATE), Step("second", GATE)), (), Environment(sys.executable, "/"))
    run = start(home, frozen, show=False)
    _, wire = opened(home)
    press = {"act": "resume", "id": run.id, "step": "first", "runs": 1, "seq": 8}
    run.resume()
    with pytest.raises(TimeoutError):
        wait(home, run.id, timeout_ms=0)
    wire.messages.clear()
    wire.hear(press)
    assert answer(wire).keys() == {"seq", "error"}
    assert answer(wire)["error"].startswith("step 'first' was already resumed at ")
    assert (run.step, run.status) == ("second", Status.SUSPENDED)
    assert shown(wire)[-1][0]["step"] == "second"


@pytest.mark.parametrize(
    "content",
    [
        None,
        "resume",
        [],
        {},
        {"act": "resume"},
        {"act": "resume", "id": "nope", "step": "one", "runs": 1},
        {"act": "resume", "id": "../secret", "step": "one", "runs": "x"},
        {"act": "retry", "step": "one", "runs": 1},
        {"act": "cancel", "step": "one", "runs": 1, "reason": ["no"]},
        {"act": "cancel", "step": "one", "runs": 2},
        {"act": "cancel", "step": "two", "runs": 1},
    ],
)
def test_a_message_that_makes_no_sense_is_answered_with_an_error(home: Home, content: Any) -> None:
    run = begun(home, GATE)
    _, wire = opened(home)
    if isinstance(content, dict) and "act" in content:
        content = {"id": run.id, "seq": 9, **content}
    wire.messages.clear()
    wire.hear(content)
    said = answer(wire)
    assert said["error"]
    assert said["seq"] == (9 if isinstance(content, dict) and "act" in content else None)
    assert run.status is Status.SUSPENDED


def test_a_thousand_runs_are_one_message_of_less_than_a_megabyte(home: Home) -> None:
    steps = tuple(Step(name, "1") for name in ("collect_the_rows", "approve_the_letter", "publish_the_letter"))
    frozen = Frozen("01_approve_a_letter", steps, (), Environment(sys.executable, "/"))
    with home.store._rows.transact():  # one commit: this is not about the store
        for _ in range(1_000):
            home.store.add(frozen, {"n": 1}, at_ms=now_ms())
    panel, wire = opened(home)
    [message] = wire.messages
    state = message["data"]["state"]
    assert (message["type"], len(state["rows"])) == ("comm_open", 1_000)
    size = len(json.dumps(state["rows"]))
    print(f"{size} bytes for 1,000 runs")
    assert size < 1_000_000
    panel.look()
    assert wire.messages == [message]
    home.store.apply(panel.rows[0]["id"], Claimed(now_ms(), home.owner))
    panel.look()
    assert len(wire.messages) == 2


def test_news_are_only_what_changed_and_what_is_gone(home: Home) -> None:
    runs = [begun(home, GATE) for _ in range(3)]
    panel, wire = opened(home, limit=3)
    wire.messages.clear()
    runs[0].cancel()
    new = begun(home, GATE)
    panel.look()
    [news] = told(wire)
    assert [(row["id"], row["status"]) for row in news["changed"]] == [(new.id, "suspended"), (runs[0].id, "cancelled")]
    assert news["gone"] == []
    begun(home, GATE)
    panel.look()
    assert told(wire)[-1]["gone"] == [runs[1].id]
    assert len(panel.rows) == 4  # all of them, for a front end to come
    assert len(wire.messages) == 2


def test_a_front_end_that_missed_news_gets_all_rows_again(home: Home) -> None:
    run = begun(home, GATE)
    panel, wire = opened(home)
    wire.messages.clear()
    version = panel.rows[0]["version"]
    wire.hear({"act": "look", "seen": f"1 {version}"})
    assert wire.messages == []
    wire.hear({"act": "look", "seen": f"1 {version - 1}"})
    [message] = wire.messages
    assert [row["id"] for row in message["data"]["state"]["rows"]] == [run.id]


def test_no_row_holds_a_token_or_what_only_the_store_needs(home: Home) -> None:
    begun(home, "links = step.flow.suspend()\nstep.export('$summary', links['resume_url'])\nlinks")
    panel, wire = opened(home)
    assert "pdnb1r." not in json.dumps(wire.messages)
    assert not {"owner", "fence", "hash", "exports", "attempts"} & panel.rows[0].keys()


async def test_the_panel_follows_the_store_until_it_is_closed(home: Home, pdnb_dir: Path) -> None:
    live = Live(home)
    panel = Panel(home, live)
    with Home(pdnb_dir, kind="shell") as other:
        run = start(other, code(GATE), show=False)
        await until(lambda: [row["status"] for row in panel.rows] == ["suspended"])
        run.cancel()
        await until(lambda: panel.rows[0]["status"] == "cancelled")
        panel.close()
        await until(lambda: not live._watchers)
    live.stop()


async def test_a_display_whose_run_is_gone_does_not_stop_the_others(home: Home) -> None:
    live, looks = Live(home), []

    def gone() -> bool:
        raise RunNotFound

    def locked() -> bool:
        looks.append("locked")
        if len(looks) < 3:
            raise StoreUnavailable
        return False

    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    live.watch(gone)
    live.watch(locked)
    async with asyncio.timeout(30):
        while live._watchers:
            live._rung()
            await asyncio.sleep(0.01)
    asyncio.get_running_loop().set_exception_handler(None)
    assert (looks, errors) == (["locked"] * 3, [])
    live.stop()


async def until(condition: Any) -> None:
    """Let the loop run until it is so; the test's own timeout is the deadline."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # the panel has no event to wait for
            await asyncio.sleep(0.01)
