"""A run as notebook output: readable without styles, harmless whatever users wrote, without a link that acts."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

from pdnb.kernel.card import MAX_ATTEMPTS, MAX_OUTPUT, Card, card_html, card_text
from pdnb.model import Attempt, Decision, Pause, Prompt, RunRecord, Status
from pdnb.views.documents import detail, summary
from tests.support.runs import NOW, SUSPENDED

HOSTILE = "<img src=x onerror=alert(1)></object><script>alert(2)</script>\"'&lt;\x1b]0;own\x07"
SHOWN = "<img src=x onerror=alert(1)></object><script>alert(2)</script>\"'&lt;"
LINK = "https://hub.example.com/user/x/pdnb/resume/eyJydW4iOi.Zz-9_a.SIGNATURE?decision=yes"
RUN = replace(SUSPENDED, active_ms=1_200)
DRAFT = Attempt("draft", 0, 1, NOW - 70_000, NOW - 69_000, "returned", {"$return_value": {"subject": "Launch"}})


class Text(HTMLParser):
    """Tags, attributes and bare text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.objects: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "object":
            self.objects.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data

    def words(self) -> str:
        return " ".join(self.text.split())


def document(run: RunRecord = RUN, *attempts: Attempt) -> dict[str, Any]:
    return detail(run, {}, attempts)


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def test_the_frame_loads_the_live_card_and_holds_the_static_one() -> None:
    card = Text(card_html(document(), "/user/x/"))
    assert [(o["type"], o["data"]) for o in card.objects] == [("text/html", "/user/x/pdnb/card/r1")]
    assert "01_approve ◆ suspended" in card.words()


def test_without_a_server_there_is_no_frame() -> None:
    assert Text(card_html(document(), None)).objects == []


def test_the_static_card_makes_sense_as_bare_text() -> None:
    words = Text(card_html(document(RUN, DRAFT), None)).words()
    assert "✓ draft done → ◆ approve suspended → ○ publish to come" in words
    assert (
        "Step approve waits for a person since 21 Nov 2025, 22:10 UTC, cancels itself on 22 Nov 2025, 22:10 UTC."
        in words
    )
    assert '→ {"subject": "Launch"}' in words
    assert "active 1 s · 0 credits · run r1" in words


def test_a_run_from_a_list_has_a_card_too() -> None:
    assert "approve suspended" in Text(card_html(summary(RUN), "/")).words()
    assert "suspended" in card_text(summary(RUN))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": Status.QUEUED, "pause": None}, "Step approve waits for a worker since"),
        ({"status": Status.RUNNING, "pause": None}, "Step approve is running since"),
        ({"pause": Pause("suspend", NOW, NOW, "resume")}, "goes on by itself on 21 Nov 2025, 22:11 UTC"),
        ({"status": Status.SLEEPING, "pause": Pause("rerun", NOW, NOW)}, "runs again on 21 Nov 2025, 22:11 UTC"),
        ({"status": Status.SLEEPING, "pause": Pause("delay", NOW, NOW)}, "goes on by itself on 21 Nov 2025"),
        ({"status": Status.SUCCEEDED, "pause": None, "ended_ms": NOW}, "Finished on 21 Nov 2025, 22:11 UTC."),
        ({"status": Status.FAILED, "pause": None, "error": "KeyError: 'rows'", "runs": 2}, "(attempt 2) failed on"),
        ({"status": Status.FAILED, "pause": None, "error": "KeyError: 'rows'"}, "KeyError: 'rows'"),
        (
            {"status": Status.CANCELLED, "pause": None, "decision": Decision("timed out", NOW, "clock")},
            "nobody answered step approve in time",
        ),
        (
            {"status": Status.CANCELLED, "pause": None, "decision": Decision("cancelled", NOW, "card", "al", "late")},
            "Cancelled on 21 Nov 2025, 22:11 UTC by al on the card: late",
        ),
    ],
)
def test_every_status_is_said_in_words(changes: dict[str, Any], said: str) -> None:
    run = replace(RUN, **changes)
    assert said in Text(card_html(document(run), None)).words()
    assert said in card_text(document(run))


