"""Whatever users wrote stays text: on the card, in the panel, on link pages, in an untrusted notebook."""

from __future__ import annotations

import json

from playwright.async_api import BrowserContext, Page, Route, expect

from pdnb.client import Run
from pdnb.coordination.home import Home
from tests.browser.lab import TOKEN, Lab, ask
from tests.browser.page import OpenWindow, Rig, Watch
from tests.support.injections import INJECTIONS

PWN = "top.__pwned=window.__pwned=1;alert(1)"
HOSTILE = [
    f"<script>{PWN}</script>",
    f"</script><script>{PWN}</script>",
    f"<img src=x onerror='{PWN}'>",
    f"<svg onload='{PWN}'></svg>",
    f"<svg><script>{PWN}</script></svg>",
    f"<iframe srcdoc='<script>{PWN}</script>'></iframe>",
    f"<iframe src='javascript:{PWN}'></iframe>",
    f"<object data='javascript:{PWN}'></object>",
    f"<a href='javascript:{PWN}' id=bait>x</a>",
    f"<form><button formaction='javascript:{PWN}'>x</button></form>",
    f"<details open ontoggle='{PWN}'><summary>x</summary></details>",
    f"<input autofocus onfocus='{PWN}'>",
    f"</object></div></textarea></style></title><img src=x onerror='{PWN}'>",
    f"\"><img src=x onerror='{PWN}'>",
    f"' autofocus onfocus='{PWN}' x='",
    f"--><!--<img src=x onerror='{PWN}'>-->",
    f"{{{{constructor.constructor('{PWN}')()}}}}${{{PWN}}}`{{%raw%}}",
    f"&lt;script&gt;{PWN}&lt;/script&gt;",
    "<style>*{display:none!important}</style><link rel=stylesheet href=http://evil.invalid/x.css>",
    "<meta http-equiv=refresh content=0;url=http://evil.invalid/><base href=http://evil.invalid/>",
]
SURE = ("<script", "</script", "<img", "<svg onload", "<iframe srcdoc", "</object", '"><img')
STEPS = {
    "show": """
from IPython.display import display
bad = step.steps["trigger"]["event"]["bad"]
print(bad)
step.export(bad[:60], bad)
step.export("list", [bad, {bad: bad}])
display({"text/html": bad, "image/svg+xml": bad, "text/plain": bad}, raw=True)
display({"text/markdown": bad, "application/javascript": bad}, raw=True)
display({"text/plain": bad, "image/png": bad}, raw=True)
bad
""",
    "ask": "step.export('$summary', step.steps['show']['$return_value']); links = step.flow.suspend()",
    "fail": "raise RuntimeError(step.steps['trigger']['event']['bad'])",
}

# What a step displayed as HTML is drawn in a frame of its own when somebody asks for it.
_ALL_SHOWN = """bad => {
    document.querySelectorAll("details:not([open])").forEach(box => { box.open = true; });
    return document.querySelector("iframe") && document.querySelector(".pdnb-card").innerText.split(bad).length > 6;
}"""


async def assert_unharmed(page: Page) -> None:
    """No frame was written to by a hostile string."""
    for frame in page.frames:
        assert await frame.evaluate("typeof window.__pwned") == "undefined", frame.url


async def outsiders(context: BrowserContext) -> list[str]:
    """Requests to another host, as they come; those that a policy forbids never come."""
    found: list[str] = []

    async def refuse(route: Route) -> None:
        found.append(f"{route.request.url} from {route.request.frame.url}")
        await route.abort()

    await context.route("http://evil.invalid/**", refuse)
    return found


def hostile_runs(home: Home) -> list[Run]:
    return [ask(home, bad, {"bad": bad}, STEPS) for bad in HOSTILE]


async def test_these_strings_do_harm_where_nobody_is_careful(window: OpenWindow, watch: Watch) -> None:
    """The control: as markup they act, so a page that shows them unharmed has escaped them."""
    context = await window()
    outside = await outsiders(context)
    await context.add_init_script("window.alert = () => {}")
    for bad in HOSTILE:
        page = await context.new_page()
        markup = f"<title>t</title><body>{bad}<div title='{bad}'></div></body>"
        if "evil.invalid" in bad:
            async with page.expect_event("requestfailed"):  # the route has seen it
                await page.set_content(markup, wait_until="commit")
        else:
            await page.set_content(markup, wait_until="commit")
        if bad.startswith(SURE):
            await page.wait_for_function("window.__pwned === 1")
        await page.close()
    assert outside
    watch.ours.clear()


