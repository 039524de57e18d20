"""The panel as a widget, without a browser: what it sends, what it is asked, what it answers."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm

from pdnb.client import Run, current_user, start
from pdnb.coordination.home import Home, now_ms
from pdnb.errors import RunNotFound, StoreUnavailable
from pdnb.kernel.fallback_panel import PlainPanel
from pdnb.kernel.panel import Panel
from pdnb.kernel.run_feed import FIRST, PAGE
from pdnb.kernel.watcher import Watcher
from pdnb.model import Status
from pdnb.runtime.foreground import wait
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion
from tests.support.sqlite_store import table_of

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


def code(source: str, name: str = "play", step: str = "one") -> WorkflowVersion:
    return WorkflowVersion(name, (Step(step, source),), (), Environment(sys.executable, "/"))


def begun(home: Home, source: str, name: str = "play") -> Run:
    return start(home, code(source, name), show=False)


def opened(home: Home, **given: Any) -> tuple[Panel, Wire]:
    panel = Panel(home, Watcher(home), **given)
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


def decoded(message: Any) -> list[dict[str, Any]]:
    """The rows of a message as the front end reads them."""
    fields, constants, choices, bases = (message[name] for name in ("fields", "constants", "choices", "bases"))
    rows = []
    for cells in message["rows"]:
        row = constants | dict(zip(fields, cells, strict=True))
        row |= {name: values[row[name]] for name, values in choices.items()}
        rows.append(row | {name: base + row[name] for name, base in bases.items() if row[name] is not None})
    return rows


def state(panel: Panel) -> list[dict[str, Any]]:
    """The rows that a front end gets with the widget."""
    return [*{row["id"]: row for row in decoded(panel.get_state("page")["page"])}.values()]


def shown(wire: Wire) -> list[list[dict[str, Any]]]:
    """The changed rows, look by look."""
    return [decoded(content) for content in told(wire) if "rows" in content and "seq" not in content]


def pages(wire: Wire) -> list[dict[str, Any]]:
    """Every row, asked for page by page."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        wire.messages.clear()
        wire.hear({"act": "page", "cursor": cursor, "seq": 1})
        page = answer(wire)
        rows, cursor = rows + decoded(page), page["next"]
    return rows


def row_of(said: Any) -> dict[str, Any]:
    """The row that came with the answer to a decision."""
    [row] = decoded(said)
    return row


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
    _, wire = opened(home)
    rows = pages(wire)
    assert [row["id"] for row in rows][:5] == [*gates[::-1], working, queued, asleep]
    assert [row["status"] for row in rows][5:] == ["failed", "succeeded"]
    assert rows[6]["id"] == done


def test_those_that_wait_for_a_person_are_never_crowded_out(home: Home) -> None:
    gate = begun(home, GATE).id
    for _ in range(4):
        start(home, code("1"), headless=True)
    _, wire = opened(home, limit=3)
    assert [(row["id"] == gate, row["status"]) for row in pages(wire)] == [
        (True, "suspended"),
        (False, "queued"),
        (False, "queued"),
    ]


def test_a_panel_of_one_workflow_shows_no_other(home: Home) -> None:
    begun(home, GATE)
    mail = begun(home, GATE, "mail").id
    panel, wire = opened(home, workflow="mail")
    assert [row["id"] for row in state(panel)] == [mail]
    begun(home, GATE)
    panel.look()
    assert shown(wire) == []
    new = begun(home, GATE, "mail").id
    panel.look()
    assert [row["id"] for [row] in shown(wire)] == [new]


def test_approve_resumes_the_run_and_says_who_did(home: Home) -> None:
    run = begun(home, GATE)
    _, wire = opened(home)
    said = asked(wire, run, "resume", json='{"comment": "fine"}')
    assert (said["seq"], row_of(said)["id"], row_of(said)["status"]) == (7, run.id, "succeeded")
    request = run.exports["one"]["$resume_data"]
    assert (request["body"], request["via"], request["by"]) == ({"comment": "fine"}, "panel", current_user())


def test_a_decision_s_row_goes_out_once_with_its_answer_and_to_other_panels_as_a_change(home: Home) -> None:
    run = begun(home, GATE)
    panel, wire = opened(home)
    other, other_wire = opened(home)
    assert row_of(asked(wire, run, "resume"))["status"] == "succeeded"
    panel.look()
    panel.look()
    other.look()
    assert shown(wire) == []
    assert [[row["status"] for row in rows] for rows in shown(other_wire)] == [["succeeded"]]


