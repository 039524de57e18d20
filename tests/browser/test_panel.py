"""The panel in a notebook: every decision goes over the widget's comm, and nothing else on the screen moves."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from pdnb.home import Home
from pdnb.model import Status
from tests.browser.desk import Desk
from tests.browser.lab import ask, ask_many, newest

STEPS = {
    "ask": "step.flow.suspend(); step.export('$summary', step.steps['trigger']['event']['about'])",
    "after": "'went on'",
}


def row(desk: Desk, run_id: str) -> Locator:
    return desk.panel.locator("tbody tr", has=desk.page.locator(f"[title='run {run_id}']"))


BUSY = "import pathlib, time\nwhile pathlib.Path('busy').exists():\n    time.sleep(0.01)"


async def height_of(row: Locator) -> float:
    """How far down the screen it is, in pixels."""
    box = await row.bounding_box()
    assert box is not None
    return box["y"]


async def test_the_panel_decides_over_the_comm_and_touches_no_other_run(desk: Desk, home: Home) -> None:
    runs = [ask(home, "five", {"about": f"Publish note {i}?"}, STEPS) for i in range(5)]
    desk.lab.write("five.ipynb", "%load_ext pdnb", "%pdnb panel -w five")
    await desk.open("five.ipynb")
    await desk.run_all()
    await expect(desk.panel.locator("tbody tr")).to_have_count(5)
    await expect(desk.panel.locator(".pdnb-count")).to_have_text("5 runs · 5 waiting for a person")
    before = [home.store.get(run.id) for run in runs]
    requests: list[str] = []
    desk.page.on("request", lambda r: requests.append(r.url) if r.frame == desk.page.main_frame else None)

    await row(desk, runs[1].id).locator("[data-act=resume]").click()
    await row(desk, runs[3].id).locator("[data-act=cancel]").click()
    await expect(row(desk, runs[1].id)).to_contain_text("succeeded")
    await expect(row(desk, runs[3].id)).to_contain_text("cancelled")
    await expect(desk.panel.locator(".pdnb-count")).to_have_text("5 runs · 3 waiting for a person")

    assert [url for url in requests if "/pdnb/" in url] == []
    assert runs[1].exports["after"] == {"$return_value": "went on"}
    assert [run.status for run in runs] == ["suspended", "succeeded", "suspended", "cancelled", "suspended"]
    decided = [home.store.get(run.id).decision for run in runs]
    assert [d and (d.what, d.via) for d in decided] == [None, ("resumed", "panel"), None, ("cancelled", "panel"), None]
    assert [home.store.get(runs[i].id) for i in (0, 2, 4)] == [before[i] for i in (0, 2, 4)]


async def test_the_whole_panel_shows_every_workflow(desk: Desk, home: Home) -> None:
    runs = [ask(home, name, {"about": "?"}, STEPS) for name in ("apples", "pears")]
    desk.lab.write("whole.ipynb", "%load_ext pdnb", "%pdnb panel")
    await desk.open("whole.ipynb")
    await desk.run_all()
    for run in runs:
        await expect(row(desk, run.id)).to_contain_text(run.workflow)


async def test_focus_and_scroll_stay_while_others_answer(desk: Desk, home: Home) -> None:
    runs = [ask(home, "many", {"about": f"Note {i}"}, STEPS) for i in range(40)]
    desk.lab.write("many.ipynb", "%load_ext pdnb", "%pdnb panel -w many")
    await desk.open("many.ipynb")
    await desk.run_all()
    rows = desk.panel.locator("tbody tr")
    await expect(rows).to_have_count(40)
    mine = row(desk, runs[20].id)
    button = mine.locator("[data-act=resume]")
    await button.focus()
    top = await height_of(mine)
    assert await desk.panel.locator(".pdnb-scroll").evaluate("box => box.scrollTop") > 0

    for run in runs[:10]:  # those above leave for the end of the list
        run.resume()
    ask(home, "many", {"about": "a new one"}, STEPS)
    await expect(desk.panel.locator("tbody tr", has_text="succeeded")).to_have_count(10)
    await expect(rows).to_have_count(41)
    await expect(button).to_be_focused()
    assert abs(await height_of(mine) - top) < 2

    await desk.page.keyboard.press("Enter")
    await expect(mine).to_contain_text("succeeded")
    await expect(mine.locator(".pdnb-workflow")).to_be_focused()  # its button is gone; the row keeps the place
    assert runs[20].status == "succeeded"


async def test_a_click_on_what_has_moved_on_changes_nothing_and_says_so(desk: Desk, home: Home) -> None:
    desk.lab.write("stale.ipynb", "%load_ext pdnb", "%pdnb panel -w stale", BUSY)
    steps = {"one": "links = step.flow.suspend()", "two": "links = step.flow.suspend()", "three": "3"}
    run = ask(home, "stale", None, steps)
    await desk.open("stale.ipynb")
    await desk.run_all()
    await expect(row(desk, run.id)).to_contain_text("one")
    assert newest(home, "stale").id == run.id
    busy = desk.lab.root / "busy"
    busy.touch()
    await desk.notebook.locator(".jp-CodeCell").last.click()
    await desk.page.keyboard.press("Control+Enter")  # the kernel is busy, so the panel shows what was
    await expect(desk.notebook.locator(".jp-CodeCell .jp-InputPrompt").last).to_have_text("[*]:")
    run.resume()
    await row(desk, run.id).locator("[data-act=resume]").click()
    await expect(row(desk, run.id).locator("[data-act=resume]")).to_have_text("Sending…")
    busy.unlink()
    await expect(row(desk, run.id).locator(".pdnb-said")).to_contain_text("already resumed")
    await expect(row(desk, run.id)).to_contain_text("two")
    assert (run.status, run.step) == ("suspended", "two")


async def test_rows_keep_their_places_under_a_hand_and_are_sorted_when_it_leaves(desk: Desk, home: Home) -> None:
    runs = [ask(home, "hand", {"about": f"Note {i}"}, STEPS) for i in range(3)]
    desk.lab.write("hand.ipynb", "%load_ext pdnb", "%pdnb panel -w hand")
    await desk.open("hand.ipynb")
    await desk.run_all()
    summaries = desk.panel.locator("tbody .pdnb-summary")
    await expect(summaries).to_have_text(["Note 0", "Note 1", "Note 2"])  # who is due first stands first

    await row(desk, runs[0].id).locator("[data-act=resume]").click()
    await expect(row(desk, runs[0].id)).to_contain_text("succeeded")
    ask(home, "hand", {"about": "Note 3"}, STEPS)
    await expect(summaries).to_have_text(["Note 0", "Note 1", "Note 2", "Note 3"])
    await desk.page.mouse.move(2, 2)
    await expect(summaries).to_have_text(["Note 1", "Note 2", "Note 3", "Note 0"])


async def test_a_thousand_waiting_runs_are_a_panel_that_works(desk: Desk, home: Home) -> None:
    """How long it takes is in benchmarks/panel.py."""
    runs = ask_many(home, "crowd", 1_000)
    desk.lab.write("crowd.ipynb", "%load_ext pdnb", "%pdnb panel -w crowd")
    await desk.open("crowd.ipynb")
    await desk.run_all()
    await expect(desk.panel.locator(".pdnb-count")).to_have_text("1000 runs · 1000 waiting for a person")
    await expect(desk.panel.locator("tbody tr")).to_have_count(1_000)
    await row(desk, runs[0].id).locator("[data-act=resume]").click()
    await expect(row(desk, runs[0].id)).to_contain_text("succeeded")
    last = row(desk, runs[-1].id)
    await last.scroll_into_view_if_needed()
    await last.locator("[data-act=cancel]").click()
    await expect(last).to_contain_text("cancelled")
    await expect(desk.panel.locator(".pdnb-count")).to_have_text("1000 runs · 998 waiting for a person")
    assert home.store.counts()[Status.SUSPENDED] >= 998