async def test_hostile_text_stays_text_in_card_and_panel(rig: Rig, home: Home, watch: Watch) -> None:
    outside = await outsiders(rig.page.context)
    runs = hostile_runs(home)
    ids = [run.id for run in runs]
    show = f"for id in {ids}:\n    get_ipython().run_line_magic('pdnb', f'show {{id}}')"
    rig.lab.write("hostile.ipynb", "%load_ext pdnb", "%pdnb panel", show)
    await rig.open("hostile.ipynb")
    await rig.run_all()
    for run, bad in zip(runs, HOSTILE, strict=True):
        await rig.panel.get_by_role("searchbox").fill(run.id)
        row = rig.panel.locator("tbody tr", has=rig.page.locator(f"[title='run {run.id}']"))
        await expect(row.locator(".pdnb-workflow")).to_have_text(bad)
        await expect(row.locator(".pdnb-summary")).to_have_text(bad)
    await assert_unharmed(rig.page)

    for run, bad in zip(runs[::2], HOSTILE[::2], strict=True):
        run.resume({bad: bad})
    for run, bad in zip(runs[1::2], HOSTILE[1::2], strict=True):
        run.cancel(bad)
    page = await rig.page.context.new_page()
    for run, bad in zip(runs, HOSTILE, strict=True):
        run.wait(20_000)
        await page.goto(f"{rig.lab.url}pdnb/card/{run.id}")
        await expect(page.locator(".pdnb-title")).to_have_text(bad)
        await page.wait_for_function(_ALL_SHOWN, arg=bad)
        await assert_unharmed(page)
    await page.close()
    await assert_unharmed(rig.page)
    assert outside == []
    watch.forgive("about:srcdoc", "data:image")  # the frames forbid what is in them; a picture that is none


#: As a store takes them: a lone surrogate is no text.
TEXTS = [bad for bad in INJECTIONS if bad.encode(errors="ignore").decode() == bad]
ASKING = """
bad = step.steps["trigger"]["event"]
print(bad)
step.export("bad", {bad: [bad]})
step.export("$summary", bad)
step.flow.suspend(message=bad, after=bad[:500], form={"type": "object", "title": bad, "required": ["n"], "properties": {
    "n": {"type": "integer", "title": bad, "description": bad},
    "text": {"type": "string", "default": bad, "examples": [bad]},
    "one": {"enum": [bad, "other"]}, "many": {"type": "array", "items": {"enum": [bad, "other"]}},
    "long": {"enum": [bad, *"abcdef"], "title": bad}, "json": {"type": "object", "default": {bad: bad}},
    bad: {"type": "boolean", "title": bad},
}})
"""
FAILING = "raise RuntimeError(step.steps['trigger']['event'])"

# Opens every run beside the table, with all that can be opened; tells those that did not show what they should.
_EACH = """async runs => {
    const silent = [];
    for (const [id, bad] of runs) {
        location.hash = id;
        const until = performance.now() + 5000;
        const shows = () => {
            const card = document.querySelector(".pdnb-aside .pdnb-card");
            if (!card?.querySelector(".pdnb-foot")?.textContent.includes(id)) return false;
            card.querySelectorAll("details").forEach(box => { box.open = true; });
            const texts = [...card.querySelectorAll("pre, .pdnb-label, .pdnb-summary")].map(el => el.textContent);
            return texts.some(text => text.includes(bad));
        };
        while (!shows() && performance.now() < until) await new Promise(requestAnimationFrame);
        const over = () => new MouseEvent("mouseover", { bubbles: true });
        document.querySelectorAll(".pdnb-message *").forEach(el => el.dispatchEvent(over()));
        if (!shows()) silent.push(bad);
    }
    return silent;
}"""
_SCROLLED = """async panel => {
    const box = document.querySelector(`${panel} .pdnb-scroll`);
    for (box.scrollTop = 0; ; box.scrollTop += box.clientHeight / 2) {
        await new Promise(requestAnimationFrame);
        if (box.scrollTop + box.clientHeight >= box.scrollHeight - 2) return;
    }
}"""


async def assert_not_pwned(page: Page) -> None:
    """No frame was written to, and nothing that could is in our part of the page."""
    for frame in page.frames:
        assert await frame.evaluate("typeof window.pwned") == "undefined", frame.url
    inside = page.locator(
        ".pdnb :is(script, object, embed, base, link, meta, style, form, [onerror], [onclick], [srcdoc])"
    )
    assert await inside.count() == 0
    assert await page.locator(".pdnb a:not([href^='http']):not([href^='mailto:'])").count() == 0


