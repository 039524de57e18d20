"""The inbox and the card as pages: who decides there needs no notebook."""

from __future__ import annotations

import re

from playwright.async_api import BrowserContext, Page, expect

from pdnb.coordination.home import Home
from tests.browser.lab import TOKEN, Lab, ask
from tests.browser.page import OpenWindow, Watch

GATE = {"ask": "step.flow.suspend(); step.export('$summary', 'Publish “Launch”?')", "after": "'went on'"}
FORM = {
    "ask": """
step.flow.suspend(message='# Trip\\n\\nAsk **Ada**, see [plan](https://example.com/plan) <script>1</script>', form={
    'type': 'object', 'required': ['amount', 'decision'], 'properties': {
        'amount': {'type': 'number', 'minimum': 0, 'maximum': 500, 'description': 'In euros.', 'default': 310},
        'decision': {'enum': ['yes', 'no']}, 'centre': {'enum': ['A', 'B', 'C', 'D', 'E']},
        'until': {'type': 'string', 'format': 'date'}, 'tell': {'type': 'boolean', 'default': True},
        'extras': {'type': 'array', 'items': {'enum': ['train', 'meals']}}, 'more': {'type': 'object'},
    }}, after='https://example.com/thanks')
""",
    "after": "'went on'",
}


async def opened(window: OpenWindow, lab: Lab, path: str, **options: object) -> tuple[BrowserContext, Page]:
    context = await window(**options)
    page = await context.new_page()
    where, _, fragment = path.partition("#")
    await page.goto(f"{lab.url}{where}?token={TOKEN}{'#' + fragment if fragment else ''}")
    return context, page


async def test_the_inbox_counts_who_waits_and_its_address_opens_a_run(window: OpenWindow, lab: Lab, home: Home) -> None:
    run = ask(home, "deep", None, GATE)
    _, page = await opened(window, lab, f"pdnb/#{run.id}")
    await expect(page).to_have_title(re.compile(r"^\(\d+\) Runs"))
    card = page.get_by_role("article", name="Run of deep")
    await expect(card).to_contain_text("Publish “Launch”?")
    await card.get_by_text("Add a comment or data").click()
    await card.get_by_label("Comment").fill("looks good")
    await card.locator("[data-act=resume]:not([aria-disabled])").click()
    await expect(card.get_by_role("status").filter(has_text="Approved by you just now.")).to_be_visible()
    assert run.wait(20_000).exports["ask"]["$resume_data"]["body"] == {"comment": "looks good"}
    decision = home.store.get(run.id).decision
    assert decision is not None
    assert decision.via == "inbox"
    await page.keyboard.press("Escape")
    await expect(card).to_have_count(0)
    assert "#" not in page.url


async def test_the_servers_problems_stand_at_their_fields(
    window: OpenWindow, lab: Lab, home: Home, watch: Watch
) -> None:
    run = ask(home, "trip", None, FORM)
    _, page = await opened(window, lab, f"pdnb/card/{run.id}")
    message = page.locator(".pdnb-message")
    await expect(message.get_by_role("heading", name="Trip")).to_be_visible()
    await expect(message.get_by_role("link", name="plan")).to_have_attribute("href", "https://example.com/plan")
    await expect(message.locator("strong")).to_have_text("Ada")
    amount = page.get_by_label("Amount (required)")
    await expect(amount).to_have_value("310")
    await expect(page.get_by_label("Tell")).to_be_checked()
    await amount.fill("501")
    await page.get_by_label("More").fill("{")
    send = page.locator("[data-act=resume]:not([aria-disabled])")
    await send.click()
    alert = page.get_by_role("alert").filter(has_text="need a correction")
    await expect(alert.get_by_role("listitem")).to_have_text(
        [re.compile("^Amount: "), re.compile("^Decision: is req"), re.compile("^More: ")]
    )
    await expect(amount).to_be_focused()
    await expect(amount).to_have_accessible_description(re.compile("In euros. From 0 to 500. .*500"))
    assert run.status == "suspended"

    await amount.fill("12.5")
    await page.get_by_role("radio", name="no", exact=True).check()
    await page.get_by_label("Centre").select_option("B")
    await page.get_by_label("Until").fill("2026-02-03")
    await page.get_by_label("Tell").uncheck()
    await page.get_by_label("meals").check()
    await page.get_by_label("More").fill('{"n": [1]}')
    await send.click()
    await expect(page.locator(".pdnb-done")).to_contain_text("Answered by you just now.")
    after = page.locator(".pdnb-done").get_by_role("link")
    await expect(after).to_have_attribute("href", "https://example.com/thanks")
    body = {"amount": 12.5, "decision": "no", "centre": "B", "until": "2026-02-03", "tell": False}
    watch.forgive("status of 422")
    assert run.wait(20_000).exports["ask"]["$resume_data"]["body"] == {**body, "extras": ["meals"], "more": {"n": [1]}}


async def test_the_link_is_copied_and_stands_in_no_document(window: OpenWindow, lab: Lab, home: Home) -> None:
    run = ask(home, "copy", None, GATE)
    context, page = await opened(window, lab, f"pdnb/card/{run.id}")
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Copy the link").click()
    await expect(page.get_by_text("Copied: reachable from this machine only")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == str(run.resume_url)
    assert "pdnb1r." not in await page.content()


async def test_a_long_step_tells_how_far_it_is_and_a_failed_run_is_retried(
    window: OpenWindow, lab: Lab, home: Home
) -> None:
    go_on = lab.root / "go_on"
    long = f"""
import pathlib, time
print("page 3 fetched")
step.progress(3, 10, "page 3")
while not pathlib.Path({str(go_on)!r}).exists():
    time.sleep(0.05)
raise ValueError("no page 4") if pathlib.Path({str(go_on)!r}).read_text() == "fail" else SystemExit
"""
    run = ask(home, "long", None, {"ask": "step.flow.suspend()", "work": long})
    _, page = await opened(window, lab, f"pdnb/card/{run.id}")
    await page.locator("[data-act=resume]:not([aria-disabled])").click()
    bar = page.get_by_role("progressbar", name="Progress of step work")
    await expect(bar).to_have_attribute("aria-valuenow", "3")
    await expect(bar).to_have_attribute("aria-valuetext", "3 of 10 (30 %) · page 3")
    await expect(page.locator(".pdnb-attempt").last).to_contain_text("page 3 fetched")
    go_on.write_text("fail")
    await expect(page.locator(".pdnb-error, .pdnb-bad").first).to_contain_text("no page 4")
    go_on.unlink()
    await page.locator("[data-act=retry]:not([aria-disabled])").click()
    await expect(bar).to_have_attribute("aria-valuenow", "3")
    await expect(page.locator(".pdnb-done")).to_contain_text("Retried by you just now.")
    go_on.write_text("fail")
    await expect(page.locator("[data-act=retry]:not([aria-disabled])")).to_be_visible()


async def test_on_a_phone_nothing_is_wider_than_the_screen(window: OpenWindow, lab: Lab, home: Home) -> None:
    run = ask(home, "phone", None, FORM)
    _, page = await opened(window, lab, f"pdnb/#{run.id}", viewport={"width": 360, "height": 640})
    await expect(page.get_by_role("article", name="Run of phone")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
