"""axe-core finds nothing serious on any surface, light or dark; a picture of each is left in ``test-results``."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # ships none
from playwright.async_api import Page, expect

from pdnb.client import start
from pdnb.coordination.home import Home
from tests.browser.lab import TOKEN, Lab, ask, version
from tests.browser.page import OpenWindow, Rig, Watch, picture
from tests.browser.test_inbox import FORM, GATE

_SERIOUS = {"serious", "critical"}
_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


async def assert_open_to_all(page: Page, part: str = "#pdnb") -> None:
    """No serious or critical violation inside *part*."""
    found = await Axe().run(page, context=part, options=_RULES)
    told = [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in found.response["violations"]
        if violation["impact"] in _SERIOUS
        for node in violation["nodes"]
    ]
    assert told == []


def _states(home: Home, stop: Path) -> dict[str, str]:
    """A run in each state, by state."""
    done, stopped, retried = (ask(home, "states", None, GATE) for _ in range(3))
    done.resume({"comment": "looks good"})
    stopped.cancel("not this week")
    with pytest.raises(ValueError, match="row 17"):
        start(
            home,
            version(home, "states", {"load": "print('3 files')", "check": "raise ValueError('row 17')"}),
            show=False,
        )
    [failed] = [run.id for run in home.store.list(workflow="states", limit=1).runs]
    wait = f"while not pathlib.Path({str(stop)!r}).exists():\n    time.sleep(0.1)"
    long = f"import pathlib, time\nstep.progress(3, 10, 'page 3')\nprint('page 3')\n{wait}"
    running = ask(home, "states", None, {"ask": "step.flow.suspend()", "work": long})
    running.resume()
    asleep = ask(home, "states", None, {"wait": "step.flow.delay(7_200_000)", "send": "1"})
    runs = {"suspended": retried, "form": ask(home, "states", None, FORM), "succeeded": done, "cancelled": stopped}
    found = {name: run.id for name, run in (runs | {"running": running, "sleeping": asleep}).items()}
    return found | {"failed": failed}


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_pages_shut_nobody_out(theme: str, window: OpenWindow, lab: Lab, home: Home, watch: Watch) -> None:
    stop = lab.root / f"stop-{theme}"
    states = _states(home, stop)
    try:
        await _looked_at(theme, states, window, lab)
    finally:
        stop.touch()  # the step at work ends, and its worker is free for other tests
    watch.forgive("status of 422")


async def _looked_at(theme: str, states: dict[str, str], window: OpenWindow, lab: Lab) -> None:
    page = await (await window(color_scheme=theme, viewport={"width": 1400, "height": 900})).new_page()
    for state, run_id in states.items():
        await page.goto(f"{lab.url}pdnb/card/{run_id}?token={TOKEN}")
        await expect(page.locator(".pdnb-pill")).to_have_text("suspended" if state == "form" else state)
        if state == "running":
            await page.get_by_role("progressbar").wait_for()
        if state == "form":
            await page.locator("[data-act=resume]:not([aria-disabled])").click()
            await page.get_by_role("alert").filter(has_text="correction").wait_for()
        if state == "suspended":
            await page.locator("[data-act=cancel]:not([aria-disabled])").click()
            await page.locator("[data-yes]:visible:not([aria-disabled])").wait_for()
        await assert_open_to_all(page)
        await picture(f"page-{state}-{theme}", page)

    await page.goto(f"{lab.url}pdnb/#{states['form']}")
    await page.get_by_role("article").wait_for()
    if await (workflow := page.get_by_label("Workflow", exact=True)).is_visible():  # there are others
        await workflow.select_option("states")
    await page.get_by_label("Select all shown runs that wait").check()
    await page.locator("[data-bulk=resume]").click()
    await page.locator("[data-yes]:visible:not([aria-disabled])").wait_for()
    await assert_open_to_all(page)
    await picture(f"inbox-{theme}", page)


async def test_the_panel_in_jupyterlab_shuts_nobody_out(rig: Rig, home: Home) -> None:
    for _ in range(3):
        ask(home, "axe", None, GATE)
    run = ask(home, "axe", None, FORM)
    rig.lab.write("axe.ipynb", "%load_ext pdnb", "%pdnb panel -w axe")
    await rig.open("axe.ipynb")
    await rig.run_all()
    await rig.panel.locator("tr", has=rig.page.locator(f"[title='run {run.id}']")).get_by_text("axe").click()
    await rig.panel.get_by_role("article").wait_for()
    part = ".jp-NotebookPanel:not(.lm-mod-hidden) .pdnb"
    for name, theme in {"dark": "JupyterLab Dark", "light": "JupyterLab Light"}.items():
        await rig.theme(theme)
        await expect(rig.page.locator(part)).to_have_attribute("data-theme", name)
        await assert_open_to_all(rig.page, part)
        await picture(f"panel-detail-{name}", await rig.output(".pdnb-panel"))
