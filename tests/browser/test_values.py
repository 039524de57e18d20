"""What people see and send keeps its digits, and a moment is entered in the person's own zone; on every surface."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from pdnb.client import Run
from pdnb.coordination.home import Home
from tests.browser.lab import TOKEN, Lab, ask
from tests.browser.page import OpenWindow, Rig

BIG = "9007199254740993"  # 2 ** 53 + 1
LONG = "123456789012345678901234567890"
DIGITS = "0.12345678901234567890123"

STEPS = {
    "find": f"{{'id': {BIG}, 'share': 7.0, 'list': [1e22, {LONG}]}}",
    "ask": f"""
from decimal import Decimal
from datetime import datetime, timedelta, timezone
import pydantic
class Booking(pydantic.BaseModel):
    account: int = {BIG}
    long: int = {LONG}
    share: float = 7.0
    price: Decimal = Decimal("{DIGITS}")
    conf: dict[str, int] = {{"id": {BIG}}}
    ids: list[int] = [{BIG}, 2]
    room: int | str = 12
    given: datetime = datetime(2026, 1, 1, 9, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    at: datetime
    until: datetime | None = None
step.flow.suspend(form=Booking)
""",
    "got": "step.steps['ask']['$resume_data']['body']",
}

UNTOUCHED = {
    "account": int(BIG),
    "long": int(LONG),
    "share": 7.0,
    "price": DIGITS,
    "conf": {"id": int(BIG)},
    "ids": [int(BIG), 2],
    "room": 12,
}


def answer(run: Run) -> Any:
    return run.wait(20_000).exports["got"]["$return_value"]


async def filled_in(card: Page | Locator) -> None:
    """Every field shows its digits; only the moment is filled in, by a person in Tokyo."""
    shows = {"Account": BIG, "Long": LONG, "Share": "7.0", "Price": DIGITS, "Ids": f"{BIG}\n2", "Room": "12"}
    for label, text in shows.items():
        await expect(card.get_by_label(label, exact=True)).to_have_value(text)
    await expect(card.get_by_label("Conf")).to_have_value(re.compile(BIG))
    await expect(card.get_by_label("Given")).to_have_value("2026-01-01T17:00:00.123")
    await expect(card.get_by_text("In your time zone, Asia/Tokyo.").first).to_be_visible()
    await card.get_by_label("At (required)").fill("2026-07-01T09:30")


@pytest.mark.parametrize("path", ["pdnb/card/{}?token={}", "pdnb/?token={1}#{0}"], ids=["card", "inbox"])
async def test_card_and_inbox_round_no_number_and_send_a_moment_of_the_persons_zone(
    window: OpenWindow, lab: Lab, home: Home, path: str
) -> None:
    run = ask(home, "digits", None, STEPS)
    page = await (await window(timezone_id="Asia/Tokyo")).new_page()
    await page.goto(lab.url + path.format(run.id, TOKEN))
    await filled_in(page)
    found = page.locator(".pdnb-attempt").first
    await expect(found).to_contain_text(f'{{"id":{BIG},"share":7.0,"list":[1e+22,{LONG}]}}')
    await page.locator(".pdnb-card [data-act=resume]:not([aria-disabled])").click()
    sent = {"given": "2026-01-01T09:00:00.123456+01:00", "at": "2026-07-01T09:30:00+09:00"}
    assert answer(run) == UNTOUCHED | sent
    assert isinstance(answer(run)["share"], float)
    await expect(page.locator(".pdnb-attempt").last).to_contain_text(BIG)


async def test_a_comment_of_json_is_sent_as_it_was_written(window: OpenWindow, lab: Lab, home: Home) -> None:
    run = ask(home, "a note", None, {"ask": "step.flow.suspend()", "got": STEPS["got"]})
    page = await (await window()).new_page()
    await page.goto(f"{lab.url}pdnb/card/{run.id}?token={TOKEN}")
    await page.get_by_text("Add a comment or data").click()
    await page.get_by_label("Comment").fill(f'{{"id": {BIG}, "list": [{LONG}, 7.0]}}')
    await page.locator("[data-act=resume]:not([aria-disabled])").click()
    body = answer(run)
    assert body == {"id": int(BIG), "list": [int(LONG), 7.0]}
    assert isinstance(body["list"][1], float)


async def test_the_page_behind_a_link_rounds_no_number_and_takes_the_zone_that_is_picked(
    window: OpenWindow, home: Home
) -> None:
    run = ask(home, "link digits", None, STEPS)
    page = await (await window(timezone_id="Asia/Tokyo")).new_page()
    await page.goto(str(run.resume_url))
    for label, text in (("Account", BIG), ("Long", LONG), ("Share", "7.0"), ("Price", DIGITS), ("Ids", f"{BIG}\n2")):
        await expect(page.get_by_label(re.compile(f"^{label}"))).to_have_value(text)
    await page.get_by_label("At", exact=True).fill("2026-07-01T09:30")
    await page.get_by_label("Time zone of At").select_option("Asia/Tokyo")
    await page.locator("button").click()
    await page.get_by_text("Thank you").wait_for()
    body = answer(run)
    assert body.pop("at") == "2026-07-01T09:30:00+09:00"
    given = body.pop("given")
    assert body == UNTOUCHED
    assert re.fullmatch(r"2026-01-01T\d\d:00:00\.123000[+-]\d\d:\d\d", given)


async def test_the_panel_rounds_no_number_over_its_comm(rig: Rig, home: Home) -> None:
    run = ask(home, "panel digits", None, STEPS)
    rig.lab.write("digits.ipynb", "%load_ext pdnb", "%pdnb panel -w 'panel digits'")
    await rig.open("digits.ipynb")
    await rig.run_all()
    await rig.panel.locator("tbody tr [data-act=resume]").click()  # opens the form beside the table
    card = rig.panel.locator(".pdnb-card")
    for label, text in (("Account", BIG), ("Long", LONG), ("Share", "7.0"), ("Price", DIGITS), ("Ids", f"{BIG}\n2")):
        await expect(card.get_by_label(label, exact=True)).to_have_value(text)
    await card.get_by_label("At (required)").fill("2026-07-01T09:30")
    await expect(card.locator(".pdnb-attempt").first).to_contain_text(LONG)
    await card.locator("[data-act=resume]:not([aria-disabled])").click()
    body = answer(run)
    assert {name: body[name] for name in UNTOUCHED} == UNTOUCHED
    assert body["given"] == "2026-01-01T09:00:00.123456+01:00"
    await expect(card.locator(".pdnb-attempt").last).to_contain_text(BIG)
    await expect(rig.panel.locator("tbody tr")).to_contain_text("succeeded")
