"""The card in a notebook: live, with a kernel or without one, by mouse and by keyboard."""

from __future__ import annotations

from playwright.async_api import Frame, expect

from pdnb.client import Run
from pdnb.coordination.home import Home
from tests.browser.lab import newest
from tests.browser.page import Rig


def decision(run: Run) -> tuple[str, str]:
    """What ended the run's last pause, and by what way."""
    decisions = [a.decision for a in run.attempts if a.decision is not None]
    return decisions[-1].what, decisions[-1].via


async def test_run_all_then_approve_in_the_card_and_the_worker_publishes(rig: Rig, home: Home) -> None:
    await rig.open("01_approve.ipynb")
    await rig.run_all()
    card = await rig.card_shows("suspended", "Publish “Launch”?", "Step approve waits for a person")
    run = newest(home)
    assert (run.status, run.step) == ("suspended", "approve")

    await card.locator("[data-act=resume]").click()
    await rig.card_shows(
        "succeeded",
        "draft\ndone",
        "approve\ndone",
        "publish\ndone",
        "publishing",
        "published, said None",
        "on the card",
    )
    assert run.wait(20_000).status == "succeeded"
    assert decision(run) == ("resumed", "card")
    assert run.exports["publish"]["$return_value"] == "published, said None"


async def test_cancel_in_the_card_ends_the_run_and_the_panel_shows_it(rig: Rig, home: Home) -> None:
    rig.lab.write(
        "cancel.ipynb",
        "%load_ext pdnb",
        "%%step ask\nlinks = step.flow.suspend()",
        "%%step never\nprint('never')",
        "%pdnb panel -w cancel",
        "run = %pdnb run",
    )
    await rig.open("cancel.ipynb")
    await rig.run_all()
    card = await rig.card_shows("suspended")
    row = rig.panel.locator("tbody tr")
    await expect(row).to_contain_text("suspended")

    cancel, question = card.locator("[data-act=cancel]"), card.get_by_role("alertdialog")
    await cancel.click()
    await expect(question).to_contain_text("This cannot be undone.")
    await rig.page.keyboard.press("Escape")
    await expect(question).to_be_hidden()
    await expect(cancel).to_be_focused()
    await cancel.dblclick()  # the second half is no answer
    await expect(question).to_be_visible()
    assert newest(home, "cancel").status == "suspended"
    await question.get_by_label("Reason").fill("no budget")
    await question.locator("[data-yes]:not([aria-disabled])").click()
    await rig.card_shows("cancelled", "on the card", "no budget", "never\nnot reached")
    await expect(row).to_contain_text("cancelled")
    await expect(row.locator("[data-act]:visible")).to_have_count(0)
    run = newest(home, "cancel")
    assert run.status == "cancelled"
    assert decision(run) == ("cancelled", "card")
    assert [a.step for a in run.attempts] == ["ask"]


async def test_the_card_outlives_page_and_kernel(rig: Rig, home: Home) -> None:
    rig.lab.write(
        "outlive.ipynb",
        "%load_ext pdnb",
        "%%step ask\nlinks = step.flow.suspend()",
        "%%step then\n6 * 7",
        "run = %pdnb run",
    )
    await rig.open("outlive.ipynb")
    await rig.run_all()
    await rig.card_shows("suspended")
    await rig.save()
    run = newest(home, "outlive")

    await rig.open("outlive.ipynb", reload=True)
    rig.lab.shut_down_kernels()
    card = await rig.card_shows("suspended")
    await card.locator("[data-act=resume]").click()
    await rig.card_shows("succeeded", "42")
    assert rig.lab.api("api/kernels") == []
    assert run.status == "succeeded"

    await rig.open("outlive.ipynb", reload=True)
    rig.lab.shut_down_kernels()
    await rig.card_shows("succeeded", "42")


async def test_the_keyboard_alone_approves_gate_after_gate(rig: Rig, home: Home) -> None:
    """JupyterLab draws the frame anew at each gate; focus and what was opened or closed are as they were."""
    gate = "print('asking')\nlinks = step.flow.suspend()"
    rig.lab.write(
        "keys.ipynb",
        "%load_ext pdnb",
        f"%%step one\n{gate}",
        f"%%step two\n{gate}",
        "%%step three\n3",
        "run = %pdnb run",
    )
    await rig.open("keys.ipynb")
    await rig.run_all()
    card = await rig.card_shows("Step one waits")
    await card.locator(".pdnb-title").click()
    await rig.page.keyboard.press("Tab")
    await expect(card.get_by_text("Add a comment or data")).to_be_focused()
    await rig.page.keyboard.press("Tab")
    approve = card.locator("[data-act=resume]")
    await expect(approve).to_be_focused()
    assert await approve.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    await card.locator(".pdnb-attempt > summary").click()  # what is closed stays closed
    await approve.focus()
    await expect(approve).not_to_have_attribute("aria-disabled", "true")
    await rig.page.keyboard.press("Enter")

    card = await rig.card_shows("Step two waits", saved="Step two waits")
    approve = card.locator("[data-act=resume]")
    await expect(approve).to_be_focused()
    await expect(card.locator(".pdnb-attempt").first).not_to_have_attribute("open", "")
    await expect(card.locator(".pdnb-attempt").last).to_have_attribute("open", "")
    await expect(approve).not_to_have_attribute("aria-disabled", "true")
    await rig.page.keyboard.press("Enter")
    await rig.card_shows("succeeded")
    assert newest(home, "keys").wait(20_000).status == "succeeded"


async def impatient(rig: Rig, card: Frame) -> None:
    """Two double clicks where Approve is now, whether it takes clicks or not."""
    place = await card.locator("[data-act=resume]").bounding_box()
    assert place is not None
    for _ in range(2):
        await rig.page.mouse.dblclick(place["x"] + 20, place["y"] + 10)


async def test_a_double_click_never_approves_the_next_gate(rig: Rig, home: Home) -> None:
    gate = "links = step.flow.suspend()"
    rig.lab.write(
        "twice.ipynb",
        "%load_ext pdnb",
        f"%%step one\n{gate}",
        f"%%step two\n{gate}",
        "%%step three\n3",
        "run = %pdnb run",
    )
    await rig.open("twice.ipynb")
    await rig.run_all()
    card = await rig.card_shows("Step one waits")
    await card.locator("[data-act=resume]").click(trial=True)  # it takes clicks by now
    posts: list[str] = []
    rig.page.on("request", lambda request: posts.append(request.url) if request.url.endswith("/resume") else None)
    await impatient(rig, card)
    card = await rig.card_shows("Step two waits", saved="Step two waits")
    await impatient(rig, card)
    await card.locator("[data-act=resume]:not([aria-disabled])").wait_for()  # whatever was clicked is sent by now
    assert len(posts) == 1
    assert [a.decision and a.decision.via for a in newest(home, "twice").attempts] == ["card", None]


async def test_a_saved_notebook_tells_where_the_run_waits(rig: Rig) -> None:
    """What GitHub, nbconvert and an untrusting JupyterLab show is the static card."""
    await rig.open("01_approve.ipynb")
    await rig.run_all()
    await rig.card_shows("suspended")
    await rig.save()
    saved = (rig.lab.root / "01_approve.ipynb").read_text()
    assert "Step approve waits for a person since" in saved
    assert "Publish “Launch”?" in saved
