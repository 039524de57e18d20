"""The panel in a notebook: every decision goes over the widget's comm, and nothing else on the screen moves."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from pdnb.coordination.home import Home
from pdnb.model import Status
from tests.browser.lab import ask, ask_many, newest
from tests.browser.page import Rig
from tests.support.server import eventually

STEPS = {
    "ask": "step.flow.suspend(); step.export('$summary', step.steps['trigger']['event']['about'])",
    "after": "'went on'",
}
FORM = {
    "ask": "step.flow.suspend(message='How **many**?', form={'type': 'object', 'required': ['n'],"
    " 'properties': {'n': {'type': 'integer', 'minimum': 1, 'title': 'Number'}}})",
    "after": "'went on'",
}


def row(rig: Rig, run_id: str) -> Locator:
    return rig.panel.locator("tbody tr", has=rig.page.locator(f"[title='run {run_id}']"))


BUSY = "import pathlib, time\nwhile pathlib.Path('busy').exists():\n    time.sleep(0.01)"


async def height_of(row: Locator) -> float:
    """How far down the screen it is, in pixels."""
    box = await row.bounding_box()
    assert box is not None
    return box["y"]


async def scroll_to(rig: Rig, run_id: str) -> Locator:
    """Scroll the table until the run's row is drawn."""
    await rig.panel.locator(".pdnb-scroll").evaluate(
        """(box, id) => new Promise(done => {
            const there = () => box.querySelector(`[title='run ${id}']`);
            const step = () => there() ? done() : (box.scrollTop += 300, requestAnimationFrame(step));
            box.scrollTop = 0;
            step();
        })""",
        run_id,
    )
    return row(rig, run_id)


async def confirm(rig: Rig, text: str) -> None:
    """Say yes to the one question on display, once it takes an answer."""
    question = rig.panel.get_by_role("alertdialog")
    await expect(question).to_contain_text(text)
    await expect(question).to_contain_text("This cannot be undone.")
    await question.locator("[data-yes]:not([aria-disabled])").click()


async def test_the_panel_decides_over_the_comm_and_touches_no_other_run(rig: Rig, home: Home) -> None:
    runs = [ask(home, "five", {"about": f"Publish note {i}?"}, STEPS) for i in range(5)]
    rig.lab.write("five.ipynb", "%load_ext pdnb", "%pdnb panel -w five")
    await rig.open("five.ipynb")
    await rig.run_all()
    await expect(rig.panel.locator("tbody tr")).to_have_count(5)
    await expect(rig.panel.locator(".pdnb-count")).to_have_text("5 runs · 5 waiting for a person")
    before = [home.store.get(run.id) for run in runs]
    requests: list[str] = []
    rig.page.on("request", lambda r: requests.append(r.url) if r.frame == rig.page.main_frame else None)

    await row(rig, runs[1].id).locator("[data-act=resume]").click()
    await row(rig, runs[3].id).locator("[data-act=cancel]").click()
    await confirm(rig, "Cancel the run of five?")
    await expect(row(rig, runs[1].id)).to_contain_text("succeeded")
    await expect(row(rig, runs[3].id)).to_contain_text("cancelled")
    await expect(rig.panel.locator(".pdnb-count")).to_have_text("5 runs · 3 waiting for a person")

    assert [url for url in requests if "/pdnb/" in url] == []
    assert runs[1].exports["after"] == {"$return_value": "went on"}
    assert [run.status for run in runs] == ["suspended", "succeeded", "suspended", "cancelled", "suspended"]
    decided = [home.store.get(run.id).decision for run in runs]
    assert [d and (d.what, d.via) for d in decided] == [None, ("resumed", "panel"), None, ("cancelled", "panel"), None]
    assert [home.store.get(runs[i].id) for i in (0, 2, 4)] == [before[i] for i in (0, 2, 4)]


