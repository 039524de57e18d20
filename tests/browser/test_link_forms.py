"""The approval page with a form: harmless whatever its author wrote; corrected and sent with the keyboard alone."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

from pdnb.coordination.home import Home, now_ms
from pdnb.model import Prompt, RunRecord, Status, Suspended
from tests.browser.lab import ask, version
from tests.browser.page import OpenWindow, Watch, picture
from tests.support.injections import INJECTIONS

TEXTS = [bad for bad in INJECTIONS if bad.isprintable()]


def asking(home: Home, workflow: str, **given: Any) -> RunRecord:
    """A run that waits at its first step, and asks so."""
    run = home.store.add(version(home, workflow, {"gate": "1", "last": "2"}), None, at_ms=now_ms(), owner=home.owner)
    event = Suspended(now_ms(), run.fence, due_ms=now_ms() + 3_600_000, prompt=Prompt(**given))
    return home.store.apply(run.id, event)


async def unharmed(page: Page) -> None:
    assert await page.evaluate("typeof window.pwned") == "undefined"
    inside = "main :is(script, img, svg, iframe, object, embed, base, meta, style, [onerror], [onclick], [srcdoc])"
    assert await page.locator(inside).count() == 0
    assert await page.locator("main a[href]:not([href^='http']):not([href^='mailto:'])").count() == 0


async def test_two_hundred_injections_run_nothing_on_the_pages_behind_a_link(
    window: OpenWindow, home: Home, watch: Watch
) -> None:
    """In the message, in every part of a form, in what was filled in, in problems, and in what comes after."""
    page = await (await window()).new_page()
    for start in range(0, len(TEXTS), 40):
        texts = TEXTS[start : start + 40]
        fields = {
            f"f{i}": {
                "type": "string",
                "title": bad,
                "description": bad,
                "default": bad,
                "maxLength": 2,
                "examples": [bad],
            }
            for i, bad in enumerate(texts)
        }
        choices = {"enum": [*dict.fromkeys(texts)]}
        form = {"type": "object", "properties": {**fields, "one": choices, "many": {"type": "array", "items": choices}}}
        run = asking(home, "injected", form=form, message="\n\n".join(texts)[:9_000], after=texts[0])
        home.reload_settings()
        link = str(home.link("resume", run))
        for _ in range(2):  # as it opens, and with what has to be corrected
            await page.goto(link)
            await unharmed(page)
            await page.evaluate("document.querySelectorAll('[maxlength]').forEach(e => e.removeAttribute('maxlength'))")
            await page.locator("button").click()
            await page.get_by_text("Please correct your answer").wait_for()
            await unharmed(page)
        assert home.store.get(run.id) == run
        plain = asking(home, "injected", message=texts[1], after=texts[-1])
        await page.goto(str(home.link("resume", plain)))
        await page.locator("button").click()
        await page.get_by_text("You can close this page").wait_for()
        await unharmed(page)
    watch.forgive("status of 422")


async def test_a_form_behind_a_link_is_corrected_and_sent_with_the_keyboard_alone(
    window: OpenWindow, home: Home, watch: Watch
) -> None:
    page = await (await window(viewport={"width": 390, "height": 844})).new_page()
    form = {
        "type": "object",
        "properties": {
            "amount": {"type": "integer", "title": "Amount", "maximum": 10},
            "how": {"enum": ["quickly", "slowly"], "title": "How"},
        },
        "required": ["amount", "how"],
    }
    run = asking(home, "keyboard", form=form, message="How **much**?")
    home.reload_settings()
    await page.goto(str(home.link("resume", run)))
    await page.evaluate("document.querySelector('#f1').removeAttribute('max')")  # else the browser itself refuses
    for key in ("Tab", "1", "2", "Tab", "ArrowDown", "Tab", "Enter"):
        await page.keyboard.press(key)
    await page.get_by_text("amount: 12 is more than the maximum of 10").wait_for()
    await picture("link-form-corrected-phone", page)
    assert home.store.get(run.id) == run
    for key in ("Tab", "ControlOrMeta+a", "7", "Tab", "Tab", "Enter"):
        await page.keyboard.press(key)
    await page.get_by_text("Thank you").wait_for()
    after = home.store.get(run.id)
    assert after.status is not Status.SUSPENDED
    assert home.store.exports(run.id)["gate"]["$resume_data"]["body"] == {"amount": 7, "how": "quickly"}
    watch.forgive("status of 422")


async def test_two_people_at_two_screens_see_one_decision(window: OpenWindow, home: Home, watch: Watch) -> None:
    """The same run in two browsers: who comes second is told who was first, and nothing changes."""
    run = ask(home, "two screens")
    link = str(run.resume_url)
    first, second = [await (await window()).new_page() for _ in range(2)]
    for page in (first, second):
        await page.goto(link)
    await first.locator("button").click()
    await first.get_by_text("Thank you").wait_for()
    await second.locator("button").click()
    await second.get_by_text("Already resumed").wait_for()
    assert "by link" in await second.locator("main").inner_text()
    watch.forgive("status of 409")
