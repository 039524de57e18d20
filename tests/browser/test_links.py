"""A link in a browser of somebody who has no login here: a page that asks, then one that says what happened."""

from __future__ import annotations

from playwright.async_api import Page, expect

from pdnb.coordination.home import Home
from tests.browser.lab import ask
from tests.browser.page import OpenWindow, Watch, picture

STEPS = {
    "ask": "step.flow.suspend(); step.export('$summary', 'Publish “Launch” to ' + 240 * 'very ' + 'many people?')",
    "then": "'went on'",
}
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}


async def assert_fits(page: Page) -> None:
    """Nothing sticks out of a narrow window, and the button is as large as a thumb."""
    wide = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]
    for button in await page.locator("button").all():
        box = await button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= wide[1]


async def test_a_link_on_a_phone_asks_first_then_acts_once(window: OpenWindow, home: Home, watch: Watch) -> None:
    run = ask(home, "phone", None, STEPS)
    url = str(run.resume_url)
    page = await (await window(**PHONE)).new_page()
    answer = await page.goto(url)
    assert answer is not None
    assert answer.status == 200
    await expect(page.get_by_role("heading", name="Your approval is needed")).to_be_visible()
    await assert_fits(page)
    await picture("confirm-phone", page)
    assert run.status == "suspended"  # looking has changed nothing

    await page.get_by_role("button", name="Approve").tap()
    await expect(page.get_by_role("heading", name="Thank you, it goes on")).to_be_visible()
    assert page.url == url
    assert run.wait(20_000).status == "succeeded"
    assert run.exports["ask"]["$resume_data"]["method"] == "POST"

    answer = await page.goto(url)
    assert answer is not None
    assert answer.status == 409
    await expect(page.get_by_role("heading", name="Already resumed")).to_be_visible()
    await expect(page.locator("button")).to_have_count(0)
    await assert_fits(page)
    await picture("late-phone", page)
    assert await page.context.cookies() == []
    watch.forgive("status of 409")


async def test_two_people_with_the_same_link_are_told_the_truth(window: OpenWindow, home: Home, watch: Watch) -> None:
    run = ask(home, "both", None, STEPS)
    first, second = [await (await window()).new_page() for _ in range(2)]
    await first.goto(str(run.resume_url))
    await second.goto(str(run.cancel_url))
    await first.get_by_role("button", name="Approve").click()
    await expect(first.get_by_role("heading", name="Thank you, it goes on")).to_be_visible()
    await second.get_by_role("button", name="Cancel this run").click()
    await expect(second.get_by_role("heading", name="Already resumed")).to_be_visible()
    assert run.wait(20_000).status == "succeeded"
    watch.forgive("status of 409")


async def test_cancel_by_link_stops_the_run(window: OpenWindow, home: Home) -> None:
    run = ask(home, "stop", None, STEPS)
    page = await (await window()).new_page()
    await page.goto(str(run.cancel_url))
    await page.get_by_role("button", name="Cancel this run").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
    assert run.status == "cancelled"
    assert [attempt.step for attempt in run.attempts] == ["ask"]


async def test_a_damaged_link_says_so_without_an_echo(window: OpenWindow, home: Home, watch: Watch) -> None:
    url = str(ask(home, "damaged", None, STEPS).resume_url)
    page = await (await window(**PHONE)).new_page()
    await page.goto(url[:-3] + "xyz")
    await expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    assert "xyz" not in await page.content()
    await assert_fits(page)
    watch.forgive("status of 404")
