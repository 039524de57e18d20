"""One panel before two people, and a panel whose kernel was restarted."""

from __future__ import annotations

from playwright.async_api import expect

from pdnb.coordination.home import Home
from tests.browser.desk import Desk, OpenWindow
from tests.browser.lab import ask

STEPS = {"ask": "links = step.flow.suspend()", "after": "'went on'"}


async def test_two_browsers_on_one_panel_see_what_the_other_decides(desk: Desk, home: Home, window: OpenWindow) -> None:
    runs = [ask(home, "shared", None, STEPS) for _ in range(2)]
    desk.lab.write("shared.ipynb", "%load_ext pdnb", "%pdnb panel -w shared")
    await desk.open("shared.ipynb")
    await desk.run_all()
    await desk.save()
    other = Desk(desk.lab, await (await window()).new_page())
    await other.open("shared.ipynb")
    for each in (desk, other):
        await expect(each.panel.locator("tbody tr")).to_have_count(2)
    row = f"tbody tr:has([title='run {runs[0].id}'])"
    await other.panel.locator(row).locator("[data-act=resume]").click()
    for each in (desk, other):
        await expect(each.panel.locator(row)).to_contain_text("succeeded")
        await expect(each.panel.locator(".pdnb-count")).to_have_text("2 runs · 1 waiting for a person")
    assert runs[1].status == "suspended"


async def test_a_panel_whose_kernel_was_restarted_decides_nothing_and_is_there_again_when_its_cell_runs(
    desk: Desk, home: Home
) -> None:
    run = ask(home, "restarted", None, STEPS)
    desk.lab.write("restarted.ipynb", "%load_ext pdnb", "%pdnb panel -w restarted")
    await desk.open("restarted.ipynb")
    await desk.run_all()
    await expect(desk.panel.locator("tbody tr")).to_have_count(1)
    await desk.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    await desk.idle()
    before = home.store.get(run.id)
    await desk.panel.locator("[data-act=resume]").click(force=True)  # nobody is there who could do it
    await desk.run_all()
    await expect(desk.panel.locator("tbody tr")).to_have_count(1)
    assert home.store.get(run.id) == before
    await desk.panel.locator("[data-act=resume]:not([aria-disabled])").click()
    await expect(desk.panel.locator("tbody tr")).to_contain_text("succeeded")
