"""Card, panel and link pages are as light or dark as what is around them; pictures are left in ``test-results``."""

from __future__ import annotations

import pytest
from playwright.async_api import Frame, Locator, expect

from pdnb.coordination.home import Home
from tests.browser.lab import ask, newest
from tests.browser.page import OpenWindow, Rig, picture

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


async def luminance(of: Locator, which: str = "backgroundColor") -> float:
    """How light a colour is, from 0 (black) to 1, as the WCAG has it."""
    return float(
        await of.evaluate(
            """(el, which) => {
                const paint = document.createElement("canvas").getContext("2d");
                paint.fillStyle = getComputedStyle(el)[which];
                paint.fillRect(0, 0, 1, 1);
                const part = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
                const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map(part);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            }""",
            which,
        )
    )


async def assert_readable(el: Locator, ground: Locator) -> None:
    """At least 4.5 to 1, as the WCAG asks for text."""
    low, high = sorted((await luminance(el, "color"), await luminance(ground)))
    assert (high + 0.05) / (low + 0.05) >= 4.5, await el.text_content()


async def assert_looks(name: str, ground: Locator, *texts: Locator) -> None:
    light = await luminance(ground)
    assert light > 0.8 if name == "light" else light < 0.1, f"{light} is not {name}"
    for text in texts:
        await assert_readable(text, ground)


async def follow(rig: Rig, card: Frame, state: str) -> None:
    """Change JupyterLab's theme while the card is open; a picture of each."""
    for name, theme in THEMES.items():
        await rig.theme(theme)
        await expect(card.locator("#pdnb")).to_have_attribute("data-theme", name)
        ground = card.locator(".pdnb-card")
        texts = [".pdnb-title", ".pdnb-pill", ".pdnb-situation", ".pdnb-foot", ".pdnb-steps li >> nth=0 >> span"]
        await assert_looks(name, ground, *[card.locator(text) for text in texts])
        await picture(f"card-{state}-{name}", await rig.output("object"))


async def test_an_open_card_follows_the_theme(rig: Rig, home: Home) -> None:
    await rig.open("01_approve.ipynb")
    await rig.run_all()
    card = await rig.card_shows("suspended")
    await follow(rig, card, "suspended")
    newest(home, "01_approve").resume({"comment": "looks good"})
    card = await rig.card_shows("succeeded", "looks good", saved="succeeded")
    await follow(rig, card, "done")


async def test_an_open_panel_follows_the_theme(rig: Rig, home: Home) -> None:
    summary = "step.flow.suspend(); step.export('$summary', step.steps['trigger']['event'])"
    questions = [
        "Publish “Launch” to 240 readers?", "Pay invoice 2026-118, € 4 310.00?", "Merge the schema change?",
        "Delete 12 stale branches?", "Send the weekly report?",
    ]  # fmt: skip
    for question in questions:
        ask(home, "look", question, {"draft": "1", "approve": summary, "after": "1"})
    rig.lab.write("look.ipynb", "%load_ext pdnb", "%pdnb panel -w look")
    await rig.open("look.ipynb")
    await rig.run_all()
    root = rig.notebook.locator(".pdnb:has(> .pdnb-panel)")
    row = rig.panel.locator("tbody tr").first
    for name, theme in THEMES.items():
        await rig.theme(theme)
        await expect(root).to_have_attribute("data-theme", name)
        cells = [".pdnb-workflow", ".pdnb-pill", ".pdnb-due", "td.pdnb-summary"]
        await assert_looks(name, rig.panel.locator(".pdnb-scroll"), *[row.locator(cell) for cell in cells])
        await picture(f"panel-{name}", await rig.output(".pdnb-panel"))


@pytest.mark.parametrize("name", THEMES)
async def test_link_pages_follow_the_system(name: str, window: OpenWindow, home: Home) -> None:
    run = ask(
        home, "pages", None, {"ask": "step.flow.suspend(); step.export('$summary', 'Publish “Launch”?')", "then": "1"}
    )
    context = await window(color_scheme=name, viewport={"width": 800, "height": 640})
    page = await context.new_page()
    await page.goto(str(run.cancel_url))
    await picture(f"confirm-cancel-{name}", page)
    await page.goto(str(run.resume_url))
    main = page.locator("main")
    await assert_looks(name, main, page.locator("h1"), page.locator("dt").first, page.locator(".quiet"))
    await assert_readable(page.locator("button"), page.locator("button"))
    await picture(f"confirm-{name}", page)
    await page.get_by_role("button", name="Approve").click()
    await assert_looks(name, main, page.locator("h1"), page.locator(".mark"))
    await picture(f"result-{name}", page)
