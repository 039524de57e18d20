"""The panel with many waiting runs: work in the kernel, bytes to the browser, until usable, click to patched row.

``python -m benchmarks.panel [RUNS]``, 10,000 by default.
In a real JupyterLab with a real kernel and worker; the kernel's part is measured in this process as well, alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.async_api import Page, WebSocket, async_playwright, expect

from pdnb.coordination.home import Home, now_ms
from pdnb.kernel.panel import Panel
from pdnb.kernel.run_feed import RunFeed, table
from pdnb.kernel.watcher import Watcher
from pdnb.model import Cancelled
from tests.browser.lab import Lab, ask_many
from tests.browser.page import Rig, new_window

RUNS = int(sys.argv[1]) if sys.argv[1:] and sys.argv[1].isdecimal() else 10_000
CLICKS = 20

_PATIENCE_MS = 120_000
_ANSWER = """async () => {
    const open = "[data-act=resume]:not([hidden]):not([aria-disabled])";
    const row = [...document.querySelectorAll(".pdnb-table tbody tr")].find(tr => tr.querySelector(open));
    const shows = (...states) => new Promise(done => {
        const now = () => row.querySelector(".pdnb-pill").textContent;
        const look = () => states.includes(now()) && (seen.disconnect(), done());
        const seen = new MutationObserver(look);
        seen.observe(row, { subtree: true, childList: true, characterData: true });
        look();
    });
    row.querySelector(".pdnb-open").focus();  // so that it keeps its place
    const at = performance.now();
    row.querySelector("[data-act=resume]").click();
    await shows("queued", "running", "succeeded");
    const patched = performance.now() - at;
    await shows("succeeded");
    return [patched, performance.now() - at];
}"""
_READY = """async counts => {
    const text = () => document.querySelector(".pdnb-count")?.textContent ?? "";
    while (!counts.some(count => text().startsWith(count))) await new Promise(requestAnimationFrame);
    return true;
}"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="pdnb-bench-") as name:
        lab = Lab(Path(name))
        lab.start()
        try:
            with Home(lab.store, kind="shell") as home:
                ask_many(home, "crowd", RUNS)
                print(f"the panel with {RUNS:,} waiting runs, {os.cpu_count()} cores")
                _kernel(home)
                asyncio.run(_browser(lab))
        finally:
            lab.stop()


def _kernel(home: Home) -> None:
    Panel(home, Watcher(home), workflow="nothing")  # what is loaded once is not the panel's time
    began = time.perf_counter()
    panel = Panel(home, Watcher(home), workflow="crowd")
    print(f"  in the kernel: made in {_since(began):.0f} ms", end="")
    began = time.perf_counter()
    for _ in range(1_000):
        panel.look()
    print(f", a look without news {_since(began):.0f} µs", end="")
    home.store.apply(home.store.list(limit=1).runs[0].id, Cancelled(now_ms(), "ask", 1, "shell"))
    began = time.perf_counter()
    panel.look()
    print(f", one with news {_since(began):.0f} ms", end="")
    cursor: str | None = ""
    times, size = [], len(json.dumps(panel.get_state("page")))
    feed = RunFeed(home, "crowd", RUNS)
    while cursor is not None:
        began = time.perf_counter()
        runs, cursor = feed.page(cursor)
        packed = json.dumps(table(runs))
        times.append(_since(began))
        size += len(packed)
    print(
        f"; {len(times)} pages of at most {max(times):.0f} ms, {sum(times):.0f} ms in all; {size / 1e3:.0f} KB of JSON"
    )


async def _browser(lab: Lab) -> None:
    lab.write("crowd.ipynb", "%load_ext pdnb", "import pdnb.kernel.panel", "%pdnb panel -w crowd")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = await (await new_window(browser)).new_page()
        received = _count(page)
        rig = Rig(lab, page)
        await rig.open("crowd.ipynb")
        before, began = sum(received), time.perf_counter()
        await rig.command("notebook:run-all-cells")
        await rig.panel.locator("[data-act=resume]").first.click(trial=True, timeout=_PATIENCE_MS)
        print(f"  Run All until the first button can be clicked: {_since(began) / 1e3:.1f} s", end="")
        await page.evaluate(_READY, [f"{RUNS:,}", f"{RUNS - 1:,}"])  # one was cancelled
        await expect(rig.panel).not_to_have_attribute("data-busy", "", timeout=_PATIENCE_MS)
        print(f", until all are there {_since(began) / 1e3:.1f} s", end="")
        await rig.idle()
        print(f", {(sum(received) - before) / 1e3:.0f} KB received")
        before, times = sum(received), []
        for _ in range(CLICKS):
            times.append(await page.evaluate(_ANSWER))
            await page.wait_for_timeout(800)  # rows have moved: clicks are not taken for a moment
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
