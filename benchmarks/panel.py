"""The panel with 1,000 waiting runs: work in the kernel, bytes to the browser, until usable, click to patched row.

In a real JupyterLab with a real kernel and worker; the kernel's part is measured in this process as well, alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.async_api import Page, WebSocket, async_playwright, expect

from pdnb.handles import Run
from pdnb.home import Home
from pdnb.kernel.live import Live
from pdnb.kernel.panel import Panel
from tests.browser.desk import Desk, new_window
from tests.browser.lab import Lab, ask_many

RUNS, CLICKS = 1_000, 20

_PATIENCE_MS = 120_000
_CLICK = """async id => {
    const row = document.querySelector(`[title='run ${id}']`).closest("tr");
    const shows = (...states) => new Promise(done => {
        const look = () => states.includes(row.querySelector(".pdnb-pill").textContent) && (seen.disconnect(), done());
        const seen = new MutationObserver(look);
        seen.observe(row, { subtree: true, childList: true, characterData: true });
    });
    const at = performance.now();
    row.querySelector("[data-act=resume]").click();
    await shows("queued", "running", "succeeded");
    const patched = performance.now() - at;
    if (row.querySelector(".pdnb-pill").textContent !== "succeeded") await shows("succeeded");
    return [patched, performance.now() - at];
}"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="pdnb-bench-") as name:
        lab = Lab(Path(name))
        lab.start()
        try:
            with Home(lab.store, kind="shell") as home:
                runs = ask_many(home, "crowd", RUNS)
                print(f"the panel with {RUNS} waiting runs, {os.cpu_count()} cores")
                _kernel(home)
                asyncio.run(_browser(lab, runs))
        finally:
            lab.stop()


def _kernel(home: Home) -> None:
    began = time.perf_counter()
    panel = Panel(home, Live(home), workflow="crowd")
    print(f"  in the kernel: made in {_since(began):.0f} ms", end="")
    began = time.perf_counter()
    panel.look()
    print(f", a look without news {_since(began):.0f} ms", end="")
    print(f"; {len(json.dumps(panel.rows)) / 1e3:.0f} KB of JSON")


async def _browser(lab: Lab, runs: list[Run]) -> None:
    lab.write("crowd.ipynb", "%load_ext pdnb", "import pdnb.kernel.panel", "%pdnb panel -w crowd")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = await (await new_window(browser)).new_page()
        received = _count(page)
        desk = Desk(lab, page)
        await desk.open("crowd.ipynb")
        before, began = sum(received), time.perf_counter()
        await desk.command("notebook:run-all-cells")
        await expect(desk.panel.locator("tbody tr")).to_have_count(RUNS, timeout=_PATIENCE_MS)
        await desk.panel.locator("[data-act=resume]").first.click(trial=True, timeout=_PATIENCE_MS)
        print(f"  Run All until the first button can be clicked: {_since(began) / 1e3:.1f} s", end="")
        await desk.idle()
        print(f", {(sum(received) - before) / 1e3:.0f} KB received")
        before = sum(received)
        times = [await page.evaluate(_CLICK, run.id) for run in runs[:CLICKS]]
        for what, each in zip(("row patched", "next step's end on screen"), zip(*times, strict=True), strict=True):
            print(f"  click → {what}: median {statistics.median(each):.0f} ms, worst {max(each):.0f} ms")
        print(f"  {(sum(received) - before) / 1e3 / CLICKS:.0f} KB received per click")
        await browser.close()


def _count(page: Page) -> list[int]:
    """The sizes of what kernels send, as they come."""
    sizes: list[int] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda payload: sizes.append(len(payload)))

    page.on("websocket", listen)
    return sizes


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1e3


if __name__ == "__main__":
    main()