def test_whatever_users_wrote_stays_text() -> None:
    decision = Decision("resumed", NOW, "api", HOSTILE, HOSTILE)
    run = replace(
        RUN, id=HOSTILE, workflow=HOSTILE, steps=("a", HOSTILE, "c"), summary=HOSTILE, error=HOSTILE, decision=decision
    )
    outputs: tuple[dict[str, Any], ...] = (
        stream(HOSTILE),
        {"output_type": "error", "ename": HOSTILE, "evalue": HOSTILE, "traceback": []},
        {
            "output_type": "display_data",
            "data": {"text/plain": [HOSTILE], "text/html": HOSTILE, "image/svg+xml": HOSTILE},
        },
    )
    attempt = Attempt(HOSTILE, 1, 1, NOW, NOW, "raised", {HOSTILE: HOSTILE, "$return_value": HOSTILE}, outputs)
    attempt = replace(attempt, note=HOSTILE, error=HOSTILE)
    card = Text(card_html(document(run, attempt), "/"))
    assert set(card.tags) == {"object", "div", "p", "b", "span", "small", "details", "summary", "pre"}
    assert card.attributes == {"type", "data", "aria-label", "style"}
    assert card.text.count(SHOWN) >= 10
    text = card_text(document(run, attempt))
    assert "\x1b" not in text
    assert "\x07" not in text


@pytest.mark.parametrize(
    "link",
    [
        LINK,
        LINK.replace("resume", "cancel"),
        LINK.replace("/", "%2F"),
        LINK.replace("/", "%252f"),
        LINK.replace("/", r"\/"),
    ],
)
def test_no_card_holds_a_link_that_acts(link: str) -> None:
    attempt = Attempt(
        "approve", 1, 1, NOW, NOW, "suspended", {"$return_value": {"resume_url": link}}, (stream(f"go: {link}\n"),)
    )
    run = replace(RUN, summary=f"see {link}", error=link, decision=Decision("resumed", NOW, "api", None, link))
    bundle = Card(document(run, attempt), "/")._repr_mimebundle_()
    for shown in bundle.values():
        assert "SIGNATURE" not in shown
        assert "eyJydW4iOi" not in shown
        assert "hub.example.com" in shown


def test_what_a_saved_notebook_keeps_is_bounded() -> None:
    attempts = [Attempt("draft", 0, n, NOW, NOW, "rerun", {}, (stream("x" * 10_000),)) for n in range(1, 101)]
    html = card_html(document(RUN, *attempts), None)
    assert len(html) < MAX_ATTEMPTS * (MAX_OUTPUT + 1_000)
    assert "70 earlier attempts are not shown" in html
    assert "draft · attempt 100:" in html


def test_colours_and_titles_of_a_traceback_are_gone() -> None:
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mE\x1b[0m: v"]}
    words = Text(
        card_html(document(RUN, replace(DRAFT, outcome="raised", outputs=(error,), error="E: v")), None)
    ).words()
    assert words.count("E: v") == 1


def test_ipython_shows_the_card_as_html_and_as_text() -> None:
    bundle, _ = DisplayFormatter().format(Card(document(), "/"))
    assert bundle["text/html"].startswith("<object")
    assert bundle["text/plain"].splitlines()[0] == "01_approve  suspended  (run r1)"
    assert bundle["text/plain"].splitlines()[1] == "  ✓ draft   ◆ approve   ○ publish"


def test_the_card_says_what_is_asked_and_how_far_a_step_at_work_has_come() -> None:
    form = {"type": "object", "properties": {"amount": {"type": "integer"}}}
    waits = replace(DRAFT, step="approve", position=1, prompt=Prompt("Pay the **venue**?", form))
    told = card_text(document(RUN, DRAFT, waits))
    assert "Pay the venue?" in told
    assert "Asks for: Amount" in told
    at_work = replace(RUN, status=Status.RUNNING, pause=None)
    progress = {"outputs": [], "progress": {"done": 3.0, "total": 12.0, "text": "files"}}
    assert "3 of 12 · files" in card_text(detail(at_work, {}, [DRAFT], progress))