def test_what_happens_to_a_run_after_a_decision_is_a_change(home: Home) -> None:
    version = WorkflowVersion("play", (Step("first", GATE), Step("second", "1")), (), Environment(sys.executable, "/"))
    run = start(home, version, show=False)
    panel, wire = opened(home)
    assert row_of(asked(wire, run, "resume"))["status"] == "queued"
    run.wait(20_000)
    panel.look()
    assert [[row["status"] for row in rows] for rows in shown(wire)] == [["succeeded"]]


def test_approve_without_a_word_has_no_body(home: Home) -> None:
    run = begun(home, GATE)
    _, wire = opened(home)
    assert row_of(asked(wire, run, "resume"))["status"] == "succeeded"
    assert "body" not in run.exports["one"]["$resume_data"]


def test_cancel_cancels_with_its_reason(home: Home) -> None:
    run = begun(home, GATE)
    _, wire = opened(home)
    said = asked(wire, run, "cancel", reason="not today")
    row = row_of(said)
    assert (row["status"], row["decision.reason"], row["decision.via"]) == ("cancelled", "not today", "panel")
    assert run.status is Status.CANCELLED


def test_a_stale_button_changes_nothing_and_says_why(home: Home) -> None:
    version = WorkflowVersion("play", (Step("first", GATE), Step("second", GATE)), (), Environment(sys.executable, "/"))
    run = start(home, version, show=False)
    _, wire = opened(home)
    press = {"act": "resume", "id": run.id, "step": "first", "runs": 1, "seq": 8}
    run.resume()
    with pytest.raises(TimeoutError):
        wait(home, run.id, timeout_ms=0)
    wire.messages.clear()
    wire.hear(press)
    assert answer(wire)["error"].startswith("step 'first' was already resumed at ")
    assert (run.step, run.status) == ("second", Status.SUSPENDED)
    assert row_of(answer(wire))["step"] == "second"


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
        {"act": "upgrade", "step": "one", "runs": 1},
        {"act": "detail", "id": "nope"},
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


def test_ten_thousand_runs_are_less_than_a_megabyte_in_pages_that_block_nobody(home: Home) -> None:
    steps = tuple(Step(name, "1") for name in ("collect_the_rows", "approve_the_letter", "publish_the_letter"))
    version = WorkflowVersion("01_approve_a_letter", steps, (), Environment(sys.executable, "/"))
    with table_of(home.store).transact():  # one commit: this is not about the store
        ids = [home.store.add(version, {"n": 1}, at_ms=now_ms()).id for _ in range(10_000)]
    panel, wire = opened(home)
    [message] = wire.messages
    assert (message["type"], len(decoded(message["data"]["state"]["page"]))) == ("comm_open", FIRST)
    size = len(json.dumps(panel.get_state("page")))
    rows: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        wire.messages.clear()
        wire.hear({"act": "page", "cursor": cursor, "seq": 1})
        [page] = told(wire)
        assert len(page["rows"]) <= PAGE
        size += len(json.dumps(page))
        rows, cursor = rows + decoded(page), page["next"]
    assert [row["id"] for row in rows] == ids[::-1]
    assert size < 1_000_000


