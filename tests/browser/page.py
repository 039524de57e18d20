"""A browser's window on a JupyterLab: open notebooks, run them, find cards and panels; and what went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Error,
    Frame,
    Locator,
    Page,
    WebError,
    expect,
)

from tests.browser.lab import TOKEN, Lab

PICTURES: Final = Path(__file__).parent.parent.parent / "test-results"
_PATIENCE_MS: Final = 20_000

_CARD_SHOWS: Final = """([saved, ...texts]) => {
    const here = document.querySelector(".jp-NotebookPanel:not(.lm-mod-hidden)");
    const card = [...here.querySelectorAll("object[data*='/pdnb/card/']")].at(-1);
    const shown = card?.contentDocument?.querySelector(".pdnb-card")?.innerText;
    return shown && card.textContent.includes(saved) && texts.every(text => shown.includes(text)) && card.data;
}"""
_NUMBERED: Final = re.compile(r"\[\d+\]:")

expect.set_options(timeout=_PATIENCE_MS)


@dataclass
class Watch:
    """What the browser complained about: ``ours`` must stay empty, ``theirs`` is JupyterLab's own."""

    ours: list[str] = field(default_factory=list)
    theirs: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def attach(self, context: BrowserContext) -> Callable[[], None]:
        """Listen to every page of *context*, present and to come; call what comes back to stop."""
        listeners: dict[Any, Any] = {"console": self._console, "weberror": self._error, "dialog": self._dialog}
        for event, listener in listeners.items():
            context.on(event, listener)

        def stop() -> None:
            for event, listener in listeners.items():
                context.remove_listener(event, listener)

        return stop

    def forgive(self, *texts: str) -> None:
        """Drop complaints with one of *texts* in them: those a test has provoked."""
        self.ours = [complaint for complaint in self.ours if not any(text in complaint for text in texts)]

    def check(self) -> None:
        """Fail if something of ours complained."""
        assert self.dialogs == []
        assert self.ours == []

    def _console(self, message: ConsoleMessage) -> None:
        url = message.location["url"]
        if "Blocked script execution" in message.text:
            return  # Playwright's own script, in a page or frame that allows none
        if message.type == "error" or "Content Security Policy" in message.text:
            self._file(f"{message.text} ({url})", url, message.page)

    def _error(self, error: WebError) -> None:
        text = f"{error.error.message}\n{error.error.stack}"
        self._file(text, text, error.page)

    async def _dialog(self, dialog: Dialog) -> None:
        if dialog.type == "beforeunload":  # JupyterLab's, about a notebook that is not saved
            await dialog.accept()
            return
        self.dialogs.append(dialog.message)
        with contextlib.suppress(Error):  # its page is gone
            await dialog.dismiss()

    def _file(self, complaint: str, source: str, page: Page | None) -> None:
        # The panel's module is loaded from a blob; a page outside Lab is ours from top to bottom.
        in_lab = page is not None and "/lab/" in page.url
        ours = not in_lab or "/pdnb/" in source or "blob:" in source
        (self.ours if ours else self.theirs).append(complaint)


class Rig:
    """One page with JupyterLab in it, and the notebook in front."""

    def __init__(self, lab: Lab, page: Page) -> None:
        self.lab, self.page = lab, page
        self.notebook = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    async def open(self, notebook: str, *, reload: bool = False, kernel: bool = True) -> None:
        """Open *notebook*, beside those that are open or in a page loaded anew; wait for its kernel to be idle."""
        tab = self.page.locator(".lm-TabBar-tab", has_text=notebook)
        if reload or "/lab" not in self.page.url or await tab.count():
            await self.page.goto(f"{self.lab.url}lab/tree/{notebook}?reset&token={TOKEN}")
        else:
            await self.command("docmanager:open", path=notebook)
        await tab.and_(self.page.locator(".lm-mod-current")).wait_for()
        await self.notebook.locator(".jp-Cell").first.wait_for()
        if kernel:
            await self.idle()

    async def idle(self) -> None:
        """Wait until the kernel is there and has nothing to do."""
        await self.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()

    async def command(self, name: str, **args: str) -> None:
        """Have JupyterLab execute a command, as its menus do."""
        await self.page.evaluate("([name, args]) => void jupyterapp.commands.execute(name, args)", [name, args])

    async def run_all(self) -> None:
        """Run ▸ Run All Cells, and wait for the end of the last."""
        await self.command("notebook:run-all-cells")
        try:
            await expect(self.notebook.locator(".jp-CodeCell .jp-InputPrompt").last).to_have_text(_NUMBERED)
        except AssertionError:
            await picture("not-run", self.page)  # what stood in the way
            raise
        await expect(self.notebook.locator("[data-mime-type*=error], [data-mime-type*=stderr]")).to_have_count(0)
        await self.idle()

    async def save(self) -> None:
        """The toolbar's Save button: the file is written, and its outputs are trusted from now on."""
        async with self.page.expect_response(lambda r: "/api/contents/" in r.url and r.request.method == "PUT"):
            await self.notebook.locator('[data-command="docmanager:save"]').click()
        await expect(self.page.locator(".lm-TabBar-tab.lm-mod-current.jp-mod-dirty")).to_have_count(0)

    async def theme(self, name: str) -> None:
        """Settings ▸ Theme ▸ *name*."""
        await self.command("apputils:change-theme", theme=name)
        light = "false" if "Dark" in name else "true"
        await self.page.locator(f'body[data-jp-theme-light="{light}"]').wait_for(state="attached")

    async def card_shows(self, *texts: str, saved: str = "") -> Frame:
        """The last card's frame, once it shows all *texts*.

        JupyterLab makes a new frame when the kernel updates the output: wait for that with a text of the static card
        inside, the one that would be saved.
        """
        while True:
            url = await (await self.page.wait_for_function(_CARD_SHOWS, arg=[saved, *texts])).json_value()
            for frame in reversed(self.page.frames):
                if frame.url == url:
                    return frame
            await asyncio.sleep(0.02)  # that frame was made anew in between: look again

    @property
    def panel(self) -> Locator:
        """The panel widget."""
        return self.notebook.locator(".pdnb-panel")

    async def output(self, inside: str) -> Locator:
        """The area below a cell that holds *inside*, scrolled into view."""
        area = self.notebook.locator(".jp-OutputArea-child", has=self.page.locator(inside)).last
        await area.scroll_into_view_if_needed()
        return area


class OpenWindow(Protocol):
    """Opens a browser window; options are Playwright's for a context."""

    def __call__(self, **options: Any) -> Awaitable[BrowserContext]: ...


async def picture(name: str, of: Page | Locator) -> None:
    """A screenshot in ``test-results``, of a page or of a part of one."""
    PICTURES.mkdir(exist_ok=True)
    await of.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


async def new_window(browser: Browser, **options: Any) -> BrowserContext:
    """A window that shares nothing with others, with the patience that a loaded machine needs."""
    context = await browser.new_context(**{"viewport": {"width": 1280, "height": 1100}, **options})
    context.set_default_timeout(_PATIENCE_MS)
    return context
