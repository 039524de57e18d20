"""One panel before two people, and a panel whose kernel was restarted."""

from __future__ import annotations

from playwright.async_api import expect

from pdnb.coordination.home import Home
from tests.browser.lab import ask
from tests.browser.page import OpenWindow, Rig

STEPS = {"ask": "links = step.flow.suspend()", "after": "'went on'"}


async def test_two_browsers_on_one_panel_see_what_the_other_decides(rig: Rig, home: Home, window: OpenWindow) -> None:
    runs = [ask(home, "shared", None, STEPS) for _ in range(2)]
    rig.lab.write("shared.ipynb", "%load_ext pdnb", "%pdnb panel -w shared")
    await rig.open("shared.ipynb")
    await rig.run_all()
    await rig.save()
    other = Rig(rig.lab, await (await window()).new_page())
    await other.open("shared.ipynb")
    for each in (rig, other):
        await expect(each.panel.locator("tbody tr")).to_have_count(2)
    row = f"tbody tr:has([title='run {runs[0].id}'])"
    await other.panel.locator(row).locator("[data-act=resume]").click()
    for each in (rig, other):
        await expect(each.panel.locator(row)).to_contain_text("succeeded")
        await expect(each.panel.locator(".pdnb-count")).to_have_text("2 runs · 1 waiting for a person")
    assert runs[1].status == "suspended"


async def test_a_panel_whose_kernel_was_restarted_decides_nothing_and_is_there_again_when_its_cell_runs(
    rig: Rig, home: Home
) -> None:
    run = ask(home, "restarted", None, STEPS)
    rig.lab.write("restarted.ipynb", "%load_ext pdnb", "%pdnb panel -w restarted")
    await rig.open("restarted.ipynb")
    await rig.run_all()
    await expect(rig.panel.locator("tbody tr")).to_have_count(1)
    await rig.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    await rig.idle()
    before = home.store.get(run.id)
    await rig.panel.locator("[data-act=resume]").click(force=True)  # nobody is there who could do it
    await rig.run_all()
    await expect(rig.panel.locator("tbody tr")).to_have_count(1)
    assert home.store.get(run.id) == before
    await rig.panel.locator("[data-act=resume]:not([aria-disabled])").click()
    await expect(rig.panel.locator("tbody tr")).to_contain_text("succeeded")