def test_a_look_without_a_change_reads_no_row(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(home, GATE)
    panel, wire = opened(home)
    wire.messages.clear()
    asked: list[str] = []
    real = table_of(home.store)._query

    def query(sql: str, values: tuple[object, ...]) -> list[Any]:
        asked.append(sql)
        return real(sql, values)

    monkeypatch.setattr(table_of(home.store), "_query", query)
    panel.look()
    assert (asked, wire.messages) == (["SELECT number, name FROM Changes WHERE number > ? ORDER BY number"], [])


def test_changes_are_only_what_changed(home: Home, pdnb_dir: Path) -> None:
    runs = [begun(home, GATE) for _ in range(3)]
    panel, wire = opened(home)
    runs[0].cancel()
    new = begun(home, GATE)
    panel.look()
    [changes] = shown(wire)
    assert {(row["id"], row["status"]) for row in changes} == {(new.id, "suspended"), (runs[0].id, "cancelled")}
    with Home(pdnb_dir, kind="shell") as other:  # by another connection
        passed = start(other, code("1"), show=False)
        other.store.elapse(now_ms())
    panel.look()
    assert [[(row["id"], row["status"]) for row in changes] for changes in shown(wire)[1:]] == [
        [(passed.id, "succeeded")]
    ]
    panel.look()
    assert len(shown(wire)) == 2


def test_after_the_clock_was_set_back_nothing_is_missed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(home, GATE)
    panel, wire = opened(home)
    past = time.time() - 86_400
    monkeypatch.setattr(time, "time", lambda: past)
    new = begun(home, GATE)
    run.cancel()
    panel.look()
    assert {row["id"] for changes in shown(wire) for row in changes} == {run.id, new.id}


def test_those_whose_time_ends_first_are_drawn_first(home: Home) -> None:
    with table_of(home.store).transact():  # one commit: this is not about the store
        late = [begun(home, "step.flow.suspend(7_200_000)").id for _ in range(FIRST)]
    soon = begun(home, "step.flow.suspend(60_000)", "mail").id
    for _ in range(3):
        begun(home, "step.flow.delay(1_000_000)")
    panel, _ = opened(home)
    assert [row["id"] for row in state(panel)] == [soon, *late[: FIRST - 1]]
    panel, _ = opened(home, workflow="mail")
    assert [row["id"] for row in state(panel)] == [soon]


def test_no_run_is_sent_twice_in_the_first_page(home: Home) -> None:
    for _ in range(3):
        begun(home, "step.flow.delay(1_000)")
    waiting = {begun(home, GATE).id for _ in range(5)}
    panel, _ = opened(home)
    ids = [row["id"] for row in decoded(panel.get_state("page")["page"])]
    assert sorted(ids) == sorted(waiting)


def test_the_state_is_what_the_store_holds_when_it_is_asked_for(home: Home) -> None:
    run = begun(home, GATE)
    panel, _ = opened(home)
    run.cancel()
    assert [row["status"] for row in state(panel)] == ["cancelled"]


def test_one_run_is_told_in_full_unless_it_was_seen(home: Home) -> None:
    form = {"type": "object", "properties": {"n": {"type": "integer"}}}
    run = begun(home, f"step.flow.suspend(message='**Well?**', form={form!r})")
    _, wire = opened(home)
    wire.messages.clear()
    wire.hear({"act": "detail", "id": run.id, "seq": 1})
    document = json.loads(answer(wire)["run"])
    assert document["prompt"]["message_html"].strip() == "<p><strong>Well?</strong></p>"
    assert [field["name"] for field in document["prompt"]["fields"]] == ["n"]
    assert [attempt["step"] for attempt in document["attempts"]] == ["one"]
    wire.messages.clear()
    wire.hear({"act": "detail", "id": run.id, "seq": 2, "seen": document["revision"]})
    assert answer(wire) == {"seq": 2, "run": None}


def test_an_answer_that_does_not_fit_the_form_is_refused_with_its_problems(home: Home) -> None:
    form = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 1}}}
    run = begun(home, f"step.flow.suspend(form={form!r})")
    _, wire = opened(home)
    said = asked(wire, run, "resume", fields={"n": "0"})
    assert said["error"]
    assert [problem.split(":")[0] for problem in said["problems"]] == ["n"]
    assert run.status is Status.SUSPENDED
    assert row_of(asked(wire, run, "resume", fields={"n": "2"}))["status"] == "succeeded"
    assert run.exports["one"]["$resume_data"]["body"] == {"n": 2}


def test_fields_where_no_form_asks_change_nothing(home: Home) -> None:
    run = begun(home, GATE)
    _, wire = opened(home)
    assert asked(wire, run, "resume", fields={"n": "0"})["error"]
    assert run.status is Status.SUSPENDED


def test_a_failed_run_is_retried(home: Home) -> None:
    with pytest.raises(ZeroDivisionError):
        begun(home, "1 / 0")
    [row] = home.store.list().runs
    _, wire = opened(home)
    wire.messages.clear()
    wire.hear({"act": "retry", "id": row.id, "step": "one", "runs": row.runs, "seq": 3})
    assert row_of(answer(wire))["status"] == "queued"


def test_links_go_only_to_who_asks_for_them(home: Home) -> None:
    run = begun(home, GATE)
    _, wire = opened(home)
    assert "pdnb1r." not in json.dumps(wire.messages)
    wire.messages.clear()
    wire.hear({"act": "links", "id": run.id, "seq": 4})
    assert answer(wire) == {"seq": 4, "resume_url": str(run.resume_url), "cancel_url": str(run.cancel_url)}
    run.cancel()
    wire.messages.clear()
    wire.hear({"act": "links", "id": run.id, "seq": 5})
    assert answer(wire) == {"seq": 5, "resume_url": None, "cancel_url": None}


def test_in_a_terminal_the_panel_is_text(home: Home) -> None:
    assert repr(opened(home)[0]) == "Runs: no runs yet"
    begun(home, "links = step.flow.suspend()\nstep.export('$summary', 'Pay\\x1b[31m? ' + links['resume_url'])")
    panel, _ = opened(home)
    head, line = repr(panel).splitlines()
    assert head == "Runs: 1 suspended"
    assert line.startswith("  play · one  suspended  for ")
    assert "Pay?" in line
    assert "\x1b" not in line
    assert "pdnb1r." not in line


