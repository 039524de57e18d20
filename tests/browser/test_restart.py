"""The server dies without a goodbye while a run waits; started again, everything goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from pdnb.coordination.home import Home
from tests.browser.lab import Lab, newest
from tests.browser.page import OpenWindow, Rig, Watch


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Lab]:
    """A JupyterLab that a test may kill."""
    (tmp_path / "mortal").mkdir()
    lab = Lab(tmp_path / "mortal")
    lab.start()
    yield lab
    lab.stop()


async def test_links_cards_and_workers_survive_a_killed_server(mortal: Lab, window: OpenWindow, watch: Watch) -> None:
    steps = (
        "%%step one\nlinks = step.flow.suspend()",
        "%%step two\nlinks = step.flow.suspend()",
        "%%step three\n6 * 7",
    )
    mortal.write("mortal.ipynb", "%load_ext pdnb", *steps, "run = %pdnb run")
    context = await window()
    rig = Rig(mortal, await context.new_page())
    await rig.open("mortal.ipynb")
    await rig.run_all()
    card = await rig.card_shows("suspended", "Step one waits")
    await rig.save()

    with Home(mortal.store, kind="shell") as home:
        run = newest(home)
        link = str(run.resume_url)
        mortal.kill()
        await rig.card_shows("The server does not answer. What you see may be out of date.")
        await expect(card.locator(".pdnb-situation")).to_contain_text("Step one waits")
        assert run.status == "suspended"
        mortal.start()
        assert str(run.resume_url) == link

        page = await context.new_page()
        await page.goto(link)
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("heading", name="Thank you, it goes on")).to_be_visible()

        await rig.card_shows("suspended", "Step two waits")  # the card that was open all the time
        watch.forgive("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_SOCKET_NOT_CONNECTED")
        await rig.page.close()

        rig = Rig(mortal, await context.new_page())
        await rig.open("mortal.ipynb", kernel=False)
        card = await rig.card_shows("suspended", "Step two waits")
        await card.locator("[data-act=resume]").click()
        await rig.card_shows("succeeded", "42")
        assert run.wait(20_000).status == "succeeded"
        assert [(a.step, a.runs, a.decision and a.decision.via) for a in run.attempts] == [
            ("one", 1, "link"),
            ("two", 1, "card"),
            ("three", 1, None),
        ]
