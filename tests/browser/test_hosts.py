"""Other hosts: Notebook 7, Voilà, a JupyterLab whose server has no pdnb; and what opens the inbox."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.async_api import Locator, Page, expect

from pdnb.client import Run
from pdnb.coordination.home import Home
from tests.browser.hosts import Host, HostWatch, NotebookRig, server, voila
from tests.browser.lab import TOKEN, ask, newest
from tests.browser.page import OpenWindow, Rig, picture

GATE = {"ask": "step.flow.suspend(); step.export('$summary', 'Publish “Launch”?')", "after": "'went on'"}
BARE = (
    "--LabApp.expose_app_in_browser=True",
    "--LabApp.news_url=",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--ServerApp.jpserver_extensions={'pdnb': False}",
)


@pytest.fixture
def watch() -> Iterator[HostWatch]:
    """In these hosts whatever does not come from pdnb, and does not name it, is theirs."""
    watch = HostWatch()
    yield watch
    watch.check()


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Host]]:
    """All of them, started side by side, with a store each."""
    place = tmp_path_factory.mktemp
    found = {
        "notebook": server(place("notebook"), "notebook", "--JupyterNotebookApp.expose_app_in_browser=True"),
        "voila": voila(place("voila"), "approvals.ipynb"),
        "bare": server(place("bare"), "jupyterlab", *BARE),
    }
    with ExitStack() as stack:
        for host in found.values():
            stack.callback(host.stop)
            host.start()
        for host in found.values():
            host.ready()
        yield found
        for host in found.values():
            host.end()


@pytest.fixture
def host(request: pytest.FixtureRequest, hosts: dict[str, Host]) -> Host:
    """The one that the test names."""
    return hosts[request.param]


@pytest.fixture
def home(host: Host) -> Iterator[Home]:
    """Its store, as another process sees it."""
    with Home(host.store, kind="shell") as home:
        yield home


def named(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("host", [name], indirect=True)


def row(page: Page, run: Run) -> Locator:
    return page.locator(".pdnb-panel tbody tr", has=page.locator(f"[title='run {run.id}']"))


@named("notebook")
async def test_in_notebook_7_the_card_is_live_and_its_approve_goes_on_in_a_worker(
    window: OpenWindow, host: Host, home: Home
) -> None:
    rig = NotebookRig(host, await (await window()).new_page())
    await rig.open("01_approve.ipynb")
    await rig.run_all()
    card = await rig.card_shows("suspended", "Publish “Launch”?", "Step approve waits for a person")
    run = newest(home)
    assert card.url == f"{host.url}pdnb/card/{run.id}"
    await picture("notebook7-card", await rig.output("object"))

    await card.locator("[data-act=resume]").click()
    await rig.card_shows("succeeded", "publish\ndone", "published, said None", "on the card", saved="succeeded")
    assert run.status == "succeeded"
    assert host.workers()
    await picture("notebook7-card-done", await rig.output("object"))


@named("notebook")
async def test_in_notebook_7_the_panel_shows_who_waits_and_its_approve_goes_on(
    window: OpenWindow, host: Host, home: Home
) -> None:
    run = ask(home, "seven", None, GATE)
    host.write("seven.ipynb", "%load_ext pdnb", "%pdnb panel -w seven")
    rig = NotebookRig(host, await (await window()).new_page())
    await rig.open("seven.ipynb")
    await rig.run_all()
    mine = row(rig.page, run)
    await expect(mine).to_contain_text("Publish “Launch”?")
    await picture("notebook7-panel", rig.page)
    await mine.locator("[data-act=resume]").click()
    await expect(mine).to_contain_text("succeeded")
    assert run.exports["after"] == {"$return_value": "went on"}


async def dashboard(page: Page, url: str, run: Run) -> None:
    """Open *url*: it shows the run that waits, and none of the notebook's code."""
    await page.goto(url)
    await expect(page.get_by_role("heading", name="What waits for you")).to_be_visible()
    await expect(row(page, run)).to_contain_text("Publish “Launch”?")
    assert "load_ext" not in await page.inner_text("body")