def test_where_nothing_draws_the_table_plain_widgets_decide(home: Home) -> None:
    first, second = (begun(home, GATE, name) for name in ("<b>first</b>", "second"))
    panel = PlainPanel(home, Watcher(home))
    table, picked, reason, buttons, said = panel.children
    assert "&lt;b&gt;first&lt;/b&gt; · one" in table.value
    approve, cancel = buttons.children
    picked.value = (second.id, "one", 1)
    reason.value = "fine"
    approve.click()
    assert second.exports["one"]["$resume_data"]["body"] == {"comment": "fine"}
    assert said.value == "second: Approved by you"
    assert picked.value == (first.id, "one", 1)
    first.cancel()
    cancel.click()
    assert "was cancelled at" in said.value
    assert picked.options == ()
    cancel.click()  # nobody waits: nothing happens


def test_a_page_is_asked_for_with_a_cursor_of_this_panel(home: Home) -> None:
    _, wire = opened(home)
    for cursor in ("x", "0", "9.9.", "0.-1.", "." * 80, None):
        wire.messages.clear()
        wire.hear({"act": "page", "cursor": cursor, "seq": 1})
        assert answer(wire).get("rows", []) == []


def test_no_row_holds_a_token_or_what_only_the_store_needs(home: Home) -> None:
    begun(home, "links = step.flow.suspend()\nstep.export('$summary', links['resume_url'])\nlinks")
    panel, wire = opened(home)
    assert "pdnb1r." not in json.dumps(wire.messages)
    [row] = state(panel)
    assert row["summary"].endswith("…")


async def test_the_panel_follows_the_store_until_it_is_closed(home: Home, pdnb_dir: Path) -> None:
    live = Watcher(home)
    panel = Panel(home, live)
    wire = panel.comm
    assert isinstance(wire, Wire)
    with Home(pdnb_dir, kind="shell") as other:
        run = start(other, code(GATE), show=False)
        await until(lambda: [row["status"] for changes in shown(wire) for row in changes] == ["suspended"])
        run.cancel()
        await until(lambda: shown(wire)[-1][0]["status"] == "cancelled")
        panel.close()
        await until(lambda: not live._displays)
    live.stop()


async def test_a_display_whose_run_is_gone_does_not_stop_the_others(home: Home) -> None:
    live, looks = Watcher(home), []

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
        while live._displays:
            live._notified()
            await asyncio.sleep(0.01)
    asyncio.get_running_loop().set_exception_handler(None)
    assert (looks, errors) == (["locked"] * 3, [])
    live.stop()


async def until(condition: Any) -> None:
    """Let the loop run until it is so; the test's own timeout is the deadline."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # the panel has no event to wait for
            await asyncio.sleep(0.01)


def test_what_people_wrote_travels_as_text_and_keeps_its_digits(home: Home) -> None:
    """A front end reads messages into JavaScript's numbers."""
    run = begun(home, "step.flow.suspend(form={'properties': {'n': {'type': 'integer', 'default': 9007199254740993}}})")
    _, wire = opened(home)
    wire.messages.clear()
    wire.hear({"act": "detail", "id": run.id, "seq": 1})
    sent = answer(wire)["run"]
    assert isinstance(sent, str)
    assert json.loads(sent)["prompt"]["fields"][0]["strings"] == ["9007199254740993"]
    assert asked(wire, run, "resume", json='{"n": 9007199254740993}')["seq"] == 7
    assert run.exports["one"]["$resume_data"]["body"] == {"n": 9007199254740993}


def test_a_number_out_of_range_is_a_problem_of_its_field(home: Home) -> None:
    run = begun(home, "step.flow.suspend(form={'properties': {'n': {'type': ['number', 'string']}}})")
    _, wire = opened(home)
    for given in ({"json": '{"n": 1e400}'}, {"fields": {"n": "1e400"}}, {"json": f'{{"n": {"9" * 5_000}}}'}):
        said = asked(wire, run, "resume", **given)
        assert [problem.split(":")[0] for problem in said["problems"]] == ["n"]
    assert run.status == "suspended"


def test_what_is_no_json_is_an_error_and_no_answer(home: Home) -> None:
    run = begun(home, GATE)
    _, wire = opened(home)
    assert asked(wire, run, "resume", json="{")["error"]
    assert run.status == "suspended"