async def test_two_hundred_injections_run_nothing_in_inbox_card_and_panel(
    rig: Rig, home: Home, lab: Lab, window: OpenWindow, watch: Watch
) -> None:
    """In names, exports, output, messages, every part of a form, errors, reasons, resume data."""
    names = ["inject " + "".join(filter(str.isprintable, bad)) for bad in TEXTS]
    runs = [ask(home, name, bad, {"ask": ASKING, "fail": FAILING}) for name, bad in zip(names, TEXTS, strict=True)]
    for run, bad in zip(runs[::4], TEXTS[::4], strict=True):
        run.cancel(bad)
    for run, bad in zip(runs[1::4], TEXTS[1::4], strict=True):
        run.resume({"n": 1, "text": bad})
    for run in runs[1::4]:
        run.wait(60_000)
    page = await (await window()).new_page()
    outside = await outsiders(page.context)
    await page.goto(f"{lab.url}pdnb/?token={TOKEN}")
    await page.locator("tbody tr").first.wait_for()
    texts = [
        bad[:20] if bad.isprintable() and run.status == "failed" else "" for run, bad in zip(runs, TEXTS, strict=True)
    ]
    shown = [[run.id, text] for run, text in zip(runs, texts, strict=True)]
    assert await page.evaluate(_EACH, shown) == []
    await page.evaluate(_SCROLLED, ".pdnb")
    await page.mouse.move(300, 300)
    await page.keyboard.press("Tab")
    await assert_not_pwned(page)

    rig.lab.write("inject.ipynb", "%load_ext pdnb", "%pdnb panel")
    await rig.open("inject.ipynb")
    await rig.run_all()
    await rig.page.evaluate(_SCROLLED, ".jp-NotebookPanel:not(.lm-mod-hidden)")
    for frame in rig.page.frames:
        assert await frame.evaluate("typeof window.pwned") == "undefined", frame.url
    assert outside == []
    watch.forgive("about:srcdoc", "data:image")


async def test_hostile_text_stays_text_on_link_pages(window: OpenWindow, home: Home, watch: Watch) -> None:
    context = await window(viewport={"width": 360, "height": 640})
    outside = await outsiders(context)
    page = await context.new_page()
    for run, bad in zip(hostile_runs(home), HOSTILE, strict=True):
        link = str(run.cancel_url)
        for says, times in (("cancel this run?", 2), ("already cancelled", 1)):
            await page.goto(link)
            text: str = await page.locator("main").inner_text()
            assert says in text.lower()
            assert text.count(bad) == times  # the workflow's name, and the question
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert await page.locator("script, img, svg, iframe, object, a, input, meta[http-equiv], base").count() == 0
            await assert_unharmed(page)
            if run.status == "suspended":
                run.cancel(bad)
    assert outside == []
    watch.forgive("status of 410")


async def test_an_untrusted_notebook_shows_the_static_card_and_runs_nothing(rig: Rig, home: Home) -> None:
    outside = await outsiders(rig.page.context)
    summary = f"step.export('$summary', {HOSTILE[2]!r}); links = step.flow.suspend()"
    rig.lab.write("trusted.ipynb", "%load_ext pdnb", f"%%step ask\n{summary}", "%%step then\n1", "run = %pdnb run")
    await rig.open("trusted.ipynb")
    await rig.run_all()
    await rig.card_shows("suspended")
    await rig.save()
    notebook = json.loads((rig.lab.root / "trusted.ipynb").read_text())
    # somebody else's file: the signature does not fit, and a script was added
    html = notebook["cells"][-1]["outputs"][0]["data"]["text/html"]
    html += [f"<script>{PWN}</script><img src=x onerror='{PWN}'><object data='javascript:{PWN}'></object>"]
    (rig.lab.root / "foreign.ipynb").write_text(json.dumps(notebook))

    await rig.open("foreign.ipynb")
    output = rig.notebook.locator(".jp-RenderedHTML").last
    await expect(output).to_contain_text("Step ask waits for a person since")
    await expect(output).to_contain_text("◆ ask suspended")
    await expect(output).to_contain_text(HOSTILE[2])
    await expect(output.locator("object, script, iframe")).to_have_count(0)
    await assert_unharmed(rig.page)
    assert outside == []