async def test_the_whole_panel_shows_every_workflow(rig: Rig, home: Home) -> None:
    runs = [ask(home, name, {"about": "?"}, STEPS) for name in ("apples", "pears")]
    rig.lab.write("whole.ipynb", "%load_ext pdnb", "%pdnb panel")
    await rig.open("whole.ipynb")
    await rig.run_all()
    await rig.panel.get_by_label("Workflow", exact=True).select_option("pears")
    await expect(row(rig, runs[1].id)).to_contain_text("pears")
    await expect(rig.panel.locator("tbody tr")).to_have_count(1)
    await rig.panel.get_by_label("Workflow", exact=True).select_option("apples")
    await expect(row(rig, runs[0].id)).to_contain_text("apples")


async def test_focus_and_scroll_stay_while_others_answer(rig: Rig, home: Home) -> None:
    runs = [ask(home, "many", {"about": f"Note {i}"}, STEPS) for i in range(40)]
    rig.lab.write("many.ipynb", "%load_ext pdnb", "%pdnb panel -w many")
    await rig.open("many.ipynb")
    await rig.run_all()
    table = rig.panel.get_by_role("grid")
    await expect(table).to_have_attribute("aria-rowcount", "41")
    mine = await scroll_to(rig, runs[20].id)
    button = mine.locator("[data-act=resume]")
    await button.focus()
    top = await height_of(mine)
    assert await rig.panel.locator(".pdnb-scroll").evaluate("box => box.scrollTop") > 0

    for run in runs[:10]:  # those above leave for the end of the list
        run.resume()
    ask(home, "many", {"about": "a new one"}, STEPS)
    await expect(rig.panel.get_by_role("button", name="succeeded: 10 runs")).to_be_visible()
    await expect(table).to_have_attribute("aria-rowcount", "42")
    await expect(button).to_be_focused()
    assert abs(await height_of(mine) - top) < 2

    await rig.page.keyboard.press("Enter")
    await expect(mine).to_contain_text("succeeded")
    await expect(mine.locator(".pdnb-open")).to_be_focused()  # its button is gone; the row keeps the place
    assert runs[20].status == "succeeded"


async def test_a_click_on_what_has_moved_on_changes_nothing_and_says_so(rig: Rig, home: Home) -> None:
    rig.lab.write("stale.ipynb", "%load_ext pdnb", "%pdnb panel -w stale", BUSY)
    steps = {"one": "links = step.flow.suspend()", "two": "links = step.flow.suspend()", "three": "3"}
    run = ask(home, "stale", None, steps)
    await rig.open("stale.ipynb")
    await rig.run_all()
    await expect(row(rig, run.id)).to_contain_text("one")
    assert newest(home, "stale").id == run.id
    busy = rig.lab.root / "busy"
    busy.touch()
    await rig.notebook.locator(".jp-CodeCell").last.click()
    await rig.page.keyboard.press("Control+Enter")  # the kernel is busy, so the panel shows what was
    await expect(rig.notebook.locator(".jp-CodeCell .jp-InputPrompt").last).to_have_text("[*]:")
    run.resume()
    await row(rig, run.id).locator("[data-act=resume]").click()  # it may be answered while the kernel is busy
    busy.unlink()
    await expect(row(rig, run.id).locator(".pdnb-notice")).to_contain_text("already resumed")
    await expect(row(rig, run.id)).to_contain_text("two")
    assert await eventually(lambda: run.status == "suspended")  # step two has begun, and may still be at work
    assert run.step == "two"


async def test_rows_keep_their_places_under_a_hand_and_are_sorted_when_it_leaves(rig: Rig, home: Home) -> None:
    runs = [ask(home, "hand", {"about": f"Note {i}"}, STEPS) for i in range(3)]
    rig.lab.write("hand.ipynb", "%load_ext pdnb", "%pdnb panel -w hand")
    await rig.open("hand.ipynb")
    await rig.run_all()
    summaries = rig.panel.locator("tbody .pdnb-summary")
    await expect(summaries).to_have_text(["Note 0", "Note 1", "Note 2"])  # who is due first stands first

    await row(rig, runs[0].id).locator("[data-act=resume]").click()
    await expect(row(rig, runs[0].id)).to_contain_text("succeeded")
    ask(home, "hand", {"about": "Note 3"}, STEPS)
    await expect(summaries).to_have_text(["Note 0", "Note 1", "Note 2", "Note 3"])
    await rig.page.mouse.move(2, 2)
    await expect(summaries).to_have_text(["Note 1", "Note 2", "Note 3", "Note 0"])


