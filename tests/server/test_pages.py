"""What pdnb serves: safe whatever users wrote, without a script where a link leads, and true to the run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest

import pdnb
from pdnb.model import Pause, PauseKind, RunRecord, Status
from pdnb.server.pages import (
    APP_CSP,
    LINK_CSP,
    NOT_FOUND_PAGE,
    PAGE_STYLE_HASH,
    Happened,
    Purpose,
    card_page,
    confirm_page,
    inbox_page,
    problem_page,
    result_page,
)
from tests.support.runs import DAY, NOW, SUSPENDED

HOSTILE = "<img src=x onerror=alert(1)></script></style><script>alert(2)</script>\"'`{{7*7}}{%raw%}&lt;"
RUN = replace(SUSPENDED, summary="Send it to 240 people?")


class Page(HTMLParser):
    """The tags, attributes and text of a page, as a browser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.styles = ""
        self.data = ""
        self.text = ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.styles += data
        elif self._inside == "script":
            self.data += data
        else:
            self.text += data

    @property
    def names(self) -> list[str]:
        return [tag for tag, _ in self.tags]

    def words(self) -> str:
        return " ".join(self.text.split())


def paused(kind: PauseKind, **changes: Any) -> RunRecord:
    status = Status.SUSPENDED if kind == "suspend" else Status.SLEEPING
    return replace(RUN, status=status, pause=Pause(kind, NOW - 60_000, NOW + DAY, **changes))


def link_pages(run: RunRecord) -> list[str]:
    pages = [confirm_page(run, purpose, NOW) for purpose in get_args(Purpose)]
    pages += [result_page(happened, run, NOW, NOW - 5_000, "why not") for happened in get_args(Happened)]
    return [*pages, *(problem_page(status) for status in (400, 404, 413, 415, 418, 503))]


@pytest.mark.parametrize("html", link_pages(RUN))
def test_a_link_page_has_no_script_and_its_policy_names_its_style(html: str) -> None:
    page = Page(html)
    assert not {"script", "iframe", "object", "img", "link", "a"} & set(page.names)
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on") or name == "style"]
    digest = base64.b64encode(hashlib.sha256(page.styles.encode()).digest()).decode()
    assert f"sha256-{digest}" == PAGE_STYLE_HASH
    assert f"'{PAGE_STYLE_HASH}'" in LINK_CSP


def test_the_policy_of_link_pages_allows_a_form_and_nothing_else() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in LINK_CSP.split(";"))
    assert set(rules) == {"default-src", "style-src", "form-action", "base-uri", "frame-ancestors", "sandbox"}
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["sandbox"] == "allow-forms allow-popups allow-popups-to-escape-sandbox"


def test_app_pages_run_scripts_of_this_server_only() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in APP_CSP.split(";"))
    assert rules["script-src"] == rules["connect-src"] == rules["frame-ancestors"] == "'self'"
    assert rules["default-src"] == "'none'"


@pytest.mark.parametrize("html", link_pages(replace(RUN, workflow=HOSTILE, summary=HOSTILE, steps=("a", HOSTILE, "c"))))
def test_whatever_users_wrote_stays_text_on_link_pages(html: str) -> None:
    benign = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "h1",
        "p",
        "blockquote",
        "bdi",
        "dl",
        "dt",
        "dd",
    }
    page = Page(html)
    assert set(page.names) <= benign | {"br", "time", "span", "form", "button"}
    if "Workflow" in page.text:
        assert HOSTILE in page.text


def test_a_reason_stays_text() -> None:
    page = Page(result_page("cancelled", RUN, NOW, NOW, HOSTILE))
    assert HOSTILE in page.text
    assert "script" not in page.names


def test_text_that_cannot_be_encoded_does_not_break_a_page() -> None:
    html = confirm_page(replace(RUN, summary="half \ud83d, bell \x07, \x1b[31mred\x1b[0m"), "resume", NOW)
    assert "half , bell , red" in html
    html.encode()


def test_the_confirm_page_says_what_waits_since_and_until_when() -> None:
    words = Page(confirm_page(RUN, "resume", NOW)).words()
    assert "Workflow01_approve" in words.replace(" ", "")
    assert "Send it to 240 people?" in words
    assert "21 Nov 2025, 22:10 UTC (1 min ago)" in words
    assert "22 Nov 2025, 22:10 UTC (in 23 h 59 min)then the run cancels itself" in words