@named("notebook")
async def test_voila_in_a_server_with_pdnb_is_a_dashboard_whose_approve_goes_on(
    window: OpenWindow, host: Host, home: Home
) -> None:
    run = ask(home, "board", None, GATE)
    page = await (await window()).new_page()
    await dashboard(page, f"{host.url}voila/render/approvals.ipynb?token={TOKEN}", run)
    await picture("voila-server", page)
    await row(page, run).locator("[data-act=resume]").click()
    await expect(row(page, run)).to_contain_text("succeeded")
    assert run.exports["after"] == {"$return_value": "went on"}


@named("voila")
async def test_voila_alone_queues_what_is_approved_until_somebody_works(
    window: OpenWindow, host: Host, home: Home
) -> None:
    run = ask(home, "board", None, GATE)
    page = await (await window()).new_page()
    await dashboard(page, host.url, run)
    await picture("voila-alone", page)
    await row(page, run).locator("[data-act=resume]").click()
    await expect(row(page, run)).to_contain_text("queued")
    assert run.status == "queued"
    await picture("voila-alone-queued", page)
    run.wait(20_000)  # somebody works
    await expect(row(page, run)).to_contain_text("succeeded")


@named("bare")
async def test_where_no_server_draws_the_card_buttons_below_it_decide_and_it_follows(
    window: OpenWindow, host: Host, home: Home
) -> None:
    rig = Rig(host, await (await window()).new_page())
    await rig.open("01_approve.ipynb")
    await rig.run_all()
    output = rig.notebook.locator(".jp-CodeCell").last.locator(".jp-Cell-outputArea")
    await expect(output).to_contain_text("Step approve waits for a person")
    await expect(rig.notebook.locator("object")).to_have_count(0)
    await picture("bare-card", output)

    await output.get_by_role("button", name="Approve").click()
    await expect(output.get_by_role("button")).to_have_count(0)
    await expect(output).to_contain_text("publish queued")
    await expect(output).to_contain_text("No server or worker serves this store just now: start pdnb serve")
    run = newest(home)
    assert run.status == "queued"
    await picture("bare-card-queued", output)
    run.wait(20_000)  # somebody works
    await expect(output).to_contain_text("published, said None")
    await expect(output).to_contain_text("succeeded")
    await picture("bare-card-done", output)


async def opens_the_inbox(page: Page, entry: Locator) -> None:
    """A click on *entry* opens the inbox in a tab of its own."""
    async with page.context.expect_page() as coming:
        await entry.click()
    inbox = await coming.value
    await expect(inbox.get_by_role("heading", name="Runs")).to_be_visible()
    assert inbox.url.endswith("/pdnb/")
    await inbox.close()


async def in_palette(page: Page, text: str) -> Locator:
    """The command palette's entry for *text*."""
    await page.keyboard.press("Control+Shift+C")
    await page.locator(".lm-CommandPalette-input:visible").fill(text)
    return page.locator(".lm-CommandPalette-item", has_text=text)


async def test_jupyterlabs_launcher_and_palette_open_the_inbox(rig: Rig) -> None:
    await rig.open("01_approve.ipynb", kernel=False)
    await rig.command("launcher:create")
    card = rig.page.locator(".jp-LauncherCard", has_text="pdnb inbox")
    await card.wait_for()
    await picture("launcher", rig.page)
    await opens_the_inbox(rig.page, card)
    await opens_the_inbox(rig.page, await in_palette(rig.page, "Open the inbox of pdnb"))


@named("notebook")
async def test_the_palette_of_notebook_7_opens_the_inbox(window: OpenWindow, host: Host) -> None:
    rig = NotebookRig(host, await (await window()).new_page())
    await rig.open("approvals.ipynb")
    await rig.notebook.locator(".jp-Cell").first.click()
    await opens_the_inbox(rig.page, await in_palette(rig.page, "Open the inbox of pdnb"))