async def test_many_are_approved_with_one_question_and_those_with_a_form_are_left_out(rig: Rig, home: Home) -> None:
    runs = [ask(home, "bulk", {"about": f"Note {i}"}, STEPS) for i in range(6)]
    form = ask(home, "bulk", None, FORM)
    rig.lab.write("bulk.ipynb", "%load_ext pdnb", "%pdnb panel -w bulk")
    await rig.open("bulk.ipynb")
    await rig.run_all()
    boxes = rig.panel.get_by_role("checkbox", name="Select the run")
    await boxes.nth(1).check()
    await boxes.nth(3).click(modifiers=["Shift"])
    await expect(rig.panel.locator(".pdnb-bulk-count")).to_have_text("3 runs selected")
    await rig.panel.locator("[data-bulk=cancel]").click()
    await rig.page.keyboard.press("Escape")
    await expect(rig.panel.locator("[data-bulk=cancel]")).to_be_focused()
    await rig.panel.locator("[data-bulk=cancel]").click()
    await rig.panel.get_by_label("Reason").fill("not today")
    await confirm(rig, "Cancel 3 runs?")
    await expect(rig.panel.locator(".pdnb-bulk")).to_contain_text("3 runs cancelled by you just now.")

    await rig.panel.get_by_label("Select all shown runs that wait").check()
    await rig.panel.locator("[data-bulk=resume]").click()
    await confirm(rig, "1 run with a form is left out: answer it in its own row.")
    await expect(rig.panel.locator(".pdnb-bulk")).to_contain_text("3 runs approved by you just now.")
    assert [run.status for run in runs[1:4]] == ["cancelled"] * 3
    assert [run.wait(20_000).status for run in (runs[0], *runs[4:])] == ["succeeded"] * 3
    reasons = [home.store.get(run.id).decision for run in runs[1:4]]
    assert [decision and decision.reason for decision in reasons] == ["not today"] * 3
    assert form.status == "suspended"


async def test_a_form_is_answered_beside_the_table_by_keyboard_alone(rig: Rig, home: Home) -> None:
    run = ask(home, "keyform", None, FORM)
    rig.lab.write("keyform.ipynb", "%load_ext pdnb", "%pdnb panel -w keyform")
    await rig.open("keyform.ipynb")
    await rig.run_all()
    cells = await rig.notebook.locator(".jp-Cell").count()
    press = rig.page.keyboard.press
    await row(rig, run.id).locator(".pdnb-open").focus()
    await press("ArrowRight")  # to its button
    await expect(row(rig, run.id).get_by_role("button", name="Answer")).to_be_focused()
    await press("Enter")
    number = rig.panel.get_by_label("Number (required)")
    await expect(number).to_be_focused()
    await press("0")
    await press("Tab")
    approve = rig.panel.locator(".pdnb-card [data-act=resume]")
    await expect(approve).to_be_focused()
    await press("Enter")
    await expect(rig.panel.get_by_role("alert").filter(has_text="needs a correction")).to_contain_text("Number: ")
    await expect(number).to_be_focused()
    await expect(number).to_have_attribute("aria-invalid", "true")
    assert run.status == "suspended"
    await press("Control+a")
    await press("7")
    await press("Tab")
    await press("Enter")
    await expect(rig.panel.locator(".pdnb-done")).to_contain_text("Answered by you just now.")
    assert run.wait(20_000).exports["ask"]["$resume_data"]["body"] == {"n": 7}
    await press("Escape")
    await expect(rig.panel.locator(".pdnb-card")).to_have_count(0)
    await expect(row(rig, run.id).locator(".pdnb-open")).to_be_focused()
    assert await rig.notebook.locator(".jp-Cell").count() == cells  # no key was the notebook's