@pytest.mark.parametrize(
    ("run", "then"),
    [
        (paused("suspend"), "then the run cancels itself"),
        (paused("suspend", on_timeout="resume"), "then the run goes on by itself"),
        (paused("delay"), "then the run goes on by itself"),
        (paused("rerun"), "then the step runs again"),
    ],
)
def test_the_confirm_page_says_what_happens_by_itself(run: RunRecord, then: str) -> None:
    assert then in Page(confirm_page(run, "resume", NOW)).words()


@pytest.mark.parametrize(
    ("run", "purpose", "label"),
    [
        (RUN, "resume", "Approve"),
        (paused("delay"), "resume", "Resume now"),
        (RUN, "cancel", "Cancel this run"),
        (paused("rerun"), "cancel", "Cancel this run"),
    ],
)
def test_the_confirm_page_has_one_form_that_posts_to_its_own_address(
    run: RunRecord, purpose: Purpose, label: str
) -> None:
    html = confirm_page(run, purpose, NOW)
    forms = [attrs for tag, attrs in Page(html).tags if tag == "form"]
    assert forms == [{"method": "post"}]
    assert re.findall(r"<button[^>]*>(.*?)</button>", html) == [label]


def test_before_the_step_has_ended_the_confirm_page_says_when_the_answer_applies() -> None:
    words = Page(confirm_page(replace(RUN, status=Status.RUNNING, pause=None), "resume", NOW)).words()
    assert "your answer applies as soon as the step ends" in words
    assert "Until" not in words


@pytest.mark.parametrize("happened", get_args(Happened))
def test_a_result_page_says_what_happened_and_when_and_has_no_button(happened: Happened) -> None:
    page = Page(result_page(happened, replace(RUN, status=Status.SUCCEEDED), NOW, NOW - 5_000))
    assert not {"form", "button", "input"} & set(page.names)
    assert "21 Nov 2025, 22:11 UTC (5 s ago)" in page.words()


def test_every_result_reads_differently() -> None:
    assert len({result_page(happened, RUN, NOW, NOW) for happened in get_args(Happened)}) == len(get_args(Happened))


def test_the_page_for_no_such_link_is_one_constant() -> None:
    assert problem_page(404) == NOT_FOUND_PAGE
    assert "There is nothing here" in NOT_FOUND_PAGE


def test_the_card_page_runs_the_front_end_module_and_has_no_script_of_its_own() -> None:
    page = Page(card_page("r1", "/user/x/pdnb/static/", "/user/x/"))
    scripts = [attrs for tag, attrs in page.tags if tag == "script"]
    assert scripts == [{"type": "module", "src": "/user/x/pdnb/static/page.js"}]
    assert page.data == ""
    root = next(attrs for _, attrs in page.tags if attrs.get("id") == "pdnb")
    assert (root["data-view"], root["data-run"], root["data-base"]) == ("card", "r1", "/user/x/")


def test_the_initial_document_arrives_unchanged_whatever_is_in_it() -> None:
    document = {"workflow": HOSTILE, "z": 1, "a": ["<!--", "\u2028", "]]>", "\ud83d"], "exports": {HOSTILE: None}}
    html = card_page("r1", "/s/", "/", document)
    html.encode()
    page = Page(html)
    assert [attrs.get("type") for tag, attrs in page.tags if tag == "script"] == ["application/json", "module"]
    assert json.loads(page.data) == document
    assert list(json.loads(page.data)) == list(document)


def test_a_hostile_run_id_stays_in_its_attribute() -> None:
    page = Page(card_page(HOSTILE, "/s/", "/"))
    assert next(attrs for _, attrs in page.tags if attrs.get("id") == "pdnb")["data-run"] == HOSTILE
    assert page.names.count("script") == 1


def test_the_inbox_is_the_same_page_with_the_table() -> None:
    root = next(attrs for _, attrs in Page(inbox_page("/s/", "/")).tags if attrs.get("id") == "pdnb")
    assert root["data-view"] == "table"


def test_the_front_end_makes_no_markup_from_text_and_loads_nothing_from_elsewhere() -> None:
    static = Path(pdnb.__path__[0]) / "static"
    for file in ("pdnb.js", "page.js"):
        source = (static / file).read_text(encoding="utf-8")
        assert not re.search(r"\.(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source)
        assert source.count("new DOMParser") <= 1  # what it reads is made anew, from a list of tags
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", source)
    assert not re.search(r"url\(|@import", (static / "pdnb.css").read_text(encoding="utf-8"))


def test_pages_need_no_web_framework() -> None:
    code = "import sys, pdnb.server.pages; sys.exit('tornado' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