async def test_search_filters_and_order_are_told(rig: Rig, home: Home) -> None:
    runs = [ask(home, "sift", {"about": about}, STEPS) for about in ("Pay the plumber", "Pay the baker", "Send mail")]
    runs[2].cancel()
    rig.lab.write("sift.ipynb", "%load_ext pdnb", "%pdnb panel -w sift")
    await rig.open("sift.ipynb")
    await rig.run_all()
    summaries = rig.panel.locator("tbody .pdnb-summary")
    await expect(summaries).to_have_text(["Pay the plumber", "Pay the baker", "Send mail"])
    await rig.panel.get_by_role("button", name="Summary").click()
    await expect(summaries).to_have_text(["Pay the baker", "Pay the plumber", "Send mail"])
    heading = rig.panel.get_by_role("columnheader", name="Summary")
    await expect(heading).to_have_attribute("aria-sort", "ascending")
    chip = rig.panel.get_by_role("button", name="suspended: 2 runs")
    await chip.click()
    await expect(chip).to_have_attribute("aria-pressed", "true")
    await expect(summaries).to_have_text(["Pay the baker", "Pay the plumber"])
    await rig.panel.get_by_role("searchbox").fill("PLUMB")
    await expect(summaries).to_have_text(["Pay the plumber"])
    await expect(rig.panel.locator(".pdnb-count")).to_contain_text("1 of 3 runs")
    await rig.panel.get_by_role("searchbox").fill("nobody")
    await rig.panel.get_by_role("button", name="Show all runs").click()
    await expect(summaries).to_have_count(3)


async def test_a_panel_without_runs_says_how_to_start_one(rig: Rig) -> None:
    rig.lab.write("empty.ipynb", "%load_ext pdnb", "%pdnb panel -w nobody_has_this_name")
    await rig.open("empty.ipynb")
    await rig.run_all()
    await expect(rig.panel.get_by_text("No runs yet.")).to_be_visible()
    await expect(rig.panel.get_by_text("Start one in a notebook")).to_be_visible()


async def test_ten_thousand_waiting_runs_are_a_panel_that_works(rig: Rig, home: Home) -> None:
    """How long it takes is in benchmarks/panel.py."""
    runs = ask_many(home, "crowd", 10_000)
    rig.lab.write("crowd.ipynb", "%load_ext pdnb", "%pdnb panel -w crowd")
    await rig.open("crowd.ipynb")
    await rig.run_all()
    await expect(rig.panel.locator(".pdnb-count")).to_have_text("10,000 runs · 10,000 waiting for a person")
    assert await rig.panel.locator("tbody tr").count() < 60
    await row(rig, runs[0].id).locator("[data-act=resume]").click()
    await expect(row(rig, runs[0].id)).to_contain_text("succeeded")
    await rig.page.mouse.move(2, 2)
    await row(rig, runs[1].id).locator(".pdnb-open").focus()
    await rig.page.keyboard.press("End")
    last = rig.panel.locator("tbody tr").last
    await expect(last).to_have_attribute("aria-rowindex", "10001")
    await expect(last.locator(".pdnb-open")).to_be_focused()
    await rig.page.keyboard.press("ArrowUp")
    await expect(row(rig, runs[-1].id).locator(".pdnb-open")).to_be_focused()
    await row(rig, runs[-1].id).locator("[data-act=cancel]").click()
    await confirm(rig, "Cancel the run of crowd?")
    await expect(rig.panel.locator(".pdnb-count")).to_have_text("10,000 runs · 9,998 waiting for a person")
    assert home.store.counts()[Status.SUSPENDED] >= 9_998
